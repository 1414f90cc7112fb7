//! The lines `//@ KEY=VALUE` at the head of a golden script.

use super::comment::Comment;
use super::tolerance::Tolerance;
use crate::error::{Error, Result, nearest};

/// What the head of a golden script asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directives {
    /// How outputs and values are compared.
    pub tolerance: Tolerance,
    /// Whether it needs a GPU.
    pub needs_cuda: bool,
    /// The data sets that it needs in the data folder.
    pub data: Vec<String>,
    /// The script that runs in its place.
    pub run: Option<String>,
    /// Texts; lines of the output that hold one are not compared.
    pub left_out: Vec<String>,
    /// Params, in order.
    pub set: Vec<(String, String)>,
}

const KEYS: [&str; 9] =
    ["rtol", "atol", "exact", "ignore", "leave_out", "needs", "data", "run", "set"];

impl Directives {
    /// Reads the directives among a script's comments.
    ///
    /// # Errors
    /// An unknown or a repeated one, a value that cannot be, one below the first line of code.
    pub fn read(source: &str, comments: &[Comment]) -> Result<Self> {
        let mut read = Self::default();
        let mut keys: Vec<&str> = Vec::new();
        for comment in comments {
            let Some(text) = source[comment.span.clone()].strip_prefix("//@") else { continue };
            let (key, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
            let (key, value) = (key.trim(), value.trim());
            let added = if comment.after.is_some() {
                Err(Error::usage("a directive must stand at the head, found one below code"))
            } else if keys.contains(&key) && !matches!(key, "set" | "needs" | "data" | "leave_out")
            {
                Err(Error::usage(format!("{key} is given twice")))
            } else {
                read.add(key, value)
            };
            added.map_err(|error| error.within(format!("line {}", comment.line)))?;
            keys.push(key);
        }
        let tolerance = &read.tolerance;
        if tolerance.exact && (tolerance.rtol > 0.0 || tolerance.atol > 0.0) {
            return Err(Error::usage("exact allows no rtol and no atol beside it"));
        }
        Ok(read)
    }

    fn add(&mut self, key: &str, value: &str) -> Result<()> {
        match (key, value) {
            ("rtol", _) => self.tolerance.rtol = number(key, value)?,
            ("atol", _) => self.tolerance.atol = number(key, value)?,
            ("exact", "") => self.tolerance.exact = true,
            ("ignore", "intervals") => self.tolerance.free_intervals = true,
            ("needs", "cuda") => self.needs_cuda = true,
            ("exact", _) => return Err(expected(key, "no value", value)),
            ("ignore", _) => return Err(expected(key, "intervals", value)),
            ("needs", _) => return Err(expected(key, "cuda", value)),
            ("data" | "run" | "set" | "leave_out", "") => {
                return Err(expected(key, "a value", "none"));
            }
            ("data", _) => self.data.extend(list(value)),
            ("leave_out", _) => self.left_out.push(value.to_owned()),
            ("run", _) => self.run = Some(value.to_owned()),
            ("set", _) => {
                for pair in list(value) {
                    let (name, value) = pair
                        .split_once('=')
                        .ok_or_else(|| expected("set", "NAME=VALUE,...", &pair))?;
                    self.set.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            _ => {
                let meant = nearest(key, KEYS)
                    .map(|near| format!(", did you mean {near}?"))
                    .unwrap_or_default();
                return Err(Error::usage(format!("unknown directive {key}{meant}"))
                    .hint(format!("there are: {}", KEYS.join(", "))));
            }
        }
        Ok(())
    }
}

fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|item| item.trim().to_owned())
}

fn expected(key: &str, what: &str, found: &str) -> Error {
    Error::usage(format!("{key} expected {what}, found {found}"))
}

fn number(key: &str, text: &str) -> Result<f64> {
    let value: Option<f64> = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    value.ok_or_else(|| expected(key, "a number >= 0", text))
}

#[cfg(test)]
mod tests {
    use super::super::comment::comments;
    use super::*;

    fn read(source: &str) -> Result<Directives> {
        Directives::read(source, &comments(source).0)
    }

    #[test]
    fn directives_are_read_from_the_head() {
        let source = "//! Head.\n//@ rtol=1e-3\n//@ needs: cuda\n//@ set=a=1,b=x\n//@ set=c=2\n\
                      //@ data: mnist, cifar10\n//@ run=other.rhai\n//@ ignore: intervals\n\
                      //@ leave_out: at the edge\n//@ leave_out: worth\n1";
        let found = read(source).unwrap();
        assert_eq!(found.tolerance.rtol, 1e-3);
        assert!(found.needs_cuda && found.tolerance.free_intervals && !found.tolerance.exact);
        assert_eq!(found.data, ["mnist", "cifar10"]);
        assert_eq!(found.left_out, ["at the edge", "worth"]);
        assert_eq!(found.run.as_deref(), Some("other.rhai"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.set, [pair("a", "1"), pair("b", "x"), pair("c", "2")]);
        assert_eq!(read("// @ none\n1").unwrap(), Directives::default());
    }

    #[test]
    fn what_is_no_directive_is_refused_with_its_line() {
        for (source, message) in [
            ("\n//@ rtoll=1", "line 2: unknown directive rtoll, did you mean rtol?"),
            ("//@ atol=-1", "line 1: atol expected a number >= 0, found -1"),
            ("//@ atol=NaN", "line 1: atol expected a number >= 0, found NaN"),
            ("//@ exact\n//@ exact", "line 2: exact is given twice"),
            ("//@ needs: tpu", "line 1: needs expected cuda, found tpu"),
            ("//@ set=a", "line 1: set expected NAME=VALUE,..., found a"),
            ("//@ run=", "line 1: run expected a value, found none"),
            ("1;\n//@ exact", "line 2: a directive must stand at the head, found one below code"),
            ("//@ exact\n//@ atol=1", "exact allows no rtol and no atol beside it"),
        ] {
            assert_eq!(read(source).unwrap_err().to_string(), message);
        }
    }
}
