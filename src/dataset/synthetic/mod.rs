//! Tiny copies of the layouts of real data sets. The first pixel of a picture tells its class in
//! red and its split in green, so that every label and every split can be checked.

mod laws;
mod needed;

use super::mat::tests::file as table;
use super::*;
use crate::registry::Value;
use std::fs;
use std::path::Path;

/// The shade of red of a class.
fn shade(class: &str) -> u8 {
    class.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
}

/// A PNG in a file of any name.
fn picture(root: &Path, path: &str, class: &str, test: bool) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 5, 4);
    encoder.set_color(png::ColorType::Rgb);
    let pixel = [shade(class), if test { 255 } else { 0 }, shade(path)];
    encoder.write_header().unwrap().write_image_data(&pixel.repeat(20)).unwrap();
    fs::write(place, bytes).unwrap();
}

fn put(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

/// Two classes in folders, with two pictures each in train and one in test.
fn folders(root: &Path, train: &str, test: &str, end: &str) {
    for class in ["b class", "a"] {
        for number in 1..=2 {
            picture(root, &format!("{train}/{class}/{number}.{end}"), class, false);
        }
        picture(root, &format!("{test}/{class}/3.{end}"), class, true);
        put(root, &format!("{train}/{class}/._1.{end}"), "hidden");
        put(root, &format!("{train}/{class}/notes.txt"), "no picture");
    }
}

fn birdsnap(root: &Path) {
    put(
        root,
        "species.txt",
        "id\tcommon\tscientific\tdir\n1\tA\tA a\tGreat_Tit\n2\tB\tB b\tCoot\n",
    );
    let mut images = "url\tmd5\tpath\tspecies_id\tbb_x1\n".to_owned();
    let mut tests = "path\n".to_owned();
    for (class, id) in [("Great_Tit", 1), ("Coot", 2)] {
        for number in 1..=4 {
            let path = format!("{class}/0{number}.jpg");
            images.push_str(&format!("http://x\t0\t{path}\t{id}\t0\n"));
            // The fourth was never downloaded.
            if number < 4 {
                picture(root, &format!("download/images/{path}"), class, number == 3);
            }
            if number >= 3 {
                tests.push_str(&format!("{path}\n"));
            }
        }
    }
    put(root, "images.txt", images);
    put(root, "test_images.txt", tests);
}

/// Classes in one folder, of which the first `train` pictures by name are marked as train.
fn objects(root: &Path, folder: &str, classes: &[&str], train: usize) {
    for class in classes {
        for number in 1..=train + 2 {
            let path = format!("{folder}/{class}/image_{number:04}.jpg");
            picture(root, &path, class, number > train);
        }
    }
}

fn caltech101(root: &Path) {
    objects(root, "101_ObjectCategories", &["BACKGROUND_Google", "Faces", "ant"], 30);
}

fn caltech256(root: &Path) {
    objects(root, "256_ObjectCategories", &["001.ak47", "056.dog", "257.clutter"], 60);
    put(root, "256_ObjectCategories/056.dog/greg/vision309/x", "stray");
    put(root, "256_ObjectCategories/198.spider/RENAME2", "stray");
    objects(root, "256_ObjectCategories", &["198.spider"], 60);
}

fn dtd(root: &Path) {
    let lists = ["train", "val", "test"];
    for (number, list) in (1..).zip(lists) {
        let lines = ["banded", "zigzagged"].map(|class| {
            let name = format!("{class}/{class}_000{number}.jpg");
            picture(root, &format!("images/{name}"), class, list == "test");
            name
        });
        put(root, &format!("labels/{list}1.txt"), lines.join("\n"));
    }
}

fn aircraft(root: &Path) {
    let variants = ["Boeing 737-700", "F/A-18", "A340-200"];
    put(root, "data/variants.txt", variants.join("\n"));
    for (list, test) in [("trainval", false), ("test", true)] {
        let mut lines = String::new();
        for (number, variant) in variants.iter().enumerate() {
            let id = format!("{}00{number}", if test { 2 } else { 1 });
            picture(root, &format!("data/images/{id}.jpg"), variant, test);
            lines.push_str(&format!("{id} {variant}\n"));
        }
        put(root, &format!("data/images_variant_{list}.txt"), lines);
    }
}

fn food(root: &Path) {
    put(root, "meta/classes.txt", "apple_pie\nbaklava\n");
    for (list, numbers) in [("train", vec![1, 2]), ("test", vec![3])] {
        let mut lines = String::new();
        for (class, number) in
            ["apple_pie", "baklava"].iter().flat_map(|c| numbers.iter().map(move |n| (c, n)))
        {
            picture(root, &format!("images/{class}/{number}.jpg"), class, list == "test");
            lines.push_str(&format!("{class}/{number}\n"));
        }
        put(root, &format!("meta/{list}.txt"), lines);
    }
}

fn flowers(root: &Path) {
    put(root, "imagelabels.mat", table("labels_compressed"));
    put(root, "setid.mat", table("setid_compressed"));
    for (number, label) in (1..).zip(["77", "102", "77", "102", "77"]) {
        picture(root, &format!("jpg/image_{number:05}.jpg"), label, number > 3);
    }
}

fn pets(root: &Path) {
    let breeds = ["Abyssinian", "american_bulldog"];
    for (list, numbers, test) in [("trainval", [1, 2], false), ("test", [3, 4], true)] {
        let mut lines = "#Image CLASS-ID SPECIES BREED ID\n".to_owned();
        for (class, breed) in (1..).zip(breeds) {
            for number in numbers {
                picture(root, &format!("images/{breed}_{number}.jpg"), breed, test);
                lines.push_str(&format!("{breed}_{number} {class} 1 1\n"));
            }
        }
        put(root, &format!("annotations/{list}.txt"), lines);
    }
    put(root, "images/Abyssinian_100.mat", "no picture");
}

fn sun(root: &Path) {
    put(root, "ClassName.txt", "/a/abbey\n/c/church/outdoor\n");
    for (list, number) in [("Training", 1), ("Testing", 2)] {
        let lines = ["a/abbey", "c/church/outdoor"].map(|class| {
            let path = format!("{class}/sun_{number}.jpg");
            picture(root, &path, class, list == "Testing");
            format!("/{path}")
        });
        put(root, &format!("{list}_01.txt"), lines.join("\r\n"));
    }
}

fn cars(root: &Path) {
    put(root, "devkit/cars_meta.mat", table("cars_meta"));
    put(root, "devkit/cars_train_annos.mat", table("cars_compressed"));
    put(root, "cars_test_annos_withlabels.mat", table("cars"));
    for (folder, test) in [("cars_train", false), ("cars_test", true)] {
        for (number, class) in (1..).zip(["Model 2", "Model 1", "Model 196"]) {
            picture(root, &format!("{folder}/{number:05}.jpg"), class, test);
        }
    }
}

const WNIDS: [&str; 2] = ["n02119789", "n02100735"];

fn tiny_imagenet(root: &Path) {
    put(root, "wnids.txt", WNIDS.join("\n"));
    let mut lines = String::new();
    for (number, wnid) in WNIDS.iter().enumerate() {
        picture(root, &format!("train/{wnid}/images/{wnid}_0.JPEG"), wnid, false);
        put(root, &format!("train/{wnid}/{wnid}_boxes.txt"), "x");
        picture(root, &format!("val/images/val_{number}.JPEG"), wnid, true);
        lines.push_str(&format!("val_{number}.JPEG\t{wnid}\t0\t0\t9\t9\n"));
    }
    put(root, "val/val_annotations.txt", lines);
}

fn imagenet(root: &Path) {
    for wnid in WNIDS {
        for number in 1..=2 {
            picture(root, &format!("train/{wnid}/{wnid}_{number}.JPEG"), wnid, false);
        }
    }
    for (number, wnid) in (1..).zip([WNIDS[1], WNIDS[0], WNIDS[1]]) {
        let path = format!("val/{wnid}/ILSVRC2012_val_{number:08}.JPEG");
        picture(root, &path, wnid, true);
    }
}

/// An archive of a folder; `flat` leaves folders out of the names.
pub fn packed(folder: &Path, into: &Path, flat: bool) {
    let mut archive = ::tar::Builder::new(fs::File::create(into).unwrap());
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = if flat {
                Path::new(path.file_name().unwrap()).to_owned()
            } else {
                path.strip_prefix(folder.parent().unwrap()).unwrap().to_owned()
            };
            archive.append_path_with_name(&path, name).unwrap();
        }
    }
    archive.finish().unwrap();
}

fn imagenet_archives(root: &Path) {
    let plain = tempfile::tempdir().unwrap();
    imagenet(plain.path());
    let inner = plain.path().join("inner");
    fs::create_dir(&inner).unwrap();
    for wnid in WNIDS {
        let folder = plain.path().join("train").join(wnid);
        packed(&folder, &inner.join(format!("{wnid}.tar")), true);
    }
    fs::create_dir_all(root).unwrap();
    packed(&inner, &root.join("ILSVRC2012_img_train.tar"), true);
    packed(&plain.path().join("val"), &root.join("ILSVRC2012_img_val.tar"), true);
    let kit = "ILSVRC2012_devkit_t12/data";
    put(root, &format!("{kit}/meta.mat"), table("synsets_compressed"));
    // The kit numbers the fox 1 and the setter 2.
    put(root, &format!("{kit}/ILSVRC2012_validation_ground_truth.txt"), "2\n1\n2\n");
}

/// A layout of a dataset: its entry, its folder, its generator, options, and what must be found:
/// classes, training and test images.
type Case =
    (&'static Entry<Build>, &'static str, fn(&Path), Vec<(&'static str, Value)>, usize, [usize; 2]);

fn cases() -> Vec<Case> {
    let salman = || ("split", Value::Text("salman2020".to_owned()));
    let classes = |list: &[i64]| ("classes", Value::Ints(list.to_vec()));
    let train_test = |root: &Path| folders(root, "train", "test", "jpg");
    let train_val = |root: &Path| folders(root, "train", "val", "png");
    vec![
        (&birdsnap::ENTRY, "birdsnap", birdsnap, vec![], 2, [4, 2]),
        (&birdsnap::ENTRY, "birdsnap", train_val, vec![salman()], 2, [4, 2]),
        (&caltech101::ENTRY, "caltech101", caltech101, vec![salman()], 2, [60, 4]),
        (&caltech256::ENTRY, "caltech256", caltech256, vec![salman()], 4, [240, 8]),
        (&dtd::ENTRY, "dtd/dtd", dtd, vec![], 2, [4, 2]),
        (&fgvc_aircraft::ENTRY, "fgvc-aircraft-2013b", aircraft, vec![], 3, [3, 3]),
        (&fgvc_aircraft::ENTRY, "fgvc-aircraft-2013b", aircraft, vec![salman()], 3, [3, 3]),
        (&food101::ENTRY, "food-101", food, vec![], 2, [4, 2]),
        (
            &food101::ENTRY,
            "food101",
            |root| folders(root, "train", "valid", "jpg"),
            vec![salman()],
            2,
            [4, 2],
        ),
        (&flowers102::ENTRY, "flowers-102", flowers, vec![classes(&[76, 101])], 2, [3, 2]),
        (&flowers102::ENTRY, "flowers", train_test, vec![salman()], 2, [4, 2]),
        (&oxford_pets::ENTRY, "oxford-iiit-pet", pets, vec![classes(&[0, 1])], 2, [4, 4]),
        (&oxford_pets::ENTRY, "pets", train_test, vec![salman()], 2, [4, 2]),
        (&sun397::ENTRY, "SUN397", sun, vec![], 2, [2, 2]),
        (&stanford_cars::ENTRY, "stanford_cars", cars, vec![classes(&[195, 0, 1])], 3, [3, 3]),
        (&stanford_cars::ENTRY, "cars", train_test, vec![salman()], 2, [4, 2]),
        (&tiny_imagenet::ENTRY, "tiny-imagenet-200", tiny_imagenet, vec![], 2, [2, 2]),
        (&imagenet::ENTRY, "imagenet", imagenet, vec![], 2, [4, 3]),
        (&imagenet::ENTRY, "ILSVRC2012", imagenet_archives, vec![], 2, [4, 3]),
        (&stylized_imagenet::ENTRY, "stylized-imagenet", train_val, vec![], 2, [4, 2]),
        (&image_folder::ENTRY, "any", train_val, vec![], 2, [4, 2]),
    ]
}
