//! Classes of images as text: hexadecimal digits, as many for each image as the last class needs.

use std::fmt::Write as _;

/// `count:digits` for classes below `classes`.
pub(super) fn encode(labels: &[u32], classes: usize) -> String {
    let width = width(classes);
    let mut text = format!("{}:", labels.len());
    for label in labels {
        let _ = write!(text, "{label:0width$x}");
    }
    text
}

/// The classes in a text of [`encode`]; none where it is damaged or names a class beyond the last.
pub(super) fn decode(text: &str, classes: usize) -> Option<Vec<u32>> {
    let (count, digits) = text.split_once(':')?;
    let (count, width): (usize, usize) = (count.parse().ok()?, width(classes));
    if !digits.is_ascii() || Some(digits.len()) != count.checked_mul(width) {
        return None;
    }
    let starts = (0..digits.len()).step_by(width);
    let labels: Vec<u32> = starts
        .map(|start| u32::from_str_radix(&digits[start..start + width], 16).ok())
        .collect::<Option<_>>()?;
    let known = labels.iter().all(|label| (*label as usize) < classes);
    // A sign or a capital letter would be read, but is never written.
    (known && encode(&labels, classes) == text).then_some(labels)
}

/// The digits of the last class.
fn width(classes: usize) -> usize {
    format!("{:x}", classes.saturating_sub(1)).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_survive_their_text_in_as_few_digits_as_the_last_needs() {
        for (classes, digits) in [(1, 1), (2, 1), (16, 1), (17, 2), (256, 2), (1000, 3)] {
            let labels: Vec<u32> = (0..50).map(|i| i * 7 % classes).collect();
            let text = encode(&labels, classes as usize);
            assert_eq!(text.len(), "50:".len() + 50 * digits, "{classes}");
            assert_eq!(decode(&text, classes as usize), Some(labels), "{classes}");
        }
        assert_eq!(encode(&[], 10), "0:");
        assert_eq!(decode("0:", 10), Some(vec![]));
    }

    #[test]
    fn damaged_texts_and_unknown_classes_are_refused() {
        assert_eq!(decode("2:0913", 20), Some(vec![9, 19]));
        for text in ["2:0914", "2:091", "2:+913", "2:+9+3", "2:091F", "x:0913", "02:0913", "0913"] {
            assert_eq!(decode(text, 20), None, "{text}");
        }
        assert_eq!(decode(&format!("{}:00", usize::MAX), 20), None);
    }
}
