//! The chapter on the language, which is written by hand.

use super::document::{Block, Chapter, Section};

const LANGUAGE: &str = include_str!("language.md");

/// The chapter; its sections are the headings of the second order.
pub fn language() -> Chapter {
    let mut parts = LANGUAGE.split("\n## ");
    let lead = parts.next().unwrap_or_default();
    let lead = lead.split_once('\n').map_or("", |(_, rest)| rest);
    let sections = parts.map(|part| {
        let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
        Section {
            anchor: format!("language.{}", slug(title)),
            title: title.to_owned(),
            blocks: blocks(rest),
            articles: Vec::new(),
        }
    });
    Chapter {
        anchor: "language".to_owned(),
        title: "The language".to_owned(),
        blocks: blocks(lead),
        sections: sections.collect(),
    }
}

/// The scripts of the chapter, each with what it prints and evaluates to.
pub fn examples() -> Vec<(String, String)> {
    let chapter = language();
    let blocks: Vec<Block> =
        chapter.sections.into_iter().flat_map(|section| section.blocks).collect();
    let pairs = blocks.windows(2).filter_map(|pair| match pair {
        [Block::Code(code), Block::Shows(shows)] => Some((code.clone(), shows.clone())),
        _ => None,
    });
    pairs.collect()
}

fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Paragraphs, lists, tables and fenced code: the part of Markdown that the chapter uses.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let code = code.join("\n");
            found.push(if language == "rhai" { Block::Code(code) } else { Block::Shows(code) });
        } else if !line.trim().is_empty() {
            let mut part = vec![line];
            while let Some(next) =
                lines.next_if(|next| !next.trim().is_empty() && !next.starts_with("```"))
            {
                part.push(next);
            }
            found.push(paragraph(&part));
        }
    }
    found
}

fn paragraph(lines: &[&str]) -> Block {
    if lines.iter().all(|line| line.starts_with('|')) {
        let rows = lines.iter().skip(2).map(|line| cells(line)).collect();
        return Block::Table(&["Python", "Rhai"], rows);
    }
    if !lines[0].starts_with("- ") {
        return Block::Text(lines.join(" "));
    }
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (line.strip_prefix("- "), items.last_mut()) {
            (Some(item), _) => items.push(item.to_owned()),
            (None, Some(item)) => item.push_str(&format!(" {}", line.trim())),
            (None, None) => {}
        }
    }
    Block::List(items)
}

/// The cells of a table's row; `\|` is no border.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\u{0}");
    inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_of_the_chapter_says_what_it_shows() {
        let fences = LANGUAGE.matches("```rhai").count();
        assert!(fences > 5);
        assert_eq!(examples().len(), fences);
    }

    #[test]
    fn the_chapter_has_one_table_and_keeps_all_its_lines() {
        let rows = LANGUAGE.lines().filter(|line| line.starts_with("| ")).count();
        let chapter = language();
        let tables = chapter.blocks.iter().filter_map(|block| match block {
            Block::Table(_, rows) => Some(rows.len()),
            _ => None,
        });
        assert_eq!(tables.collect::<Vec<_>>(), [rows - 2]);
    }

    #[test]
    fn cells_may_hold_the_border() {
        assert_eq!(cells("| `a` | `b \\|\\| c` |"), ["`a`", "`b || c`"]);
    }
}
