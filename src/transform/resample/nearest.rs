//! The nearest pixel, as Pillow's `ImagingScaleAffine` finds it.

use super::Source;
use crate::transform::frame::{Region, Size};
use std::ops::Range;

/// The input pixel of each output pixel of `range`. Positions are summed up, as Pillow does, since
/// the rounding of the sum decides at ties.
fn positions(inputs: usize, outputs: usize, range: Range<usize>) -> Vec<usize> {
    let step = inputs as f64 / outputs as f64;
    let mut at = step * 0.5;
    let mut found = Vec::with_capacity(range.len());
    for output in 0..range.end {
        if range.contains(&output) {
            found.push((at as usize).min(inputs - 1));
        }
        at += step;
    }
    found
}

/// The pixels `window` of `source` at the size `size`.
pub(super) fn sampled(source: &Source, size: Size, window: Region) -> Vec<u8> {
    let from = source.region.size;
    let columns = positions(from.width, size.width, window.x..window.x + window.size.width);
    let rows = positions(from.height, size.height, window.y..window.y + window.size.height);
    let channels = source.channels;
    let mut out = Vec::with_capacity(columns.len() * rows.len() * channels);
    for y in rows {
        let row = source.row(y);
        for x in &columns {
            out.extend_from_slice(&row[x * channels..][..channels]);
        }
    }
    out
}
