//! Lengths for a batch: one for all images, or one for each.

use crate::error::Result;
use tch::Tensor;

/// Lengths in pixels of [0,1]: one for all images of a batch, or one for each.
#[derive(Debug)]
pub enum Radii {
    /// One for all.
    All(f64),
    /// One for each, of shape (N, 1, 1, 1).
    Each(Tensor),
}

impl Radii {
    /// All lengths times `factor`.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn times(&self, factor: f64) -> Result<Self> {
        Ok(match self {
            Self::All(eps) => Self::All(eps * factor),
            Self::Each(eps) => Self::Each(eps.f_mul_scalar(factor)?),
        })
    }

    /// `x` times the lengths.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn scale(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::All(eps) => x.f_mul_scalar(*eps)?,
            Self::Each(eps) => x.f_mul(&eps.f_to_kind(x.f_kind()?)?)?,
        })
    }

    /// The lengths in the shape and type of `like`, which has one number for each image.
    ///
    /// # Errors
    /// Sizes differ.
    pub fn of(&self, like: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::All(eps) => like.f_full_like(*eps)?,
            Self::Each(eps) => eps.f_view(like.size().as_slice())?.f_to_kind(like.f_kind()?)?,
        })
    }

    /// Those of the images `rows`, i64.
    ///
    /// # Errors
    /// A row is out of range.
    pub fn rows(&self, rows: &Tensor) -> Result<Self> {
        Ok(match self {
            Self::All(eps) => Self::All(*eps),
            Self::Each(eps) => Self::Each(eps.f_index_select(0, rows)?),
        })
    }
}
