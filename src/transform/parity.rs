//! Equal to torchvision and Pillow, by `tests/parity/transforms.json`: bit for bit where bytes come
//! out, to f32's rounding where numbers do.

use super::frame::{Frame, Region, Size};
use super::resample::Filter;
use super::step::Planes;
use super::{Build, Pipeline};
use super::{PRESETS, TRANSFORMS, color_jitter, grayscale, hue, lighting, random_rotation};
use crate::image::Raster;
use crate::lineage::sha256_hex;
use crate::registry::{Args, Entry, Value};
use crate::seed::Stream;
use serde_json::Value as Json;
use std::sync::LazyLock;

static FIXTURE: LazyLock<Json> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/parity/transforms.json")).unwrap()
});

/// The entry of this name with some options.
pub(super) fn made(name: &str, options: &[(&str, Value)]) -> Pipeline {
    let mut all = TRANSFORMS.iter().chain(PRESETS);
    let entry: &'static Entry<Build> = all.find(|entry| entry.spec.name == name).unwrap();
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let args = Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap();
    (entry.build)(&args).unwrap()
}

/// The picture of `transforms.py`: noise at one corner, a gradient at the other.
pub(super) fn picture(width: usize, height: usize, channels: usize, number: u64) -> Raster {
    let mut bytes = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let place = ((y * width + x) * channels + c) as u64;
                let mut z = (place + number * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                let gradient = (x * (3 + c) + y * 2 + number as usize * 40) % 256;
                let noisy = 2 * (x + y) < width + height;
                bytes.push(if noisy { (z >> 56) as u8 } else { gradient as u8 });
            }
        }
    }
    Raster::new(width, height, channels, bytes).unwrap()
}

fn source(case: &Json) -> Raster {
    let numbers = counts(&case["source"]);
    picture(numbers[0], numbers[1], numbers[2], numbers[3] as u64)
}

fn counts(list: &Json) -> Vec<usize> {
    list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn floats(list: &Json) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn lengths(case: &Json) -> Value {
    Value::Floats(counts(&case["lengths"]).into_iter().map(|length| length as f64).collect())
}

/// Whether a picture is the one of a case.
fn is(found: &Raster, expected: &Json) -> bool {
    counts(&expected["size"]) == [found.width(), found.height()]
        && sha256_hex(found.bytes())[..16] == *expected["sha256"].as_str().unwrap()
}

/// Checks all cases of a kind; `done` gives the picture after the transform.
fn equal(kind: &str, done: impl Fn(Raster, &Json) -> Raster) {
    let cases = FIXTURE[kind].as_array().unwrap();
    assert!(cases.len() > 10, "{kind}: {}", cases.len());
    let differ = |case: &&Json| !is(&done(source(case), case), case);
    let differing: Vec<String> = cases.iter().filter(differ).map(Json::to_string).collect();
    let few = differing.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{} of {} differ:\n{few}", differing.len(), cases.len());
}

fn applied(pipeline: &Pipeline, picture: Raster) -> Raster {
    pipeline.raster(Frame::from(picture), Stream::new(0, "parity")).unwrap()
}

#[test]
fn resize_equals_torchvision() {
    equal("resize", |picture, case| {
        let filter = Value::Text(case["filter"].as_str().unwrap().to_owned());
        applied(&made("resize", &[("size", lengths(case)), ("filter", filter)]), picture)
    });
}

#[test]
fn center_crop_equals_torchvision() {
    equal("center_crop", |picture, case| {
        applied(&made("center_crop", &[("size", lengths(case))]), picture)
    });
}

#[test]
fn a_crop_that_is_resized_and_mirrored_equals_torchvision() {
    fn resized<'a>(picture: &'a Raster, case: &Json) -> Frame<'a> {
        let [x, y, width, height] = counts(&case["region"])[..] else { panic!("{case}") };
        let side = case["length"].as_u64().unwrap() as usize;
        let frame = Frame::borrowed(
            picture.bytes(),
            Size::new(picture.width(), picture.height()),
            picture.channels(),
        );
        let cropped = frame.unwrap().crop(Region::new(x, y, width, height)).unwrap();
        cropped.resize(Size::new(side, side), Filter::Bilinear).unwrap().mirror().mirror()
    }
    equal("resized_crop", |picture, case| {
        let frame = resized(&picture, case);
        let mirrored = frame.clone().mirror().into_raster().unwrap();
        assert!(is(&mirrored, &case["mirrored"]), "{case}");
        frame.into_raster().unwrap()
    });
}

#[test]
fn rotation_equals_torchvision() {
    equal("rotation", |picture, case| {
        random_rotation::rotated(picture, case["degrees"].as_f64().unwrap()).unwrap()
    });
}

#[test]
fn colours_equal_torchvision() {
    equal("colour", |mut picture, case| {
        let factor = case["factor"].as_f64().unwrap();
        match case["change"].as_str().unwrap() {
            "brightness" => color_jitter::brightness(&mut picture, factor as f32),
            "contrast" => color_jitter::contrast(&mut picture, factor as f32),
            "saturation" => color_jitter::saturation(&mut picture, factor as f32),
            _ => hue::turned(&mut picture, factor),
        }
        picture
    });
}

#[test]
fn grey_equals_torchvision() {
    equal("grayscale", |picture, _| applied(&made("grayscale", &[]), picture));
    assert_eq!(grayscale::luminance(&[255, 255, 255]), 255);
}

#[test]
fn jpeg_equals_pillow() {
    equal("jpeg", |picture, case| {
        let quality = Value::Int(case["quality"].as_i64().unwrap());
        applied(&made("jpeg", &[("quality", quality)]), picture)
    });
}

fn few(values: &[f32]) -> Vec<f64> {
    values.iter().step_by(5003).map(|value| f64::from(*value)).collect()
}

fn near(found: &[f64], expected: &Json, tolerance: f64) {
    let expected = floats(expected);
    assert_eq!(found.len(), expected.len());
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{place}: {found} {expected}");
    }
}

#[test]
fn numbers_equal_torchvision() {
    let case = &FIXTURE["numbers"];
    let picture = source(case);
    let after = |pipeline: &Pipeline| {
        pipeline.transformed(Frame::from(&picture), Stream::new(0, "parity")).unwrap().0
    };
    let unit = after(&Pipeline::new(Vec::new()).unwrap());
    near(&few(&unit), &case["unit"], 0.0);
    near(&few(&after(&made("normalize", &[]))), &case["normalized"], 0.0);
    let alphas = floats(&case["alphas"]);
    let shift = lighting::colour([alphas[0] as f32, alphas[1] as f32, alphas[2] as f32]);
    let plane = picture.width() * picture.height();
    let lit: Vec<f32> =
        unit.iter().enumerate().map(|(i, value)| value + shift[i / plane]).collect();
    // The sum of three products may be rounded in another order.
    near(&few(&lit), &case["lit"], 1e-7);
}

#[test]
fn low_pass_equals_numpy() {
    for case in FIXTURE["low_pass"].as_array().unwrap() {
        let text = |key: &str| Value::Text(case[key].as_str().unwrap().to_owned());
        let cutoff = Value::Float(case["cutoff"].as_f64().unwrap());
        let options = [("cutoff", cutoff), ("band", text("band")), ("edge", text("edge"))];
        let picture = source(case);
        let size = Size::new(picture.width(), picture.height());
        let (mut values, channels, _) = Pipeline::new(Vec::new())
            .unwrap()
            .transformed(Frame::from(picture), Stream::new(0, "parity"))
            .unwrap();
        let mut image = Planes { values: &mut values, channels, size };
        let pipeline = made("low_pass", &options);
        pipeline.apply_to_numbers(&mut image, Stream::new(0, "parity")).unwrap();
        let found: Vec<f64> = values.iter().step_by(17).map(|value| f64::from(*value)).collect();
        // numpy computes in float64.
        near(&found, &case["values"], 2e-6);
    }
}
