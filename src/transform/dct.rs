//! The cosine transform of an 8 x 8 block, in the integers of libjpeg's accurate method
//! (`jfdctint.c`, `jidctint.c`).

/// Values of a block, row after row.
pub(super) const BLOCK: usize = 64;

const BITS: u32 = 13;
const PASS: u32 = 2;

const C0_298: i32 = 2_446;
const C0_390: i32 = 3_196;
const C0_541: i32 = 4_433;
const C0_765: i32 = 6_270;
const C0_899: i32 = 7_373;
const C1_175: i32 = 9_633;
const C1_501: i32 = 12_299;
const C1_847: i32 = 15_137;
const C1_961: i32 = 16_069;
const C2_053: i32 = 16_819;
const C2_562: i32 = 20_995;
const C3_072: i32 = 25_172;

/// `value / 2^bits`, halves up.
fn descaled(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// The eight values at `start`, `start + step`, ...
fn line(block: &[i32; BLOCK], start: usize, step: usize) -> [i32; 8] {
    std::array::from_fn(|i| block[start + i * step])
}

fn put(block: &mut [i32; BLOCK], start: usize, step: usize, line: [i32; 8]) {
    for (i, value) in line.into_iter().enumerate() {
        block[start + i * step] = value;
    }
}

/// The odd part of both directions: four inputs, and what they give.
fn rotated(a: [i32; 4], constants: [i32; 4]) -> [i32; 4] {
    let z1 = (a[0] + a[3]) * -C0_899;
    let z2 = (a[1] + a[2]) * -C2_562;
    let z3 = a[0] + a[2];
    let z4 = a[1] + a[3];
    let z5 = (z3 + z4) * C1_175;
    let z3 = z3 * -C1_961 + z5;
    let z4 = z4 * -C0_390 + z5;
    [
        a[0] * constants[0] + z1 + z3,
        a[1] * constants[1] + z2 + z4,
        a[2] * constants[2] + z2 + z3,
        a[3] * constants[3] + z1 + z4,
    ]
}

const ODD: [i32; 4] = [C0_298, C2_053, C3_072, C1_501];

fn forward_line(v: [i32; 8], shift: u32, direct: impl Fn(i32) -> i32) -> [i32; 8] {
    let sum = [v[0] + v[7], v[1] + v[6], v[2] + v[5], v[3] + v[4]];
    let difference = [v[3] - v[4], v[2] - v[5], v[1] - v[6], v[0] - v[7]];
    let (t10, t13) = (sum[0] + sum[3], sum[0] - sum[3]);
    let (t11, t12) = (sum[1] + sum[2], sum[1] - sum[2]);
    let z1 = (t12 + t13) * C0_541;
    let odd = rotated(difference, ODD).map(|value| descaled(value, shift));
    [
        direct(t10 + t11),
        odd[3],
        descaled(z1 + t13 * C0_765, shift),
        odd[2],
        direct(t10 - t11),
        odd[1],
        descaled(z1 - t12 * C1_847, shift),
        odd[0],
    ]
}

/// The coefficients of a block of values around zero, times eight.
pub(super) fn forward(block: &mut [i32; BLOCK]) {
    for row in 0..8 {
        let line = line(block, row * 8, 1);
        put(block, row * 8, 1, forward_line(line, BITS - PASS, |value| value << PASS));
    }
    for column in 0..8 {
        let line = line(block, column, 8);
        put(block, column, 8, forward_line(line, BITS + PASS, |value| descaled(value, PASS)));
    }
}

fn inverse_line(v: [i32; 8], shift: u32) -> [i32; 8] {
    let z1 = (v[2] + v[6]) * C0_541;
    let t2 = z1 - v[6] * C1_847;
    let t3 = z1 + v[2] * C0_765;
    let (t0, t1) = ((v[0] + v[4]) << BITS, (v[0] - v[4]) << BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    let odd = rotated([v[7], v[5], v[3], v[1]], ODD);
    std::array::from_fn(|i| match i {
        0..4 => descaled(even[i] + odd[3 - i], shift),
        _ => descaled(even[7 - i] - odd[i - 4], shift),
    })
}

/// The values of a block of coefficients, around zero.
pub(super) fn inverse(block: &mut [i32; BLOCK]) {
    for column in 0..8 {
        let line = line(block, column, 8);
        put(block, column, 8, inverse_line(line, BITS - PASS));
    }
    for row in 0..8 {
        let line = line(block, row * 8, 1);
        put(block, row * 8, 1, inverse_line(line, BITS + PASS + 3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use std::f64::consts::PI;

    #[test]
    fn the_transform_is_the_cosine_transform() {
        let mut generator = Stream::new(0, "block").generator();
        for _ in 0..20 {
            let block: [i32; BLOCK] = std::array::from_fn(|_| generator.below(256) as i32 - 128);
            let mut found = block;
            forward(&mut found);
            for (at, found) in found.iter().enumerate() {
                let (u, v) = (at % 8, at / 8);
                let norm = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
                let mut sum = 0.0;
                for (place, value) in block.iter().enumerate() {
                    let wave =
                        |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
                    sum += f64::from(*value) * wave(place % 8, u) * wave(place / 8, v);
                }
                let expected = 8.0 * 0.25 * norm(u) * norm(v) * sum;
                assert!((f64::from(*found) - expected).abs() < 1.5, "{at}: {found} {expected}");
            }
            let mut back = found.map(|value| descaled(value, 3));
            inverse(&mut back);
            let apart = block.iter().zip(back).map(|(a, b)| (a - b).abs()).max();
            assert!(apart <= Some(1), "{apart:?}");
        }
    }
}
