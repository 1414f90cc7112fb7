//! What a file names of Python, and what Python's loader would have done with it.

use super::super::file::File;
use super::super::symbol::{Symbol, Trust};
use super::Style;
use super::text::{columns, counted, printable};

/// The most rows without `--all`.
const MAX_ROWS: usize = 20;

/// What was not built, the dangerous first; nothing if all was.
pub fn lines(file: &File, style: Style) -> String {
    let mut symbols = file.opaque();
    if symbols.is_empty() {
        return String::new();
    }
    symbols.sort_by_key(|symbol| std::cmp::Reverse((symbol.trust, symbol.called)));
    let mut text = String::from("\nPython objects, not built here: nothing of this file was run\n");
    let left = if style.all { 0 } else { symbols.len().saturating_sub(MAX_ROWS) };
    let row = |symbol: &&Symbol| {
        let name = format!("{}.{}", symbol.module, symbol.name);
        let count = match symbol.called {
            0 => "named".to_owned(),
            count => counted(count, "object"),
        };
        vec![printable(&name, style.width / 2), count, meaning(symbol.trust).to_owned()]
    };
    let rows: Vec<Vec<String>> = symbols[..symbols.len() - left].iter().map(row).collect();
    text.push_str(&columns(&rows, &[], style.width));
    if left > 0 {
        text.push_str(&format!("  … {left} more (--all)\n"));
    }
    let dangerous = || symbols.iter().filter(|symbol| symbol.trust == Trust::Suspicious);
    let of_dill = |symbol: &&Symbol| {
        symbol.module == "builtins" && matches!(symbol.name.as_str(), "getattr" | "setattr")
    };
    if dangerous().next().is_none() {
        return text;
    }
    text.push_str(if file.container().dill && dangerous().all(of_dill) {
        "\ndill uses getattr and setattr itself where it stores functions and classes.\n\
         Load such a file in Python only if you trust its writer.\n"
    } else {
        "\nwarning: do not load this file in Python. No checkpoint needs what is marked,\n\
         and Python's loader would run it.\n"
    });
    text
}

fn meaning(trust: Trust) -> &'static str {
    match trust {
        Trust::Plain => "",
        Trust::Foreign => "of its writer",
        Trust::BuildsCode => "builds code of the file",
        Trust::Suspicious => "SUSPICIOUS: can run code",
    }
}
