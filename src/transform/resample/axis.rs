//! The weights of one axis: which pixels make an output pixel, in Pillow's 22-bit arithmetic.

use super::Filter;
use std::ops::Range;

/// The fractional bits of a weight: 32 less 8 of a byte and 2 of headroom.
pub(super) const PRECISION: u32 = 32 - 8 - 2;
/// Half a unit of the sum, which rounds it.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);
/// The bits of the lower part of a split weight.
pub(super) const LOW: u32 = 15;
/// Taps per output pixel are a multiple of this, filled with weights of zero.
pub(super) const GROUP: usize = 4;

/// The output pixels `range` of an axis of `outputs` pixels made of `inputs`.
pub(super) struct Axis {
    starts: Vec<usize>,
    counts: Vec<usize>,
    taps: usize,
    weights: Vec<i32>,
    low: Vec<i16>,
    high: Vec<i16>,
}

impl Axis {
    pub(super) fn new(inputs: usize, outputs: usize, range: Range<usize>, filter: Filter) -> Self {
        let scale = inputs as f64 / outputs as f64;
        let widening = scale.max(1.0);
        let support = filter.support() * widening;
        let taps = ((support.ceil() as usize) * 2 + 1).next_multiple_of(GROUP);
        let length = range.len();
        let mut axis = Self {
            starts: Vec::with_capacity(length),
            counts: Vec::with_capacity(length),
            taps,
            weights: vec![0; taps * length],
            low: vec![0; taps * length],
            high: vec![0; taps * length],
        };
        let mut exact = vec![0.0; taps];
        let inverse = 1.0 / widening;
        for (place, output) in range.enumerate() {
            let centre = (output as f64 + 0.5) * scale;
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(inputs);
            let count = end - start;
            let mut sum = 0.0;
            for (tap, weight) in exact[..count].iter_mut().enumerate() {
                *weight = filter.weight(((tap + start) as f64 - centre + 0.5) * inverse);
                sum += *weight;
            }
            for (tap, weight) in exact[..count].iter().enumerate() {
                let share = if sum == 0.0 { *weight } else { weight / sum };
                let scaled = share * f64::from(1 << PRECISION);
                let whole = (scaled + if share < 0.0 { -0.5 } else { 0.5 }) as i32;
                let at = place * taps + tap;
                axis.weights[at] = whole;
                axis.low[at] = (whole & ((1 << LOW) - 1)) as i16;
                axis.high[at] = (whole >> LOW) as i16;
            }
            axis.starts.push(start);
            axis.counts.push(count);
        }
        axis
    }

    /// The same where the first `count` input pixels, of which none is used, are not there.
    pub(super) fn moved(mut self, count: usize) -> Self {
        for start in &mut self.starts {
            *start -= count;
        }
        self
    }

    /// The number of output pixels.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The first input pixel of an output pixel.
    pub(super) fn start(&self, output: usize) -> usize {
        self.starts[output]
    }

    /// How many input pixels make an output pixel.
    pub(super) fn count(&self, output: usize) -> usize {
        self.counts[output]
    }

    /// The weights of an output pixel.
    pub(super) fn weights(&self, output: usize) -> &[i32] {
        &self.weights[output * self.taps..][..self.counts[output]]
    }

    /// The weights of an output pixel, padded with zeros, as `low + (high << LOW)`.
    pub(super) fn halves(&self, output: usize) -> (&[i16], &[i16]) {
        let at = output * self.taps;
        (&self.low[at..at + self.taps], &self.high[at..at + self.taps])
    }

    /// The input pixels of all output pixels.
    pub(super) fn inputs(&self) -> Range<usize> {
        let end = self.starts.iter().zip(&self.counts).map(|(start, count)| start + count).max();
        self.starts.first().copied().unwrap_or(0)..end.unwrap_or(0)
    }
}
