//! Parity with Pillow, on the pictures of `tests/parity/images.py`.

use super::*;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

const FIXTURE: &[u8] = include_bytes!("../../../tests/parity/images.safetensors");

/// A file and Pillow's pixels.
pub struct Case {
    pub file: Vec<u8>,
    shape: Vec<usize>,
    rgb: Vec<u8>,
}

/// The cases by name.
pub fn files() -> BTreeMap<String, Case> {
    let all = SafeTensors::deserialize(FIXTURE).unwrap();
    let names = all.names().into_iter().filter_map(|name| name.strip_suffix(".file"));
    let case = |name: &str| {
        let rgb = all.tensor(&format!("{name}.rgb")).unwrap();
        let file = all.tensor(&format!("{name}.file")).unwrap().data().to_vec();
        let case = Case { file, shape: rgb.shape().to_vec(), rgb: rgb.data().to_vec() };
        (name.to_owned(), case)
    };
    names.map(case).collect()
}

#[test]
fn pixels_are_those_of_pillow() {
    let mut wrong = Vec::new();
    for (name, Case { file, shape, rgb: expected }) in files() {
        let raster = match decode(&file, &name) {
            Ok(raster) => raster,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        assert_eq!([raster.height(), raster.width(), 3], *shape, "{name}");
        let apart = raster.bytes().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        let apart: Vec<u8> = apart.collect();
        let most = apart.iter().max().unwrap();
        let far = apart.iter().filter(|apart| **apart > 2).count() as f64 / apart.len() as f64;
        // zune-jpeg and libjpeg round differently, in the cosine transform, the chroma and the
        // colours; on these noisy pictures by more than elsewhere.
        let jpeg = name.starts_with("jpeg");
        if *most > if jpeg { 3 } else { 0 } || far > 0.01 {
            wrong.push(format!("{name}: off by up to {most}, {far:.4} by more than 2"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn grey_is_that_of_pillow() {
    let Case { file, rgb, .. } = &files()["jpeg_grey"];
    let grey = decode_grey(file, "grey").unwrap();
    assert_eq!(grey.channels(), 1);
    let apart = grey.bytes().iter().zip(rgb.chunks(3)).map(|(a, b)| a.abs_diff(b[0]));
    assert!(apart.max().unwrap() <= 2);
    let Case { file, .. } = &files()["png_rgb"];
    // Pillow: Image.open("png_rgb").convert("L") of the first pixel.
    let [red, green, blue]: [u8; 3] = decode(file, "rgb").unwrap().bytes()[..3].try_into().unwrap();
    let exact = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    assert!((f64::from(decode_grey(file, "rgb").unwrap().bytes()[0]) - exact).abs() < 0.51);
}
