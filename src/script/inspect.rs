//! What is known of a name: an entry's description, a variable's value and members.

use super::session::Session;
use crate::error::nearest;
use crate::registry::{Home, Kind, Param, Spec};

impl Session {
    /// What a name stands for: a variable, an entry by its path or bare name, a namespace; or the
    /// nearest name.
    pub fn inspect(&self, name: &str) -> String {
        let mut parts = Vec::new();
        if let Some(value) = self.scope.get(name) {
            let kind = self.kind(value);
            parts.push(format!(
                "{name}: {kind}\n{}\n{}",
                self.summary(value),
                self.members_of(kind)
            ));
        }
        let specs = &self.reference().specs;
        let named = specs.iter().filter(|spec| spec.name == name || spec.path() == name);
        let mut entries: Vec<&Spec> = named.copied().collect();
        if let Some((receiver, member)) = name.rsplit_once('.')
            && let Some(kind) = self.kind_of(receiver)
        {
            let members = self.reference().members(&kind);
            entries.extend(members.into_iter().filter(|spec| spec.name == member));
        }
        parts.extend(entries.into_iter().map(entry));
        let space = self.reference().of_namespace(name);
        if !space.is_empty() {
            parts.push(space.iter().map(|spec| line(spec)).collect::<Vec<_>>().join("\n"));
        }
        if parts.is_empty() {
            return self.stranger(name);
        }
        parts.join("\n\n")
    }

    fn members_of(&self, kind: &str) -> String {
        let members = self.reference().members(kind);
        members.iter().map(|spec| format!("  {}", line(spec))).collect::<Vec<_>>().join("\n")
    }

    fn stranger(&self, name: &str) -> String {
        let specs = &self.reference().specs;
        let paths: Vec<String> = specs.iter().map(|spec| spec.path()).collect();
        let near = nearest(name, paths.iter().map(String::as_str))
            .or_else(|| nearest(name, specs.iter().map(|spec| spec.name)));
        match near {
            Some(near) => format!("no entry {name}, did you mean {near}?"),
            None => format!("no entry {name}; :find {name} searches the documentation"),
        }
    }
}

/// An entry in one line: how it is called, and its first sentence.
pub fn line(spec: &Spec) -> String {
    format!("{:<28} {}", spec.path(), spec.summary())
}

/// The whole description of an entry.
pub fn entry(spec: &Spec) -> String {
    let mut text = format!("{}\n\n{}\n", spec.signature(), filled(spec.doc, ""));
    for param in spec.inputs.iter().chain(spec.params) {
        let doc = format!("{} ({})", param.doc, values(param));
        text.push_str(&format!("\n  {:<14} {}", param.name, filled(&doc, &" ".repeat(17))));
    }
    if !matches!(spec.home, Home::Property(_)) {
        text.push_str(&format!("\n\ngives: {}", spec.returns));
    }
    text.push_str(&format!("\n\nexample:\n{}\n=> {}", spec.example.code, spec.example.shows));
    if !spec.cite.is_empty() {
        text.push_str(&format!("\n\nsee {}", spec.cite));
    }
    text
}

/// A text in lines of at most 96 characters; lines after the first start with `indent`.
fn filled(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > 96 {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{indent}"))
}

fn values(param: &Param) -> String {
    let range = match param.kind {
        Kind::Float { min, max } if min.is_finite() && max.is_finite() => {
            format!(" in [{min}, {max}]")
        }
        Kind::Float { min, .. } if min.is_finite() => format!(" >= {min}"),
        Kind::Int { min, .. } if min > i64::MIN => format!(" >= {min}"),
        _ => String::new(),
    };
    let default = match param.default {
        crate::registry::Default::Required => String::new(),
        crate::registry::Default::Unset => ", optional".to_owned(),
        _ => format!(", default {}", param.default_text()),
    };
    format!("{}{range}{default}", param.expects())
}
