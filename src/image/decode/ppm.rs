//! Netpbm's PPM and PGM with bytes (`P6` and `P5`; <https://netpbm.sourceforge.net/doc/ppm.html>).

use super::{Reason, Rgb, coloured, expect_size};

/// The picture, where its brightest shade is 255.
pub fn read(bytes: &[u8]) -> Result<Rgb, Reason> {
    let mut at = 2;
    let mut next = || number(bytes, &mut at);
    let (width, height, brightest) = (next()?, next()?, next()?);
    expect_size(width, height)?;
    if brightest != 255 {
        return Err(format!("its brightest shade is {brightest}, not 255"));
    }
    let channels = if bytes.starts_with(b"P5") { 1 } else { 3 };
    let expected = (width * height) as usize * channels;
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let pixels = rest
        .get(..expected)
        .ok_or_else(|| format!("{expected} bytes of pixels, of which {} are there", rest.len()))?;
    let bytes = if channels == 1 { coloured(pixels) } else { pixels.to_vec() };
    Ok(Rgb { width: width as usize, height: height as usize, bytes })
}

/// The next number of the header, after blanks and comments; `at` ends behind its last digit.
fn number(bytes: &[u8], at: &mut usize) -> Result<u64, Reason> {
    let mut comment = false;
    while let Some(byte) = bytes.get(*at) {
        match byte {
            b'\n' | b'\r' => comment = false,
            b'#' => comment = true,
            _ if comment || byte.is_ascii_whitespace() => {}
            _ => break,
        }
        *at += 1;
    }
    let digits = bytes.get(*at..).unwrap_or_default();
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *at += count;
    let text = str::from_utf8(digits.get(..count).unwrap_or_default()).unwrap_or_default();
    text.parse().map_err(|_| "its header lacks a number".to_owned())
}
