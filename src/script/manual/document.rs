//! The manual before it has a format: chapters of sections of articles of blocks.
//!
//! A running text is a small part of Markdown: `code`, and `[words](#anchor)`.

/// The whole manual.
pub struct Document {
    /// Chapters in reading order.
    pub chapters: Vec<Chapter>,
}

/// A part with a heading of the first order.
pub struct Chapter {
    /// Where links to it lead.
    pub anchor: String,
    /// The heading.
    pub title: String,
    /// What stands before the sections.
    pub blocks: Vec<Block>,
    /// Its sections; may be none.
    pub sections: Vec<Section>,
}

/// A namespace, a type, or a heading of the chapter on the language.
pub struct Section {
    /// Where links to it lead.
    pub anchor: String,
    /// The heading, a running text.
    pub title: String,
    /// What stands before the articles.
    pub blocks: Vec<Block>,
    /// One article per entry.
    pub articles: Vec<Article>,
}

/// What the manual says about one entry.
pub struct Article {
    /// Where links to it lead: `attack.pgd`.
    pub anchor: String,
    /// Its name in scripts: `attack::pgd`.
    pub title: String,
    /// The name without the section's: `pgd`.
    pub short: String,
    /// Everything about it.
    pub blocks: Vec<Block>,
}

/// A piece of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph of running text.
    Text(String),
    /// A list of running texts.
    List(Vec<String>),
    /// How something is called, and what it gives, a running text; one of both may be empty.
    Signature(String, String),
    /// A script.
    Code(String),
    /// What a script shows.
    Shows(String),
    /// A table of running texts; the first cell of a row is its name.
    Table(&'static [&'static str], Vec<Vec<String>>),
    /// A running text of less weight: citation and version.
    Small(String),
}

/// A part of a running text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span<'a> {
    /// Words.
    Words(&'a str),
    /// A name or a piece of a script.
    Code(&'a str),
    /// Words, and where they lead; the words are a running text.
    Link(&'a str, &'a str),
}

/// The parts of a running text.
pub fn spans(text: &str) -> Vec<Span<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(start) = rest.find(['`', '[']) else {
            found.push(Span::Words(rest));
            break;
        };
        let (span, length) = special(&rest[start..]);
        if let Some(span) = span {
            if start > 0 {
                found.push(Span::Words(&rest[..start]));
            }
            found.push(span);
        } else {
            found.push(Span::Words(&rest[..start + length]));
        }
        rest = &rest[start + length..];
    }
    found
}

/// The code or link at the start of a text, and how long it is; no span for a mere mark.
fn special(text: &str) -> (Option<Span<'_>>, usize) {
    if let Some(code) = text.strip_prefix('`') {
        return match code.find('`') {
            Some(end) => (Some(Span::Code(&code[..end])), end + 2),
            None => (None, 1),
        };
    }
    let link = || {
        let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
        let (target, _) = rest.split_once(')')?;
        let whole = !words.contains(['[', ']']);
        whole.then(|| (Span::Link(words, target), words.len() + target.len() + 4))
    };
    link().map_or((None, 1), |(span, length)| (Some(span), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_text_falls_into_words_code_and_links() {
        let text = "in [0,1], `a[0]` or [`pgd`](#attack.pgd).";
        let expected = [
            Span::Words("in ["),
            Span::Words("0,1], "),
            Span::Code("a[0]"),
            Span::Words(" or "),
            Span::Link("`pgd`", "#attack.pgd"),
            Span::Words("."),
        ];
        assert_eq!(spans(text), expected);
    }

    #[test]
    fn a_mark_that_is_not_closed_is_a_word() {
        assert_eq!(spans("a ` b"), [Span::Words("a `"), Span::Words(" b")]);
    }
}
