//! The chapters of the manual, from the reference.

use super::article::{article, link, link_to_kind};
use super::document::{Article, Block, Chapter, Document, Section};
use super::{builtins, kinds, prose};
use crate::registry::{Home, Spec};
use crate::script::reference::Reference;
use crate::script::stdlib::{self, Module};

/// The whole manual.
pub fn document(reference: &Reference) -> Document {
    let chapters = vec![
        prose::language(),
        functions(reference),
        types(reference),
        modules(),
        builtins::chapter(reference),
    ];
    Document { chapters }
}

fn chapter(anchor: &str, title: &str, lead: &str, sections: Vec<Section>) -> Chapter {
    let blocks = vec![Block::Text(lead.to_owned())];
    Chapter { anchor: anchor.to_owned(), title: title.to_owned(), blocks, sections }
}

fn functions(reference: &Reference) -> Chapter {
    let mut spaces: Vec<&str> = Vec::new();
    for spec in &reference.specs {
        if let Home::Namespace(space) = spec.home
            && !spaces.contains(&space)
        {
            spaces.push(space);
        }
    }
    let articles = |specs: Vec<&'static Spec>| -> Vec<Article> {
        specs.into_iter().map(|spec| article(reference, spec)).collect()
    };
    let mut sections = vec![Section {
        anchor: "global".to_owned(),
        title: "Without a namespace".to_owned(),
        blocks: Vec::new(),
        articles: articles(reference.globals()),
    }];
    sections.extend(spaces.iter().map(|space| Section {
        anchor: format!("namespace.{space}"),
        title: format!("`{space}::`"),
        blocks: Vec::new(),
        articles: articles(reference.of_namespace(space)),
    }));
    let lead = "What a call makes or does. Arguments in brackets may be left out; options are the \
                keys of a map, the last argument. An option that does not exist, has the wrong \
                type or is out of range is an error.";
    chapter("functions", "Functions", lead, sections)
}

fn types(reference: &Reference) -> Chapter {
    let rows = kinds::PLAIN.iter().map(|kind| vec![kind.name.to_owned(), kind.doc.to_owned()]);
    let mut sections = vec![
        Section {
            anchor: "plain".to_owned(),
            title: "Plain values".to_owned(),
            blocks: vec![
                Block::Text("What Rhai has itself, as this manual and errors call it.".to_owned()),
                Block::Table(&["kind", "what it is"], rows.collect()),
            ],
            articles: Vec::new(),
        },
        Section {
            anchor: "type.handle".to_owned(),
            title: "Every handle".to_owned(),
            blocks: vec![Block::Text(handles())],
            articles: members(reference, "handle"),
        },
    ];
    sections.extend(kinds::OWN.iter().map(|kind| Section {
        anchor: format!("type.{}", kind.name),
        title: kind.name.to_owned(),
        blocks: about(reference, kind),
        articles: members(reference, kind.name),
    }));
    let lead =
        "What values can do: properties are read with a point, methods are called on a value.";
    chapter("types", "Types", lead, sections)
}

fn handles() -> String {
    let own = kinds::OWN.iter().filter(|kind| kinds::is_handle(kind.name));
    let links: Vec<String> = own.map(|kind| link_to_kind(kind.name)).collect();
    format!("Handles are values with a name and an address: {}.", links.join(", "))
}

fn about(reference: &Reference, kind: &kinds::Kind) -> Vec<Block> {
    let sources = kinds::sources(reference, kind.name);
    let links: Vec<String> = sources.into_iter().map(link).collect();
    let mut text = kind.doc.to_owned();
    if !links.is_empty() {
        text.push_str(&format!(" It comes from {}.", links.join(", ")));
    }
    if kinds::is_handle(kind.name) {
        text.push_str(" It is a [handle](#type.handle).");
    }
    vec![Block::Text(text)]
}

fn members(reference: &Reference, kind: &str) -> Vec<Article> {
    let own = reference.specs.iter().filter(|spec| match spec.home {
        Home::Method(of) | Home::Property(of) => of == kind,
        _ => false,
    });
    own.map(|spec| article(reference, spec)).collect()
}

fn modules() -> Chapter {
    let lead = "Functions written in Rhai that come with the program. A script imports the module \
                before it uses them.";
    let sections = stdlib::modules().iter().map(module).collect();
    chapter("modules", "Modules", lead, sections)
}

fn module(module: &Module) -> Section {
    let name = module.name;
    let articles = module.functions.iter().map(|function| {
        let title = format!("{name}::{}", function.name);
        let signature = format!("{title}({})", function.parameters.join(", "));
        Article {
            anchor: format!("{name}.{}", function.name),
            blocks: vec![
                Block::Signature(signature, String::new()),
                Block::Text(function.doc.clone()),
            ],
            short: function.name.clone(),
            title,
        }
    });
    Section {
        anchor: format!("module.{name}"),
        title: format!("`{name}`"),
        blocks: vec![
            Block::Text(module.doc.clone()),
            Block::Code(format!("import \"{name}\" as {name};")),
        ],
        articles: articles.collect(),
    }
}
