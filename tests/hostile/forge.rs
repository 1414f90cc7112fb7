//! Pickles and archives byte by byte, with lies in them.

/// A text of up to 255 bytes.
pub fn text(text: &str) -> Vec<u8> {
    [&[0x8c, text.len() as u8], text.as_bytes()].concat()
}

/// A whole number.
pub fn int(number: i64) -> Vec<u8> {
    [&[0x8a, 8][..], &number.to_le_bytes()].concat()
}

/// A tuple.
pub fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"(", parts.concat().as_slice(), b"t"].concat()
}

/// A class or a function.
pub fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// A call.
pub fn call(module: &str, name: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
    [global(module, name), tuple(arguments), b"R".to_vec()].concat()
}

/// A whole pickle of protocol 2.
pub fn pickle(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02", value, b"."].concat()
}

/// A storage of f32 that lies outside of the pickle.
pub fn storage(key: &str, numel: i64) -> Vec<u8> {
    let parts = [text("storage"), global("torch", "FloatStorage"), text(key), text("cpu")];
    [tuple(&[parts.concat(), int(numel)]), b"Q".to_vec()].concat()
}

/// A tensor of a storage.
pub fn tensor(storage: Vec<u8>, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let integers = |numbers: &[i64]| tuple(&numbers.iter().map(|&n| int(n)).collect::<Vec<_>>());
    let hooks = call("collections", "OrderedDict", &[]);
    let parts = [storage, int(offset), integers(shape), integers(strides), b"\x89".to_vec(), hooks];
    call("torch._utils", "_rebuild_tensor_v2", &parts)
}

/// One record of an archive, with what its two heads say of it.
#[derive(Clone)]
pub struct Record {
    pub name: &'static str,
    /// The name in front of the bytes.
    pub own_name: &'static str,
    pub stored: Vec<u8>,
    pub bytes: u32,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    /// Where the directory says that it starts, if that is a lie.
    pub header: Option<u32>,
}

/// An honest record.
pub fn record(name: &'static str, bytes: Vec<u8>) -> Record {
    let mut crc = flate2::Crc::new();
    crc.update(&bytes);
    let length = bytes.len() as u32;
    Record {
        name,
        own_name: name,
        bytes: length,
        stored: bytes,
        method: 0,
        flags: 0,
        crc: crc.sum(),
        header: None,
    }
}

/// An archive of records.
pub fn zip(records: &[Record]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for record in records {
        let header = record.header.unwrap_or(archive.len() as u32);
        let stored = record.stored.len() as u32;
        let sizes = [record.crc, stored, record.bytes].map(u32::to_le_bytes).concat();
        let heads = [record.flags, record.method, 0, 0].map(u16::to_le_bytes).concat();
        archive.extend([b"PK\x03\x04\x14\0", &heads[..], &sizes].concat());
        archive.extend([record.own_name.len() as u16, 0].map(u16::to_le_bytes).concat());
        archive.extend(record.own_name.as_bytes());
        archive.extend(&record.stored);
        directory.extend([b"PK\x01\x02\x14\0\x14\0", &heads[..], &sizes].concat());
        directory.extend([record.name.len() as u16, 0, 0, 0, 0].map(u16::to_le_bytes).concat());
        directory.extend([0, header].map(u32::to_le_bytes).concat());
        directory.extend(record.name.as_bytes());
    }
    let (at, size, count) = (archive.len() as u32, directory.len() as u32, records.len() as u16);
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].map(u16::to_le_bytes).concat());
    archive.extend([size, at].map(u32::to_le_bytes).concat());
    archive.extend(b"\0\0");
    archive
}

/// A checkpoint with one pickle and one storage of four numbers.
pub fn checkpoint(value: &[u8]) -> Vec<Record> {
    vec![record("a/data.pkl", pickle(value)), record("a/data/0", vec![0; 16])]
}

/// A legacy file: what was saved, the keys, and the bytes of the storages.
pub fn legacy(value: &[u8], keys: &[&str], storages: &[u8]) -> Vec<u8> {
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let keys: Vec<u8> = keys.iter().flat_map(|key| text(key)).collect();
    let keys = [b"](".as_slice(), &keys, b"e"].concat();
    let parts = [pickle(magic), pickle(&int(1001)), pickle(b"}"), pickle(value), pickle(&keys)];
    [parts.concat(), storages.to_vec()].concat()
}

/// A deflated stretch.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
