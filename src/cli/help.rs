//! `--help` of the tool and of a script, and `?name`.

use super::args::Args;
use super::{SUCCESS, batch, fail, output};
use crate::error::{Result, nearest};
use crate::registry::{Default, Kind, Param, Spec};
use crate::script::{Declared, Reference, Session};
use clap::CommandFactory;
use std::path::Path;

/// The help of the tool.
pub fn of_tool() -> String {
    Args::command().render_long_help().to_string()
}

/// The help of a command; that of the tool where there is none of that name.
pub fn of_command(name: &str) -> String {
    let mut tool = Args::command();
    tool.build();
    let command = tool.find_subcommand_mut(name);
    command.map_or_else(of_tool, |command| command.render_long_help().to_string())
}

/// Prints what a script asks and what it can be set to.
///
/// # Errors
/// A file that cannot be read.
pub fn of_script(session: &Session, path: &Path) -> Result<u8> {
    let source = batch::read(path)?;
    let name = path.display().to_string();
    match session.declared(&name, &source) {
        Ok(params) => {
            output::stdout(&script_text(&name, &source, &params));
            Ok(SUCCESS)
        }
        Err(diagnostic) => Ok(fail(&diagnostic)),
    }
}

fn script_text(name: &str, source: &str, params: &[Declared]) -> String {
    let mut text = crate::script::head_comment(source);
    text.push_str(&format!("\n\nusage: rtscript {name} [--set NAME=VALUE]...\n"));
    for param in params {
        let choices = if param.choices.is_empty() {
            String::new()
        } else {
            format!(", one of {}", param.choices.join(" | "))
        };
        text.push_str(&format!(
            "  {:<12} {} (default {}{choices})\n",
            param.name, param.doc, param.default
        ));
    }
    text
}

/// The entries of a name, or the nearest one.
pub fn of_entry(reference: &Reference, name: &str) -> String {
    let path = |spec: &&&Spec| spec.name == name || spec.path() == name;
    let found: Vec<String> =
        reference.specs.iter().filter(path).map(|spec| entry_text(spec)).collect();
    if !found.is_empty() {
        return found.join("\n");
    }
    let names: Vec<String> = reference.specs.iter().map(|spec| spec.path()).collect();
    let near = nearest(name, names.iter().map(String::as_str))
        .or_else(|| nearest(name, reference.specs.iter().map(|spec| spec.name)));
    match near {
        Some(near) => format!("no entry {name}, did you mean {near}?"),
        None => format!("no entry {name}; there are: {}", names.join(", ")),
    }
}

fn entry_text(spec: &Spec) -> String {
    let mut text = format!("{}\n\n{}\n", spec.signature(), spec.doc);
    for param in spec.inputs.iter().chain(spec.params) {
        text.push_str(&format!("  {:<14} {} {}\n", param.name, param.doc, values(param)));
    }
    text.push_str(&format!("\nexample:\n{}\n=> {}\n", spec.example.code, spec.example.shows));
    if !spec.cite.is_empty() {
        text.push_str(&format!("see {}\n", spec.cite));
    }
    text
}

fn values(param: &Param) -> String {
    let default = match param.default {
        Default::Required => String::new(),
        Default::Unset => ", optional".to_owned(),
        Default::Bool(value) => format!(", default {value}"),
        Default::Int(value) => format!(", default {value}"),
        Default::Float(value) => format!(", default {value}"),
        Default::Text(value) => format!(", default \"{value}\""),
    };
    let range = match param.kind {
        Kind::Float { min, .. } if min.is_finite() => format!(" >= {min}"),
        Kind::Int { min, .. } if min > i64::MIN => format!(" >= {min}"),
        _ => String::new(),
    };
    format!("({}{range}{default})", param.expects())
}
