//! The manual and what editors need, from the entries: nothing of it is written a second time but
//! the chapter on the language.

mod article;
mod builtins;
mod chapters;
mod definitions;
mod document;
mod grammar;
mod html;
mod kinds;
mod markdown;
mod prose;

pub use kinds::{Kind, OWN, PLAIN};
pub use prose::examples;

use super::reference::Reference;

/// A file of the manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub text: String,
}

/// All files: the manual as Markdown and as one page, definitions and a grammar for editors.
pub fn files(reference: &Reference) -> Vec<File> {
    let document = chapters::document(reference);
    vec![
        File { name: "reference.md", text: markdown::markdown(&document) },
        File { name: "reference.html", text: html::page(&document) },
        File { name: "rtscript.d.rhai", text: definitions::definitions(reference) },
        File { name: "rtscript.tmLanguage.json", text: grammar::grammar(reference) },
    ]
}
