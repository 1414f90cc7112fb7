//! Windows bitmaps without compression
//! (<https://learn.microsoft.com/windows/win32/gdi/bitmap-storage>).

use super::{Reason, Rgb, expect_size};

/// The numbers of the header.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], Reason> {
        let found = self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
        found.ok_or_else(|| "it ends within its header".to_owned())
    }

    fn u16(&self, at: usize) -> Result<usize, Reason> {
        self.bytes(at).map(|bytes| usize::from(u16::from_le_bytes(bytes)))
    }

    fn u32(&self, at: usize) -> Result<usize, Reason> {
        self.bytes(at).map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn i32(&self, at: usize) -> Result<i64, Reason> {
        self.bytes(at).map(|bytes| i64::from(i32::from_le_bytes(bytes)))
    }
}

/// The picture, with 1, 4, 8, 16 (555), 24 or 32 bits a pixel.
pub fn read(bytes: &[u8]) -> Result<Rgb, Reason> {
    let header = Header(bytes);
    let (pixels, length) = (header.u32(10)?, header.u32(14)?);
    let old = length == 12;
    let (width, high, bits, compression) = match old {
        true => (header.u16(18)? as i64, header.u16(20)? as i64, header.u16(24)?, 0),
        false => (header.i32(18)?, header.i32(22)?, header.u16(28)?, header.u32(30)?),
    };
    let height = high.unsigned_abs() as usize;
    let width = usize::try_from(width).map_err(|_| format!("its width is {width}"))?;
    expect_size(width as u64, height as u64)?;
    // Bit fields are as good as none where they are those that 32 bits have anyway.
    let usual = || -> Result<bool, Reason> {
        let fields = [header.u32(54)?, header.u32(58)?, header.u32(62)?];
        Ok(bits == 32 && fields == [0xff_0000, 0xff00, 0xff])
    };
    if compression != 0 && !(compression == 3 && usual()?) {
        return Err(format!("its compression {compression} is not supported"));
    }
    let palette = if bits <= 8 { palette(&header, length, pixels, bits)? } else { Vec::new() };
    let stride = (width * bits).div_ceil(32) * 4;
    let rows =
        bytes.get(pixels..).and_then(|rows| rows.get(..stride * height)).ok_or_else(|| {
            let found = bytes.len().saturating_sub(pixels);
            format!("{} bytes of pixels, of which {found} are there", stride * height)
        })?;
    let mut rgb = Vec::with_capacity(3 * width * height);
    let mut row = |row: &[u8]| {
        for x in 0..width {
            rgb.extend(match bits {
                24 | 32 => {
                    let start = x * bits / 8;
                    [row[start + 2], row[start + 1], row[start]]
                }
                16 => {
                    let value = u16::from_le_bytes([row[2 * x], row[2 * x + 1]]);
                    [10, 5, 0].map(|shift| ((value >> shift & 31) * 255 / 31) as u8)
                }
                _ => {
                    let place = x * bits;
                    let index = row[place / 8] >> (8 - bits - place % 8) & (0xff >> (8 - bits));
                    palette.get(usize::from(index)).copied().unwrap_or_default()
                }
            });
        }
    };
    let rows = rows.chunks_exact(stride);
    // A negative height says that the rows stand from the top down.
    if high < 0 {
        rows.for_each(&mut row)
    } else {
        rows.rev().for_each(&mut row)
    }
    Ok(Rgb { width, height, bytes: rgb })
}

/// The colours, which stand between the header and the pixels.
fn palette(
    header: &Header,
    length: usize,
    pixels: usize,
    bits: usize,
) -> Result<Vec<[u8; 3]>, Reason> {
    if ![1, 4, 8].contains(&bits) {
        return Err(format!("its pixels have {bits} bits"));
    }
    let step = if length == 12 { 3 } else { 4 };
    let start = 14_usize.saturating_add(length);
    let entries = pixels.saturating_sub(start) / step;
    (0..entries.min(1 << bits))
        .map(|entry| {
            header.bytes(start + entry * step).map(|[blue, green, red]| [red, green, blue])
        })
        .collect()
}
