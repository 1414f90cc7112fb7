//! Tiny copies of the data sets in the layouts of their authors, and checkpoints as MadryLab's.

use crate::hostile::forge;
use crate::lab::Lab;
use safetensors::SafeTensors;
use std::fs;
use std::path::Path;

fn put(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

/// A picture whose pixels its path decides.
fn picture(root: &Path, path: &str) {
    let (width, height) = (40, 36);
    let seed = path.bytes().fold(7_usize, |sum, byte| sum * 31 % 9973 + usize::from(byte));
    let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
    bytes.extend((0..width * height * 3).map(|at| (at * seed / 7 % 251) as u8));
    put(root, path, bytes);
}

/// Pictures of two classes, as many in train as `train` says and one more in test; `path` makes
/// a path of class and number. Gives the classes with their numbers, train first.
fn listed(
    root: &Path,
    classes: [&'static str; 2],
    train: usize,
    path: impl Fn(&str, usize) -> String,
) -> [Vec<(&'static str, usize)>; 2] {
    let part = |numbers: std::ops::Range<usize>| {
        let of = |class| numbers.clone().map(move |number| (class, number));
        classes.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    let parts = [part(1..train + 1), part(train + 1..train + 2)];
    for (class, number) in parts.iter().flatten() {
        picture(root, &path(class, *number));
    }
    parts
}

fn lines(items: &[(&str, usize)], line: impl Fn(&str, usize) -> String) -> String {
    items.iter().map(|(class, number)| line(class, *number) + "\n").collect()
}

fn birdsnap(root: &Path) {
    let path = |class: &str, number| format!("{class}/0{number}.jpg");
    let [train, test] = listed(root, ["Coot", "Great_Tit"], 2, |class, number| {
        format!("download/images/{}", path(class, number))
    });
    put(root, "species.txt", "id\tcommon\tdir\n1\tA\tCoot\n2\tB\tGreat_Tit\n");
    let row = |class: &str, number| {
        let species = if class == "Coot" { 1 } else { 2 };
        format!("http://x\t{}\t{species}", path(class, number))
    };
    let rows = lines(&[train, test.clone()].concat(), row);
    put(root, "images.txt", format!("url\tpath\tspecies_id\n{rows}"));
    put(root, "test_images.txt", format!("path\n{}", lines(&test, path)));
}

fn cifar(root: &Path, [train, test, names]: [&str; 3], classes: usize, labels: usize, each: usize) {
    let list: String = (0..classes).map(|class| format!("class {class}\n")).collect();
    put(root, names, list);
    for (file, salt, each) in [(train, 3, each), (test, 11, 1)] {
        let record = |number: usize| {
            let class = number % classes;
            let pixels = (0..3072).map(move |at| (at * (number + salt) / 5 % 253) as u8);
            vec![class as u8; labels].into_iter().chain(pixels)
        };
        put(root, file, (0..classes * each).flat_map(record).collect::<Vec<u8>>());
    }
}

fn dtd(root: &Path) {
    let path = |class: &str, number| format!("{class}/{class}_000{number}.jpg");
    let [train, test] = listed(root, ["banded", "zigzagged"], 2, |class, number| {
        format!("images/{}", path(class, number))
    });
    let of = |number| train.iter().copied().filter(|item| item.1 == number).collect::<Vec<_>>();
    put(root, "labels/train1.txt", lines(&of(1), path));
    put(root, "labels/val1.txt", lines(&of(2), path));
    put(root, "labels/test1.txt", lines(&test, path));
}

fn aircraft(root: &Path) {
    let id = |class: &str, number| format!("{}{number}", class.len());
    let parts = listed(root, ["Boeing 737-700", "A340-200"], 2, |class, number| {
        format!("data/images/{}.jpg", id(class, number))
    });
    put(root, "data/variants.txt", "A340-200\nBoeing 737-700\n");
    for (list, part) in ["trainval", "test"].iter().zip(&parts) {
        let text = lines(part, |class, number| format!("{} {class}", id(class, number)));
        put(root, &format!("data/images_variant_{list}.txt"), text);
    }
}

fn food(root: &Path) {
    let path = |class: &str, number| format!("{class}/{number}");
    let parts = listed(root, ["apple_pie", "baklava"], 2, |class, number| {
        format!("images/{}.jpg", path(class, number))
    });
    put(root, "meta/classes.txt", "apple_pie\nbaklava\n");
    for (list, part) in ["train", "test"].iter().zip(&parts) {
        put(root, &format!("meta/{list}.txt"), lines(part, path));
    }
}

/// A MATLAB file of version 5 with rows of whole numbers.
fn matlab(rows: &[(&str, Vec<u16>)]) -> Vec<u8> {
    let element = |kind: u32, bytes: &[u8]| {
        let mut whole = [kind, bytes.len() as u32].map(u32::to_le_bytes).concat();
        whole.extend(bytes);
        whole.resize(whole.len().next_multiple_of(8), 0);
        whole
    };
    let mut file = [b' '; 116].to_vec();
    file.extend([0; 8]);
    file.extend(b"\0\x01IM");
    for (name, numbers) in rows {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let parts = [
            element(6, &[11_u32, 0].map(u32::to_le_bytes).concat()),
            element(5, &[1, numbers.len() as i32].map(i32::to_le_bytes).concat()),
            element(1, name.as_bytes()),
            element(4, &bytes),
        ];
        file.extend(element(14, &parts.concat()));
    }
    file
}

/// Each species has a picture in train, in valid or not, and in test.
fn flowers(root: &Path) {
    let species = || 1..=102_u16;
    for number in 1..=204 {
        picture(root, &format!("jpg/image_{number:05}.jpg"));
    }
    let labels = species().chain(species()).collect();
    put(root, "imagelabels.mat", matlab(&[("labels", labels)]));
    let sets = [
        ("trnid", (1..=100).collect()),
        ("valid", vec![101, 102]),
        ("tstid", (103..=204).collect::<Vec<u16>>()),
    ];
    put(root, "setid.mat", matlab(&sets));
}

fn pets(root: &Path) {
    for (list, number) in [("trainval", 1), ("test", 2)] {
        let mut text = String::new();
        for class in 1..=37 {
            let name = format!("breed_{class:02}_{number}");
            picture(root, &format!("images/{name}.jpg"));
            text.push_str(&format!("{name} {class} 1 1\n"));
        }
        put(root, &format!("annotations/{list}.txt"), text);
    }
}

/// In the folders of Salman et al.: the authors' own lists are tables of 196 models.
fn cars(root: &Path) {
    let path = |class: &str, number: usize| {
        let part = if number > 2 { "test" } else { "train" };
        format!("{part}/{class}/{number}.jpg")
    };
    listed(root, ["Model 1", "Model 2"], 2, path);
}

fn sun(root: &Path) {
    let path = |class: &str, number| format!("{class}/sun_{number}.jpg");
    let parts = listed(root, ["a/abbey", "c/church/outdoor"], 2, path);
    put(root, "ClassName.txt", "/a/abbey\n/c/church/outdoor\n");
    for (list, part) in ["Training", "Testing"].iter().zip(&parts) {
        let text = lines(part, |class, number| format!("/{}", path(class, number)));
        put(root, &format!("{list}_01.txt"), text);
    }
}

fn imagenet(root: &Path) {
    for wnid in ["n02100735", "n02119789"] {
        for number in 1..=2 {
            picture(root, &format!("train/{wnid}/{wnid}_{number}.JPEG"));
        }
        picture(root, &format!("val/{wnid}/ILSVRC2012_val_{wnid}.JPEG"));
    }
}

/// Writes the twelve data sets, ImageNet and Stylized-ImageNet below a folder.
pub fn data(root: &Path) {
    let at = |name: &str| root.join(name);
    let objects = |class: &str, number| format!("{class}/image_{number:04}.jpg");
    birdsnap(&at("birdsnap"));
    listed(&at("caltech101/101_ObjectCategories"), ["Faces", "ant"], 30, objects);
    listed(&at("caltech256/256_ObjectCategories"), ["001.ak47", "056.dog"], 60, objects);
    let ten = ["data_batch_1.bin", "test_batch.bin", "batches.meta.txt"];
    cifar(&at("cifar-10-batches-bin"), ten, 10, 1, 10);
    let hundred = ["train.bin", "test.bin", "fine_label_names.txt"];
    cifar(&at("cifar-100-binary"), hundred, 100, 2, 1);
    dtd(&at("dtd"));
    aircraft(&at("fgvc-aircraft-2013b"));
    flowers(&at("flowers-102"));
    food(&at("food-101"));
    pets(&at("oxford-iiit-pet"));
    cars(&at("stanford_cars"));
    sun(&at("SUN397"));
    imagenet(&at("imagenet"));
    imagenet(&at("stylized-imagenet"));
}

/// Writes a network that a script makes as a zip file of PyTorch: a state dict under "model", in
/// which the network lies at `prefix`, and with `normaliser` the layer that robustness has there.
pub fn checkpoint(lab: &Lab, network: &str, prefix: &str, normaliser: bool, place: &Path) {
    lab.ok(&["-e", &format!("{network}.save(\"network\")")]);
    let saved = fs::read(lab.path().join("runs/reports/network.safetensors")).unwrap();
    let saved = SafeTensors::deserialize(&saved).unwrap();
    let mut tensors: Vec<(String, Vec<i64>, Vec<u8>)> = saved
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let shape = view.shape().iter().map(|size| *size as i64).collect();
            (format!("{prefix}{name}"), shape, view.data().to_vec())
        })
        .collect();
    if normaliser {
        for (name, values) in
            [("new_mean", [0.485_f32, 0.456, 0.406]), ("new_std", [0.229, 0.224, 0.225])]
        {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((format!("module.normalizer.{name}"), vec![3, 1, 1], bytes));
        }
    }
    let numbers: Vec<u8> = tensors.iter().flat_map(|(.., bytes)| bytes.clone()).collect();
    let count = numbers.len() as i64 / 4;
    let mut offset = 0;
    let mut state = b"}(".to_vec();
    for (name, shape, bytes) in &tensors {
        let strides: Vec<i64> =
            (1..=shape.len()).map(|after| shape[after..].iter().product()).collect();
        state.extend(forge::text(name));
        state.extend(forge::tensor(forge::storage("0", count), offset, shape, &strides));
        offset += bytes.len() as i64 / 4;
    }
    state.push(b'u');
    let root = [b"}(".to_vec(), forge::text("model"), state, b"u".to_vec()].concat();
    let records = [
        forge::record("archive/data.pkl", forge::pickle(&root)),
        forge::record("archive/data/0", numbers),
    ];
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, forge::zip(&records)).unwrap();
}
