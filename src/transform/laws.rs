//! Laws over all transforms.

use super::frame::{Frame, Size};
use super::parity::{made, picture};
use super::step::Action;
use super::{PRESETS, Pipeline, TRANSFORMS, Transform, apply};
use crate::registry::{Args, Handle, Kind, Param, Value};
use crate::seed::Stream;
use std::collections::BTreeSet;
use tch::{Device, Tensor};

/// All transforms with their defaults.
fn all() -> Vec<(&'static str, Pipeline)> {
    let entries = TRANSFORMS.iter().chain(PRESETS).map(|entry| entry.spec.name);
    entries.filter(|name| *name != "pipeline").map(|name| (name, made(name, &[]))).collect()
}

fn stream(image: u64) -> Stream {
    Stream::new(5, "laws").at(3).at(image)
}

fn transformed(pipeline: &Pipeline, image: u64) -> Vec<f32> {
    let picture = picture(61, 47, 3, image);
    pipeline.transformed(Frame::from(picture), stream(image)).unwrap().0
}

#[test]
fn an_image_depends_on_its_stream_and_not_on_what_else_is_done() {
    for (name, pipeline) in all() {
        let forwards: Vec<Vec<f32>> = (0..6).map(|image| transformed(&pipeline, image)).collect();
        let backwards: Vec<Vec<f32>> =
            (0..6).rev().map(|image| transformed(&pipeline, image)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()), "{name}");
        let in_threads: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let pipeline = &pipeline;
            let workers: Vec<_> =
                (0..6).map(|image| scope.spawn(move || transformed(pipeline, image))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert_eq!(forwards, in_threads, "{name}");
    }
}

#[test]
fn only_what_says_so_is_random() {
    for (name, pipeline) in all() {
        let picture = picture(61, 47, 3, 1);
        let with = |seed: u64| pipeline.transformed(Frame::from(&picture), stream(seed)).unwrap().0;
        let distinct = (0..8).any(|seed| with(seed) != with(8));
        assert_eq!(distinct, pipeline.is_random(), "{name}");
    }
}

#[test]
fn pixels_stay_in_their_range_where_that_is_promised() {
    let mut left = BTreeSet::new();
    for (name, pipeline) in all() {
        let images = (0..20).map(|image| transformed(&pipeline, image));
        let outside = images.flatten().any(|value| !(0.0..=1.0).contains(&value));
        assert!(!(outside && pipeline.keeps_pixels()), "{name}");
        if outside {
            left.insert(name);
        }
    }
    assert_eq!(left, BTreeSet::from(["imagenet_train", "lighting", "normalize"]));
}

#[test]
fn the_size_is_the_one_foretold() {
    for (name, pipeline) in all() {
        for (width, height) in [(61, 47), (47, 61), (40, 40), (300, 37)] {
            let input = Size::new(width, height);
            let frame = Frame::from(picture(width, height, 3, 0));
            let (values, channels, size) = pipeline.transformed(frame, stream(0)).unwrap();
            assert_eq!(pipeline.output_size(Some(input)), Some(size), "{name}");
            assert_eq!(values.len(), channels * size.width * size.height, "{name}");
            assert_eq!(channels, 3, "{name}");
            if let Some(fixed) = pipeline.output_size(None) {
                assert_eq!(fixed, size, "{name}");
            }
        }
    }
}

#[test]
fn what_is_written_equals_what_is_kept_as_bytes() {
    for (name, pipeline) in all().into_iter().filter(|(_, pipeline)| pipeline.is_on_bytes()) {
        let source = picture(61, 47, 3, 2);
        let raster = pipeline.raster(Frame::from(&source), stream(2)).unwrap();
        let (values, channels, size) =
            pipeline.transformed(Frame::from(&source), stream(2)).unwrap();
        let mut again = vec![0.0; values.len()];
        pipeline.apply(Frame::from(source), stream(2), &mut again).unwrap();
        assert_eq!(values, again, "{name}");
        let plane = size.width * size.height;
        for (at, value) in values.iter().enumerate() {
            let byte = raster.bytes()[at % plane * channels + at / plane];
            assert_eq!(*value, f32::from(byte) / 255.0, "{name}");
        }
    }
    let noise = made("add_noise", &[]);
    assert!(noise.raster(Frame::from(picture(4, 4, 3, 0)), stream(0)).is_err());
}

#[test]
fn grey_pictures_are_transformed_or_refused() {
    let mut refused = BTreeSet::new();
    for (name, pipeline) in all() {
        match pipeline.transformed(Frame::from(picture(61, 47, 1, 0)), stream(0)) {
            Ok((_, channels, _)) => assert_eq!(channels, 1, "{name}"),
            Err(error) => {
                assert!(error.to_string().contains("channels, found 1"), "{name}: {error}");
                refused.insert(name);
            }
        }
    }
    assert_eq!(refused, BTreeSet::from(["imagenet_train", "lighting", "normalize"]));
}

#[test]
fn a_single_pixel_is_transformed_or_refused() {
    for (name, pipeline) in all() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 3)] {
            match pipeline.transformed(Frame::from(picture(width, height, 3, 0)), stream(0)) {
                Ok((values, ..)) => assert!(values.iter().all(|value| value.is_finite()), "{name}"),
                Err(error) => assert!(error.to_string().contains("expected"), "{name}: {error}"),
            }
        }
    }
}

/// Another acceptable value than the default.
fn other(param: &Param) -> Value {
    match (param.kind, Value::from(param.default)) {
        (Kind::Int { .. }, Value::Int(value)) => Value::Int(value + 1),
        (Kind::Int { .. }, _) => Value::Int(3),
        (Kind::Float { .. }, Value::Float(value)) if value >= 1.0 => Value::Float(value + 1.0),
        (Kind::Float { .. }, Value::Float(value)) => Value::Float(value / 2.0 + 0.125),
        (Kind::Float { .. }, _) => Value::Float(0.25),
        (Kind::Floats { max, .. }, Value::Float(value)) if value < max - 1.0 => {
            Value::Float(value + 1.0)
        }
        (Kind::Floats { .. }, Value::Float(value)) => Value::Float(value / 2.0),
        (Kind::Floats { .. }, Value::Floats(values)) => {
            Value::Floats(values.into_iter().map(|value| value * 0.5).collect())
        }
        (Kind::Ints, _) => Value::Ints(vec![8, 16]),
        (Kind::Choice(words), _) => Value::Text(words[1].to_owned()),
        (kind, _) => panic!("{kind:?}"),
    }
}

#[test]
fn other_options_have_another_text_and_another_address() {
    for entry in TRANSFORMS.iter().chain(PRESETS).filter(|entry| entry.spec.inputs.is_empty()) {
        let spec = &entry.spec;
        let with = |options: Vec<(String, Value)>| {
            Transform::build(entry, &Args::resolve(spec, vec![], options).unwrap()).unwrap()
        };
        let usual = with(vec![]);
        let mut texts = BTreeSet::from([usual.summary()]);
        let mut addresses = BTreeSet::from([usual.lineage().address().clone()]);
        for param in spec.params {
            let changed = with(vec![(param.name.to_owned(), other(param))]);
            assert!(texts.insert(changed.summary()), "{}: {}", spec.name, changed.summary());
            assert!(addresses.insert(changed.lineage().address().clone()), "{}", spec.name);
        }
    }
}

#[test]
fn a_pipeline_tells_its_order_and_refuses_bytes_after_numbers() {
    let steps = |names: &[&str]| -> Vec<_> {
        names.iter().flat_map(|name| made(name, &[]).steps().cloned().collect::<Vec<_>>()).collect()
    };
    let pipeline = Pipeline::new(steps(&["resize", "center_crop", "add_noise"])).unwrap();
    assert_eq!(pipeline.to_string(), "resize(256) > center_crop(224) > add_noise(0.1)");
    assert_eq!(Pipeline::new(Vec::new()).unwrap().to_string(), "to_tensor()");
    let error = Pipeline::new(steps(&["resize", "normalize", "add_noise", "jpeg"])).err().unwrap();
    assert_eq!(error.to_string(), "transform: jpeg works on bytes, expected it before normalize");
    let other = Pipeline::new(steps(&["add_noise", "add_noise"])).unwrap();
    let picture = picture(9, 9, 3, 0);
    let once = made("add_noise", &[]).transformed(Frame::from(&picture), stream(0)).unwrap().0;
    let twice = other.transformed(Frame::from(&picture), stream(0)).unwrap().0;
    let unit =
        Pipeline::new(vec![]).unwrap().transformed(Frame::from(&picture), stream(0)).unwrap().0;
    // Two steps of one kind draw apart: the same draw twice would double the difference.
    let doubled = (0..unit.len()).filter(|&i| {
        let (first, both) = (once[i] - unit[i], twice[i] - unit[i]);
        (both - 2.0 * first).abs() < 1e-6 && (0.01..0.99).contains(&twice[i])
    });
    assert!(doubled.count() < unit.len() / 10);
}

#[test]
fn an_output_of_another_length_is_refused() {
    let resize = made("resize", &[("size", Value::Float(8.0))]);
    let mut out = vec![0.0; 3 * 8 * 8];
    let frame = |width, height| Frame::from(picture(width, height, 3, 0));
    resize.apply(frame(20, 20), stream(0), &mut out).unwrap();
    let error = resize.apply(frame(20, 30), stream(0), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "transform: expected images of 192 numbers, found 3 x 12 x 8");
}

#[test]
fn tensors_of_bytes_are_transformed_as_pictures() {
    let source = picture(45, 33, 3, 4);
    let unit = |pipeline: &Pipeline| {
        pipeline.transformed(Frame::from(&source), Stream::new(7, "transform").at(2).at(0)).unwrap()
    };
    let (values, ..) = unit(&Pipeline::new(vec![]).unwrap());
    let images = Tensor::from_slice(&values).view([1, 3, 33, 45]);
    for (name, pipeline) in all().into_iter() {
        let (values, channels, size) = unit(&pipeline);
        let found = apply(&pipeline, &images, 7, 2).unwrap();
        assert_eq!(found.size(), [1, channels as i64, size.height as i64, size.width as i64]);
        let expected = Tensor::from_slice(&values).view_as(&found);
        assert!(found.equal(&expected), "{name}");
        let on_bytes = pipeline.steps().any(|step| matches!(step.action, Action::Bytes(_)));
        let finer = (&images * 0.999).clamp(0.0, 1.0);
        let bytes = (&finer * 255.0).round() / 255.0;
        let same =
            apply(&pipeline, &finer, 7, 2).unwrap().equal(&apply(&pipeline, &bytes, 7, 2).unwrap());
        assert_eq!(same, on_bytes, "{name}");
    }
    for shape in [[1, 2, 4, 4], [0, 3, 4, 4], [1, 3, 0, 4]] {
        let images = Tensor::zeros(shape, (tch::Kind::Float, Device::Cpu));
        assert!(apply(&made("grayscale", &[]), &images, 0, 0).is_err(), "{shape:?}");
    }
    let resize = made("resize", &[("size", Value::Float(4096.0))]);
    let many = Tensor::zeros([9, 3, 2, 2], (tch::Kind::Float, Device::Cpu));
    assert!(apply(&resize, &many, 0, 0).unwrap_err().to_string().contains("elements"));
}
