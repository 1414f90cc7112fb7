//! Interpolation kernels, by Pillow's definitions (`Resample.c`).

use crate::error::{Error, Result};
use crate::registry::Param;
use std::f64::consts::PI;

/// How pixels are weighed when a picture changes its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The nearest pixel, nothing weighed.
    Nearest,
    /// The mean.
    Box,
    /// A triangle.
    Bilinear,
    /// Catmull-Rom's cubic, a = -0.5.
    Bicubic,
    /// A sinc in a sinc's window, three lobes.
    Lanczos,
}

impl Filter {
    /// The words of the option.
    pub const WORDS: &[&str] = &["bilinear", "bicubic", "nearest", "lanczos", "box"];

    /// The option `filter`.
    pub const PARAM: Param = Param::choice(
        "filter",
        Self::WORDS,
        "How pixels are weighed; all but \"nearest\" widen with the factor, against aliasing.",
    );

    /// The filter of a word.
    ///
    /// # Errors
    /// Internal: another word.
    pub fn named(word: &str) -> Result<Self> {
        Ok(match word {
            "nearest" => Self::Nearest,
            "box" => Self::Box,
            "bilinear" => Self::Bilinear,
            "bicubic" => Self::Bicubic,
            "lanczos" => Self::Lanczos,
            _ => return Err(Error::internal(format!("no filter is called {word}"))),
        })
    }

    /// How far the kernel reaches, in pixels at scale 1.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of a pixel `x` away, at scale 1.
    pub(super) fn weight(self, x: f64) -> f64 {
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => cubic(x.abs()),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

/// In the order of operations of Pillow, whose last bits decide the rounding of a weight.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_interpolate_and_are_even() {
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            assert_eq!(filter.weight(0.0), 1.0);
            for whole in 1..=3 {
                assert!(filter.weight(f64::from(whole)).abs() < 1e-15, "{filter:?} {whole}");
            }
            for x in [0.3, 0.9, 1.2, 1.7, 2.4, 2.9, 3.5] {
                assert!((filter.weight(x) - filter.weight(-x)).abs() < 1e-15, "{filter:?} {x}");
            }
            assert_eq!(filter.weight(filter.support() + 0.01), 0.0);
        }
    }

    #[test]
    fn every_word_names_a_filter() {
        for word in Filter::WORDS {
            Filter::named(word).unwrap();
        }
        assert!(Filter::named("area").is_err());
    }
}
