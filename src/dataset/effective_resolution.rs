//! The side of the images that could hold as much: what upscaling does not change.

use super::Dataset;
use super::statistics::{CORRELATION, LIMIT, each};
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Param, Spec};
use tch::{Device, Kind, Tensor};

/// `dataset.effective_resolution(#{...})`.
pub const EFFECTIVE_RESOLUTION: Spec = Spec {
    name: "effective_resolution",
    doc: "The side in pixels of the smallest images that could hold what these hold.\n\n\
          An image that was enlarged from n x n pixels is U X U^T, X the small image and U the \
          interpolation: its rows and columns have n independent components, whatever the filter. \
          So the principal components of rows and of columns (of grey values less the mean of \
          their image) are counted, up to the first whose variance lies more than `fall` times \
          below the line c/k^2, k the number of the component and c the largest that the first \
          four need. Variances of photographs fall less steeply, about as k^-1.4. The result is \
          the geometric mean of both counts. On photographs of 64 and 224 pixels, made smaller \
          and larger again by nearest, bilinear and bicubic, it is the true side to 1 pixel. It \
          reads too much where images were enlarged each at a place or a scale of its own (random \
          crops after the enlargement; all pixels with \"nearest\"), or were given noise or a JPEG \
          of low quality afterwards, and too little of a few images. A smooth blur has no sharp \
          end: there, the number depends on `fall`.",
    params: &[
        Param::float("fall", 30.0, 1.0, "How far below the line a component is no more counted."),
        LIMIT,
    ],
    returns: "number",
    example: Example {
        code: "let upscaled = transform::resize(#{ size: 32 });\n\
               dataset::digits(#{ test_transform: upscaled }).effective_resolution()",
        shows: "8",
    },
    cite: "Vazquez-Padin, Comesana and Perez-Gonzalez 2015, An SVD approach to forensic image \
           resampling detection; van der Schaaf and van Hateren 1996",
    version: 2,
    ..CORRELATION
};

/// How many components fix the height of the line.
const FIXED: usize = 4;

/// The side; see [`EFFECTIVE_RESOLUTION`].
///
/// # Errors
/// Usage: images that do not vary. Data: damaged files.
pub fn effective_resolution(data: &Dataset, args: &Args) -> Result<i64> {
    let fall = args.float("fall")?;
    let [_, height, width] = data.shape();
    let square = |side| Tensor::f_zeros([side, side], (Kind::Double, Device::Cpu));
    let (mut of_columns, mut of_rows) = (square(height)?, square(width)?);
    each(data, args, |grey| {
        let covariance = |lines: Tensor| lines.f_transpose(0, 1)?.f_matmul(&lines);
        of_rows = of_rows.f_add(&covariance(grey.f_reshape([-1, width])?)?)?;
        let columns = grey.f_transpose(1, 2)?.f_reshape([-1, height])?;
        of_columns = of_columns.f_add(&covariance(columns)?)?;
        Ok(())
    })?;
    let mut counts = 1.0;
    for covariance in [of_rows, of_columns] {
        let ascending = Vec::<f64>::try_from(&covariance.f_linalg_eigvalsh("L")?)?;
        let variances: Vec<f64> = ascending.into_iter().rev().collect();
        counts *= components(&variances, fall).ok_or_else(|| {
            Error::usage("effective_resolution: expected images that vary, found flat ones")
        })? as f64;
    }
    Ok(counts.sqrt().round() as i64)
}

/// How many of the variances, largest first, precede the first that is `fall` times below the
/// line; none where nothing varies.
fn components(variances: &[f64], fall: f64) -> Option<usize> {
    let whitened = || (1..).zip(variances).map(|(k, variance)| variance * f64::from(k * k));
    let height = whitened().take(FIXED).fold(0.0, f64::max);
    (height > 0.0).then(|| whitened().take_while(|power| *power >= height / fall).count().max(1))
}

#[cfg(test)]
mod tests {
    use super::super::laws::built_named;
    use super::super::statistics::tests::{args, with};
    use super::*;
    use crate::registry::Value;

    fn side(data: &Dataset) -> i64 {
        effective_resolution(data, &args(&EFFECTIVE_RESOLUTION, &[("limit", 200)])).unwrap()
    }

    #[test]
    fn the_side_before_upscaling_is_found_whatever_the_filter() {
        for (size, up) in [4, 7, 11, 14, 20]
            .into_iter()
            .flat_map(|n| ["nearest", "bilinear", "bicubic"].map(|up| (n, up)))
        {
            let options = [("size", Value::Int(size)), ("up", Value::Text(up.to_owned()))];
            assert_eq!(side(&with("downscale", &options)), size, "{up}");
        }
    }

    #[test]
    fn images_as_they_are_and_noise_have_their_full_side() {
        assert_eq!(side(&built_named("fashion_mnist", &[]).unwrap()), 28);
        assert_eq!(side(&with("add_noise", &[("sigma", Value::Float(50.0))])), 28);
    }

    #[test]
    fn a_band_of_frequencies_is_as_many_components_as_it_has_waves() {
        // A mirrored picture has cosines of 0, 1/56, 2/56, ... cycles per pixel.
        let options =
            [("cutoff", Value::Float(6.5 / 56.0)), ("band", Value::Text("square".to_owned()))];
        assert_eq!(side(&with("low_pass", &options)), 7);
    }

    #[test]
    fn components_are_counted_until_they_fall() {
        let line: Vec<f64> = (1..=10).map(|k| 3.0 / f64::from(k * k)).collect();
        assert_eq!(components(&line, 30.0), Some(10));
        let cut = [&line[..6], &[line[6] / 31.0, 0.0]].concat();
        assert_eq!(components(&cut, 30.0), Some(6));
        assert_eq!(components(&cut, 32.0), Some(7));
        assert_eq!(components(&[1.0, 0.0, 0.0, 0.0], 30.0), Some(1));
        assert_eq!(components(&[0.0; 4], 30.0), None);
    }
}
