//! The two passes in plain code, for every processor.

use super::Source;
use super::axis::{Axis, HALF, PRECISION};

/// The byte of a sum of weighed bytes.
fn clipped(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Each row of `source` weighed along `axis`.
pub(super) fn across(source: &Source, axis: &Axis, out: &mut [u8]) {
    match source.channels {
        3 => channels_across::<3>(source, axis, out),
        _ => channels_across::<1>(source, axis, out),
    }
}

fn channels_across<const C: usize>(source: &Source, axis: &Axis, out: &mut [u8]) {
    for (y, out) in out.chunks_exact_mut(axis.len() * C).enumerate() {
        let row = source.row(y);
        for (x, out) in out.chunks_exact_mut(C).enumerate() {
            let mut sums = [HALF; C];
            let pixels = row[axis.start(x) * C..].chunks_exact(C);
            for (pixel, weight) in pixels.zip(axis.weights(x)) {
                for (sum, byte) in sums.iter_mut().zip(pixel) {
                    *sum = sum.wrapping_add(i32::from(*byte).wrapping_mul(*weight));
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = clipped(sum);
            }
        }
    }
}

/// The rows of `source` weighed along `axis`.
pub(super) fn down(source: &Source, axis: &Axis, out: &mut [u8]) {
    let width = source.region.size.width * source.channels;
    let mut sums = vec![0; width];
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        sums.fill(HALF);
        for (tap, &weight) in axis.weights(y).iter().enumerate() {
            for (sum, byte) in sums.iter_mut().zip(source.row(axis.start(y) + tap)) {
                *sum = sum.wrapping_add(i32::from(*byte).wrapping_mul(weight));
            }
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = clipped(*sum);
        }
    }
}
