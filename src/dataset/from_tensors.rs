//! Images that a script holds.

use super::facts::{Facts, Metric};
use super::selection::{Contents, PARAMS, Pictures, select};
use super::split::Sample;
use super::storage::Encoding;
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::sha256_hex;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::tensor::{Constant, expect_pixels, image_batch};
use serde_json::json;
use tch::{Device, Kind as Element};

/// A dataset of images and labels in memory.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "from_tensors",
        home: Home::Namespace("dataset"),
        doc: "A dataset of images and labels that a script holds.\n\nImages are a tensor \
              (N, C, H, W) with 1 or 3 channels whose pixels are whole 255ths of [0,1], as those of \
              every stored picture are; noise comes from transforms and attackers. Labels are N \
              whole numbers from 0 on. A share of each class, chosen by the seed, is test.",
        inputs: &[
            Param::input("images", Kind::Handle("tensor"), "The images."),
            Param::input("labels", Kind::Ints, "The class of each image, a list or a range."),
        ],
        params: PARAMS,
        returns: "dataset",
        example: Example {
            code: "let x = dataset::fashion_mnist().test.images(0..40);\n\
                   let y = [];\n\
                   for i in 0..40 { y.push(i % 2); }\n\
                   dataset::from_tensors(x, y).train.len",
            shows: "28",
        },
        cite: "PyTorch 2017, torch.utils.data.TensorDataset",
        version: 2,
    },
    build,
};

const FACTS: Facts = Facts { counts: None, ..Facts::new(Metric::Accuracy, 0, 0) };
/// How far from a whole 255th a pixel may be, in 255ths: what f32 rounds.
const ROUNDING: f64 = 1e-3;

fn build(_: &Context, args: &Args) -> Result<Dataset> {
    built(args).map_err(|error| error.within(args.spec().name))
}

fn built(args: &Args) -> Result<Dataset> {
    let _guard = tch::no_grad_guard();
    let images = args.handle::<Constant>("images")?;
    let images = images.tensor();
    let [count, channels, height, width] = image_batch(images)?;
    if !matches!(channels, 1 | 3) || count * height * width == 0 {
        return Err(Error::usage(format!(
            "expected images of 1 or 3 channels, found {count} of {channels}x{height}x{width}"
        )));
    }
    expect_pixels("images", images)?;
    let scaled = images.f_to_device(Device::Cpu)?.f_mul_scalar(255.0)?;
    let whole = scaled.f_round()?;
    let off = scaled.f_sub(&whole)?.f_abs()?.f_max()?.f_double_value(&[])?;
    if off > ROUNDING {
        return Err(Error::usage(format!(
            "expected pixels of whole 255ths, found one {off:.3} of a 255th away from one"
        ))
        .hint("change images by transforms or attackers: these keep fractions"));
    }
    let bytes = Vec::<u8>::try_from(&whole.f_to_kind(Element::Uint8)?.f_flatten(0, -1)?)?;
    let labels = args.ints("labels")?.unwrap_or_default();
    if labels.len() as i64 != count || labels.iter().any(|label| *label < 0) {
        let found = labels.len();
        return Err(Error::usage(format!(
            "expected {count} labels from 0 on, one for each image, found {found}"
        ))
        .at_key("labels"));
    }
    let train = (0..).zip(labels).map(|(id, label)| Sample { id, label: *label }).collect();
    let source = json!({
        "shape": [count, channels, height, width], "pixels": sha256_hex(&bytes), "labels": labels,
    });
    let area = (channels * height * width) as usize;
    let decode = Box::new(move |ids: &[u64]| {
        let image = |id: &u64| bytes.get(*id as usize * area..(*id as usize + 1) * area);
        Ok(ids.iter().filter_map(image).flatten().copied().collect())
    });
    let shape = [channels, height, width];
    let pictures = Pictures::Packed(Encoding { shape, white: 255, decode });
    let classes = (0..=labels.iter().copied().max().unwrap_or(0)).map(|label| label.to_string());
    let classes = classes.collect();
    let test = Vec::new();
    select(Contents { classes, facts: &FACTS, train, test, source, pictures }, args)
}

#[cfg(test)]
mod tests {
    use super::super::laws::{built_in, built_named};
    use super::*;
    use crate::registry::{Handle, Value};
    use std::path::Path;
    use std::rc::Rc;
    use tch::Tensor;

    fn made(x: Tensor, y: Vec<i64>, options: &[(&str, Value)]) -> Result<Dataset> {
        let images = Value::Handle(Rc::new(Constant::new(x)));
        built_in(Path::new("."), &ENTRY, vec![images, Value::Ints(y)], options)
    }

    #[test]
    fn images_and_labels_stay_together_and_the_content_is_the_address() {
        let digits = built_named("digits", &[("limit", Value::Int(60))]).unwrap();
        let all: Vec<usize> = (0..digits.train.len()).collect();
        // Digits are 16ths; as pictures they are the nearest 255ths.
        let batch = digits.train.batch(&all, Device::Cpu).unwrap();
        let x = (batch.x * 255.0).round() / 255.0;
        let y = Vec::<i64>::try_from(&batch.y).unwrap();
        let data = made(x.shallow_clone(), y.clone(), &[]).unwrap();
        for split in [&data.train, &data.val, &data.test] {
            let indices: Vec<usize> = (0..split.len()).collect();
            let found = split.batch(&indices, Device::Cpu).unwrap();
            let ids: Vec<i64> = found.ids.iter().map(|id| *id as i64).collect();
            assert_eq!(found.x, x.index_select(0, &Tensor::from_slice(&ids)));
            let labels: Vec<i64> = ids.iter().map(|id| y[*id as usize]).collect();
            assert_eq!(Vec::<i64>::try_from(&found.y).unwrap(), labels);
        }
        let address = |data: &Dataset| data.lineage().address().clone();
        assert_eq!(address(&data), address(&made(x.shallow_clone(), y.clone(), &[]).unwrap()));
        let other = made(1.0 - &x, y.clone(), &[]).unwrap();
        assert_ne!(address(&data), address(&other));
        let mut swapped = y;
        swapped.reverse();
        assert_ne!(address(&data), address(&made(x, swapped, &[]).unwrap()));
    }

    #[test]
    fn what_is_no_dataset_is_refused() {
        let x = || Tensor::zeros([4, 1, 2, 2], (Element::Float, Device::Cpu));
        let refused = |x: Tensor, y: Vec<i64>| made(x, y, &[]).unwrap_err().to_string();
        assert!(refused(x(), vec![0, 1, 0]).contains("expected 4 labels from 0 on"));
        assert!(refused(x(), vec![0, 1, 0, -1]).contains("expected 4 labels from 0 on"));
        assert!(refused(x() + 0.3, vec![0; 4]).contains("0.500 of a 255th"));
        assert!(refused(x() + 2.0, vec![0; 4]).contains("expected pixels from 0 to 1"));
        let two = Tensor::zeros([4, 2, 2, 2], (Element::Float, Device::Cpu));
        assert!(refused(two, vec![0; 4]).contains("1 or 3 channels, found 4 of 2x2x2"));
    }
}
