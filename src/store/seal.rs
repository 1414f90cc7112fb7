//! Sealed JSON: `{"sha256":"<digits>","record":<record>}`, where the digits are the hash of the
//! bytes of the record. Every byte of the file is checked, so that no flipped bit goes unseen.

use crate::lineage::sha256_hex;
use serde_json::Value as Json;

const BEFORE_HASH: &[u8] = b"{\"sha256\":\"";
const BEFORE_RECORD: &[u8] = b"\",\"record\":";
const END: &[u8] = b"}\n";
const HASH_LENGTH: usize = 64;

/// The bytes of a file that holds `record`.
pub(super) fn seal(record: &Json) -> Vec<u8> {
    let record = record.to_string();
    let hash = sha256_hex(record.as_bytes());
    [BEFORE_HASH, hash.as_bytes(), BEFORE_RECORD, record.as_bytes(), END].concat()
}

/// The record in the bytes of a file, or what is wrong with them.
pub(super) fn unseal(bytes: &[u8]) -> Result<Json, String> {
    let (hash, record) = split(bytes).ok_or("it is cut off or not a file of the store")?;
    let found = sha256_hex(record);
    if found.as_bytes() != hash {
        return Err(format!("expected sha256 {}, found {found}", String::from_utf8_lossy(hash)));
    }
    serde_json::from_slice(record).map_err(|error| error.to_string())
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (hash, rest) = bytes.strip_prefix(BEFORE_HASH)?.split_at_checked(HASH_LENGTH)?;
    Some((hash, rest.strip_prefix(BEFORE_RECORD)?.strip_suffix(END)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_record_is_json_and_comes_back_to_the_last_bit() {
        let record = serde_json::json!({"x": 0.1 + 0.2, "tiny": 5e-324, "text": "\u{e4}\"\n"});
        let bytes = seal(&record);
        let plain: Json = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(plain["record"], record);
        assert_eq!(unseal(&bytes).unwrap(), record);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let bytes = seal(&serde_json::json!({"a": [1.5, true], "b": " "}));
        for at in 0..bytes.len() {
            assert!(unseal(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(unseal(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
        assert!(unseal(&[&*bytes, b"\n"].concat()).is_err());
    }
}
