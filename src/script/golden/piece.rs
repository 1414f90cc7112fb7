//! A line of output as numbers and the text between them.

/// A part of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// What is compared to the letter; a run of spaces is one space, a run of three or more
    /// dashes, which rule a table, is three.
    Text(String),
    /// A finite number that stands for itself: no part of a name, a version or a hash.
    Number(Number),
}

/// A number as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// The digits, with sign and exponent.
    pub text: String,
    /// Its value.
    pub value: f64,
    /// One unit of the last digit written; none for a whole number.
    pub unit: Option<f64>,
}

/// The pieces of a line, which start and end with no space.
pub fn pieces(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut before = None;
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let number = number(before, rest);
        let length = match &number {
            Some(number) => number.text.len(),
            None => run(before, rest),
        };
        let (taken, after) = rest.split_at(length);
        match number {
            Some(number) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Number(number));
            }
            None if first.is_whitespace() => text.push(' '),
            None if length > 3 && first == '-' => text.push_str("---"),
            None => text.push_str(taken),
        }
        before = taken.chars().next_back();
        rest = after;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes that belong together at the start of `rest`, where no number starts.
fn run(before: Option<char>, rest: &str) -> usize {
    let same = |holds: &dyn Fn(char) -> bool| rest.find(|c| !holds(c)).unwrap_or(rest.len());
    match rest.chars().next() {
        Some(c) if c.is_whitespace() => same(&char::is_whitespace),
        Some('-') => same(&|c| c == '-'),
        // A unit stands right behind its number, 0.5ms: the word ends where letters end.
        Some(c) if in_word(c) && !before.is_some_and(|c| c.is_ascii_digit()) => {
            let word = same(&in_word);
            word + dotted(&rest[word..], c)
        }
        Some(c) if in_word(c) => same(&in_word),
        Some(c) => c.len_utf8(),
        None => 0,
    }
}

/// The bytes of `.digits` that follow a word which starts with a digit: the rest of a version.
fn dotted(rest: &str, first: char) -> usize {
    let mut length = 0;
    while first.is_ascii_digit() && starts_fraction(&rest[length..]) {
        length += 1;
        length += digits(&rest[length..]);
    }
    length
}

fn starts_fraction(rest: &str) -> bool {
    rest.strip_prefix('.').is_some_and(|rest| digits(rest) > 0)
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// The number at the start of `rest`, if one starts there.
fn number(before: Option<char>, rest: &str) -> Option<Number> {
    let sign = usize::from(rest.starts_with(['-', '+']));
    let joined = before.is_some_and(|c| in_word(c) || (sign == 1 && ")]-+".contains(c)));
    let whole = digits(&rest[sign..]);
    if joined || whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    let mut decimals = 0;
    if starts_fraction(&rest[end..]) {
        decimals = digits(&rest[end + 1..]);
        end += 1 + decimals;
    }
    let mut exponent = 0;
    // Without a point only one digit may precede the exponent: 12e3 may be part of a hash.
    if let Some(length) = exponent_length(&rest[end..]).filter(|_| decimals > 0 || whole == 1) {
        exponent = rest[end + 1..end + length].parse().ok()?;
        end += length;
    }
    let is_float = decimals > 0 || rest[..end].contains(['e', 'E']);
    let next = rest[end..].chars().next();
    let goes_on = next.is_some_and(in_word) && decimals == 0;
    if goes_on || (decimals > 0 && starts_fraction(&rest[end..])) {
        return None;
    }
    let text = &rest[..end];
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let unit = format!("1e{}", exponent - decimals as i32).parse().ok().filter(|_| is_float);
    Some(Number { text: text.to_owned(), value, unit })
}

/// The bytes of `e-3` at the start, if an exponent stands there.
fn exponent_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['e', 'E'])?;
    let sign = usize::from(after.starts_with(['-', '+']));
    let length = digits(&after[sign..]);
    (1..=3).contains(&length).then_some(1 + sign + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a line in angle brackets, a point behind the whole ones.
    fn marked(line: &str) -> String {
        let show = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Number(Number { text, unit: Some(_), .. }) => format!("<{text}>"),
            Piece::Number(Number { text, .. }) => format!("<{text}.>"),
        };
        pieces(line).into_iter().map(show).collect()
    }

    #[test]
    fn numbers_are_found_wherever_they_stand_for_themselves() {
        for (line, expected) in [
            ("412/500", "<412.>/<500.>"),
            ("[0.1,-0.25, 1e-3]", "[<0.1>,<-0.25>, <1e-3>]"),
            ("acc=0.913, 12.5% of 1.5E+10", "acc=<0.913>, <12.5>% of <1.5E+10>"),
            ("took 0.5ms, 1.31x.", "took <0.5>ms, <1.31>x."),
            ("+7.83 and -0.17", "<+7.83> and <-0.17>"),
            ("0.1-0.3, (2)-1", "<0.1>-<0.3>, (<2.>)-<1.>"),
            ("classes 0..7", "classes <0.>..<7.>"),
            ("<0.001 at 3.", "<<0.001> at <3.>."),
        ] {
            assert_eq!(marked(line), expected);
        }
    }

    #[test]
    fn names_versions_and_hashes_are_text() {
        for line in ["resnet18", "2.13.0", "28x28", "3f2a9e41", "12e4567", "1e9999"] {
            assert_eq!(marked(line), line);
        }
    }

    #[test]
    fn runs_of_spaces_and_of_ruling_dashes_count_as_one() {
        assert_eq!(marked("  a \t b  "), "a b");
        assert_eq!(marked("-------"), "---");
        assert_eq!(marked("-- a"), "-- a");
    }

    #[test]
    fn the_unit_is_that_of_the_last_digit_written() {
        let unit = |text: &str| match &pieces(text)[..] {
            [Piece::Number(number)] => number.unit,
            other => panic!("{other:?}"),
        };
        assert_eq!(unit("0.50"), Some(0.01));
        assert_eq!(unit("1.25e-3"), Some(1e-5));
        assert_eq!(unit("2e20"), Some(1e20));
        assert_eq!(unit("17"), None);
    }
}
