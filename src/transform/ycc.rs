//! Luma and chroma as JPEG has them: the conversion, and chroma at half the resolution, in the
//! integers of libjpeg-turbo.

use crate::error::Result;
use crate::image::Raster;

/// Bytes of one channel.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub bytes: Vec<u8>,
}

impl Plane {
    /// The first `width` columns.
    pub fn narrowed(self, width: usize) -> Self {
        let rows = self.bytes.chunks_exact(self.width);
        let bytes = rows.flat_map(|row| &row[..width]).copied().collect();
        Self { width, height: self.height, bytes }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.bytes[y * self.width..][..self.width]
    }
}

const HALF: i32 = 1 << 15;
const CENTRE: i32 = (128 << 16) + HALF - 1;

/// Luma and the two chromas of a picture of three channels.
pub(super) fn separated(picture: &Raster) -> [Plane; 3] {
    let (width, height) = (picture.width(), picture.height());
    let weights = [
        ([19_595, 38_470, 7_471], HALF),
        ([-11_059, -21_709, 32_768], CENTRE),
        ([32_768, -27_439, -5_329], CENTRE),
    ];
    weights.map(|(weights, offset)| {
        let sum = |pixel: &[u8]| {
            let terms = pixel.iter().zip(weights).map(|(byte, weight)| i32::from(*byte) * weight);
            ((terms.sum::<i32>() + offset) >> 16) as u8
        };
        let bytes = picture.bytes().chunks_exact(3).map(sum).collect();
        Plane { width, height, bytes }
    })
}

/// Means of two by two pixels, halves rounded up and down in turn, to the end of the last block of
/// eight columns: the last column and row are repeated before they are averaged.
pub(super) fn halved(plane: &Plane) -> Plane {
    let (width, height) = (plane.width.div_ceil(16) * 8, plane.height.div_ceil(2));
    let mut bytes = Vec::with_capacity(width * height);
    for y in 0..height {
        let upper = plane.row(2 * y);
        let lower = plane.row((2 * y + 1).min(plane.height - 1));
        for x in 0..width {
            let left = (2 * x).min(plane.width - 1);
            let right = (2 * x + 1).min(plane.width - 1);
            let sum = [upper[left], upper[right], lower[left], lower[right]].map(u32::from);
            let bias = 1 + (x as u32 & 1);
            bytes.push(((sum.iter().sum::<u32>() + bias) >> 2) as u8);
        }
    }
    Plane { width, height, bytes }
}

/// Twice the size by a triangle filter (libjpeg's fancy upsampling), cut to `width` by `height`.
/// Up to two columns are just repeated.
pub(super) fn doubled(plane: &Plane, width: usize, height: usize) -> Plane {
    let mut bytes = Vec::with_capacity(width * height);
    if plane.width <= 2 {
        for y in 0..height {
            let row = plane.row(y / 2);
            bytes.extend((0..width).map(|x| row[x / 2]));
        }
        return Plane { width, height, bytes };
    }
    let mut column = vec![0; plane.width];
    for y in 0..height {
        let near = plane.row(y / 2);
        let other = if y % 2 == 0 { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
        let far = plane.row(other.min(plane.height - 1));
        for ((sum, near), far) in column.iter_mut().zip(near).zip(far) {
            *sum = i32::from(*near) * 3 + i32::from(*far);
        }
        let last = plane.width - 1;
        for x in 0..width {
            let at = x / 2;
            let here = column[at];
            let value = match x % 2 {
                0 if at == 0 => (here * 4 + 8) >> 4,
                0 => (here * 3 + column[at - 1] + 8) >> 4,
                _ if at == last => (here * 4 + 7) >> 4,
                _ => (here * 3 + column[at + 1] + 7) >> 4,
            };
            bytes.push(value as u8);
        }
    }
    Plane { width, height, bytes }
}

/// The picture of three planes.
///
/// # Errors
/// Internal only.
pub(super) fn joined(luma: &Plane, chroma: &[Plane; 2]) -> Result<Raster> {
    let mut bytes = Vec::with_capacity(3 * luma.bytes.len());
    let [blues, reds] = chroma;
    for ((luma, blue), red) in luma.bytes.iter().zip(&blues.bytes).zip(&reds.bytes) {
        let (luma, blue, red) = (i32::from(*luma), i32::from(*blue) - 128, i32::from(*red) - 128);
        let shifts = [
            (91_881 * red + HALF) >> 16,
            (-22_554 * blue - 46_802 * red + HALF) >> 16,
            (116_130 * blue + HALF) >> 16,
        ];
        bytes.extend(shifts.map(|shift| (luma + shift).clamp(0, 255) as u8));
    }
    Raster::new(luma.width, luma.height, 3, bytes)
}
