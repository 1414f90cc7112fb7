//! Lineage: what was asked for, and its address, the hash under which results are kept.
//!
//! An address covers the verb, the version of its entry, every option after defaults and the
//! addresses of the inputs. It covers no path of a machine, no date and no thread count.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::rc::Rc;

/// The SHA-256 of a lineage, as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of some bytes, as 64 hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A value together with where it comes from.
#[derive(Debug, Clone)]
pub struct Derived<T> {
    /// The value.
    pub value: T,
    /// Its derivation.
    pub lineage: Rc<Lineage>,
}

/// One step of a derivation and, through its inputs, all steps before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage {
    verb: String,
    version: u32,
    options: BTreeMap<String, Json>,
    inputs: BTreeMap<String, Rc<Lineage>>,
    address: Address,
}

impl Lineage {
    /// The derivation of `verb` (for example `"attack::pgd"`) at an entry version.
    pub fn new(
        verb: impl Into<String>,
        version: u32,
        options: BTreeMap<String, Json>,
        inputs: BTreeMap<String, Rc<Lineage>>,
    ) -> Rc<Self> {
        let verb = verb.into();
        let addresses: BTreeMap<&String, &Address> =
            inputs.iter().map(|(name, input)| (name, &input.address)).collect();
        let asked = serde_json::json!({
            "verb": verb, "version": version, "options": options, "inputs": addresses,
        });
        let address = Address(sha256_hex(asked.to_string().as_bytes()));
        Rc::new(Self { verb, version, options, inputs, address })
    }

    /// The same derivation stopped after `step` updates; never the finished address.
    pub fn at_step(self: &Rc<Self>, step: u64) -> Rc<Self> {
        let options = BTreeMap::from([("step".to_owned(), Json::from(step))]);
        Self::new("interrupted", 1, options, BTreeMap::from([("of".to_owned(), self.clone())]))
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The verb, with its namespace.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// The version of the verb's entry.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The resolved options.
    pub fn options(&self) -> &BTreeMap<String, Json> {
        &self.options
    }

    /// The derivations this one starts from.
    pub fn inputs(&self) -> &BTreeMap<String, Rc<Lineage>> {
        &self.inputs
    }

    /// The whole derivation, for a stored result.
    pub fn to_json(&self) -> Json {
        let inputs: BTreeMap<&String, Json> =
            self.inputs.iter().map(|(name, input)| (name, input.to_json())).collect();
        serde_json::json!({
            "verb": self.verb, "version": self.version, "options": self.options,
            "inputs": inputs, "address": self.address,
        })
    }

    fn write_tree(&self, out: &mut String, label: &str, depth: usize) {
        let indent = "  ".repeat(depth);
        let label = if label.is_empty() { String::new() } else { format!("{label}: ") };
        let _ = writeln!(
            out,
            "{indent}{label}{} v{} [{}]",
            self.verb,
            self.version,
            self.address.short()
        );
        for (key, value) in &self.options {
            let _ = writeln!(out, "{indent}  {key} = {}", shortened(value));
        }
        for (name, input) in &self.inputs {
            input.write_tree(out, name, depth + 1);
        }
    }
}

/// A JSON value that fits a line: the middle of long text is left out.
fn shortened(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(100) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}

impl fmt::Display for Lineage {
    /// The derivation as an indented tree, the newest step first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_tree(&mut out, "", 0);
        f.write_str(out.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(option: i64, inputs: BTreeMap<String, Rc<Lineage>>) -> Rc<Lineage> {
        Lineage::new("a::b", 1, BTreeMap::from([("k".to_owned(), Json::from(option))]), inputs)
    }

    #[test]
    fn an_address_covers_options_inputs_verb_and_version() {
        let plain = node(1, BTreeMap::new());
        assert_eq!(plain.address(), node(1, BTreeMap::new()).address());
        assert_ne!(plain.address(), node(2, BTreeMap::new()).address());
        let child = |input| node(1, BTreeMap::from([("x".to_owned(), input)]));
        assert_ne!(
            child(node(1, BTreeMap::new())).address(),
            child(node(2, BTreeMap::new())).address()
        );
        let newer = Lineage::new("a::b", 2, plain.options.clone(), BTreeMap::new());
        assert_ne!(plain.address(), newer.address());
        assert_ne!(plain.address(), plain.at_step(7).address());
        assert_ne!(plain.at_step(7).address(), plain.at_step(8).address());
    }
}
