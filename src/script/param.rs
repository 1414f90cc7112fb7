//! `param(name, default, ...)`: what a user may set with `--set name=value`.

use super::binding::{Binder, Call, Outcome};
use super::run::Run;
use crate::error::{Error, Result, nearest};
use crate::registry::{Default as Left, Example, Home, Kind, Param, Spec};
use rhai::{AST, ASTNode, Array, Dynamic, Expr};
use std::cell::RefCell;
use std::rc::Rc;

/// `param(name, default, #{...})`.
pub const PARAM: Spec = Spec {
    name: "param",
    home: Home::Global,
    doc: "A setting of the script, which --set NAME=VALUE can change. Its value is the default, or \
          what --set gives, read as the type of the default. Choices may stand between default and \
          documentation.",
    inputs: &[
        Param::input("name", Kind::Text, "The name."),
        Param::input("value", Kind::Any, "The value without --set."),
        Param::input(
            "choices_or_doc",
            Kind::Any,
            "A list of the values allowed, or the documentation.",
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
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// The name.
    pub name: String,
    /// The default, as a script writes it.
    pub default: String,
    /// The values allowed; empty for any.
    pub choices: Vec<String>,
    /// What it means.
    pub doc: String,
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
    let default = shown(arguments.get(1)?);
    let mut param = Declared { name, default, choices: Vec::new(), doc: String::new() };
    for argument in &arguments[2..] {
        if let Some(choices) = argument.clone().try_cast::<Array>() {
            param.choices = choices.iter().map(shown).collect();
        } else {
            param.doc = argument.clone().into_string().ok()?;
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

/// Refuses `--set` names that the script does not declare.
///
/// # Errors
/// The first unknown name, with the nearest known one.
pub fn check_names(set: &[(String, String)], declared: &[Declared]) -> Result<()> {
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
    let name = call.args.text("name")?.to_owned();
    let Some(declared) = read(&call.inputs) else {
        return Err(Error::usage("param: expected (name, default, [choices,] documentation)"));
    };
    let default = call.inputs[1].clone();
    let value = match run.set.iter().rev().find(|(set, _)| *set == name) {
        Some((_, text)) => parsed(&name, &default, text)?,
        None => default,
    };
    if !declared.choices.is_empty() && !declared.choices.contains(&shown(&value)) {
        let error = Error::usage(format!(
            "param: {name} expected one of {}, found {}",
            declared.choices.join(", "),
            shown(&value)
        ));
        let near = nearest(&shown(&value), declared.choices.iter().map(String::as_str))
            .map(|near| format!("did you mean --set {name}={near}?"));
        return Err(match near {
            Some(near) => error.hint(near),
            None => error,
        });
    }
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
