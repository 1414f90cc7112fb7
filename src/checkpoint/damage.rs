//! Damaged and random files: an error of the file's, never a panic, a hang or much memory.

use super::parity::fixture;
use super::pickle::{Machine, Source};
use super::{File, Style, listing, open, tensors};
use crate::error::{Kind, Result};
use proptest::prelude::*;
use std::fs;
use std::io::{Seek, Write};

/// All that a reader of the file does.
fn read_all(file: &File) -> Result<()> {
    for (_, meta) in tensors(file.root())? {
        // An error of the file's own; other tensors may still be whole.
        match file.tensor(meta) {
            Ok(tensor) => drop(tensor.f_contiguous()?),
            Err(error) => assert_eq!(error.kind(), Kind::Data, "{error}"),
        }
    }
    listing(file, Style { width: 80, all: true })?;
    Ok(())
}

fn opened(bytes: &[u8]) -> Result<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    File::new(file, "damaged".to_owned())
}

/// Whether it is refused as it should be, or read to its end.
fn survives(bytes: &[u8]) {
    if let Err(error) = opened(bytes).and_then(|file| read_all(&file)) {
        assert_eq!(error.kind(), Kind::Data, "{error}");
    }
}

/// The fixtures with their contents.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with("expected"));
    names.sort();
    assert!(names.len() > 35);
    let content = |name: String| (name.clone(), fs::read(fixture(&name)).unwrap());
    names.into_iter().map(content).collect()
}

#[test]
fn every_truncation_is_refused_with_an_error_of_the_file() {
    for (name, bytes) in fixtures() {
        let points = bytes.len().min(200);
        for point in 0..points {
            let length = point * bytes.len() / points;
            let error = opened(&bytes[..length]).map(drop).unwrap_err();
            assert_eq!(error.kind(), Kind::Data, "{name} cut to {length}: {error}");
        }
    }
}

#[test]
fn every_fixture_is_listed_in_full() {
    for (name, _) in fixtures() {
        read_all(&open(&fixture(&name)).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_survived(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let fixtures = fixtures();
        let (_, mut bytes) = fixtures[which.index(fixtures.len())].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        survives(&bytes);
    }

    #[test]
    fn random_instructions_are_survived(
        start in prop::sample::select(vec![&b""[..], b"\x80\x02", b"\x80\x04\x95\0\0\0\0\0\0\0\0"]),
        parts in prop::collection::vec(instruction(), 0..200),
    ) {
        let mut bytes = start.to_vec();
        bytes.extend(parts.concat());
        bytes.push(b'.');
        survives(&bytes);
        let mut machine = Machine::new(Source::memory(bytes));
        let _ = machine.load();
    }
}

/// Instructions with arguments that let the next ones be read.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    let plain = b"(012NI)].}ldatseubRoQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98";
    let global = prop::sample::select(vec![
        "torch._utils\n_rebuild_tensor_v2\n",
        "torch._utils\n_rebuild_parameter\n",
        "torch._tensor\n_rebuild_from_type_v2\n",
        "torch\nFloatStorage\n",
        "collections\nOrderedDict\n",
        "numpy._core.multiarray\n_reconstruct\n",
        "numpy._core.multiarray\nscalar\n",
        "numpy\ndtype\n",
        "_codecs\nencode\n",
        "copyreg\n_reconstructor\n",
        "os\nsystem\n",
    ]);
    prop_oneof![
        4 => prop::sample::select(plain.to_vec()).prop_map(|byte| vec![byte]),
        2 => (prop::sample::select(b"KqhU\x8cC\x8a".to_vec()), 0u8..4)
            .prop_map(|(opcode, byte)| vec![opcode, byte]),
        1 => any::<i32>().prop_map(|number| [&b"J"[..], &number.to_le_bytes()].concat()),
        1 => global.prop_map(|name| [b"c", name.as_bytes()].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..4)
            .prop_map(|bytes| [&[b'X', bytes.len() as u8, 0, 0, 0], &bytes[..]].concat()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}
