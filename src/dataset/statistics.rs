//! How much of a pixel its neighbours tell, and at which frequencies images vary: what upscaling
//! changes.

use super::Dataset;
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Home, Param, Spec};
use std::f64::consts::PI;
use tch::{Device, Kind, Tensor};

/// How many images are read at once; it bounds memory.
const AT_ONCE: usize = 100;

pub(super) const LIMIT: Param =
    Param::int("limit", 500, 1, "The most images, the first of the training split.").up_to(1e6);

/// `dataset.correlation(#{...})`.
pub const CORRELATION: Spec = Spec {
    name: "correlation",
    home: Home::Method("dataset"),
    doc: "How equal pixels are at distances of 0, 1, 2 and more pixels: a list of correlations.\n\nOf \
          the grey values (the mean of the channels) less the mean of their image; pairs lie in a \
          row or in a column, and sums run over all images. Noise gives 0 from distance 1 on.",
    inputs: &[],
    params: &[Param::int("lags", 8, 1, "The greatest distance in pixels.").up_to(1024.0), LIMIT],
    returns: "list",
    example: Example {
        code: "let c = dataset::digits().correlation(#{ lags: 2 });\n\
               [c.len(), c[0], c[1] > c[2]]",
        shows: "[3, 1.0, true]",
    },
    cite: "",
    version: 1,
};

/// `dataset.spectrum(#{...})`.
pub const SPECTRUM: Spec = Spec {
    name: "spectrum",
    doc: "The power of the images at 1, 2 and more cycles per image: a list up to half the side.\n\nThe \
          mean over all directions of the squared Fourier coefficients of the grey values (the \
          mean of the channels) less their mean, per pixel. A Hann window over both sides, whose \
          power is divided out, keeps opposite edges that differ from looking like detail; it \
          spreads a frequency over its neighbours at one cycle's distance, and the mean takes up \
          to a third of the power at one cycle with it. Images must be square. \
          The power of natural images falls about as one over the square of the frequency.",
    params: &[
        Param::choice("window", &["hann", "none"], "What the images are multiplied with."),
        LIMIT,
    ],
    example: Example { code: "dataset::digits().spectrum().len()", shows: "4" },
    cite: "van der Schaaf and van Hateren 1996, Modelling the power spectra of natural images",
    version: 2,
    ..CORRELATION
};

/// Correlations at 0, 1, ... pixels; see [`CORRELATION`].
///
/// # Errors
/// Usage: a distance as long as the images; images that do not vary. Data: damaged files.
pub fn correlation(data: &Dataset, args: &Args) -> Result<Vec<f64>> {
    let lags = args.int("lags")?;
    let [_, height, width] = data.shape();
    if lags >= height.min(width) {
        let side = height.min(width);
        return Err(Error::usage(format!(
            "correlation: lags must be < {side}, the side of the images, found {lags}"
        ))
        .at_key("lags"));
    }
    let mut sums = vec![(0.0, 0.0); lags as usize + 1];
    each(data, args, |grey| {
        for (lag, (sum, pairs)) in (0..).zip(&mut sums) {
            for (dim, side) in [(1, height), (2, width)] {
                let near = grey.f_narrow(dim, 0, side - lag)?;
                let products = near.f_mul(&grey.f_narrow(dim, lag, side - lag)?)?;
                *sum += products.f_sum(Kind::Double)?.f_double_value(&[])?;
                *pairs += products.numel() as f64;
            }
        }
        Ok(())
    })?;
    let covariances: Vec<f64> = sums.iter().map(|(sum, pairs)| sum / pairs).collect();
    match covariances.first() {
        Some(variance) if *variance > 0.0 => {
            Ok(covariances.iter().map(|covariance| covariance / variance).collect())
        }
        _ => Err(Error::usage("correlation: expected images that vary, found flat ones")),
    }
}

/// Power at 1, 2, ... cycles per image; see [`SPECTRUM`].
///
/// # Errors
/// Usage: images that are not square, or of one pixel. Data: damaged files.
pub fn spectrum(data: &Dataset, args: &Args) -> Result<Vec<f64>> {
    Ok(rings(data, args)?.into_iter().map(|(power, places)| power / places).collect())
}

/// The power, and the number of Fourier coefficients, at 1, 2, ... cycles per image.
fn rings(data: &Dataset, args: &Args) -> Result<Vec<(f64, f64)>> {
    let name = args.spec().name;
    let [_, height, width] = data.shape();
    if height != width || width < 2 {
        return Err(Error::usage(format!(
            "{name}: expected square images of at least 2 pixels, found {height}x{width}"
        )));
    }
    let window = match args.text("window")? {
        "none" => Tensor::f_ones([width, width], (Kind::Double, Device::Cpu))?,
        _ => hann(width)?,
    };
    let weight = window.f_sum(Kind::Double)?.f_double_value(&[])?;
    let energy = window.f_square()?.f_mean(Kind::Double)?.f_double_value(&[])?;
    let mut power = Tensor::f_zeros([width, width], (Kind::Double, Device::Cpu))?;
    let mut images = 0;
    each(data, args, |grey| {
        let seen = grey.f_mul(&window)?;
        let mean = seen.f_sum_dim_intlist([1, 2].as_slice(), true, Kind::Double)?;
        let seen = seen.f_sub(&mean.f_div_scalar(weight)?.f_mul(&window)?)?;
        let coefficients = seen.f_fft_fft2(None::<&[i64]>, [1, 2], "ortho")?;
        let squares = coefficients.f_abs()?.f_square()?;
        power = power.f_add(&squares.f_sum_dim_intlist(0, false, Kind::Double)?)?;
        images += grey.size().first().copied().unwrap_or(0);
        Ok(())
    })?;
    let power = Vec::<f64>::try_from(&power.f_view([-1])?)?;
    let mut rings = vec![(0.0, 0.0); width as usize / 2];
    let cycles = |place: usize| place.min(width as usize - place) as f64;
    for (place, value) in power.iter().enumerate() {
        let (row, column) = (place / width as usize, place % width as usize);
        let radius = cycles(row).hypot(cycles(column)).round() as usize;
        if let Some((sum, places)) = radius.checked_sub(1).and_then(|ring| rings.get_mut(ring)) {
            *sum += value / (energy * images as f64);
            *places += 1.0;
        }
    }
    Ok(rings)
}

/// The Hann window of a square, which is 0 half a pixel outside of it.
fn hann(side: i64) -> Result<Tensor> {
    let places = Tensor::f_arange(side, (Kind::Double, Device::Cpu))?.f_add_scalar(0.5)?;
    let window = places.f_mul_scalar(PI / side as f64)?.f_sin()?.f_square()?;
    Ok(window.f_outer(&window)?)
}

/// Gives `to` the first training images a few at a time: grey, `[N, H, W]` in f64, mean 0 each.
pub(super) fn each(
    data: &Dataset,
    args: &Args,
    mut to: impl FnMut(&Tensor) -> Result<()>,
) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let count = data.train.len().min(args.int("limit")? as usize);
    let indices: Vec<usize> = (0..count).collect();
    for some in indices.chunks(AT_ONCE) {
        let x = data.train.batch(some, Device::Cpu)?.x;
        let grey = x.f_mean_dim([1].as_slice(), false, Kind::Double)?;
        let mean = grey.f_mean_dim([1, 2].as_slice(), true, Kind::Double)?;
        to(&grey.f_sub(&mean)?)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::laws::built_named;
    use super::*;
    use crate::registry::Value;
    use crate::transform::{TRANSFORMS, Transform};
    use std::rc::Rc;

    pub fn with(name: &str, options: &[(&str, Value)]) -> Dataset {
        let entry = TRANSFORMS.iter().find(|entry| entry.spec.name == name).unwrap();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap();
        let transform = Value::Handle(Rc::new(Transform::build(entry, &args).unwrap()));
        built_named("fashion_mnist", &[("test_transform", transform)]).unwrap()
    }

    pub fn args(spec: &'static Spec, options: &[(&str, i64)]) -> Args {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), Value::Int(*value)));
        Args::resolve(spec, Vec::new(), options.collect()).unwrap()
    }

    #[test]
    fn blocks_of_two_pixels_are_half_as_far_apart_as_correlation_reaches() {
        // Of two pixels at distance 1, half are in one block, half in neighbours.
        let blocks = with("pixelate", &[("block", Value::Int(2))]);
        let found = correlation(&blocks, &args(&CORRELATION, &[("lags", 4), ("limit", 200)]));
        let found = found.unwrap();
        assert!((found[0] - 1.0).abs() < 1e-12);
        // 13 of 27 pairs at distance 1 lie across blocks.
        let between = (27.0 * found[1] - 14.0 * found[0]) / 13.0;
        assert!((between - found[2]).abs() < 0.03, "{found:?}");
        assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "{found:?}");
    }

    #[test]
    fn noise_is_white() {
        let noise = with("add_noise", &[("sigma", Value::Float(50.0))]);
        let found = correlation(&noise, &args(&CORRELATION, &[("lags", 2), ("limit", 100)]));
        let found = found.unwrap();
        assert!(found[1].abs() < 0.02 && found[2].abs() < 0.02, "{found:?}");
        let powers = spectrum(&noise, &args(&SPECTRUM, &[("limit", 100)])).unwrap();
        assert_eq!(powers.len(), 14);
        let flat = |power: &f64| (power / powers[13] - 1.0).abs() < 0.1;
        assert!(powers[1..].iter().all(flat), "{powers:?}");
        // Taking the mean leaves 7/12 at (1, 0) and (0, 1), and 121/144 at (1, 1).
        assert!((powers[0] / powers[13] - 0.71).abs() < 0.1, "{powers:?}");
    }

    #[test]
    fn a_ramp_leaks_into_all_frequencies_only_without_the_window() {
        // Its opposite edges differ, and it holds no wave of more than a cycle.
        let ramp = Tensor::arange(28, (Kind::Double, Device::Cpu)) / 28.0;
        let window = hann(28).unwrap();
        let high = |x: &Tensor| {
            let power = x.fft_fft2(None::<&[i64]>, [0, 1], "ortho").abs().square();
            let row = power.get(0);
            (row.narrow(0, 5, 19).sum(Kind::Double) / row.sum(Kind::Double)).double_value(&[])
        };
        let ramps = ramp.expand([28, 28], false) - 27.0 / 56.0;
        let (leak, left) = (high(&ramps), high(&(&ramps * &window)));
        assert!(leak > 0.05 && left < leak / 100.0, "{leak} {left}");
    }

    #[test]
    fn power_sums_to_the_variance() {
        let data = built_named("fashion_mnist", &[]).unwrap();
        let x = data.train.batch(&(0..50).collect::<Vec<_>>(), Device::Cpu).unwrap().x;
        let x = x.to_kind(Kind::Double).view([50, -1]);
        let squares = (&x - x.mean_dim([1].as_slice(), true, Kind::Double)).square();
        let variance = squares.sum(Kind::Double).double_value(&[]) / 50.0;
        let options = [("limit", Value::Int(50)), ("window", Value::Text("none".to_owned()))];
        let options = options.map(|(key, value)| (key.to_owned(), value));
        let args = Args::resolve(&SPECTRUM, Vec::new(), options.into()).unwrap();
        let rings = rings(&data, &args).unwrap();
        let inside: f64 = rings.iter().map(|(power, _)| power).sum();
        // The corners, beyond 14 cycles, hold the rest.
        assert!(inside < variance && inside > 0.98 * variance, "{inside} of {variance}");
    }
}
