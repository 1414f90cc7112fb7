//! `param(name, default, ...)`: what a user may set with `--set name=value`.

use super::binding::{Binder, Call, Outcome};
use super::run::Run;
use crate::error::{Error, Result, nearest};
use crate::registry::{Default as Left, Example, Home, Kind, Param, Spec};
use rhai::{AST, ASTNode, Array, Dynamic, Expr};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

/// `param(name, default, #{...})`.
pub const PARAM: Spec = Spec {
    name: "param",
    home: Home::Global,
    doc: "A setting of the script, which --set NAME=VALUE can change. Its value is the default, or \
          what --set gives, read as the type of the default. What is allowed may stand between default \
          and documentation: a list of values, or a range of whole numbers. Literal ones are checked \
          before the script runs.",
    inputs: &[
        Param::input("name", Kind::Text, "The name."),
        Param::input("value", Kind::Any, "The value without --set."),
        Param::input(
            "allowed_or_doc",
            Kind::Any,
            "The values allowed, a list or a range, or the documentation.",
        ),
        Param { default: Left::Unset, ..Param::input("doc", Kind::Any, "What it means.") },
    ],
    params: &[],
    returns: "any",
    example: Example {
        code: "param(\"scale\", \"small\", [\"tiny\", \"small\"], \"how much data\")",
        shows: "small",
    },
    cite: "",
    version: 1,
};

/// One `param` call of a script, read without running it.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The name.
    pub name: String,
    /// The default, as a script writes it.
    pub default: String,
    /// The values that it takes, of those of the default's type.
    pub allowed: Allowed,
    /// What it means.
    pub doc: String,
    value: Dynamic,
}

/// Which values a setting takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Any.
    Any,
    /// These.
    Listed(Vec<String>),
    /// Whole numbers from the first to the second.
    Between(i64, i64),
}

impl Allowed {
    fn read(argument: &Dynamic) -> Option<Self> {
        if let Some(listed) = argument.clone().try_cast::<Array>() {
            return Some(Self::Listed(listed.iter().map(shown).collect()));
        }
        if let Some(range) = argument.clone().try_cast::<RangeInclusive<i64>>() {
            return Some(Self::Between(*range.start(), *range.end()));
        }
        let range = argument.clone().try_cast::<Range<i64>>()?;
        (!range.is_empty()).then(|| Self::Between(range.start, range.end - 1))
    }

    fn has(&self, value: &Dynamic) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(values) => values.contains(&shown(value)),
            Self::Between(least, most) => {
                value.as_int().is_ok_and(|value| (*least..=*most).contains(&value))
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Listed(values) => format!("one of {}", values.join(", ")),
            Self::Between(least, most) => format!("a whole number from {least} to {most}"),
        }
    }
}

impl Declared {
    /// The value that `--set` gives it, or its default.
    fn value(&self, set: &[(String, String)]) -> Result<Dynamic> {
        let name = &self.name;
        let (value, from) = match set.iter().rev().find(|(set, _)| set == name) {
            Some((_, text)) => (parsed(name, &self.value, text)?, "set"),
            None => (self.value.clone(), "param"),
        };
        if self.allowed.has(&value) {
            return Ok(value);
        }
        let (expected, found) = (self.allowed.expected(), shown(&value));
        let error = Error::usage(format!("{from}: {name} expected {expected}, found {found}"));
        let near = match &self.allowed {
            Allowed::Listed(values) if from == "set" => {
                nearest(&found, values.iter().map(String::as_str))
            }
            _ => None,
        };
        Err(match near {
            Some(near) => error.hint(format!("did you mean --set {name}={near}?")),
            None => error,
        })
    }
}

/// The `param` calls of a script whose arguments are literals, in source order.
pub fn declared(ast: &AST) -> Vec<Declared> {
    let mut found: Vec<Declared> = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
            && call.name == "param"
        {
            let literals: Vec<Dynamic> =
                call.args.iter().filter_map(|arg| arg.get_literal_value(None)).collect();
            if literals.len() == call.args.len()
                && let Some(param) = read(&literals)
                && !found.iter().any(|known| known.name == param.name)
            {
                found.push(param);
            }
        }
        true
    });
    found
}

fn read(arguments: &[Dynamic]) -> Option<Declared> {
    let name = arguments.first()?.clone().into_string().ok()?;
    let value = arguments.get(1)?.clone();
    let default = shown(&value);
    let mut param = Declared { name, default, allowed: Allowed::Any, doc: String::new(), value };
    for argument in arguments.iter().skip(2) {
        match Allowed::read(argument) {
            Some(allowed) => param.allowed = allowed,
            None => param.doc = argument.clone().into_string().ok()?,
        }
    }
    Some(param)
}

fn shown(value: &Dynamic) -> String {
    value.to_string()
}

/// The comment lines `//!` at the head of a script, without their marks.
pub fn head_comment(source: &str) -> String {
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    head.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Refuses `--set` names that the script does not declare, and values that they do not take.
///
/// # Errors
/// The first unknown name, with the nearest known one; the first such value.
pub fn check_set(set: &[(String, String)], declared: &[Declared]) -> Result<()> {
    for (name, _) in set {
        if !declared.iter().any(|param| param.name == *name) {
            let names = declared.iter().map(|param| param.name.as_str());
            let meant = nearest(name, names.clone())
                .map(|near| format!(", did you mean {near}?"))
                .unwrap_or_default();
            let known = names.collect::<Vec<_>>().join(", ");
            return Err(Error::usage(format!("set: the script has no param {name}{meant}"))
                .hint(format!("its params: {known}")));
        }
    }
    for param in declared {
        param.value(set).map(|_| ())?;
    }
    Ok(())
}

/// Binds `param`.
pub fn bind(binder: &mut Binder, run: &Rc<RefCell<Run>>) {
    let run = run.clone();
    binder.function(&PARAM, move |call: Call| -> Outcome {
        let resolved = resolve(&call, &mut run.borrow_mut());
        call.at(resolved)
    });
}

fn resolve(call: &Call, run: &mut Run) -> Result<Dynamic> {
    let Some(declared) = read(&call.inputs) else {
        return Err(Error::usage("param: expected (name, default, [allowed,] documentation)"));
    };
    let value = declared.value(&run.set)?;
    let name = declared.name;
    run.params.retain(|(known, _)| *known != name);
    run.params.push((name, shown(&value)));
    Ok(value)
}

fn parsed(name: &str, default: &Dynamic, text: &str) -> Result<Dynamic> {
    let wrong = |expected: &str| {
        Error::usage(format!("set: {name} expected {expected}, found {text}"))
            .hint(format!("its default is {default}"))
    };
    if default.is_int() {
        text.parse::<i64>().map(Dynamic::from).map_err(|_| wrong("a whole number"))
    } else if default.is_float() {
        text.parse::<f64>().map(Dynamic::from).map_err(|_| wrong("a number"))
    } else if default.is_bool() {
        text.parse::<bool>().map(Dynamic::from).map_err(|_| wrong("true or false"))
    } else {
        Ok(Dynamic::from(text.to_owned()))
    }
}
