//! Pictures in terminals that can show them.

use base64ct::{Base64, Encoding};

/// How a terminal takes a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Kitty's graphics protocol.
    Kitty,
    /// iTerm2's inline images.
    Iterm,
}

/// The protocol of the terminal that these variables describe, if it has one.
pub fn protocol(variable: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
    let program = variable("TERM_PROGRAM").unwrap_or_default();
    let term = variable("TERM").unwrap_or_default();
    if variable("KITTY_WINDOW_ID").is_some() || term.contains("kitty") || program == "ghostty" {
        return Some(Protocol::Kitty);
    }
    ["iTerm.app", "WezTerm"].contains(&program.as_str()).then_some(Protocol::Iterm)
}

/// Kitty takes at most this many characters at once.
const CHUNK: usize = 4096;

/// The characters that show a PNG.
pub fn shown(png: &[u8], protocol: Protocol) -> String {
    let text = Base64::encode_string(png);
    if protocol == Protocol::Iterm {
        return format!("\x1b]1337;File=inline=1;size={}:{text}\x07", png.len());
    }
    let chunks: Vec<&str> =
        text.as_bytes().chunks(CHUNK).map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
    let mut out = String::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let more = u8::from(index + 1 < chunks.len());
        let head = if index == 0 { "a=T,f=100," } else { "" };
        out.push_str(&format!("\x1b_G{head}m={more};{chunk}\x1b\\"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_known_by_its_variables() {
        let with = |name: &'static str, value: &'static str| {
            protocol(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(with("TERM", "xterm-kitty"), Some(Protocol::Kitty));
        assert_eq!(with("TERM_PROGRAM", "iTerm.app"), Some(Protocol::Iterm));
        assert_eq!(with("TERM", "xterm-256color"), None);
    }

    #[test]
    fn a_large_picture_goes_in_pieces_of_which_the_last_says_so() {
        let text = shown(&[7; 10_000], Protocol::Kitty);
        let pieces: Vec<&str> = text.split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert_eq!(pieces.len(), 4);
        assert!(pieces[0].starts_with("\x1b_Ga=T,f=100,m=1;"));
        assert!(pieces[3].starts_with("\x1b_Gm=0;"));
        let data: String =
            pieces.iter().filter_map(|piece| piece.split_once(';')).map(|p| p.1).collect();
        assert_eq!(Base64::decode_vec(&data).unwrap(), [7; 10_000]);
    }
}
