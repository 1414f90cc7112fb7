//! A definition file for language servers of Rhai: every function with its documentation and
//! types. Rhai's own generator writes Rust types and knows no options.

use crate::registry::{Default, Home, Kind, Param, Spec};
use crate::script::reference::{HANDLES, Reference};
use crate::script::stdlib;
use std::fmt::Write as _;

const HEAD: &str = "// Written by `rtscript doc`. The type `number` is an int or a float.\n\n\
                    module static;\n";

/// The file.
pub fn definitions(reference: &Reference) -> String {
    let mut out = HEAD.to_owned();
    for spec in &reference.specs {
        match spec.home {
            Home::Global => write_calls(&mut out, "", spec, None),
            Home::Method(kind) => write_calls(&mut out, "", spec, Some(kind)),
            Home::Property("handle") => {
                for kind in HANDLES {
                    write_property(&mut out, spec, kind);
                }
            }
            Home::Property(kind) => write_property(&mut out, spec, kind),
            Home::Namespace(_) => {}
        }
    }
    for space in reference.namespaces() {
        let _ = write!(out, "\nmodule {space} {{");
        for spec in reference.of_namespace(space) {
            write_calls(&mut out, "    ", spec, None);
        }
        out.push_str("}\n");
    }
    for module in stdlib::modules() {
        let _ = write!(out, "\nmodule {} {{", module.name);
        for function in module.functions {
            let typed = function.parameters.iter().map(|name| format!("{name}: ?"));
            let typed = typed.collect::<Vec<_>>().join(", ");
            out.push('\n');
            write_doc(&mut out, "    ", &function.doc);
            let _ = writeln!(out, "    fn {}({typed}) -> ?;", function.name);
        }
        out.push_str("}\n");
    }
    out
}

fn write_property(out: &mut String, spec: &Spec, kind: &str) {
    out.push('\n');
    write_doc(out, "", spec.doc);
    let _ = writeln!(out, "fn get {}({kind}: {kind}) -> {};", spec.name, type_of(spec.returns));
}

/// One definition per number of arguments; the longest has the whole documentation.
fn write_calls(out: &mut String, indent: &str, spec: &Spec, receiver: Option<&str>) {
    let first = receiver.map(|kind| format!("{kind}: {kind}"));
    let given = |count: usize| {
        let inputs = spec.inputs.iter().take(count);
        first.iter().cloned().chain(inputs.map(typed)).collect::<Vec<_>>()
    };
    let needs_options = spec.params.iter().any(|param| param.default == Default::Required);
    for count in spec.required_inputs()..=spec.inputs.len() {
        if !needs_options && (count < spec.inputs.len() || !spec.params.is_empty()) {
            write_call(out, indent, spec, spec.summary(), &given(count));
        }
    }
    let mut arguments = given(spec.inputs.len());
    if !spec.params.is_empty() {
        arguments.push(format!("options: {}", options(spec, indent)));
    }
    write_call(out, indent, spec, &described(spec), &arguments);
}

fn write_call(out: &mut String, indent: &str, spec: &Spec, doc: &str, arguments: &[String]) {
    out.push('\n');
    write_doc(out, indent, doc);
    let (name, arguments) = (spec.name, arguments.join(", "));
    let _ = writeln!(out, "{indent}fn {name}({arguments}) -> {};", type_of(spec.returns));
}

/// Documentation, arguments and example.
fn described(spec: &Spec) -> String {
    let mut text = spec.doc.to_owned();
    if !spec.inputs.is_empty() {
        text.push('\n');
    }
    for input in spec.inputs {
        let _ = write!(text, "\n- `{}`: {}", input.name, input.doc);
    }
    let (code, shows) = (spec.example.code, spec.example.shows);
    let _ = write!(text, "\n\n```rhai\n{code}\n```\n```text\n{shows}\n```");
    text
}

fn write_doc(out: &mut String, indent: &str, doc: &str) {
    for line in doc.lines() {
        let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
    }
}

fn typed(param: &Param) -> String {
    format!("{}: {}", param.name, kind(param.kind))
}

/// The options as an object type, each key with its documentation.
fn options(spec: &Spec, indent: &str) -> String {
    let mut text = "#{\n".to_owned();
    for param in spec.params {
        let default = match param.default {
            Default::Required => " Required.".to_owned(),
            Default::Unset => String::new(),
            _ => format!(" Default: {}.", param.default_text()),
        };
        let choices = match param.kind {
            Kind::Choice(_) | Kind::Either { .. } => format!(" Takes {}.", param.expects()),
            _ => String::new(),
        };
        let _ = writeln!(text, "{indent}    /// {}{choices}{default}", param.doc);
        let _ = writeln!(text, "{indent}    {},", typed(param));
    }
    text + indent + "}"
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Bool => "bool".to_owned(),
        Kind::Int { .. } => "int".to_owned(),
        Kind::Float { .. } => "float".to_owned(),
        Kind::Text | Kind::File | Kind::Choice(_) => "String".to_owned(),
        Kind::Ints => "[int]".to_owned(),
        Kind::Floats { .. } => "float | [float]".to_owned(),
        Kind::Texts => "[String]".to_owned(),
        Kind::Handle(kind) => kind.to_owned(),
        Kind::Either { words, kinds } => {
            let text = (!words.is_empty()).then_some("String");
            text.into_iter().chain(kinds.iter().copied()).collect::<Vec<_>>().join(" | ")
        }
        Kind::Handles(kind) => format!("[{kind}]"),
        Kind::Any => "?".to_owned(),
        Kind::Callback => "FnPtr".to_owned(),
    }
}

/// What the format calls a kind of results.
fn type_of(kind: &str) -> &str {
    match kind {
        "text" => "String",
        "truth" => "bool",
        "list" => "Array",
        "map" => "Map",
        "nothing" => "()",
        "any" => "?",
        own => own,
    }
}
