//! Numbers and texts as the instructions of a pickle write them.

use super::super::node::{Blob, Bytes, Value};
use crate::error::{Error, Result};

/// A whole number in decimal digits, as protocol 0 writes it.
///
/// # Errors
/// Data: other characters.
pub fn decimal(line: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(line).unwrap_or_default().trim().trim_end_matches('L');
    if let Ok(number) = text.parse() {
        return Ok(Value::Int(number));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::data(format!("expected a whole number, found {}", shown(line))));
    }
    Ok(Value::Long(text.to_owned()))
}

/// A whole number in two's complement, the lowest byte first; more than 16 bytes become
/// hexadecimal digits.
pub fn little_endian(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    if bytes.len() > 16 {
        let digits = bytes.iter().rev().map(|byte| format!("{byte:02x}"));
        return Value::Long(format!("0x{}", digits.collect::<String>()));
    }
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    for (place, byte) in wide.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let number = i128::from_le_bytes(wide);
    i64::try_from(number).map_or_else(|_| Value::Long(number.to_string()), Value::Int)
}

/// A real number in decimal digits, as protocol 0 writes it.
///
/// # Errors
/// Data: something else.
pub fn real(line: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(line).unwrap_or_default().trim();
    let number = text.parse();
    number
        .map(Value::Float)
        .map_err(|_| Error::data(format!("expected a number, found {}", shown(line))))
}

/// A string of Python 2: text if it is UTF-8, else bytes.
pub fn old_string(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(Blob(Bytes::Made(bytes.to_vec()))),
    }
}

/// The bytes of a string of Python 2 in quotes and with escapes.
///
/// # Errors
/// Data: no quotes around it.
pub fn quoted(line: &[u8]) -> Result<Vec<u8>> {
    let line = line.trim_ascii();
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(Error::data(format!("expected a quoted text, found {}", shown(line)))),
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'x' => {
                let digits = rest.get(..2).unwrap_or_default();
                bytes.push(code(digits, 16)? as u8);
                rest = rest.get(2..).unwrap_or_default();
            }
            other => bytes.push(other),
        }
    }
    Ok(bytes)
}

/// Text with `\uXXXX` and `\UXXXXXXXX` for what is not Latin-1, as protocol 0 writes it.
///
/// # Errors
/// Data: an escape without its digits.
pub fn raw_unicode(line: &[u8]) -> Result<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let length = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(byte));
                rest = after;
                continue;
            }
        };
        let digits = after.get(1..=length).unwrap_or_default();
        let code = code(digits, 16)?;
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = after.get(length + 1..).unwrap_or_default();
    }
    Ok(text)
}

fn code(digits: &[u8], radix: u32) -> Result<u32> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    u32::from_str_radix(text, radix)
        .map_err(|_| Error::data(format!("expected hexadecimal digits, found {}", shown(digits))))
}

/// The first characters of some bytes, for a message.
pub fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(40)];
    format!("\"{}\"", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_any_length_are_read() {
        assert_eq!(little_endian(&[]), Value::Int(0));
        assert_eq!(little_endian(&[0xff]), Value::Int(-1));
        assert_eq!(little_endian(&[0x80, 0]), Value::Int(128));
        assert_eq!(
            little_endian(&[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]),
            Value::Long("119547037146038801333356".to_owned())
        );
        assert!(matches!(little_endian(&[1; 300]), Value::Long(text) if text.len() == 602));
        assert_eq!(decimal(b"-12L").unwrap(), Value::Int(-12));
        let long = "1".repeat(30);
        assert_eq!(decimal(long.as_bytes()).unwrap(), Value::Long(long));
        assert!(decimal(b"12x").is_err());
        assert!(decimal(b"-").is_err());
    }

    #[test]
    fn texts_of_protocol_0_are_read() {
        assert_eq!(quoted(br"'a\n\x41\'\\'").unwrap(), b"a\nA'\\");
        assert!(quoted(b"'").is_err());
        assert!(quoted(br"'\x4'").is_err());
        assert_eq!(raw_unicode(b"\xe9\\u20ac\\U0001F600").unwrap(), "é€😀");
        assert!(raw_unicode(br"\u12").is_err());
        assert_eq!(real(b"1.5").unwrap(), Value::Float(1.5));
    }
}
