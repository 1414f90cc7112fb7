//! Images of a tensor as colours, one bitmap an image, and how a bitmap gets into a picture.

use crate::error::{Error, Result};
use std::rc::Rc;
use tch::{Device, Kind, Tensor, no_grad_guard};

/// Colours of a rectangle of pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue of each pixel, rows first, from the upper left.
    pub rgb: Rc<[u8]>,
}

/// The deepest colours of a single channel of signed numbers, below and above zero: the ends of
/// ColorBrewer's RdBu, which the colour-blind can tell apart.
const BELOW: [f64; 3] = [178.0, 24.0, 43.0];
const ABOVE: [f64; 3] = [33.0, 102.0, 172.0];
/// A number this many standard deviations away has the deepest colour, as in Tsipras et al. 2019.
const DEVIATIONS: f64 = 3.0;

/// How numbers become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colouring {
    /// Pixels in [0,1].
    Pixels,
    /// Signed numbers, on a scale of each image's own: red below zero and blue above for one
    /// channel; around the mean for three.
    Signed,
}

/// A bitmap of each of some images, f32 of shape (N, C, H, W) with one or three channels.
///
/// # Errors
/// Usage: another number of channels.
pub(super) fn bitmaps(images: &Tensor, colouring: Colouring) -> Result<Vec<Bitmap>> {
    let _guard = no_grad_guard();
    let images = images.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
    let &[count, channels, height, width] = images.size().as_slice() else {
        return Err(Error::usage(format!(
            "images: expected a tensor (N, C, H, W), found shape {:?}",
            images.size()
        )));
    };
    if channels != 1 && channels != 3 {
        return Err(Error::usage(format!("images: expected 1 or 3 channels, found {channels}")));
    }
    let bitmap = |index| -> Result<Bitmap> {
        let image = images.f_get(index)?.f_permute([1, 2, 0])?.f_contiguous()?;
        let values = Vec::<f64>::try_from(image.f_view([-1])?)?;
        let rgb: Vec<u8> = match (colouring, channels) {
            (Colouring::Pixels, 1) => values.iter().flat_map(|v| [byte(255.0 * v); 3]).collect(),
            (Colouring::Pixels, _) => values.iter().map(|v| byte(255.0 * v)).collect(),
            (Colouring::Signed, 1) => {
                let (_, deviation) = moments(&values);
                values.iter().flat_map(|v| diverging(scaled(*v, deviation))).collect()
            }
            (Colouring::Signed, _) => {
                let (mean, deviation) = moments(&values);
                let grey = |v: &f64| byte(127.5 * (1.0 + scaled(v - mean, deviation)));
                values.iter().map(grey).collect()
            }
        };
        Ok(Bitmap { width: width as usize, height: height as usize, rgb: rgb.into() })
    };
    (0..count).map(bitmap).collect()
}

fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The mean of some numbers and their standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// A number in deviations, from -1 to 1.
fn scaled(value: f64, deviation: f64) -> f64 {
    if deviation > 0.0 { (value / (DEVIATIONS * deviation)).clamp(-1.0, 1.0) } else { 0.0 }
}

/// From red at -1 over white at 0 to blue at 1.
fn diverging(value: f64) -> [u8; 3] {
    let end = if value < 0.0 { BELOW } else { ABOVE };
    end.map(|channel| byte(255.0 + (channel - 255.0) * value.abs()))
}

impl Bitmap {
    /// Copies the bitmap into an RGB image of `width` pixels a row, its upper left corner at
    /// `at`, stretched to `extent` by repeating pixels; what lies outside is left out.
    pub(super) fn paint(&self, into: &mut [u8], width: usize, at: [usize; 2], extent: [usize; 2]) {
        let (left, top) = (at[0], at[1]);
        let right = (left + extent[0]).min(width);
        for (y, line) in into.chunks_exact_mut(3 * width).enumerate().skip(top).take(extent[1]) {
            let row = (y - top) * self.height / extent[1];
            for x in left..right {
                let pixel = 3 * (row * self.width + (x - left) * self.width / extent[0]);
                line[3 * x..3 * x + 3].copy_from_slice(&self.rgb[pixel..pixel + 3]);
            }
        }
    }

    /// The bitmap as PNG, at its own size.
    ///
    /// # Errors
    /// Internal, where the encoder fails.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        encoded(&self.rgb, self.width as u32, self.height as u32)
    }
}

/// RGB pixels as PNG.
///
/// # Errors
/// Internal, where the encoder fails.
pub(super) fn encoded(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(rgb))
        .map_err(|error| Error::internal(format!("plot: cannot encode PNG: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32], shape: [i64; 4], colouring: Colouring) -> Vec<u8> {
        let images = Tensor::from_slice(values).view(shape);
        bitmaps(&images, colouring).unwrap()[0].rgb.to_vec()
    }

    #[test]
    fn pixels_are_rounded_to_bytes_and_channels_become_colours() {
        let grey = of(&[0.0, 0.5, 1.0, 0.1], [1, 1, 2, 2], Colouring::Pixels);
        assert_eq!(grey, [0, 0, 0, 128, 128, 128, 255, 255, 255, 26, 26, 26]);
        let colour = of(&[1.0, 0.0, 0.2, 0.4, 0.0, 1.0], [1, 3, 1, 2], Colouring::Pixels);
        assert_eq!(colour, [255, 51, 0, 0, 102, 255]);
    }

    #[test]
    fn zero_is_white_and_signs_have_their_colour_on_a_scale_of_the_image() {
        let values = [0.0, 1.0, -1.0, 0.0];
        let found = of(&values, [1, 1, 2, 2], Colouring::Signed);
        let larger: Vec<f32> = values.iter().map(|v| 1e3 * v).collect();
        assert_eq!(found, of(&larger, [1, 1, 2, 2], Colouring::Signed));
        assert_eq!(found[..3], [255; 3]);
        // The deviation is 1 / sqrt(2), so 1 is sqrt(2) / 3 of the way to the deepest colour.
        let share = 2f64.sqrt() / 3.0;
        let mixed = |end: [f64; 3]| end.map(|c| (255.0 + share * (c - 255.0)).round() as u8);
        assert_eq!(
            (found[3..6].to_vec(), found[6..9].to_vec()),
            (mixed(ABOVE).to_vec(), mixed(BELOW).to_vec())
        );
        assert_eq!(of(&[0.0; 4], [1, 1, 2, 2], Colouring::Signed), [255; 12]);
    }

    #[test]
    fn three_signed_channels_lie_around_grey_and_are_clipped_at_three_deviations() {
        let mut values = [0.0f32; 48];
        values[0] = 100.0;
        let found = of(&values, [1, 3, 4, 4], Colouring::Signed);
        let (mean, deviation) = (100.0 / 48.0, 100.0 * 47f64.sqrt() / 48.0);
        let rest = (127.5 * (1.0 - mean / (3.0 * deviation))).round() as u8;
        assert_eq!((found[0], found[1]), (255, rest));
    }

    #[test]
    fn painting_repeats_pixels_and_stays_in_the_picture() {
        let bitmap = Bitmap { width: 2, height: 1, rgb: [1, 1, 1, 2, 2, 2].into() };
        let mut into = vec![0; 3 * 6 * 4];
        bitmap.paint(&mut into, 6, [1, 1], [4, 2]);
        let row = |y: usize| (0..6).map(|x| into[3 * (6 * y + x)]).collect::<Vec<_>>();
        assert_eq!(
            [row(0), row(1), row(2), row(3)].concat(),
            [0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0]
        );
        bitmap.paint(&mut into, 6, [4, 3], [4, 2]);
        assert_eq!(into[3 * (6 * 3 + 5)], 1);
    }

    #[test]
    fn other_shapes_are_refused() {
        let two = Tensor::zeros([1, 2, 3, 3], (Kind::Float, Device::Cpu));
        let error = bitmaps(&two, Colouring::Pixels).unwrap_err();
        assert_eq!(error.to_string(), "images: expected 1 or 3 channels, found 2");
        assert!(bitmaps(&two.get(0), Colouring::Pixels).is_err());
    }
}
