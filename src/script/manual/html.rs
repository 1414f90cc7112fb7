//! The manual as one page: no external resource, a search box, a table of contents.

use super::document::{Article, Block, Chapter, Document, Section, Span, spans};
use crate::report::{escaped, framed};
use crate::script::token::{Token, pieces};
use std::fmt::Write as _;

const RULES: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const TITLE: &str = "Reference of rtscript";

/// The page.
pub fn page(document: &Document) -> String {
    let mut out = String::new();
    write_head(&mut out);
    write_contents(&mut out, document);
    out.push_str("<main>\n");
    for chapter in &document.chapters {
        write_chapter(&mut out, chapter);
    }
    out.push_str("<p id=\"none\" hidden>Nothing contains all these words.</p>\n</main>\n");
    framed(TITLE, RULES, SCRIPT, &out)
}

fn write_head(out: &mut String) {
    let _ = writeln!(
        out,
        "<header>\n<h1>{TITLE}</h1>\n<p>Version {}</p>\n\
         <search hidden><input id=\"find\" type=\"search\" placeholder=\"Search\" \
         aria-label=\"Search names, descriptions and options\" autocomplete=\"off\" \
         spellcheck=\"false\"><output id=\"count\" for=\"find\"></output></search>\n</header>",
        env!("CARGO_PKG_VERSION")
    );
}

fn write_contents(out: &mut String, document: &Document) {
    out.push_str("<nav aria-label=\"Contents\">\n<details open>\n<summary>Contents</summary>\n");
    for chapter in &document.chapters {
        let _ = writeln!(out, "<h2>{}</h2>\n<ul>", anchor_link(&chapter.anchor, &chapter.title));
        for section in &chapter.sections {
            let _ = write!(out, "<li>{}", anchor_link(&section.anchor, &section.title));
            let links = section.articles.iter();
            let links = links.map(|article| anchor_link(&article.anchor, &article.short));
            let links: Vec<String> = links.collect();
            if !links.is_empty() {
                let _ = write!(out, "<span>{}</span>", links.join(" "));
            }
            out.push_str("</li>\n");
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</details>\n</nav>\n");
}

fn anchor_link(anchor: &str, title: &str) -> String {
    format!("<a href=\"#{}\">{}</a>", escaped(anchor), inline(title))
}

fn write_chapter(out: &mut String, chapter: &Chapter) {
    let (anchor, title) = (escaped(&chapter.anchor), inline(&chapter.title));
    let _ = writeln!(out, "<section class=\"chapter\" id=\"{anchor}\">\n<h2>{title}</h2>");
    write_blocks(out, &chapter.blocks);
    for section in &chapter.sections {
        write_section(out, section);
    }
    out.push_str("</section>\n");
}

fn write_section(out: &mut String, section: &Section) {
    let (anchor, title) = (escaped(&section.anchor), inline(&section.title));
    let _ = writeln!(out, "<section class=\"part\" id=\"{anchor}\">\n<h3>{title}</h3>");
    write_blocks(out, &section.blocks);
    for Article { anchor, title, blocks, .. } in &section.articles {
        let anchor = escaped(anchor);
        let _ = writeln!(
            out,
            "<article id=\"{anchor}\">\n<h4><a href=\"#{anchor}\">{}</a></h4>",
            escaped(title)
        );
        write_blocks(out, blocks);
        out.push_str("</article>\n");
    }
    out.push_str("</section>\n");
}

fn write_blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        let _ = match block {
            Block::Text(text) => writeln!(out, "<p>{}</p>", inline(text)),
            Block::Small(text) => writeln!(out, "<p class=\"small\">{}</p>", inline(text)),
            Block::List(items) => {
                let items = items.iter().map(|item| format!("<li>{}</li>\n", inline(item)));
                writeln!(out, "<ul>\n{}</ul>", items.collect::<String>())
            }
            Block::Signature(signature, gives) => {
                let call = match signature.as_str() {
                    "" => String::new(),
                    call => format!("<code>{}</code> ", coloured(call)),
                };
                let gives = match gives.as_str() {
                    "" => String::new(),
                    gives => format!("→ {}", inline(gives)),
                };
                writeln!(out, "<p class=\"signature\">{}</p>", format!("{call}{gives}").trim_end())
            }
            Block::Code(code) => writeln!(out, "<pre><code>{}</code></pre>", coloured(code)),
            Block::Shows(text) => {
                writeln!(out, "<pre class=\"shows\"><samp>{}</samp></pre>", escaped(text))
            }
            Block::Table(head, rows) => write_table(out, head, rows),
        };
    }
}

fn write_table(out: &mut String, head: &[&str], rows: &[Vec<String>]) -> std::fmt::Result {
    let heads = head.iter().map(|text| format!("<th scope=\"col\">{text}</th>"));
    writeln!(
        out,
        "<div class=\"wide\"><table class=\"of{}\">\n<thead><tr>{}</tr></thead>\n<tbody>",
        head.len(),
        heads.collect::<String>()
    )?;
    for row in rows {
        let cells = row.iter().map(|cell| format!("<td>{}</td>", inline(cell)));
        writeln!(out, "<tr>{}</tr>", cells.collect::<String>())?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

/// A running text as HTML.
fn inline(text: &str) -> String {
    let written = |span: Span| match span {
        Span::Words(words) => escaped(words),
        Span::Code(code) => format!("<code>{}</code>", escaped(code)),
        Span::Link(words, target) => {
            format!("<a href=\"{}\">{}</a>", escaped(target), inline(words))
        }
    };
    spans(text).into_iter().map(written).collect()
}

/// A script with its words in colours.
fn coloured(code: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for piece in pieces(code) {
        out.push_str(&escaped(&code[at..piece.start]));
        let text = escaped(piece.text(code));
        let class = match piece.token {
            Token::Keyword => "k",
            Token::Number => "n",
            Token::Text { .. } => "t",
            Token::Comment { .. } => "c",
            Token::Name | Token::Symbol => "",
        };
        if class.is_empty() {
            out.push_str(&text);
        } else {
            let _ = write!(out, "<i class=\"{class}\">{text}</i>");
        }
        at = piece.end;
    }
    out.push_str(&escaped(code.get(at..).unwrap_or("")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_no_character() {
        let code = "let é = \"<b>\"; // & so on\n`${1 + 2}`";
        let mut bare = coloured(code).replace("</i>", "");
        assert!(bare.starts_with("<i class=\"k\">let é"), "{bare}");
        for class in ["k", "n", "t", "c"] {
            bare = bare.replace(&format!("<i class=\"{class}\">"), "");
        }
        assert_eq!(bare, escaped(code));
    }

    #[test]
    fn no_running_text_becomes_markup() {
        let hostile = "<script>`<b>` [<i>](\"><u>)";
        let html = inline(hostile);
        for mark in ["<script", "<b>", "<i>", "<u>"] {
            assert!(!html.contains(mark), "{html}");
        }
    }
}
