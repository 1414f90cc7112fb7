//! One self-contained HTML page: it loads nothing, and the same run gives the same bytes.

use super::frame::{escaped, framed};
use crate::plot::Svg;
use crate::stats::LIMITS;
use crate::table::Table;
use std::fmt::Write as _;

/// What sorts the tables of a page.
const SORT: &str = include_str!("sort.js");

/// A picture and the words under it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The picture.
    pub svg: Svg,
    /// How to read it.
    pub caption: String,
}

/// A part of the body of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A title of what follows.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A picture.
    Figure(Figure),
    /// A table; notes that begin with [`LIMITS`] move to a section of their own.
    Table(Table),
}

impl Part {
    /// The table, where it is one.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }
}

/// What a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The name of the study.
    pub title: String,
    /// What the study asks, from the head comment of its script.
    pub description: String,
    /// How much data and how many repetitions the numbers rest on.
    pub scale: String,
    /// Pictures, tables and words, in their order.
    pub parts: Vec<Part>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// The script that was run, its text; empty if there is none.
    pub script: String,
    /// The modules that the script imports: their files and texts.
    pub modules: Vec<(String, String)>,
    /// Names and derivations of the results.
    pub lineages: Vec<(String, String)>,
    /// The parameters of the script and their values.
    pub parameters: Vec<(String, String)>,
    /// What the bits depend on beside the script: versions, threads, processor.
    pub manifest: Vec<(String, String)>,
}

/// The page as HTML; every text in it is escaped.
pub fn html(page: &Page) -> String {
    let mut out = String::new();
    let title = escaped(&page.title);
    let _ = writeln!(out, "<main>\n<h1>{title}</h1>");
    paragraph(&mut out, "lead", &page.description);
    paragraph(&mut out, "scale", &page.scale);
    for part in &page.parts {
        match part {
            Part::Heading(text) => heading(&mut out, &escaped(text)),
            Part::Text(text) => paragraph(&mut out, "words", text),
            Part::Figure(figure) => write_figure(&mut out, figure),
            Part::Table(table) => write_table(&mut out, table),
        }
    }
    write_limits(&mut out, page.parts.iter().filter_map(Part::table));
    if !page.notes.is_empty() {
        heading(&mut out, "Notes");
        list(&mut out, page.notes.iter().map(|note| escaped(note)));
    }
    write_pairs(&mut out, "Parameters", &page.parameters);
    if !page.script.is_empty() {
        heading(&mut out, "Script");
        details(&mut out, "What was run", &page.script);
    }
    for (file, text) in &page.modules {
        details(&mut out, &format!("Imported: {file}"), text);
    }
    if !page.lineages.is_empty() {
        heading(&mut out, "Derivations");
    }
    for (name, tree) in &page.lineages {
        details(&mut out, name, tree);
    }
    write_pairs(&mut out, "Reproducibility", &page.manifest);
    out.push_str("</main>\n");
    let sorts = page.parts.iter().filter_map(Part::table).any(|table| table.rows.len() > 1);
    framed(&page.title, "", if sorts { SORT } else { "" }, &out)
}

/// A table as one HTML element; every text in it is escaped.
pub fn table(table: &Table) -> String {
    let mut out = String::new();
    write_table(&mut out, table);
    out
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "<h2>{text}</h2>");
}

fn paragraph(out: &mut String, class: &str, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "<p class=\"{class}\">{}</p>", escaped(text));
    }
}

fn details(out: &mut String, summary: &str, text: &str) {
    let (summary, text) = (escaped(summary), escaped(text));
    let _ = writeln!(out, "<details><summary>{summary}</summary><pre>{text}</pre></details>");
}

/// A list of items that are HTML already.
fn list(out: &mut String, items: impl IntoIterator<Item = String>) {
    out.push_str("<ul class=\"notes\">\n");
    for item in items {
        let _ = writeln!(out, "<li>{item}</li>");
    }
    out.push_str("</ul>\n");
}

fn write_figure(out: &mut String, figure: &Figure) {
    let _ = writeln!(
        out,
        "<figure>\n<div class=\"wide\">\n{}</div>\n<figcaption>{}</figcaption>\n</figure>",
        figure.svg.as_str(),
        escaped(&figure.caption)
    );
}

fn write_table(out: &mut String, table: &Table) {
    let _ = write!(
        out,
        "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead><tr>",
        escaped(&table.title)
    );
    let class = |numeric: bool| if numeric { " class=\"number\"" } else { "" };
    for column in &table.columns {
        let _ = write!(
            out,
            "<th scope=\"col\"{}>{}</th>",
            class(column.numeric),
            escaped(&column.name)
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let mut above: &[String] = &[];
    for row in &table.rows {
        out.push_str("<tr>");
        // Labels that only repeat those above step back.
        let mut repeats = true;
        for (index, cell) in row.iter().enumerate() {
            let numeric = table.columns.get(index).is_some_and(|column| column.numeric);
            repeats = repeats && !numeric && above.get(index) == Some(cell);
            let class = if repeats { " class=\"same\"" } else { class(numeric) };
            let _ = write!(out, "<td{class}>{}</td>", escaped(cell));
        }
        out.push_str("</tr>\n");
        above = row;
    }
    out.push_str("</tbody>\n</table></div>\n");
    let mut notes = table.notes.iter().filter(|note| !note.starts_with(LIMITS)).peekable();
    if notes.peek().is_some() {
        list(out, notes.map(|note| escaped(note)));
    }
}

/// What the tables leave open, where no reader can miss it.
fn write_limits<'a>(out: &mut String, tables: impl Iterator<Item = &'a Table>) {
    let limits: Vec<String> = tables
        .flat_map(|table| table.notes.iter().map(move |note| (&table.title, note)))
        .filter_map(|(title, note)| Some((title, note.strip_prefix(LIMITS)?)))
        .map(|(title, limit)| format!("<b>{}</b>: {}", escaped(title), escaped(limit)))
        .collect();
    if !limits.is_empty() {
        heading(out, "What this does not show");
        list(out, limits);
    }
}

fn write_pairs(out: &mut String, title: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    heading(out, title);
    out.push_str("<table class=\"pairs\">\n<tbody>\n");
    for (name, value) in pairs {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
            escaped(name),
            escaped(value)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Bitmap, Scene, Shape, svg};
    use crate::table::Column;

    const HOSTILE: &str = "</pre></style><script>alert(\"x\")</script>'&\u{0}";

    fn page(text: &str) -> Page {
        let mut table = Table::new(text, vec![Column::words(text), Column::numbers(text)]);
        table.rows = vec![vec![text.to_owned(), "1".to_owned()]; 2];
        table.notes = vec![text.to_owned(), format!("{LIMITS}{text}")];
        let scene = Scene { width: 10.0, height: 10.0, shapes: Vec::new() };
        let pairs = vec![(text.to_owned(), text.to_owned())];
        Page {
            title: text.to_owned(),
            description: text.to_owned(),
            scale: text.to_owned(),
            parts: vec![
                Part::Figure(Figure { svg: svg(&scene).unwrap(), caption: text.to_owned() }),
                Part::Heading(text.to_owned()),
                Part::Text(text.to_owned()),
                Part::Table(table),
            ],
            notes: vec![text.to_owned()],
            script: text.to_owned(),
            modules: pairs.clone(),
            lineages: pairs.clone(),
            parameters: pairs.clone(),
            manifest: pairs,
        }
    }

    #[test]
    fn no_text_of_a_page_becomes_markup() {
        let (hostile, plain) = (html(&page(HOSTILE)), html(&page("x")));
        assert!(hostile.matches("<script").count() == 1 && !hostile.contains('\0'));
        assert_eq!(hostile.matches('<').count(), plain.matches('<').count());
        assert_eq!(hostile.matches('"').count(), plain.matches('"').count());
        assert_eq!(
            hostile.matches("&lt;script&gt;").count(),
            plain.matches(">x<").count() + plain.matches(" x<").count()
        );
    }

    #[test]
    fn a_page_refers_to_nothing_outside_itself() {
        let text = html(&page("x")).replace("http://www.w3.org/2000/svg", "");
        for reference in ["http:", "https:", "url(", "src=", "href=", "@import"] {
            assert!(!text.contains(reference), "{reference}");
        }
    }

    #[test]
    fn images_lie_within_the_page() {
        let bitmap = Bitmap { width: 1, height: 1, rgb: [1, 2, 3].into() };
        let (left, top, width, height) = (0.0, 0.0, 5.0, 5.0);
        let shapes = vec![Shape::Image { left, top, width, height, bitmap }];
        let svg = svg(&Scene { width: 10.0, height: 10.0, shapes }).unwrap();
        let parts = vec![Part::Figure(Figure { svg, caption: String::new() })];
        let text = html(&Page { parts, ..Page::default() });
        assert!(text.contains("img-src data:;"));
        let references: Vec<&str> = text.split("href=\"").skip(1).collect();
        assert!(references.len() == 1 && references[0].starts_with("data:image/png;base64,"));
    }

    #[test]
    fn limits_leave_their_table_for_a_section_of_their_own() {
        let text = html(&page("x"));
        assert!(text.contains("<h2>What this does not show</h2>"));
        assert!(!text.contains(LIMITS));
    }

    #[test]
    fn an_empty_page_has_no_empty_sections() {
        let text = html(&Page { title: "empty".to_owned(), ..Page::default() });
        assert!(!text.contains("<h2>") && !text.contains("<table"), "{text}");
    }
}
