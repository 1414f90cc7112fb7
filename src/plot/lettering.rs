//! The one font of all pictures: how wide its words are and where they break.
//!
//! Browsers draw the words of an SVG with the first of these families they have; all of them
//! share their widths with Arimo, which is built in.

use super::scene::Letters;
use crate::error::{Error, Result};
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use std::sync::OnceLock;

const FAMILY: &str = "Arimo, Liberation Sans, Arial, Helvetica, sans-serif";

/// The height that plotters calls the size, per em: Arimo's ascent and descent over its em.
pub(super) const LINE_PER_EM: f64 = 2288.0 / 2048.0;

/// The built-in font at a size in plotters' sense.
///
/// # Errors
/// Internal, where plotters refuses the built-in font.
pub(super) fn font(size: f64, bold: bool) -> Result<FontDesc<'static>> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED.get_or_init(|| {
        let regular = include_bytes!("font/arimo-regular.ttf");
        let bold = include_bytes!("font/arimo-bold.ttf");
        register_font(FAMILY, FontStyle::Normal, regular).is_ok()
            && register_font(FAMILY, FontStyle::Bold, bold).is_ok()
    });
    if !registered {
        return Err(Error::internal("plot: plotters refuses the built-in font"));
    }
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    Ok(FontDesc::new(FontFamily::Name(FAMILY), size, style))
}

/// The width of a line of text.
///
/// # Errors
/// Internal, where plotters cannot lay out the text.
pub fn width(text: &str, letters: Letters) -> Result<f64> {
    // Plotters measures in whole pixels, so large letters are measured.
    const ENLARGED: f64 = 16.0;
    let font = font(letters.size * LINE_PER_EM * ENLARGED, letters.bold)?;
    let ((left, _), (right, _)) = font
        .layout_box(text)
        .map_err(|error| Error::internal(format!("plot: cannot measure text: {error}")))?;
    Ok(f64::from(right - left) / ENLARGED)
}

/// Breaks a text into at most `lines` lines of at most `limit` pixels, after blanks and
/// punctuation; what does not fit ends in an ellipsis.
///
/// # Errors
/// Those of [`width`].
pub fn wrap(text: &str, letters: Letters, limit: f64, lines: usize) -> Result<Vec<String>> {
    let mut wrapped: Vec<String> = vec![String::new()];
    for word in text.split_inclusive([' ', '_', ',', '/', '-', ':', '(']) {
        let last = wrapped.len() - 1;
        let longer = format!("{}{word}", wrapped[last]);
        let fits = width(longer.trim_end(), letters)? <= limit;
        if fits || wrapped[last].is_empty() || wrapped.len() == lines {
            wrapped[last] = longer;
        } else {
            wrapped.push(word.to_owned());
        }
    }
    wrapped.iter().map(|line| shortened(line.trim_end(), letters, limit)).collect()
}

fn shortened(text: &str, letters: Letters, limit: f64) -> Result<String> {
    let mut kept = text.to_owned();
    let mut shown = kept.clone();
    while width(&shown, letters)? > limit && kept.pop().is_some() {
        shown = format!("{}…", kept.trim_end());
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: Letters = Letters { size: 13.0, bold: false };

    #[test]
    fn widths_are_those_of_arial() {
        // Advance widths of Arial: H 1479, e 1139, o 1139, m 1706 of 2048 units per em.
        let expected = 13.0 * (1479.0 + 1139.0 + 1706.0 + 1139.0) / 2048.0;
        let found = width("Home", LETTERS).unwrap();
        assert!((found - expected).abs() < 0.1, "expected {expected}, found {found}");
        assert!(width("Home", Letters { bold: true, ..LETTERS }).unwrap() > found);
    }

    #[test]
    fn wrapped_lines_fit_and_lose_nothing_while_there_is_room() {
        let text = "worst_of_noise(l2, eps 0.5, tries 4)";
        let lines = wrap(text, LETTERS, 110.0, 4).unwrap();
        assert!(lines.len() > 1);
        assert_eq!(lines.join("").replace(' ', ""), text.replace(' ', ""));
        let cut = wrap(text, LETTERS, 60.0, 2).unwrap();
        assert_eq!(cut.len(), 2);
        assert!(cut[1].ends_with('…'), "{cut:?}");
        for line in lines.iter().chain(&cut) {
            assert!(width(line, LETTERS).unwrap() <= 110.0, "{line}");
        }
    }
}
