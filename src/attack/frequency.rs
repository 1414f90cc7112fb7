//! At which frequencies perturbations vary, in cycles per pixel.

use crate::error::Result;
use tch::{Kind, Tensor};

/// The number of bands of [`bands`].
pub(super) const BANDS: i64 = 8;

/// The frequency of each coefficient of the Fourier transform of images of the shape and type of
/// `x`, in all directions alike, shape (H, W).
///
/// # Errors
/// `x` is not a batch of images.
pub(super) fn radial(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.size4()?;
    let along = |side| Tensor::f_fft_fftfreq(side, 1.0, (x.kind(), x.device()));
    let (rows, columns) = (along(height)?.f_square()?, along(width)?.f_square()?);
    Ok(rows.f_unsqueeze(1)?.f_add(&columns)?.f_sqrt()?)
}

/// `x` without the waves whose frequency is not `kept`, of shape (H, W).
///
/// # Errors
/// `x` is not a batch of images of that size.
pub(super) fn only(x: &Tensor, kept: &Tensor) -> Result<Tensor> {
    let waves = x.f_fft_fft2(None::<&[i64]>, [2, 3], "ortho")?;
    let waves = waves.f_mul(&kept.f_to_kind(x.f_kind()?)?)?;
    Ok(waves.f_fft_ifft2(None::<&[i64]>, [2, 3], "ortho")?.f_real()?)
}

/// The share of each image's energy in [`BANDS`] bands of frequency, shape (N, BANDS); zeros where
/// there is none. Band k is from k / 16 to (k + 1) / 16 cycles per pixel, without its end; what is
/// beyond 1/2, in the corners of the spectrum, belongs to the last.
///
/// # Errors
/// `delta` is not a batch of images.
pub(super) fn bands(delta: &Tensor) -> Result<Tensor> {
    let delta = delta.f_to_kind(Kind::Double)?;
    let waves = delta.f_fft_fft2(None::<&[i64]>, [2, 3], "ortho")?;
    let energy =
        waves.f_abs()?.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, None::<Kind>)?;
    let band = radial(&delta)?.f_mul_scalar(2 * BANDS)?.f_floor()?.f_clamp_max(BANDS - 1)?;
    let place = band.f_flatten(0, -1)?.f_to_kind(Kind::Int64)?.f_one_hot(BANDS)?;
    let energies = energy.f_flatten(1, -1)?.f_matmul(&place.f_to_kind(Kind::Double)?)?;
    let whole = energies.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)?;
    Ok(energies.f_div(&whole.f_clamp_min(f64::MIN_POSITIVE)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::threat_model::normals;
    use std::f64::consts::PI;
    use tch::Device;

    fn shares(delta: &Tensor) -> Vec<f64> {
        Vec::try_from(bands(delta).unwrap().mean_dim([0i64].as_slice(), false, Kind::Double))
            .unwrap()
    }

    /// A cosine of `cycles` per pixel along the rows and along the columns of 16 x 32 images.
    fn wave(down: f64, across: f64) -> Tensor {
        let along = |side, cycles: f64| {
            Tensor::arange(side, (Kind::Double, Device::Cpu)) * (2.0 * PI * cycles)
        };
        (along(16, down).unsqueeze(1) + along(32, across)).cos().view([1, 1, 16, 32])
    }

    #[test]
    fn a_wave_lies_in_the_band_of_its_frequency() {
        let cases =
            [(0.0, 0.0, 0), (0.0, 1.0 / 32.0, 0), (0.0625, 0.0, 1), (0.25, 0.25, 5), (0.5, 0.5, 7)];
        for (down, across, band) in cases {
            let found = shares(&wave(down, across));
            assert!((found[band] - 1.0).abs() < 1e-12, "{down} {across}: {found:?}");
        }
        let (low, high) = (wave(0.0, 0.125), wave(0.375, 0.0));
        let found = shares(&(low * 3.0 + high));
        assert!((found[2] - 0.9).abs() < 1e-12 && (found[6] - 0.1).abs() < 1e-12, "{found:?}");
        assert_eq!(shares(&wave(0.0, 0.0).zeros_like()), [0.0; BANDS as usize]);
    }

    /// White noise has as much energy in a band as it has frequencies there, to five deviations.
    #[test]
    fn white_noise_is_flat() {
        let like = Tensor::zeros([40, 3, 32, 32], (Kind::Double, Device::Cpu));
        let ids: Vec<u64> = (0..40).collect();
        let found = shares(&normals(&like, &ids, Stream::new(0, "test")).unwrap());
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let frequencies = Vec::<f64>::try_from(radial(&like).unwrap().flatten(0, -1)).unwrap();
        for (band, found) in found.into_iter().enumerate() {
            let here = |f: &&f64| (**f * 16.0) as usize == band || band == 7 && **f >= 0.5;
            let expected = frequencies.iter().filter(here).count() as f64 / 1024.0;
            // An energy is a mean of squares of 40 x 3 numbers for each frequency.
            let deviation = expected * (2.0 / (expected * 1024.0 * 120.0)).sqrt();
            assert!((found - expected).abs() < 5.0 * deviation, "{band}: {found} not {expected}");
        }
    }
}
