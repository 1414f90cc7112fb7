//! The first picture of a GIF.

use super::{MOST_PIXELS, Reason, Rgb, expect_size};
use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::num::NonZeroU64;

/// Bytes of the largest picture, one a pixel.
const MOST: NonZeroU64 = NonZeroU64::new(MOST_PIXELS).unwrap();

/// The first picture on its screen; where it does not cover that, the transparent colour shows,
/// or the first of the palette, as in Pillow.
pub fn read(bytes: &[u8]) -> Result<Rgb, Reason> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(MOST));
    let mut decoder = options.read_info(bytes).map_err(|error| error.to_string())?;
    let screen = (decoder.width(), decoder.height());
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = match decoder.read_next_frame() {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err("it holds no picture".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (wide, high) = (usize::from(frame.width), usize::from(frame.height));
    let width = usize::from(screen.0).max(left + wide);
    let height = usize::from(screen.1).max(top + high);
    expect_size(width as u64, height as u64)?;
    expect_size(wide as u64, high as u64)?;
    let palette = frame.palette.clone().or(global).unwrap_or_else(greys);
    let colour = |index: u8| -> [u8; 3] {
        let start = 3 * usize::from(index);
        let colour = palette.get(start..start + 3).and_then(|colour| colour.try_into().ok());
        colour.unwrap_or_default()
    };
    let behind = colour(frame.transparent.unwrap_or(0));
    let mut bytes = behind.repeat(width * height);
    for (row, indices) in frame.buffer.chunks_exact(wide).enumerate() {
        let start = 3 * ((top + row) * width + left);
        let line = bytes.get_mut(start..start + 3 * wide).unwrap_or_default();
        for (pixel, index) in line.as_chunks_mut::<3>().0.iter_mut().zip(indices) {
            *pixel = colour(*index);
        }
    }
    Ok(Rgb { width, height, bytes })
}

/// The palette of a file that has none.
fn greys() -> Vec<u8> {
    (0..=255).flat_map(|grey| [grey; 3]).collect()
}
