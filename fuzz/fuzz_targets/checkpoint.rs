//! Any bytes as a checkpoint: opened, listed and read to the last tensor.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtscript::checkpoint::{File, Style, listing, state_dict, tensors};
use rtscript::error::{Kind, Result};
use std::io::Write;

fn read(bytes: &[u8]) -> Result<()> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let file = File::new(file, "fuzz".to_owned())?;
    let _ = state_dict(file.root());
    for (_, meta) in tensors(file.root())? {
        if let Ok(tensor) = file.tensor(meta) {
            drop(tensor.f_contiguous()?);
        }
    }
    for all in [false, true] {
        listing(&file, Style { width: 80, all })?;
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = read(bytes) {
        assert_eq!(error.kind(), Kind::Data, "{error}");
    }
});
