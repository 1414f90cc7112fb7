//! Numbers, sizes and names for people.

/// A count with its noun: `1 tensor`, `2,048 tensors`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// A whole number with a comma between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes to three digits.
pub fn bytes(count: u64) -> String {
    let mut size = count as f64;
    if count < 1000 {
        return counted(count as usize, "byte");
    }
    for unit in ["kB", "MB", "GB"] {
        size /= 1000.0;
        if size < 999.5 {
            let digits = if size < 9.95 { 2 } else { usize::from(size < 99.5) };
            return format!("{size:.digits$} {unit}");
        }
    }
    format!("{} GB", grouped(size as u64))
}

/// Text without characters that could steer a terminal, cut after `most` characters.
pub fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        // Marks of direction reorder what stands around them.
        let steers = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || steers {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A path cut in its middle to `most` characters.
pub fn shortened(path: &str, most: usize) -> String {
    let path = printable(path, 1000);
    let count = path.chars().count();
    if count <= most {
        return path;
    }
    let (start, end) = (most / 2, most - most / 2 - 1);
    let head: String = path.chars().take(start).collect();
    let tail: String = path.chars().skip(count - end).collect();
    format!("{head}…{tail}")
}

/// Rows in columns two spaces apart, each line indented by two. Columns of numbers are those whose
/// index is in `right`; what is longer than `width` is cut in its last column.
pub fn columns(rows: &[Vec<String>], right: &[usize], width: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let used: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
    let room = width.saturating_sub(used + 2).max(6);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column + 1 == count {
                line.push_str("  ");
                line.push_str(&shortened(cell, room));
                continue;
            }
            let space = " ".repeat(widths[column] - cell.chars().count());
            let cell = match right.contains(&column) {
                true => format!("{space}{cell}"),
                false => format!("{cell}{space}"),
            };
            line.push_str("  ");
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_short() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_250), "1.25 kB");
        assert_eq!(bytes(999_700), "1.00 MB");
        assert_eq!(bytes(97_800_000), "97.8 MB");
        assert_eq!(bytes(5_000_000_000_000), "5,000 GB");
    }

    #[test]
    fn nothing_in_a_text_can_steer_a_terminal() {
        assert_eq!(printable("a\x1b[2J\n\u{202e}b", 50), "a\\u{1b}[2J\\n\\u{202e}b");
        assert_eq!(printable("Größe", 3), "Grö…");
        assert_eq!(shortened("module.layer1.0.conv1", 10), "modul…onv1");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "1", "x"], ["long", "22", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows, &[1], 80), "  a      1  x\n  long  22\n");
    }
}
