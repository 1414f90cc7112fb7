//! A picture of any size as a square.

use crate::error::Result;
use crate::image::Raster;

/// The short side at `size` pixels (bilinear, antialiased), then the square in the middle.
///
/// # Errors
/// None for a size of at least 1.
pub fn fitted(raster: Raster, size: usize) -> Result<Raster> {
    let (width, height) = (raster.width(), raster.height());
    let short = width.min(height);
    let (wide, high) = (size * width / short, size * height / short);
    let (left, top) = ((wide - size) / 2, (high - size) / 2);
    if [width, height] == [size, size] {
        return Ok(raster);
    }
    let channels = raster.channels();
    let columns: Vec<_> = (left..left + size).map(|x| weights(x, width, wide)).collect();
    let mut bytes = Vec::with_capacity(size * size * channels);
    let row = |y: usize| &raster.bytes()[y * width * channels..(y + 1) * width * channels];
    for y in top..top + size {
        let (first, down) = weights(y, height, high);
        let mut line = vec![0.0; width * channels];
        for (y, weight) in (first..).zip(&down) {
            line.iter_mut().zip(row(y)).for_each(|(sum, byte)| *sum += weight * f64::from(*byte));
        }
        for (first, across) in &columns {
            for channel in 0..channels {
                let value = |(x, weight): (usize, &f64)| weight * line[x * channels + channel];
                let sum: f64 = (*first..).zip(across).map(value).sum();
                bytes.push(sum.round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    Raster::new(size, size, channels, bytes)
}

/// The first of the inputs that output `at` of `outputs` covers, and the weights from there on.
fn weights(at: usize, inputs: usize, outputs: usize) -> (usize, Vec<f64>) {
    let scale = inputs as f64 / outputs as f64;
    let reach = scale.max(1.0);
    let centre = (at as f64 + 0.5) * scale;
    let first = (centre - reach + 0.5).max(0.0) as usize;
    let end = ((centre + reach + 0.5) as usize).min(inputs);
    let weight = |input| (1.0 - ((input as f64 + 0.5 - centre) / reach).abs()).max(0.0);
    let all: Vec<f64> = (first..end).map(weight).collect();
    let sum: f64 = all.iter().sum();
    (first, all.into_iter().map(|weight| weight / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_of_its_own_size_is_kept_and_a_flat_one_stays_flat() {
        let square = Raster::new(4, 4, 3, (0..48).collect()).unwrap();
        assert_eq!(fitted(square.clone(), 4).unwrap(), square);
        for (width, height) in [(7, 5), (2, 9), (64, 48)] {
            let flat = Raster::new(width, height, 3, vec![77; width * height * 3]).unwrap();
            let fitted = fitted(flat, 6).unwrap();
            assert_eq!((fitted.width(), fitted.height()), (6, 6));
            assert!(fitted.bytes().iter().all(|byte| *byte == 77));
        }
    }

    #[test]
    fn the_middle_of_a_wide_picture_is_kept() {
        let wide = Raster::new(5, 1, 1, vec![10, 20, 30, 40, 50]).unwrap();
        assert_eq!(fitted(wide, 1).unwrap().bytes(), [30]);
    }
}
