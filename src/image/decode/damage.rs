//! Damaged and hostile files: an error with the path or a picture, never a panic, in bounded time
//! and memory.

use super::parity::Case;
use super::*;
use crate::error::Kind;
use crate::seed::Stream;
use std::time::{Duration, Instant};

/// Reads a bad file; an error must say where and of what kind it is.
#[expect(clippy::disallowed_methods, reason = "the test bounds the time")]
fn tried(name: &str, bytes: &[u8]) -> Option<Error> {
    let start = Instant::now();
    let path = format!("images/{name}.jpg");
    let outcome = decode(bytes, &path);
    assert!(start.elapsed() < Duration::from_secs(5), "{name} took {:?}", start.elapsed());
    let error = outcome.err()?;
    assert_eq!(error.kind(), Kind::Data, "{name}");
    let text = error.to_string();
    assert!(text.starts_with(&path) && text.contains("expected"), "{text}");
    assert!(!text.contains("gave up"), "{name}: a decoder panicked");
    Some(error)
}

#[test]
fn files_cut_anywhere_are_refused() {
    let mut count = 0;
    for (name, Case { file, .. }) in parity::files() {
        for tenth in 0..10 {
            let cut = &file[..file.len() * tenth / 10];
            // What follows the first picture of a GIF does not matter.
            let refused = tried(&format!("{name} cut to {}", cut.len()), cut).is_some();
            assert!(refused || name.starts_with("gif_animated"), "{name} cut to {}", cut.len());
            count += 1;
        }
    }
    assert!(count >= 400);
}

#[test]
fn flipped_bits_never_panic() {
    let mut generator = Stream::new(0, "flipped bits").generator();
    let (mut refused, mut count) = (0, 0);
    for (name, Case { file, .. }) in parity::files() {
        for _ in 0..60 {
            let mut bytes = file.clone();
            for _ in 0..=generator.below(3) {
                let at = generator.below(bytes.len());
                bytes[at] ^= 1 << generator.below(8);
            }
            refused += usize::from(tried(&name, &bytes).is_some());
            count += 1;
        }
    }
    assert!(refused > count / 10 && refused < count, "{refused} of {count}");
}

#[test]
fn runs_of_noise_after_each_magic_are_refused() {
    let mut generator = Stream::new(1, "noise").generator();
    for magic in [&b"\xff\xd8"[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"GIF87a", b"BM", b"P5", b"P6"]
    {
        for length in [0, 1, 3, 10, 100, 5000] {
            let noise = (0..length).map(|_| generator.below(256) as u8);
            let bytes: Vec<u8> = magic.iter().copied().chain(noise).collect();
            assert!(tried("noise", &bytes).is_some(), "{magic:?} {length}");
        }
    }
}

#[test]
fn what_is_no_picture_is_named_by_its_first_bytes() {
    let said = |bytes: &[u8]| tried("x", bytes).unwrap().to_string();
    assert!(said(b"").ends_with("found an empty file"));
    assert!(
        said(b"<html>404</html>").ends_with("found the bytes [3c, 68, 74, 6d, 6c, 3e, 34, 30]")
    );
    let others: [&[u8]; 9] = [
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"%PDF-1.4",
        b"PK\x03\x04",
        b"\x1f\x8b\x08\0",
        b"P4\n1 1\n\0",
        b"\0\0\0\x0cjP  ",
        b"\xef\xbb\xbf<svg>",
    ];
    for bytes in others {
        assert!(said(bytes).contains("expected a JPEG, PNG, GIF, BMP or PPM picture"));
    }
}

/// A file of the fixture with the sides written at `places` (big-endian or not) replaced.
fn resized(name: &str, places: &[usize], side: &[u8]) -> Vec<u8> {
    let mut bytes = parity::files().remove(name).unwrap().file;
    for place in places {
        bytes[*place..place + side.len()].copy_from_slice(side);
    }
    bytes
}

#[test]
fn zero_and_huge_sizes_are_refused_before_memory_is_taken() {
    let jpeg = parity::files().remove("jpeg_444").unwrap().file;
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    for side in [[0, 0], [0xff, 0xff]] {
        let file = resized("jpeg_444", &[frame + 5, frame + 7], &side);
        assert!(tried("jpeg", &file).is_some(), "{side:?}");
        assert!(tried("gif", &resized("gif", &[6, 8], &side)).is_some() || side == [0, 0]);
    }
    for side in [[0; 4], [0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0, 1, 0, 0]] {
        let mut file = resized("png_rgb", &[16, 20], &side);
        let mut sum = flate2::Crc::new();
        sum.update(&file[12..29]);
        file[29..33].copy_from_slice(&sum.sum().to_be_bytes());
        assert!(tried("png", &file).is_some(), "{side:?}");
        assert!(tried("bmp", &resized("bmp_rgb", &[18, 22], &side)).is_some(), "{side:?}");
    }
    for text in
        ["P6 0 0 255 ", "P6 99999 99999 255 ", "P5 99999999999999999999 1 255 ", "P6 1 1 0 x"]
    {
        assert!(tried("ppm", text.as_bytes()).is_some(), "{text}");
    }
}
