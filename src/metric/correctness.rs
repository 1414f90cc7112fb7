//! Per-image correctness, kept compactly: paired tests derive from it.

use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Tensor;

/// Whether each image was classified correctly, in the order of its split.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Correctness(Vec<bool>);

impl Correctness {
    /// Adds a batch: `logits` `[B, C]` against classes `y` `[B]`.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn extend(&mut self, logits: &Tensor, y: &Tensor) -> Result<()> {
        check_finite(logits)?;
        let hits = logits.f_argmax(1, false)?.f_eq_tensor(y)?;
        let hits = hits.f_to_kind(tch::Kind::Int64)?.f_to_device(tch::Device::Cpu)?;
        self.append(Vec::<i64>::try_from(&hits)?.into_iter().map(|hit| hit != 0));
        Ok(())
    }

    /// Adds images.
    pub(super) fn append(&mut self, hits: impl IntoIterator<Item = bool>) {
        self.0.extend(hits);
    }

    /// The share of correct images, in [0, 1]; NaN for none.
    pub fn accuracy(&self) -> f64 {
        self.count() as f64 / self.0.len() as f64
    }

    /// The number of correct images.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|hit| **hit).count()
    }

    /// Image by image.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }
}

/// Refuses logits that are not finite.
pub(super) fn check_finite(logits: &Tensor) -> Result<()> {
    match logits.f_sum(tch::Kind::Double)?.f_double_value(&[])?.is_finite() {
        true => Ok(()),
        false => Err(Error::diverged("evaluate: the logits are not finite")),
    }
}

impl FromIterator<bool> for Correctness {
    fn from_iter<I: IntoIterator<Item = bool>>(hits: I) -> Self {
        Self(hits.into_iter().collect())
    }
}

/// Written as `count:hex`, eight images a byte, the first image in the highest bit.
impl Serialize for Correctness {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(self))
    }
}

impl<'de> Deserialize<'de> for Correctness {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| serde::de::Error::custom("expected count:hex"))
    }
}

fn text(correct: &Correctness) -> String {
    let byte = |chunk: &[bool]| {
        let hits = chunk.iter().enumerate();
        hits.fold(0, |byte, (i, hit)| byte | (u8::from(*hit) << (7 - i)))
    };
    let bytes: Vec<u8> = correct.0.chunks(8).map(byte).collect();
    format!("{}:{}", correct.0.len(), crate::lineage::hex(&bytes))
}

fn parse(written: &str) -> Option<Correctness> {
    let (count, digits) = written.split_once(':')?;
    let count: usize = count.parse().ok()?;
    if !digits.is_ascii() || digits.len() != count.div_ceil(8) * 2 {
        return None;
    }
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok())
        .collect::<Option<_>>()?;
    let hits = (0..count).map(|i| bytes[i / 8] >> (7 - i % 8) & 1 == 1).collect();
    let correct = Correctness(hits);
    // A sign, or a bit behind the last image, would be read, but is never written.
    (text(&correct) == written).then_some(correct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correctness_survives_its_text() {
        for count in [0, 1, 7, 8, 9, 100] {
            let bits = Correctness((0..count).map(|i| i % 3 == 0).collect());
            let text = serde_json::to_string(&bits).unwrap();
            assert_eq!(serde_json::from_str::<Correctness>(&text).unwrap(), bits);
        }
    }

    #[test]
    fn damaged_texts_are_refused() {
        for text in ["8:", "8:zz", "x:00", "9:00", "00", "8:+f", "8:FF", "+8:ff", "4:ff"] {
            let text = format!("\"{text}\"");
            assert!(serde_json::from_str::<Correctness>(&text).is_err(), "{text}");
        }
    }
}
