//! `--help` of the tool and of a script.

use super::args::Args;
use super::{SUCCESS, batch, fail, output};
use crate::error::Result;
use crate::script::{Allowed, Declared, Session};
use clap::CommandFactory;
use std::path::Path;

/// The help of the tool.
pub fn of_tool() -> String {
    Args::command().render_long_help().to_string()
}

/// The help of a word of the tool.
pub fn of_word(word: &str) -> String {
    let mut command = Args::command();
    command.build();
    let found = command.find_subcommand_mut(word);
    found.map_or_else(of_tool, |command| command.render_long_help().to_string())
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
        let allowed = match &param.allowed {
            Allowed::Any => String::new(),
            Allowed::Listed(values) => format!(", one of {}", values.join(" | ")),
            Allowed::Between(least, most) => format!(", {least} to {most}"),
        };
        text.push_str(&format!(
            "  {:<12} {} (default {}{allowed})\n",
            param.name, param.doc, param.default
        ));
    }
    text
}
