//! Bytes to numbers of [0,1] in planes: byte / 255 in f32, as `ToTensor` computes it.

use super::resample::Source;

/// Writes `source` as `[channels, height, width]`, mirrored left and right if asked; `out` has
/// that length.
pub(super) fn write(source: &Source, mirrored: bool, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // Safety: AVX2 is there.
        return unsafe { write_avx2(source, mirrored, out) };
    }
    write_plain(source, mirrored, out);
}

fn write_plain(source: &Source, mirrored: bool, out: &mut [f32]) {
    let (size, channels) = (source.region.size, source.channels);
    let plane = size.width * size.height;
    for y in 0..size.height {
        write_columns(
            source.row(y),
            0..size.width,
            mirrored,
            channels,
            |channel| channel * plane + y * size.width,
            size.width,
            out,
        );
    }
}

/// The columns `range` of a row, to the row that starts at `start(channel)`.
fn write_columns(
    row: &[u8],
    range: std::ops::Range<usize>,
    mirrored: bool,
    channels: usize,
    start: impl Fn(usize) -> usize,
    width: usize,
    out: &mut [f32],
) {
    for x in range {
        let to = if mirrored { width - 1 - x } else { x };
        for channel in 0..channels {
            out[start(channel) + to] = f32::from(row[x * channels + channel]) / 255.0;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn write_avx2(source: &Source, mirrored: bool, out: &mut [f32]) {
    use std::arch::x86_64::*;
    const PIXELS: usize = 16;
    let (size, channels) = (source.region.size, source.channels);
    let plane = size.width * size.height;
    let backwards = _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    let divisor = _mm256_set1_ps(255.0);
    for y in 0..size.height {
        let row = source.row(y);
        let blocks = size.width / PIXELS;
        for block in 0..blocks {
            let bytes = &row[block * PIXELS * channels..][..PIXELS * channels];
            let load = |part: usize| {
                let part = &bytes[part * 16..][..16];
                // Safety: 16 bytes are there.
                unsafe { _mm_loadu_si128(part.as_ptr().cast()) }
            };
            let planes = match channels {
                3 => deinterleaved([load(0), load(1), load(2)]),
                _ => [load(0); 3],
            };
            for (channel, bytes) in planes.into_iter().take(channels).enumerate() {
                for (half, bytes) in [bytes, _mm_srli_si128::<8>(bytes)].into_iter().enumerate() {
                    let numbers = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
                    let mut unit = _mm256_div_ps(numbers, divisor);
                    let mut x = block * PIXELS + half * 8;
                    if mirrored {
                        unit = _mm256_permutevar8x32_ps(unit, backwards);
                        x = size.width - 8 - x;
                    }
                    let place = &mut out[channel * plane + y * size.width + x..][..8];
                    // Safety: eight numbers are there.
                    unsafe { _mm256_storeu_ps(place.as_mut_ptr(), unit) }
                }
            }
        }
        let start = |channel| channel * plane + y * size.width;
        write_columns(row, blocks * PIXELS..size.width, mirrored, channels, start, size.width, out);
    }
}

/// Sixteen pixels of three bytes as three planes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn deinterleaved(parts: [std::arch::x86_64::__m128i; 3]) -> [std::arch::x86_64::__m128i; 3] {
    use std::arch::x86_64::*;
    std::array::from_fn(|channel| {
        let mut plane = _mm_setzero_si128();
        for (part, bytes) in parts.into_iter().enumerate() {
            let mut order = [-1i8; 16];
            for (pixel, at) in order.iter_mut().enumerate() {
                let byte = pixel * 3 + channel;
                if byte / 16 == part {
                    *at = (byte % 16) as i8;
                }
            }
            // Safety: 16 bytes are there.
            let order = unsafe { _mm_loadu_si128(order.as_ptr().cast()) };
            plane = _mm_or_si128(plane, _mm_shuffle_epi8(bytes, order));
        }
        plane
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::frame::Region;

    #[test]
    fn the_fast_code_equals_the_plain_code() {
        for (width, channels) in [(1, 3), (15, 3), (16, 3), (37, 3), (64, 1), (50, 1), (33, 3)] {
            let bytes: Vec<u8> =
                (0..(width + 2) * 5 * channels).map(|i| (i * 101 % 256) as u8).collect();
            let region = Region::new(1, 1, width, 4);
            let stride = (width + 2) * channels;
            let source = Source { bytes: &bytes, stride, channels, region };
            for mirrored in [false, true] {
                let mut plain = vec![0.0; width * 4 * channels];
                let mut fast = plain.clone();
                write_plain(&source, mirrored, &mut plain);
                write(&source, mirrored, &mut fast);
                assert_eq!(plain, fast, "{width} {channels} {mirrored}");
                let first = if mirrored { width - 1 } else { 0 };
                assert_eq!(plain[first], f32::from(bytes[stride + channels]) / 255.0);
            }
        }
    }
}
