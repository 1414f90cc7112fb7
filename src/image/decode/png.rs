//! PNG of every colour type and depth.

use super::{Reason, Rgb, coloured, expect_size, opaque};
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// The picture; of an animation, the one that viewers without animations show.
pub fn read(bytes: &[u8]) -> Result<Rgb, Reason> {
    let limits = Limits { bytes: 1 << 30 };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = reader.info().size();
    expect_size(width.into(), height.into())?;
    let size = reader.output_buffer_size().ok_or("its size is out of range")?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    pixels.truncate(frame.buffer_size());
    let deep = frame.bit_depth == png::BitDepth::Sixteen;
    let bytes = match (frame.color_type, deep) {
        (ColorType::Grayscale, false) => coloured(&pixels),
        (ColorType::GrayscaleAlpha, false) => coloured(&every(&pixels, 2)),
        (ColorType::Rgb, false) => pixels,
        (ColorType::Rgba, false) => opaque(&pixels),
        // Pillow holds these as numbers up to 65,535 and cuts them off at 255 ...
        (ColorType::Grayscale, true) => coloured(&cut_off(&pixels)),
        (ColorType::GrayscaleAlpha, true) if reader.info().color_type == ColorType::Grayscale => {
            coloured(&cut_off(&every_pair(&pixels)))
        }
        // ... and of all others it keeps the high byte.
        (ColorType::GrayscaleAlpha, true) => coloured(&every(&pixels, 4)),
        (ColorType::Rgb, true) => every(&pixels, 2),
        (ColorType::Rgba, true) => opaque(&every(&pixels, 2)),
        (ColorType::Indexed, _) => return Err("its palette is missing".to_owned()),
    };
    Ok(Rgb { width: width as usize, height: height as usize, bytes })
}

/// The first of each `step` bytes.
fn every(bytes: &[u8], step: usize) -> Vec<u8> {
    bytes.iter().step_by(step).copied().collect()
}

/// The first of each two numbers of two bytes.
fn every_pair(bytes: &[u8]) -> Vec<u8> {
    bytes.as_chunks::<4>().0.iter().flat_map(|[high, low, _, _]| [*high, *low]).collect()
}

fn cut_off(bytes: &[u8]) -> Vec<u8> {
    let value = |[high, low]: &[u8; 2]| if *high > 0 { 255 } else { *low };
    bytes.as_chunks::<2>().0.iter().map(value).collect()
}
