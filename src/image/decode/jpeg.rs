//! JPEG by zune-jpeg, with libjpeg's rules for what the components mean and Pillow's for CMYK.

use super::{Reason, Rgb, coloured, expect_size};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// What the headers say that the decoder does not tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    size: Option<(u64, u64)>,
    /// Where the height stands, if the data hold the rows in order: not in progressive pictures.
    height_at: Option<usize>,
    /// The identifiers of the components.
    components: Vec<u8>,
    jfif: bool,
    /// Where an Adobe marker (APP14) stands, and its colour transform.
    adobe: Option<(usize, u8)>,
    /// Where the compressed data start.
    data: Option<usize>,
}

/// What the stored components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Grey,
    YCbCr,
    Rgb,
    Inks,
}

impl Header {
    fn of(bytes: &[u8]) -> Self {
        let mut header = Self::default();
        let mut at = 2;
        while let Some(&[first, marker]) = bytes.get(at..at + 2) {
            // Between segments, bytes are skipped up to the next marker, and so are fill bytes.
            if first != 0xff || marker == 0xff || marker == 0 {
                at += 1;
                continue;
            }
            if marker == 0x01 || (0xd0..=0xd9).contains(&marker) {
                at += 2;
                continue;
            }
            let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { break };
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
            let content = bytes.get(at + 4..end.min(bytes.len())).unwrap_or_default();
            match (marker, content) {
                (0xc0..=0xcf, [_, h1, h0, w1, w0, _, components @ ..])
                    if ![0xc4, 0xc8, 0xcc].contains(&marker) =>
                {
                    let side = |high, low| u64::from(u16::from_be_bytes([high, low]));
                    header.size = Some((side(*w1, *w0), side(*h1, *h0)));
                    header.height_at = matches!(marker, 0xc0 | 0xc1).then_some(at + 5);
                    header.components = components.iter().step_by(3).copied().collect();
                }
                (0xe0, [b'J', b'F', b'I', b'F', 0, ..]) => header.jfif = true,
                (0xee, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                    header.adobe = Some((at, *transform));
                }
                (0xda, _) => {
                    header.data = Some(end);
                    return header;
                }
                _ => {}
            }
            at = end;
        }
        header
    }

    /// As libjpeg decides (jdapimin.c, `default_decompress_parms`).
    fn colours(&self) -> Result<Colours, Reason> {
        let transform = self.adobe.map(|(_, transform)| transform);
        Ok(match (self.components.as_slice(), transform) {
            ([_], _) => Colours::Grey,
            ([_, _, _], _) if self.jfif => Colours::YCbCr,
            ([_, _, _], Some(0)) => Colours::Rgb,
            ([_, _, _], Some(_)) => Colours::YCbCr,
            (b"RGB", None) => Colours::Rgb,
            ([_, _, _], None) => Colours::YCbCr,
            ([_, _, _, _], _) => Colours::Inks,
            (other, _) => return Err(format!("it has {} components", other.len())),
        })
    }
}

/// The size of a picture whose rows can be decoded as far as they are needed.
pub fn size(bytes: &[u8]) -> Option<(u64, u64)> {
    let header = Header::of(bytes);
    header.height_at.and(header.size)
}

/// The rows decoded beyond the last that is wanted, whose colours reach into the next row of
/// blocks; blocks are of up to 16 rows.
const MARGIN: usize = 16;

/// The picture down to its row `rows` or below, or all of it; where its data reach to their end
/// marker. Pixels are those of [`read`].
pub fn read_rows(bytes: &[u8], rows: usize) -> Result<Rgb, Reason> {
    let header = Header::of(bytes);
    let rows = (rows + 1).next_multiple_of(MARGIN) + MARGIN;
    match (header.height_at, header.size, u16::try_from(rows)) {
        (Some(at), Some((_, height)), Ok(rows)) if u64::from(rows) < height => {
            let mut lower = bytes.to_vec();
            lower[at..at + 2].copy_from_slice(&rows.to_be_bytes());
            read(&lower)
        }
        _ => read(bytes),
    }
}

/// The picture, where its data reach to their end marker.
pub fn read(bytes: &[u8]) -> Result<Rgb, Reason> {
    let header = Header::of(bytes);
    let (Some((width, height)), Some(data)) = (header.size, header.data) else {
        return Err("it ends within its headers".to_owned());
    };
    expect_size(width, height)?;
    let end = bytes.get(data..).unwrap_or_default().windows(2).rposition(|two| two == [0xff, 0xd9]);
    if end.is_none() {
        return Err("it is cut short, without an end marker".to_owned());
    }
    let colours = header.colours()?;
    let wanted = match colours {
        Colours::Grey => ColorSpace::Luma,
        // Of inks, libjpeg and Pillow take all for inverted, as Adobe's programs store them; so
        // does the decoder.
        Colours::YCbCr | Colours::Inks => ColorSpace::RGB,
        // The decoder knows colours by the names of the components alone ...
        Colours::Rgb if header.components == b"RGB" => ColorSpace::RGB,
        // ... and others are taken for these and left alone.
        Colours::Rgb => ColorSpace::YCbCr,
    };
    let options = DecoderOptions::default().set_strict_mode(false).jpeg_set_out_colorspace(wanted);
    let renamed = match header.adobe {
        // The decoder would take the marker at its word, as libjpeg does not here.
        Some((at, _)) if header.components.len() == 3 => Some(without_marker(bytes, at)),
        _ => None,
    };
    let bytes = renamed.as_deref().unwrap_or(bytes);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let bytes = match colours {
        Colours::Grey => coloured(&pixels),
        _ => pixels,
    };
    Ok(Rgb { width: width as usize, height: height as usize, bytes })
}

/// The file with the marker at `at` as a comment.
fn without_marker(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(marker) = bytes.get_mut(at + 1) {
        *marker = 0xfe;
    }
    bytes
}
