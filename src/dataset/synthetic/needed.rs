//! Pictures that are decoded only as far as they are used.

use crate::dataset::image_folder::ENTRY;
use crate::dataset::laws::built_in;
use crate::registry::{Args, Handle, Value};
use crate::transform::{PRESETS, Transform};
use safetensors::SafeTensors;
use std::fs;
use std::rc::Rc;
use tch::Device;

const PICTURES: &[u8] = include_bytes!("../../../tests/parity/images.safetensors");

#[test]
fn rows_that_no_transform_uses_may_be_damaged_if_that_was_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let all = SafeTensors::deserialize(PICTURES).unwrap();
    let file = |name: &str| all.tensor(&format!("{name}.file")).unwrap().data().to_vec();
    let mut damaged = file("jpeg_tall_restarts");
    // A marker that ends the data, in their last tenth.
    let at = damaged.len() * 9 / 10;
    damaged[at..at + 2].copy_from_slice(&[0xff, 0xc4]);
    for (name, content) in [
        ("train/a/1.jpg", file("jpeg_tall_420")),
        ("train/a/2.jpg", file("jpeg_progressive")),
        ("train/a/3.jpg", file("png_rgb")),
        ("train/a/4.jpg", damaged),
        ("test/a/1.jpg", file("jpeg_tall_444")),
    ] {
        let path = root.path().join("photographs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let preset = PRESETS.iter().find(|preset| preset.spec.name == "salman2020_test").unwrap();
    let args = Args::resolve(&preset.spec, vec![], vec![]).unwrap();
    let crop: Rc<dyn Handle> = Rc::new(Transform::build(preset, &args).unwrap());
    let seen = |decode: &str| {
        let folder = vec![Value::Text("photographs".to_owned())];
        let decode = ("decode", Value::Text(decode.to_owned()));
        let options =
            [decode, ("val", Value::Float(0.0)), ("test_transform", Value::Handle(crop.clone()))];
        built_in(root.path(), &ENTRY, folder, &options).unwrap()
    };
    let (whole, needed) = (seen("whole"), seen("needed"));
    assert_eq!(whole.train.lineage().address(), needed.train.lineage().address());
    let image = |data: &crate::dataset::Dataset, place: &str| {
        let (ids, storage) = (data.train.ids(), data.train.storage());
        let index = ids.iter().position(|id| storage.path(*id).unwrap().ends_with(place)).unwrap();
        data.train.batch(&[index], Device::Cpu).map(|batch| batch.x)
    };
    for place in ["1.jpg", "2.jpg", "3.jpg"] {
        assert_eq!(image(&whole, place).unwrap(), image(&needed, place).unwrap(), "{place}");
    }
    let error = image(&whole, "4.jpg").unwrap_err().to_string();
    assert!(error.contains("4.jpg"), "{error}");
    assert!(image(&needed, "4.jpg").is_ok());
}
