//! Noise of the shape of a batch, image by image.

use crate::error::{Error, Result};
use crate::seed::{Generator, Stream};
use tch::Tensor;

/// Standard normal noise of the shape of `x`; image i draws from `stream.at(ids[i])`.
///
/// # Errors
/// `ids` has another length than the batch.
pub fn normals(x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
    drawn(x, ids, stream, Generator::normal)
}

/// Uniform noise in [-1, 1), as [`normals`].
///
/// # Errors
/// `ids` has another length than the batch.
pub fn uniforms(x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
    drawn(x, ids, stream, |generator| 2.0 * generator.uniform() - 1.0)
}

/// Noise with density exp(-|v|) / 2, as [`normals`].
pub(super) fn laplacians(x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
    drawn(x, ids, stream, |generator| {
        let size = -(1.0 - generator.uniform()).ln();
        if generator.uniform() < 0.5 { -size } else { size }
    })
}

/// One uniform number in [0, 1) for each image, of shape (N, 1, 1, 1), from a child stream.
pub(super) fn one_each(x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
    let each: Vec<f32> = ids.iter().map(|id| stream.at(*id).at(1).generator().uniform()).collect();
    let each = Tensor::f_from_slice(&each)?.f_view([-1, 1, 1, 1])?;
    Ok(each.f_to_device(x.device())?.f_to_kind(x.f_kind()?)?)
}

fn drawn(
    x: &Tensor,
    ids: &[u64],
    stream: Stream,
    draw: impl Fn(&mut Generator) -> f32,
) -> Result<Tensor> {
    let batch = usize::try_from(x.size().first().copied().unwrap_or(0)).unwrap_or(0);
    if batch != ids.len() {
        let found = ids.len();
        return Err(Error::internal(format!("noise: expected {batch} image ids, found {found}")));
    }
    let each = x.numel().checked_div(batch).unwrap_or(0);
    let mut values = Vec::with_capacity(x.numel());
    for id in ids {
        let mut generator = stream.at(*id).generator();
        values.extend((0..each).map(|_| draw(&mut generator)));
    }
    let values = Tensor::f_from_slice(&values)?.f_view(x.size().as_slice())?;
    Ok(values.f_to_device(x.device())?.f_to_kind(x.f_kind()?)?)
}
