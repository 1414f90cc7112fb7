//! Files written by scipy, and damaged ones.

use super::*;
use crate::error::Kind;
use crate::seed::Stream;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use safetensors::SafeTensors;
use std::io::Write;

const FIXTURE: &[u8] = include_bytes!("../../../tests/parity/mat.safetensors");

pub fn file(name: &str) -> Vec<u8> {
    SafeTensors::deserialize(FIXTURE).unwrap().tensor(name).unwrap().data().to_vec()
}

fn both(name: &str) -> BTreeMap<String, Mat> {
    let plain = read(&file(name), name).unwrap();
    assert_eq!(plain, read(&file(&format!("{name}_compressed")), name).unwrap());
    plain
}

fn text(text: &str) -> Mat {
    Mat::Text(text.to_owned())
}

#[test]
fn structures_are_those_that_scipy_wrote() {
    let Mat::Structs(cars) = &both("cars")["annotations"] else { panic!() };
    assert_eq!(cars.len(), 3);
    let number = |at: usize, field: &str| cars[at][field].number().unwrap();
    assert_eq!(
        [number(0, "class"), number(1, "bbox_y1"), number(2, "class")],
        [2.0, 4096.0, 196.0]
    );
    assert_eq!(cars[1]["fname"], text("00002.jpg"));
    let Mat::Structs(synsets) = &both("synsets")["synsets"] else { panic!() };
    assert_eq!(synsets[0]["words"].text(), Some("kit fox, Vulpes macrotis"));
    assert_eq!(synsets[2]["ILSVRC2012_ID"].number(), Some(1001.0));
    assert_eq!(synsets[2]["num_children"].number(), Some(2.0));
}

#[test]
fn cells_text_and_numbers_are_those_that_scipy_wrote() {
    let expected = ["AM General Hummer SUV 2000", "Café Racer", ""].map(text);
    assert_eq!(both("names")["class_names"], Mat::Cells(expected.to_vec()));
    let found = both("numbers");
    let numbers = |name: &str| match &found[name] {
        Mat::Numbers(numbers) => numbers.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(numbers("doubles"), [1.5, 3e300, -2.0, 0.0]);
    assert_eq!(numbers("singles"), [0.25, -1.0]);
    assert_eq!(numbers("bytes"), [-2.0, -1.0, 0.0, 1.0, 2.0]);
    assert_eq!(numbers("words"), [70000.0]);
    assert_eq!(numbers("longs"), [(1_i64 << 40) as f64]);
    assert_eq!(numbers("shorts"), [65535.0, 0.0, 1.0]);
    assert_eq!(numbers("truths"), [1.0, 0.0]);
    assert_eq!(numbers("complex"), [1.0]);
    assert!(numbers("nothing").is_empty());
    assert_eq!(found["text"], text("setid"));
    let Mat::Cells(models) = &both("cars_meta")["class_names"] else { panic!() };
    assert_eq!((models.len(), models[195].text()), (196, Some("Model 196")));
    assert_eq!(both("setid")["tstid"], Mat::Numbers(vec![4.0, 5.0]));
    assert_eq!(both("labels")["labels"], Mat::Numbers(vec![77.0, 102.0, 77.0, 102.0, 77.0]));
}

#[test]
fn a_missing_variable_is_named_with_those_there_are() {
    let mut labels = both("labels");
    let error = variable(&mut labels, "setid", "x.mat").unwrap_err();
    assert_eq!(error.to_string(), "x.mat: expected the variable setid, found labels");
}

#[test]
fn cut_files_are_refused() {
    for name in ["cars", "cars_compressed", "numbers", "setid_compressed"] {
        let file = file(name);
        for end in (0..file.len() - 8).step_by(17) {
            // Between two variables a file may end.
            if let Ok(read) = read(&file[..end], name) {
                assert!(
                    end >= 128 && read.len() < both(name.trim_end_matches("_compressed")).len()
                );
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut generator = Stream::new(0, "mat").generator();
    let mut refused = 0;
    for name in ["cars", "cars_compressed", "names", "synsets", "numbers", "setid_compressed"] {
        let file = file(name);
        for _ in 0..300 {
            let mut bytes = file.clone();
            let at = 128 + generator.below(bytes.len() - 128);
            bytes[at] ^= 1 << generator.below(8);
            refused += usize::from(read(&bytes, name).is_err_and(|e| e.kind() == Kind::Data));
        }
    }
    assert!(refused > 300, "{refused}");
}

/// A file with one element of the type and content.
fn hostile(kind: u32, size: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b' '; 124];
    bytes.extend([0, 1, b'I', b'M']);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(content);
    bytes
}

#[test]
fn claims_and_bombs_take_no_memory() {
    let said = |bytes: &[u8]| read(bytes, "x.mat").unwrap_err().to_string();
    assert!(said(b"").ends_with("found 0 bytes"));
    assert!(said(&[0; 128]).ends_with("found another header"));
    assert!(said(&hostile(14, u32::MAX, b"")).contains("an element of 4294967295 bytes"));
    // Lengths of 2^31 - 1 by 2^31 - 1.
    let mut huge = vec![6, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
    huge.extend([5, 0, 0, 0, 8, 0, 0, 0, 255, 255, 255, 127, 255, 255, 255, 127]);
    huge.extend([1, 0, 1, 0, b'x', 0, 0, 0]);
    assert!(said(&hostile(14, huge.len() as u32, &huge)).contains("a matrix of the lengths"));
    // A cell in a cell in a cell ...
    let mut deep = Vec::new();
    for _ in 0..200 {
        let mut outer = vec![6, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        outer.extend([5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        outer.extend([1, 0, 1, 0, b'x', 0, 0, 0, 14, 0, 0, 0]);
        outer.extend((deep.len() as u32).to_le_bytes());
        outer.extend(&deep);
        deep = outer;
    }
    assert!(said(&hostile(14, deep.len() as u32, &deep)).contains("too deep"));
    let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..300 {
        bomb.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(said(&hostile(15, bomb.len() as u32, &bomb)).contains("more than"));
}
