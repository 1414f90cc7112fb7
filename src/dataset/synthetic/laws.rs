//! What must hold for each copy of a layout.

use super::super::laws::{built_in, context};
use super::*;
use crate::error::Kind;
use crate::registry::Handle;
use std::collections::BTreeMap;

/// The dataset of a case in a data folder, all training images in train.
fn dataset(case: &Case, data: &Path, more: &[(&str, Value)]) -> Result<Dataset> {
    let (entry, place, _, options, ..) = case;
    let inputs = match entry.spec.inputs {
        [] => vec![],
        _ => vec![Value::Text((*place).to_owned())],
    };
    let mut options = options.clone();
    options.push(("val", Value::Float(0.0)));
    options.extend(more.iter().map(|(key, value)| (*key, value.clone())));
    built_in(data, entry, inputs, &options)
}

#[test]
fn every_dataset_is_read_from_a_copy_of_its_layout() {
    for case in cases() {
        let (entry, place, write, _, classes, counts) = &case;
        let name = entry.spec.name;
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join(place));
        let data = dataset(&case, root.path(), &[]).unwrap_or_else(|e| panic!("{place}: {e:?}"));
        assert_eq!(data.class_names().len(), *classes, "{name}");
        assert_eq!([data.train.len(), data.test.len()], *counts, "{name} in {place}");
        for (split, green) in [(&data.train, 0), (&data.test, 255)] {
            for (index, label) in split.labels().unwrap().iter().enumerate() {
                let raster = split.raster(index).unwrap();
                let class = &data.class_names()[*label as usize];
                assert_eq!((raster.width(), raster.height()), (5, 4));
                assert_eq!(raster.bytes()[..2], [shade(class), green], "{name}: {class}");
            }
            let first = split.batch(&[0], tch::Device::Cpu).unwrap().x;
            let raster = split.raster(0).unwrap();
            let [channels, height, width] = split.shape();
            assert_eq!(first.size(), [1, channels, height, width]);
            let red = first.double_value(&[0, 0, 0, 0]) * 255.0;
            assert!((red - f64::from(raster.bytes()[0])).abs() < 1e-3);
        }
        describe(&data).unwrap();
    }
}

#[test]
fn results_are_given_in_the_metric_of_the_studies() {
    // Salman et al. 2020, table 5.
    let mean = ["caltech101", "caltech256", "fgvc_aircraft", "flowers102", "oxford_pets"];
    for case in cases() {
        let (entry, place, write, ..) = &case;
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join(place));
        let data = dataset(&case, root.path(), &[]).unwrap();
        let expected = match mean.contains(&entry.spec.name) {
            true => Metric::MeanPerClass,
            false => Metric::Accuracy,
        };
        assert_eq!(data.test.metric(), expected, "{place}");
    }
}

#[test]
fn class_orders_are_those_of_the_lists_or_sorted() {
    let root = tempfile::tempdir().unwrap();
    let order = |at: usize| {
        let case = &cases()[at];
        case.2(&root.path().join(case.1));
        dataset(case, root.path(), &[]).unwrap().class_names().to_vec()
    };
    assert_eq!(order(5), ["Boeing 737-700", "F/A-18", "A340-200"]);
    assert_eq!(order(6), ["A340-200", "Boeing 737-700", "F/A-18"]);
    assert_eq!(order(14), ["Model 196", "Model 1", "Model 2"]);
    assert_eq!(order(17), ["n02100735", "n02119789"]);
    assert_eq!(order(20), ["a", "b class"]);
}

#[test]
fn the_folder_itself_a_folder_above_and_an_archive_are_one_address() {
    for case in cases().iter().filter(|case| case.1 != "ILSVRC2012" && case.1 != "any") {
        let (entry, place, write, ..) = case;
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join(place);
        write(&own);
        let address = |data: &Path| {
            let data = dataset(case, data, &[]).unwrap_or_else(|e| panic!("{place}: {e:?}"));
            data.lineage().address().clone()
        };
        let above = address(root.path());
        assert_eq!(above, address(&own), "{}", entry.spec.name);
        let elsewhere = tempfile::tempdir().unwrap();
        let name = format!("{}.tar", own.file_name().unwrap().to_str().unwrap());
        packed(&own, &elsewhere.path().join(&name), false);
        assert_eq!(above, address(elsewhere.path()), "{}", entry.spec.name);
        assert_eq!(above, address(&elsewhere.path().join(&name)), "{}", entry.spec.name);
    }
}

#[test]
fn archives_and_folders_of_imagenet_are_one_address() {
    let address = |at: usize| {
        let root = tempfile::tempdir().unwrap();
        let case = &cases()[at];
        case.2(&root.path().join(case.1));
        dataset(case, root.path(), &[]).unwrap().lineage().address().clone()
    };
    assert_eq!(cases()[18].1, "ILSVRC2012");
    assert_eq!(address(17), address(18));
}

#[test]
fn a_wrong_folder_is_refused_with_the_expected_tree() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "stray/x.jpg", "x");
    put(root.path(), "pets.tgz", "x");
    for case in cases().iter().filter(|case| case.0.spec.inputs.is_empty()) {
        let error = dataset(case, root.path(), &[]).unwrap_err();
        let name = case.0.spec.name;
        assert_eq!(error.kind(), Kind::Usage, "{name}");
        assert!(error.to_string().starts_with(&format!("{name}: files not found in ")), "{error}");
        assert!(error.hints()[0].contains("DIR/"), "{name}: {:?}", error.hints());
        assert_eq!(error.hints()[1], "found pets.tgz, stray");
        assert!(error.hints()[2].ends_with("unpack them, e.g. pets.tgz"), "{:?}", error.hints());
    }
}

#[test]
fn other_content_another_name_or_another_time_change_the_address_as_they_should() {
    let root = tempfile::tempdir().unwrap();
    let case = cases().pop().unwrap();
    let own = root.path().join(case.1);
    case.2(&own);
    let address = || dataset(&case, root.path(), &[]).unwrap().lineage().address().clone();
    let before = address();
    let bytes = fs::read(own.join("train/a/1.png")).unwrap();
    fs::write(own.join("train/a/1.png"), &bytes).unwrap();
    assert_eq!(before, address(), "written again");
    fs::write(own.join("train/a/1.png"), [bytes, vec![0]].concat()).unwrap();
    let longer = address();
    assert_ne!(before, longer);
    fs::rename(own.join("train/a/1.png"), own.join("train/a/0.png")).unwrap();
    assert_ne!(longer, address());
}

#[test]
fn a_file_that_changes_after_the_build_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let case = cases().pop().unwrap();
    case.2(&root.path().join(case.1));
    let data = dataset(&case, root.path(), &[]).unwrap();
    put(root.path(), "any/train/a/1.png", "another");
    let error = data.train.batch(&[0], tch::Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("changed while it was in use"), "{error}");
}

#[test]
fn a_bad_picture_ends_the_work_with_its_path_unless_it_may_be_skipped() {
    let root = tempfile::tempdir().unwrap();
    let case = cases().pop().unwrap();
    case.2(&root.path().join(case.1));
    put(root.path(), "any/train/a/2.png", "<html>");
    let strict = dataset(&case, root.path(), &[]).unwrap();
    let error = strict.train.batch(&[0, 1, 2, 3], tch::Device::Cpu).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("any/train/a/2.png: expected a JPEG"), "{error}");
    let lenient = dataset(&case, root.path(), &[("skip_bad", Value::Int(1))]).unwrap();
    assert_eq!((lenient.train.len(), lenient.test.len()), (3, 2));
    lenient.train.batch(&[0, 1, 2], tch::Device::Cpu).unwrap();
    let lineage = lenient.lineage().to_json().to_string();
    assert!(lineage.contains("train/a/2.png"), "{lineage}");
    assert_ne!(strict.lineage().address(), lenient.lineage().address());
    put(root.path(), "any/val/b class/3.png", "");
    let error = dataset(&case, root.path(), &[("skip_bad", Value::Int(1))]).unwrap_err();
    assert!(error.to_string().contains("at most 1 pictures"), "{error}");
    assert!(error.hints().iter().any(|hint| hint.contains("train/a/2.png: expected")));
}

#[test]
fn folders_of_classes_alone_are_split_by_the_seed() {
    let root = tempfile::tempdir().unwrap();
    for class in ["x", "y"] {
        (0..10).for_each(|at| picture(root.path(), &format!("all/{class}/{at}.jpg"), class, false));
    }
    let with = |seed| {
        let inputs = vec![Value::Text("all".to_owned())];
        built_in(root.path(), &image_folder::ENTRY, inputs, &[("seed", Value::Int(seed))]).unwrap()
    };
    let paths = |data: &Dataset| {
        let count = |label| data.test.labels().unwrap().iter().filter(|l| **l == label).count();
        [count(0), count(1)]
    };
    assert_eq!(paths(&with(0)), [2, 2]);
    let blues = |data: &Dataset| -> Vec<u8> {
        (0..4).map(|at| data.test.raster(at).unwrap().bytes()[2]).collect()
    };
    assert_eq!(blues(&with(0)), blues(&with(0)));
    assert_ne!(blues(&with(0)), blues(&with(1)));
    for outside in ["../all", "/etc", "all/../../x"] {
        let inputs = vec![Value::Text(outside.to_owned())];
        assert!(built_in(root.path(), &image_folder::ENTRY, inputs, &[]).is_err());
    }
}

#[test]
fn caltech_takes_as_many_of_each_class_as_papers_do_by_the_seed() {
    let root = tempfile::tempdir().unwrap();
    caltech101(&root.path().join("caltech101"));
    let with = |seed| {
        let options = [("seed", Value::Int(seed)), ("val", Value::Float(0.0))];
        built_in(root.path(), &caltech101::ENTRY, vec![], &options).unwrap()
    };
    let data = with(0);
    assert_eq!((data.train.len(), data.test.len(), data.classes()), (60, 4, 2));
    let tests = |data: &Dataset| -> Vec<u8> {
        (0..4).map(|at| data.test.raster(at).unwrap().bytes()[2]).collect()
    };
    assert_ne!(tests(&data), tests(&with(1)));
}

fn cifar(root: &Path, name: &str, labels: &[u8], count: u8) {
    let mut bytes = Vec::new();
    for image in 0..count {
        bytes.extend(labels);
        *bytes.last_mut().unwrap() = image % 3;
        bytes.extend([image; 1024]);
        bytes.extend([100; 1024]);
        bytes.extend([200; 1024]);
    }
    put(root, name, bytes);
}

#[test]
fn cifar_is_read_from_its_records() {
    let root = tempfile::tempdir().unwrap();
    let ten = root.path().join("cifar-10-batches-bin");
    let names: Vec<String> = (0..10).map(|class| format!("class {class}")).collect();
    put(&ten, "batches.meta.txt", names.join("\n") + "\n\n");
    cifar(&ten, "data_batch_1.bin", &[0], 30);
    cifar(&ten, "data_batch_2.bin", &[0], 30);
    cifar(&ten, "test_batch.bin", &[0], 9);
    let hundred = root.path().join("cifar-100-binary");
    let names: Vec<String> = (0..100).map(|class| format!("class {class}")).collect();
    put(&hundred, "fine_label_names.txt", names.join("\n"));
    cifar(&hundred, "train.bin", &[7, 0], 60);
    cifar(&hundred, "test.bin", &[7, 0], 9);
    for entry in [&cifar10::ENTRY, &cifar100::ENTRY] {
        let options = [("classes", Value::Ints(vec![2, 0])), ("val", Value::Float(0.0))];
        let data = built_in(root.path(), entry, vec![], &options).unwrap();
        assert_eq!((data.train.len(), data.test.len()), (40, 6));
        assert_eq!(data.class_names(), ["class 2", "class 0"]);
        let labels = data.train.labels().unwrap();
        for index in [0, 17, 39] {
            let raster = data.train.raster(index).unwrap();
            let image = raster.bytes()[0];
            assert_eq!(raster.bytes()[..3], [image, 100, 200]);
            assert_eq!([2, 0][labels[index] as usize], image % 3);
        }
        let x = data.test.batch(&[1], tch::Device::Cpu).unwrap().x;
        assert_eq!(x.size(), [1, 3, 32, 32]);
        assert!((x.double_value(&[0, 2, 31, 31]) - 200.0 / 255.0).abs() < 1e-6);
    }
    let refused = || built_in(root.path(), &cifar10::ENTRY, vec![], &[]).unwrap_err().to_string();
    put(&ten, "data_batch_2.bin", [1; 3072]);
    assert!(refused().contains("expected records of 3073 bytes, found 3072"), "{}", refused());
    put(&ten, "data_batch_2.bin", [11; 3073]);
    assert!(refused().contains("labels must be from 0 to 9, found 11 at image 0"));
    put(&ten, "batches.meta.txt", "airplane");
    assert!(refused().contains("expected 10 names in batches.meta.txt, found 1"));
}

#[test]
fn a_cut_or_compressed_archive_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("tiny-imagenet-200");
    tiny_imagenet(&plain);
    let archive = root.path().join("elsewhere/tiny-imagenet-200.tar");
    fs::create_dir(root.path().join("elsewhere")).unwrap();
    packed(&plain, &archive, false);
    let whole = fs::read(&archive).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&archive, bytes).unwrap();
        let data = root.path().join("elsewhere");
        let error = built_in(&data, &tiny_imagenet::ENTRY, vec![], &[]).unwrap_err();
        assert!(matches!(error.kind(), Kind::Data | Kind::Usage | Kind::Io), "{error:?}");
    };
    for end in [0, 100, 512, 700, whole.len() / 2] {
        refused(&whole[..end]);
    }
    refused(&[&[0x1f, 0x8b, 8], &whole[..1000]].concat());
    let mut counts = BTreeMap::new();
    for at in (0..whole.len()).step_by(131) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        fs::write(&archive, &bytes).unwrap();
        let data = root.path().join("elsewhere");
        let built = built_in(&data, &tiny_imagenet::ENTRY, vec![], &[]);
        *counts.entry(built.is_ok()).or_insert(0) += 1;
    }
    assert!(counts.len() == 2, "{counts:?}");
}

#[test]
fn datasets_without_a_data_folder_say_so() {
    for entry in DATASETS.iter().filter(|entry| entry.spec.inputs.is_empty()) {
        if ["digits", "fashion_mnist"].contains(&entry.spec.name) {
            continue;
        }
        let args = Args::resolve(&entry.spec, vec![], vec![]).unwrap();
        let error = (entry.build)(&context(None).0, &args).unwrap_err();
        assert!(error.to_string().contains("no data folder was named"), "{error}");
        assert!(error.hints()[1].contains("DIR/"), "{:?}", error.hints());
    }
}
