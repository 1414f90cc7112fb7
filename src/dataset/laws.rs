//! Laws over all datasets.

use super::*;
use crate::context::{Interrupt, Silent};
use crate::lineage::sha256_hex;
use crate::registry::{Handle, Value};
use crate::store::{Manifest, Store};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind};

/// A session on a store of its own, with a data folder.
pub fn context(data: Option<&Path>) -> (Context, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let context = Context {
        device: Device::Cpu,
        store: Store::open(&folder.path().join("runs")).unwrap(),
        data: data.map(Path::to_owned),
        monitor: Rc::new(Silent),
        interrupt: Interrupt::default(),
        environment: Manifest {
            threads: 1,
            cpu: "test".into(),
            torch: "test".into(),
            program: "test".into(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    };
    (context, folder)
}

fn made(
    data: Option<&Path>,
    entry: &'static Entry<Build>,
    inputs: Vec<Value>,
    options: &[(&str, Value)],
) -> Result<Dataset> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    (entry.build)(&context(data).0, &Args::resolve(&entry.spec, inputs, options.collect())?)
}

/// The dataset of an entry that needs no data folder.
pub fn built(entry: &'static Entry<Build>, options: &[(&str, Value)]) -> Result<Dataset> {
    made(None, entry, vec![], options)
}

/// As [`built`], by name.
pub fn built_named(name: &str, options: &[(&str, Value)]) -> Result<Dataset> {
    built(DATASETS.iter().find(|entry| entry.spec.name == name).unwrap(), options)
}

/// The dataset of an entry in a data folder.
pub fn built_in(
    data: &Path,
    entry: &'static Entry<Build>,
    inputs: Vec<Value>,
    options: &[(&str, Value)],
) -> Result<Dataset> {
    made(Some(data), entry, inputs, options)
}

/// Compares a split with what the official files were found to hold.
pub fn facts(dataset: &str, part: &str, split: &Split, white: f64) {
    let facts: Json = serde_json::from_str(include_str!("embedded/facts.json")).unwrap();
    let facts = &facts[dataset][part];
    let labels = split.labels().unwrap();
    assert_eq!(facts["first_labels"], Json::from(&labels[..20]));
    for class in 0..10 {
        let of_class: Vec<usize> =
            (0..labels.len()).filter(|index| labels[*index] == class).collect();
        let class = class as usize;
        assert_eq!(facts["counts"][class], of_class.len());
        let x = split.batch(&of_class, Device::Cpu).unwrap().x;
        let sum = (x * white).round().sum(Kind::Double).double_value(&[]);
        assert_eq!(facts["pixel_sums"][class].as_f64(), Some(sum));
    }
}

const EMBEDDED: &[&Entry<Build>] = &[&digits::ENTRY, &fashion_mnist::ENTRY];

fn ids(split: &Split) -> BTreeSet<u64> {
    split.ids().into_iter().collect()
}

#[test]
fn splits_share_no_image_and_labels_stay_in_range() {
    for entry in EMBEDDED {
        let dataset = built(entry, &[("classes", Value::Ints(vec![8, 1, 4]))]).unwrap();
        let splits = [&dataset.train, &dataset.val, &dataset.test];
        let count: usize = splits.iter().map(|split| split.len()).sum();
        let all: BTreeSet<u64> = splits.into_iter().flat_map(ids).collect();
        assert_eq!(all.len(), count);
        for split in splits {
            let indices: Vec<usize> = (0..split.len()).collect();
            let batch = split.batch(&indices, Device::Cpu).unwrap();
            crate::tensor::expect_labels(&batch.y, split.len() as i64, 3).unwrap();
            crate::tensor::expect_pixels("x", &batch.x).unwrap();
            let [channels, height, width] = dataset.shape();
            assert_eq!(batch.x.size(), [split.len() as i64, channels, height, width]);
            assert_eq!(batch.ids, split.ids());
        }
    }
}

#[test]
fn a_seed_repeats_its_split_and_its_address() {
    for entry in EMBEDDED {
        let with = |seed| built(entry, &[("seed", Value::Int(seed))]).unwrap();
        assert_eq!(with(3).val.ids(), with(3).val.ids());
        assert_ne!(with(3).val.ids(), with(4).val.ids());
        assert_eq!(with(3).lineage().address(), with(3).lineage().address());
        assert_ne!(with(3).lineage().address(), with(4).lineage().address());
    }
}

#[test]
fn seed_0_gives_the_splits_that_version_1_promised() {
    let fingerprint = |entry| {
        let Dataset { train, val, test, .. } = built(entry, &[]).unwrap();
        let ids = [&train, &val, &test].map(Split::ids);
        sha256_hex(Json::from(ids.map(Json::from).to_vec()).to_string().as_bytes())
    };
    assert_eq!(fingerprint(&digits::ENTRY)[..16], *"a72488537280d9e6");
    assert_eq!(fingerprint(&fashion_mnist::ENTRY)[..16], *"f8dd7cb44a4f0502");
}

#[test]
fn a_smaller_limit_keeps_a_balanced_part_of_a_larger_one() {
    for entry in EMBEDDED {
        let limited = |limit| {
            let limits = [("limit", Value::Int(limit)), ("test_limit", Value::Int(limit))];
            built(entry, &limits).unwrap()
        };
        let mut smaller = limited(30);
        for limit in [47, 100, 555] {
            let larger = limited(limit);
            assert_eq!(larger.train.len() + larger.val.len(), limit as usize);
            assert!(ids(&smaller.train).is_subset(&ids(&larger.train)));
            assert!(ids(&smaller.val).is_subset(&ids(&larger.val)));
            assert!(ids(&smaller.test).is_subset(&ids(&larger.test)));
            let fit = larger.train.merged(&larger.val).unwrap().labels().unwrap();
            let counts = (0..10).map(|class| fit.iter().filter(|l| **l == class).count());
            let counts: BTreeSet<usize> = counts.collect();
            assert!(counts.last().unwrap() - counts.first().unwrap() <= 1, "{counts:?}");
            smaller = larger;
        }
    }
}

#[test]
fn val_takes_its_share_of_each_class() {
    let dataset = built(&fashion_mnist::ENTRY, &[("val", Value::Float(0.25))]).unwrap();
    let labels = dataset.val.labels().unwrap();
    for class in 0..10 {
        assert_eq!(labels.iter().filter(|label| **label == class).count(), 150);
    }
    let none = built(&fashion_mnist::ENTRY, &[("val", Value::Float(0.0))]).unwrap();
    assert!(none.val.is_empty());
    assert_eq!(none.val.batch(&[], Device::Cpu).unwrap().x.size(), [0, 1, 28, 28]);
}

#[test]
fn a_share_of_train_is_tested_on_instead_of_test() {
    for entry in EMBEDDED {
        let with = |share: &[(&str, Value)]| {
            let whole = ("val", Value::Float(0.0));
            built(entry, &[&[whole], share].concat()).unwrap()
        };
        let official = with(&[]);
        for share in [0.25, 0.5] {
            let data = with(&[("test", Value::Float(share))]);
            let (train, test) = (ids(&data.train), ids(&data.test));
            assert!(train.is_disjoint(&test));
            assert_eq!(train.union(&test).copied().collect::<BTreeSet<_>>(), ids(&official.train));
            let (all, tested) = (official.train.labels().unwrap(), data.test.labels().unwrap());
            for class in 0..10 {
                let count =
                    |labels: &[i64]| labels.iter().filter(|label| **label == class).count() as f64;
                assert!((count(&tested) - share * count(&all)).abs() <= 0.5);
            }
        }
    }
}

#[test]
fn what_classes_keep_does_not_depend_on_other_classes() {
    let with = |classes: &[i64]| {
        let classes = Value::Ints(classes.to_vec());
        ids(&built(&digits::ENTRY, &[("classes", classes)]).unwrap().test)
    };
    let both: BTreeSet<u64> = with(&[7]).union(&with(&[2])).copied().collect();
    assert_eq!(both, with(&[2, 7]));
}

#[test]
fn options_out_of_range_name_the_dataset_and_the_key() {
    let said = |key: &str, value| {
        let error = built(&digits::ENTRY, &[(key, value)]).unwrap_err();
        assert_eq!(error.key(), Some(key));
        error.to_string()
    };
    let classes = |list: &[i64]| Value::Ints(list.to_vec());
    assert_eq!(said("classes", classes(&[3, 12])), "digits: classes must be from 0 to 9, found 12");
    assert_eq!(said("classes", classes(&[3, 3])), "digits: classes must differ, found 3 twice");
    assert!(said("classes", classes(&[])).contains("at least one class"));
    assert_eq!(
        said("limit", Value::Int(9)),
        "digits: limit must be >= 10, one image of each class, found 9"
    );
    assert_eq!(said("val", Value::Float(0.95)), "digits: val must be from 0 to 0.9, found 0.95");
    let options = [("limit", Value::Int(10)), ("val", Value::Float(0.9))];
    let error = built(&digits::ENTRY, &options).unwrap_err();
    assert_eq!(error.to_string(), "digits: class 0 has no training image left");
}

#[test]
fn all_classes_named_or_not_are_one_address_and_a_name_is_none() {
    let address = |options: &[(&str, Value)]| {
        built(&digits::ENTRY, options).unwrap().lineage().address().clone()
    };
    let all = Value::Ints((0..10).collect());
    assert_eq!(address(&[]), address(&[("classes", all)]));
    assert_eq!(address(&[]), address(&[("name", Value::Text("d".to_owned()))]));
    let reversed = Value::Ints((0..10).rev().collect());
    assert_ne!(address(&[]), address(&[("classes", reversed)]));
}

#[test]
fn the_address_of_a_split_covers_just_the_options_that_choose_its_images() {
    for entry in EMBEDDED {
        let splits = |options: &[(&str, Value)]| {
            let Dataset { train, val, test, .. } = built(entry, options).unwrap();
            [train, val, test].map(|s| (s.lineage().address().clone(), s.ids()))
        };
        let plain = splits(&[]);
        for (option, value) in [
            ("limit", Value::Int(100)),
            ("fraction", Value::Float(0.5)),
            ("per_class", Value::Int(12)),
            ("test_limit", Value::Int(50)),
            ("val", Value::Float(0.3)),
            ("seed", Value::Int(1)),
            ("classes", Value::Ints((0..9).collect())),
        ] {
            // A seed may happen to choose the same images.
            let chance = option == "seed";
            for (before, after) in plain.iter().zip(splits(&[(option, value.clone())])) {
                let same = before.0 == after.0;
                assert!(same == (before.1 == after.1) || !same && chance, "{option}");
            }
        }
        let resized = splits(&[("size", Value::Int(10))]);
        assert!(plain.iter().zip(&resized).all(|(a, b)| a.0 != b.0), "other pixels");
    }
}

#[test]
fn splits_have_addresses_and_names_of_their_own() {
    let digits = built(&digits::ENTRY, &[("classes", Value::Ints(vec![4, 5, 6]))]).unwrap();
    assert_eq!(digits.train.name(), "digits(4..7).train");
    let merged = digits.train.merged(&digits.val).unwrap();
    assert_eq!(merged.name(), "digits(4..7).train+val");
    let addresses: BTreeSet<_> = [&digits.train, &digits.val, &digits.test, &merged]
        .map(|split| split.lineage().address().clone())
        .into();
    assert_eq!(addresses.len(), 4);
    assert_eq!(merged.len(), digits.train.len() + digits.val.len());
    assert!(merged.merged(&digits.val).is_err());
    let other = built(&digits::ENTRY, &[]).unwrap();
    assert!(digits.train.merged(&other.val).is_err());
    assert!(digits.train.batch(&[digits.train.len()], Device::Cpu).is_err());
}

#[test]
fn resized_images_keep_range_and_mean() {
    let mean = |size: Option<i64>| {
        let options: Vec<_> = size.map(|size| ("size", Value::Int(size))).into_iter().collect();
        let test = built(&digits::ENTRY, &options).unwrap().test;
        let side = size.unwrap_or(8);
        assert_eq!(test.shape(), [1, side, side]);
        let x = test.batch(&(0..test.len()).collect::<Vec<_>>(), Device::Cpu).unwrap().x;
        crate::tensor::expect_pixels("x", &x).unwrap();
        x.mean(Kind::Double).double_value(&[])
    };
    let stored = mean(None);
    assert!((mean(Some(32)) - stored).abs() < 0.02);
    assert!((mean(Some(4)) - stored).abs() < 0.02);
}
