//! Files made to run code, to lie or to take all memory: `rtscript inspect` refuses each as bad
//! data, or shows what it would have run; soon, in little memory, and nothing is run.

pub mod forge;

use crate::bombs::measured;
use crate::lab::Lab;
use forge::{
    Record, call, checkpoint, deflated, global, int, legacy, pickle, record, storage, tensor, text,
    tuple, zip,
};
use libtest_mimic::{Failed, Trial};
use std::fs;

/// The trials.
pub fn tests() -> Vec<Trial> {
    let files = commands().into_iter().chain(bombs()).chain(lies()).chain(archives());
    let files = files.chain(others());
    let trials: Vec<Trial> = files
        .map(|file| Trial::test(format!("hostile::{}", file.name), move || inspect(&file)))
        .collect();
    assert!(trials.len() >= 40, "{}", trials.len());
    trials
}

/// A file, and what inspecting it says.
struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
    exit: i32,
    says: &'static str,
}

/// A file that is shown, and whose report says this.
fn shown(name: &'static str, bytes: Vec<u8>, says: &'static str) -> Hostile {
    Hostile { name, bytes, exit: 0, says }
}

/// A file that is refused with this message.
fn refused(name: &'static str, bytes: Vec<u8>, says: &'static str) -> Hostile {
    Hostile { name, bytes, exit: 65, says }
}

fn inspect(file: &Hostile) -> Result<(), Failed> {
    let lab = Lab::new();
    fs::write(lab.path().join("file"), &file.bytes)?;
    let measured = measured(&lab, &["inspect", "--all", "file"]);
    let ran = &measured.ran;
    let said = format!("{}{}", ran.out, ran.err);
    let calm = !ran.err.contains("panicked");
    let marked = lab.path().join("MARK").exists();
    if ran.code == Some(file.exit)
        && said.contains(file.says)
        && calm
        && !marked
        && measured.seconds < 5.0
        && measured.mebibytes < 512
    {
        return Ok(());
    }
    let said: String = said.chars().take(2_000).collect();
    let (seconds, mebibytes) = (measured.seconds, measured.mebibytes);
    Err(format!("exit {:?} after {seconds:.2} s in {mebibytes} MiB:\n{said}", ran.code).into())
}

/// What Python's loader would run.
fn commands() -> Vec<Hostile> {
    let touch = || text("touch MARK");
    let system = || call("os", "system", &[touch()]);
    let inst = [b"(".to_vec(), touch(), b"ios\nsystem\n".to_vec()].concat();
    let obj = [b"(".to_vec(), global("os", "system"), touch(), b"o".to_vec()].concat();
    let stack = [text("posix"), text("system"), b"\x93".to_vec(), tuple(&[touch()]), b"R".to_vec()];
    let getattr = [
        call("builtins", "getattr", &[global("os", "path"), text("os")]),
        tuple(&[touch()]),
        b"R".to_vec(),
    ];
    let build = [call("argparse", "Namespace", &[]), system(), b"b".to_vec()];
    let reduced = [text("x"), system(), b"0".to_vec()];
    let new = [global("subprocess", "Popen"), tuple(&[touch()]), b"\x81".to_vec()];
    let hooked = tensor(storage("0", 4), 0, &[4], &[1]);
    let hooked = [tuple(&[hooked, system()])].concat();
    let typed = call(
        "torch._tensor",
        "_rebuild_from_type_v2",
        &[global("os", "system"), global("torch", "Tensor"), tuple(&[touch()]), b"N".to_vec()],
    );
    let file = |name, value: &[u8], says| shown(name, pickle(value), says);
    vec![
        file("os_system", &system(), "os.system  1 object  SUSPICIOUS"),
        file("exec", &call("builtins", "exec", &[text("open('MARK','w')")]), "builtins.exec"),
        file("eval_of_python_2", &call("__builtin__", "eval", &[text("1")]), "builtins.eval"),
        file("an_instance", &inst, "os.system  1 object  SUSPICIOUS"),
        file("an_object", &obj, "os.system  1 object  SUSPICIOUS"),
        file("a_name_on_the_stack", &stack.concat(), "posix.system"),
        file("a_call_of_a_result", &getattr.concat(), "builtins.getattr"),
        file("a_state_that_is_a_call", &build.concat(), "os.system"),
        file("a_call_that_is_thrown_away", &reduced.concat(), "os.system"),
        file("popen_without_its_constructor", &new.concat(), "subprocess.Popen"),
        shown("a_call_beside_a_tensor", zip(&checkpoint(&hooked)), "os.system"),
        shown("a_tensor_type_that_runs", zip(&checkpoint(&typed)), "_rebuild_from_type_v2"),
        shown("a_call_in_a_legacy_file", legacy(&system(), &[], &[]), "os.system"),
        file("torch_hub", &call("torch.hub", "load", &[text("a/b")]), "torch.hub.load"),
        file("torch_load", &call("torch.serialization", "load", &[text("x")]), "SUSPICIOUS"),
        file("numpy_of_a_pickle", &call("numpy", "load", &[text("x")]), "numpy.load"),
        file(
            "bytecode",
            &call("types", "FunctionType", &[call("marshal", "loads", &[text("x")])]),
            "marshal.loads",
        ),
        file("an_extension", b"\x82\x01)R", "copyreg._extension_registry"),
        file("a_dotted_name", &call("torch.nn", "modules.os.system", &[touch()]), "SUSPICIOUS"),
        file("escapes_of_a_terminal", &text("\x1b]0;owned\x07"), "\\u{1b}]0;owned\\u{7}"),
    ]
}

/// What takes all memory or time.
fn bombs() -> Vec<Hostile> {
    // Each list holds the one before ten times.
    let mut laughs = b"]q\0".to_vec();
    for level in 0..60u8 {
        laughs.extend(
            [b"](".to_vec(), [b'h', level].repeat(10), vec![b'e', b'q', level + 1]].concat(),
        );
    }
    let deep = [b"]".repeat(200_000), b"a".repeat(199_999)].concat();
    let deep_tuples = [b")".to_vec(), b"\x85".repeat(200_000)].concat();
    let mut memos = b"N".to_vec();
    for index in 0..6_000_000u32 {
        memos.extend([b"r", &index.to_le_bytes()[..]].concat());
    }
    let mut copies =
        [b"X\x40\x42\x0f\0".to_vec(), b"x".repeat(1_000_000), b"q\0".to_vec()].concat();
    for _ in 0..2_000 {
        copies.extend(b"c_codecs\nencode\nh\0X\x06\0\0\0latin1\x86R");
    }
    let mut copied_lists = [b"](".to_vec(), b"N".repeat(100_000), b"eq\0".to_vec()].concat();
    for _ in 0..5_000 {
        copied_lists.extend(b"c__builtin__\nset\nh\0\x85R");
    }
    let mut shared = [b"}q\0(".to_vec(), b"".to_vec()].concat();
    for index in 0..100_000i64 {
        shared.extend([int(index), b"N".to_vec()].concat());
    }
    shared.extend(b"u0](");
    for _ in 0..50_000 {
        shared.extend(b"ca\nb\n)\x81h\0b");
    }
    shared.push(b'e');
    let tensors = [b"]q\0(".to_vec(), tensor(storage("0", 4), 0, &[4], &[1]), b"q\x012".to_vec()];
    let tensors = [tensors.concat(), b"h\x01".repeat(500_000), b"e".to_vec()].concat();
    let cyclic = b"]q\0h\0ah\0a}q\x01X\x01\0\0\0ah\x01sa";
    let in_itself = b"cos\nsystem\n]q\0h\0a\x85Rq\x01h\x01b";
    vec![
        shown("a_billion_laughs", pickle(&laughs), "list of 10"),
        shown("lists_200000_deep", pickle(&deep), "…"),
        shown("tuples_200000_deep", pickle(&deep_tuples), "…"),
        refused("objects_that_share_a_large_state", pickle(&shared), "too many values to list"),
        refused("a_memo_of_millions", pickle(&memos), "too much memory"),
        refused("copies_of_a_long_text", pickle(&copies), "too much memory"),
        refused("copies_of_a_long_list", pickle(&copied_lists), "too much memory"),
        refused("millions_of_lists", pickle(&b"]".repeat(20_000_000)), "too much memory"),
        refused("millions_of_marks", pickle(&b"(".repeat(20_000_000)), "instructions"),
        shown("a_tensor_listed_half_a_million_times", zip(&checkpoint(&tensors)), "listed again"),
        shown("lists_and_dictionaries_in_themselves", pickle(cyclic), "as above"),
        shown("an_object_that_is_its_own_state", pickle(in_itself), "os.system"),
        refused("a_text_of_4_gigabytes", b"\x80\x02X\xff\xff\xff\xffx.".to_vec(), "ends early"),
        refused(
            "bytes_of_16_exabytes",
            b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffx.".to_vec(),
            "ends early",
        ),
        refused(
            "a_number_of_2_gigabytes",
            b"\x80\x02\x8b\xff\xff\xff\x7f1.".to_vec(),
            "ends early",
        ),
        shown(
            "a_number_of_100000_bytes",
            {
                let number = [b"\x8b\xa0\x86\x01\0".to_vec(), vec![0x7f; 100_000]].concat();
                pickle(&number)
            },
            "0x7f7f",
        ),
        refused(
            "a_line_without_end",
            [b"\x80\x02cos".to_vec(), b"x".repeat(1 << 20)].concat(),
            "ends early",
        ),
    ]
}

/// What says one thing and holds another.
fn lies() -> Vec<Hostile> {
    let saved = |storage, offset, shape: &[i64], strides: &[i64]| {
        zip(&checkpoint(&tensor(storage, offset, shape, strides)))
    };
    let four = || storage("0", 4);
    let whole = tensor(four(), 0, &[4], &[1]);
    let numel = |count: i64| [&count.to_le_bytes()[..], &[0; 16]].concat();
    let view = [
        tuple(&[
            text("storage"),
            global("torch", "FloatStorage"),
            text("0"),
            text("cpu"),
            int(4),
            tuple(&[text("1"), int(3), int(2)]),
        ]),
        b"Q".to_vec(),
    ]
    .concat();
    let two_sizes = [b"(".to_vec(), four(), storage("0", 8), b"t".to_vec()].concat();
    vec![
        refused(
            "a_shape_that_overflows",
            saved(four(), 0, &[1 << 40, 1 << 40], &[1, 1]),
            "too large",
        ),
        refused("strides_that_overflow", saved(four(), 0, &[3], &[i64::MAX]), "too large"),
        refused("an_offset_outside", saved(four(), 1, &[4], &[1]), "outside its storage"),
        refused("an_offset_that_overflows", saved(four(), i64::MAX, &[2], &[1]), "tensor"),
        refused("a_negative_length", saved(four(), 0, &[-4], &[1]), "negative"),
        refused("a_negative_stride", saved(four(), 3, &[4], &[-1]), "negative"),
        refused("strides_of_other_dimensions", saved(four(), 0, &[4], &[1, 1]), "other strides"),
        refused("a_tensor_expanded_without_end", saved(four(), 0, &[1 << 40], &[0]), "expanded"),
        refused(
            "a_storage_larger_than_its_record",
            saved(storage("0", 5), 0, &[5], &[1]),
            "expected 20 bytes",
        ),
        refused(
            "a_storage_of_many_exabytes",
            saved(storage("0", i64::MAX), 0, &[4], &[1]),
            "too large",
        ),
        refused("a_storage_of_two_sizes", zip(&checkpoint(&two_sizes)), "two sizes"),
        shown(
            "a_storage_that_is_missing",
            saved(storage("../../etc/passwd", 4), 0, &[4], &[1]),
            "1 tensor",
        ),
        refused("a_legacy_file_with_another_count", legacy(&whole, &["0"], &numel(5)), "found 5"),
        refused(
            "a_legacy_file_with_a_huge_count",
            legacy(&whole, &["0"], &numel(i64::MAX)),
            "found",
        ),
        refused("a_legacy_file_with_a_key_twice", legacy(&whole, &["0", "0"], &numel(4)), "twice"),
        refused("a_legacy_file_with_a_strange_key", legacy(&whole, &["7"], &numel(4)), "storage 7"),
        refused(
            "a_legacy_file_cut_in_a_storage",
            legacy(&whole, &["0"], &4i64.to_le_bytes()),
            "ends early",
        ),
        refused("a_legacy_view_outside", legacy(&view, &["0"], &numel(4)), "outside its storage"),
        refused(
            "a_safetensors_header_of_exabytes",
            b"\xff\xff\xff\xff\xff\0\0\0{}".to_vec(),
            "header",
        ),
        refused(
            "safetensors_that_overlap",
            safetensors(
                r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
                6,
            ),
            "safetensors",
        ),
        refused(
            "a_safetensors_shape_that_overflows",
            safetensors(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#,
                4,
            ),
            "safetensors",
        ),
    ]
}

fn safetensors(header: &str, bytes: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; bytes]].concat()
}

/// What is wrong with archives.
fn archives() -> Vec<Hostile> {
    let honest = || checkpoint(&tensor(storage("0", 4), 0, &[4], &[1]));
    let with = |change: fn(&mut Vec<Record>)| {
        let mut records = honest();
        change(&mut records);
        zip(&records)
    };
    let system = || pickle(&call("os", "system", &[text("touch MARK")]));
    let packed = |bytes: usize, claimed: u32| {
        let mut records = honest();
        records.swap(0, 1);
        records[1].stored = deflated(&vec![0; bytes]);
        records[1].bytes = claimed;
        records[1].method = 8;
        zip(&records)
    };
    let mut twice = honest();
    twice.push(record("a/data.pkl", system()));
    let mut two = honest();
    two.push(record("b/data.pkl", system()));
    vec![
        shown("an_honest_archive", zip(&honest()), "1 tensor, 4 numbers"),
        refused("a_name_twice", zip(&twice), "is there twice"),
        refused("two_checkpoints", zip(&two), "two checkpoints"),
        refused("a_packed_bomb", packed(50_000_000, 50_000_000), "64 times"),
        refused("more_than_it_says", packed(100_000, 16), "unpack to more"),
        refused("an_encrypted_record", with(|r| r[0].flags = 1), "encrypted"),
        refused("a_damaged_record", with(|r| r[0].crc ^= 1), "damaged"),
        refused("another_packing", with(|r| r[0].method = 12), "method 12"),
        refused(
            "records_that_overlap",
            with(|r| r[1].header = Some(0)),
            "otherwise in its own head",
        ),
        refused(
            "one_record_in_another",
            with(|r| {
                r.push(Record { header: Some(0), ..r[0].clone() });
                r[2].name = "a/data/1";
            }),
            "otherwise in its own head",
        ),
        refused(
            "a_record_outside",
            with(|r| r[1].header = Some(u32::MAX - 1)),
            "outside the archive",
        ),
        refused("another_name_inside", with(|r| r[0].own_name = "a/evil.pkl"), "otherwise"),
        refused("names_that_climb", zip(&[record("../data.pkl/x", system())]), "no checkpoint"),
        refused("a_size_that_lies", with(|r| r[1].bytes = 32), "another number of bytes"),
        refused("bytes_behind_the_end", [zip(&honest()), b"PK".to_vec()].concat(), "is missing"),
        shown("a_command_in_an_archive", zip(&[record("a/data.pkl", system())]), "os.system"),
        refused(
            "another_byte_order",
            {
                let mut records = honest();
                records.push(record("a/byteorder", b"middle".to_vec()));
                zip(&records)
            },
            "byteorder",
        ),
    ]
}

/// What is no checkpoint, or no pickle.
fn others() -> Vec<Hostile> {
    vec![
        refused("an_empty_file", Vec::new(), "is empty"),
        refused("a_web_page", b"<!DOCTYPE html><html>".to_vec(), "web page"),
        refused(
            "a_pointer_of_git",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "git lfs",
        ),
        refused("a_text", b"hello".to_vec(), "found another"),
        refused("a_protocol_of_the_future", b"\x80\x06N.".to_vec(), "protocol 0 to 5"),
        refused("an_unknown_instruction", b"\x80\x02\xff.".to_vec(), "expected an instruction"),
        refused("an_empty_stack", b"\x80\x020.".to_vec(), "mark"),
        refused("a_memo_that_was_never_kept", b"\x80\x02h\x07.".to_vec(), "never kept"),
        refused("a_call_of_a_number", b"\x80\x02K\x01)R.".to_vec(), "no function"),
        refused("a_key_without_a_value", b"\x80\x02}(Nu.".to_vec(), "without a value"),
        refused("an_item_of_a_number", b"\x80\x02K\x01NNs.".to_vec(), "no dictionary"),
    ]
}
