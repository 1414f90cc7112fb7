//! The two passes with AVX2: the same integers as the plain code, several at a time.

use super::Source;
use super::axis::{Axis, GROUP, HALF, LOW, PRECISION};
use std::arch::x86_64::*;

/// The columns of bytes that [`down`] works on at a time.
pub(super) const CHUNK: usize = 32;
/// Bytes that a load of a group of pixels reads.
const LOAD: usize = 16;
/// Rows that [`across`] works on at a time.
const ROWS: usize = 4;

/// Each row of `source`, three bytes a pixel, weighed along `axis`.
pub(super) fn across(source: &Source, axis: &Axis, out: &mut [u8]) {
    let (rows, stride) = (source.region.size.height, axis.len() * 3);
    assert!(source.channels == 3 && std::arch::is_x86_feature_detected!("avx2"));
    assert!(out.len() >= stride * rows);
    // What the widest load touches, counted from the start of a row.
    let groups = |x| axis.count(x).div_ceil(GROUP);
    let reaches = (0..axis.len()).map(|x| (axis.start(x) + (groups(x) - 1) * GROUP) * 3 + LOAD);
    let reach = reaches.max().unwrap_or(0);
    for first in (0..rows).step_by(ROWS) {
        let mut copies: [Vec<u8>; ROWS] = Default::default();
        let mut inputs = [std::ptr::null(); ROWS];
        let mut outputs = [std::ptr::null_mut(); ROWS];
        for (place, copy) in copies.iter_mut().enumerate() {
            // What is missing from the last group is the last row again.
            let y = (first + place).min(rows - 1);
            let row = &source.bytes[source.offset(y)..];
            inputs[place] = match row.len() >= reach {
                true => row.as_ptr(),
                false => {
                    copy.extend_from_slice(row);
                    copy.resize(reach, 0);
                    copy.as_ptr()
                }
            };
            outputs[place] = out[y * stride..].as_mut_ptr();
        }
        // Safety: AVX2 is there; every input is readable for `reach` bytes, every output writable
        // for the pixels of a row.
        unsafe { weigh_rows(inputs, outputs, axis) }
    }
}

/// # Safety
/// AVX2 is there. Inputs are readable as far as the loads reach, outputs are writable for
/// `axis.len() * 3` bytes.
#[target_feature(enable = "avx2")]
unsafe fn weigh_rows(inputs: [*const u8; ROWS], outputs: [*mut u8; ROWS], axis: &Axis) {
    // Two pixels as pairs of 16-bit numbers: red red, green green, blue blue.
    const Z: i8 = -1;
    let pairs = |at: i8| {
        _mm256_broadcastsi128_si256(_mm_setr_epi8(
            at,
            Z,
            at + 3,
            Z,
            at + 1,
            Z,
            at + 4,
            Z,
            at + 2,
            Z,
            at + 5,
            Z,
            Z,
            Z,
            Z,
            Z,
        ))
    };
    let (first, second) = (pairs(0), pairs(6));
    for x in 0..axis.len() {
        let start = axis.start(x) * 3;
        let (low, high) = axis.halves(x);
        let mut sums = [_mm256_setzero_si256(); 4];
        for group in 0..axis.count(x).div_ceil(GROUP) {
            let at = start + group * GROUP * 3;
            let tap = group * GROUP;
            // Safety: the caller's promise; the halves hold whole groups.
            let (a, b, weights) = unsafe {
                let load = |row: usize| _mm_loadu_si128(inputs[row].add(at).cast());
                let pair = |half: &[i16], tap: usize| {
                    _mm256_set1_epi32(half.as_ptr().add(tap).cast::<i32>().read_unaligned())
                };
                (
                    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load(0)), load(1)),
                    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load(2)), load(3)),
                    [pair(low, tap), pair(high, tap), pair(low, tap + 2), pair(high, tap + 2)],
                )
            };
            for (half, shuffle) in [first, second].into_iter().enumerate() {
                let (low, high) = (weights[2 * half], weights[2 * half + 1]);
                for (rows, pixels) in [a, b].into_iter().enumerate() {
                    let pixels = _mm256_shuffle_epi8(pixels, shuffle);
                    let place = 2 * rows;
                    sums[place] = _mm256_add_epi32(sums[place], _mm256_madd_epi16(pixels, low));
                    sums[place + 1] =
                        _mm256_add_epi32(sums[place + 1], _mm256_madd_epi16(pixels, high));
                }
            }
        }
        let words = _mm256_packs_epi32(rounded(sums[0], sums[1]), rounded(sums[2], sums[3]));
        let bytes = _mm256_packus_epi16(words, words);
        let pixels = [
            _mm256_extract_epi32::<0>(bytes),
            _mm256_extract_epi32::<4>(bytes),
            _mm256_extract_epi32::<1>(bytes),
            _mm256_extract_epi32::<5>(bytes),
        ];
        for (output, pixel) in outputs.into_iter().zip(pixels) {
            // Safety: the caller's promise; a fourth byte belongs to the next pixel of the row.
            unsafe {
                let place = output.add(x * 3);
                match x + 1 == axis.len() {
                    true => {
                        place.cast::<[u8; 3]>().write([0, 1, 2].map(|i| (pixel >> (8 * i)) as u8))
                    }
                    false => place.cast::<i32>().write_unaligned(pixel),
                }
            }
        }
    }
}

/// The sums of split weights, rounded.
#[target_feature(enable = "avx2")]
fn rounded(low: __m256i, high: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(low, _mm256_slli_epi32::<{ LOW as i32 }>(high));
    _mm256_srai_epi32::<{ PRECISION as i32 }>(_mm256_add_epi32(sum, _mm256_set1_epi32(HALF)))
}

/// The rows of `source`, of at least [`CHUNK`] bytes, weighed along `axis`.
pub(super) fn down(source: &Source, axis: &Axis, out: &mut [u8]) {
    let width = source.region.size.width * source.channels;
    assert!(width >= CHUNK && std::arch::is_x86_feature_detected!("avx2"));
    let mut pairs: Vec<(*const u8, *const u8, i32, i32)> = Vec::new();
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        let (start, count) = (axis.start(y), axis.count(y));
        let (low, high) = axis.halves(y);
        pairs.clear();
        for tap in (0..count).step_by(2) {
            let other = (tap + 1).min(count - 1);
            let both =
                |half: &[i16]| i32::from(half[tap]) & 0xffff | i32::from(half[tap + 1]) << 16;
            let row = |tap| source.row(start + tap).as_ptr();
            pairs.push((row(tap), row(other), both(low), both(high)));
        }
        let mut x = 0;
        while x < out.len() {
            // The last chunk overlaps the one before.
            let at = x.min(out.len() - CHUNK);
            // Safety: AVX2 is there; rows and output have `at + CHUNK` bytes.
            unsafe { weigh_columns(&pairs, at, out.as_mut_ptr()) }
            x += CHUNK;
        }
    }
}

/// # Safety
/// AVX2 is there. All rows are readable, and `out` is writable, for `at + CHUNK` bytes.
#[target_feature(enable = "avx2")]
unsafe fn weigh_columns(pairs: &[(*const u8, *const u8, i32, i32)], at: usize, out: *mut u8) {
    let zero = _mm256_setzero_si256();
    let (mut low, mut high) = ([zero; 4], [zero; 4]);
    for &(first, second, low_weights, high_weights) in pairs {
        // Safety: the caller's promise.
        let (a, b) = unsafe {
            (_mm256_loadu_si256(first.add(at).cast()), _mm256_loadu_si256(second.add(at).cast()))
        };
        let (left, right) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
        let words = [
            _mm256_unpacklo_epi8(left, zero),
            _mm256_unpackhi_epi8(left, zero),
            _mm256_unpacklo_epi8(right, zero),
            _mm256_unpackhi_epi8(right, zero),
        ];
        let (low_weights, high_weights) =
            (_mm256_set1_epi32(low_weights), _mm256_set1_epi32(high_weights));
        for (place, words) in words.into_iter().enumerate() {
            low[place] = _mm256_add_epi32(low[place], _mm256_madd_epi16(words, low_weights));
            high[place] = _mm256_add_epi32(high[place], _mm256_madd_epi16(words, high_weights));
        }
    }
    let left = _mm256_packs_epi32(rounded(low[0], high[0]), rounded(low[1], high[1]));
    let right = _mm256_packs_epi32(rounded(low[2], high[2]), rounded(low[3], high[3]));
    // Safety: the caller's promise.
    unsafe { _mm256_storeu_si256(out.add(at).cast(), _mm256_packus_epi16(left, right)) }
}
