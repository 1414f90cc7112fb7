//! Tables of text with a title and notes, and their plain form.

use comfy_table::{CellAlignment, TableStyle, presets};
use std::fmt;

/// A column: numbers stand to the right, words to the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The heading, with its unit.
    pub name: String,
    /// Whether the cells are numbers.
    pub numeric: bool,
}

/// A table; its plain form is the same on every machine and at every terminal width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// One line that says what is shown.
    pub title: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The cells by row.
    pub rows: Vec<Vec<String>>,
    /// What a reader must know to read the numbers, one sentence each.
    pub notes: Vec<String>,
}

impl Column {
    /// A column of words.
    pub fn words(name: impl Into<String>) -> Self {
        Self { name: name.into(), numeric: false }
    }

    /// A column of numbers.
    pub fn numbers(name: impl Into<String>) -> Self {
        Self { name: name.into(), numeric: true }
    }
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { title: title.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }
}

const RULED: TableStyle =
    presets::NOTHING.header_separator(comfy_table::LineStyle::none().fill('-').junction('-'));

impl fmt::Display for Table {
    /// Title, heading, rule, rows, notes; no trailing blanks and no final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = comfy_table::Table::new();
        grid.load_style(RULED);
        grid.set_header(self.columns.iter().map(|column| one_line(&column.name)));
        for row in &self.rows {
            grid.add_row(row.iter().map(|cell| one_line(cell)));
        }
        for (column, drawn) in self.columns.iter().zip(grid.column_iter_mut()) {
            drawn.set_padding((0, 1));
            if column.numeric {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        f.write_str(&one_line(&self.title))?;
        for line in grid.lines() {
            write!(f, "\n{}", line.trim_end())?;
        }
        for note in &self.notes {
            write!(f, "\n- {}", one_line(note))?;
        }
        Ok(())
    }
}

/// The text with control characters, which would break the lines, as blanks.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_form_aligns_numbers_right_and_leaves_no_trailing_blanks() {
        let mut table =
            Table::new("loss by arm", vec![Column::words("arm"), Column::numbers("loss")]);
        table.rows = vec![
            vec!["standard".to_owned(), "1.250".to_owned()],
            vec!["pgd\n\u{1b}[31m".to_owned(), "12.50".to_owned()],
        ];
        table.notes.push("two runs".to_owned());
        let expected = "\
loss by arm
arm         loss
-----------------
standard   1.250
pgd  [31m  12.50
- two runs";
        assert_eq!(table.to_string(), expected);
    }
}
