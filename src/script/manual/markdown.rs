//! The manual as one Markdown file.

use super::document::{Article, Block, Chapter, Document, Section, Span, spans};
use std::fmt::Write as _;

const HEAD: &str = "<!-- Written by `rtscript doc` from the entries; a test compares it with them. \
                    -->\n\n# Reference of rtscript\n\n";

/// The whole manual; headings carry the anchors that links name.
pub fn markdown(document: &Document) -> String {
    let mut out = HEAD.to_owned();
    for chapter in &document.chapters {
        let _ = writeln!(out, "- [{}](#{})", chapter.title, chapter.anchor);
        let sections = chapter.sections.iter();
        let links = sections.map(|section| format!("[{}](#{})", section.title, section.anchor));
        let _ = writeln!(out, "  - {}", links.collect::<Vec<_>>().join(", "));
    }
    for chapter in &document.chapters {
        write_chapter(&mut out, chapter);
    }
    out
}

fn write_chapter(out: &mut String, chapter: &Chapter) {
    heading(out, 2, &chapter.anchor, &chapter.title);
    write_blocks(out, &chapter.blocks);
    for section in &chapter.sections {
        write_section(out, section);
    }
}

fn write_section(out: &mut String, section: &Section) {
    heading(out, 3, &section.anchor, &section.title);
    write_blocks(out, &section.blocks);
    for Article { anchor, title, blocks, .. } in &section.articles {
        heading(out, 4, anchor, &format!("`{title}`"));
        write_blocks(out, blocks);
    }
}

fn heading(out: &mut String, level: usize, anchor: &str, title: &str) {
    let marks = "#".repeat(level);
    let _ = writeln!(out, "\n<a id=\"{anchor}\"></a>\n{marks} {title}");
}

fn write_blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        out.push('\n');
        match block {
            Block::Text(text) | Block::Small(text) => {
                let _ = writeln!(out, "{}", inline(text));
            }
            Block::List(items) => {
                for item in items {
                    let _ = writeln!(out, "- {}", inline(item));
                }
            }
            Block::Signature(signature, gives) => {
                let signature = match signature.as_str() {
                    "" => String::new(),
                    call => format!("`{call}` "),
                };
                let gives = match gives.as_str() {
                    "" => String::new(),
                    gives => format!("→ {gives}"),
                };
                let _ = writeln!(out, "{}", format!("{signature}{gives}").trim_end());
            }
            Block::Code(code) => fenced(out, "rhai", code),
            Block::Shows(text) => fenced(out, "text", text),
            Block::Table(head, rows) => {
                let head: Vec<String> = head.iter().map(ToString::to_string).collect();
                table_row(out, &head);
                table_row(out, &vec!["---".to_owned(); head.len()]);
                for row in rows {
                    table_row(out, &row.iter().map(|cell| inline(cell)).collect::<Vec<_>>());
                }
            }
        }
    }
}

fn fenced(out: &mut String, language: &str, text: &str) {
    let _ = writeln!(out, "```{language}\n{}\n```", text.trim_end());
}

fn table_row(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// A running text; what would be markup is escaped.
fn inline(text: &str) -> String {
    let written = |span: Span| match span {
        Span::Words(words) => words.replace('<', "&lt;").replace('*', "\\*"),
        Span::Code(code) => format!("`{code}`"),
        Span::Link(words, target) => format!("[{words}]({target})"),
    };
    spans(text).into_iter().map(written).collect()
}
