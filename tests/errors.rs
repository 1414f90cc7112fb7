//! Errors as users meet them: one screen, a place with a caret, a hint, an exit code, no panic.

use crate::lab::{Lab, Ran, points_at};
use libtest_mimic::{Failed, Trial};
use std::fs;
use std::os::unix::process::CommandExt;

/// The trials.
pub fn tests() -> Vec<Trial> {
    let mut trials: Vec<Trial> = OPTIONS
        .iter()
        .map(|case| Trial::test(format!("errors::{}", case.name), move || option(case)))
        .collect();
    trials.extend([
        Trial::test("errors::a_missing_script_is_named", missing_script),
        Trial::test("errors::a_missing_data_folder_shows_the_tree", missing_data),
        Trial::test("errors::a_truncated_idx_file_says_how_much_is_missing", truncated_idx),
        Trial::test("errors::a_label_out_of_range_is_named_with_its_image", wild_label),
        Trial::test("errors::an_unwritable_store_is_refused_at_once", unwritable_store),
        Trial::test("errors::a_full_disk_loses_nothing", full_disk),
        Trial::test("errors::a_corrupt_result_is_named", corrupt_result),
        Trial::test("errors::an_unknown_setting_is_refused_before_the_run", unknown_setting),
        Trial::test("errors::a_missing_gpu_is_an_error", missing_gpu),
    ]);
    trials
}

/// A line of script, the message it must give and the text under the caret.
struct Case {
    name: &'static str,
    code: &'static str,
    message: &'static str,
    under: &'static str,
}

const OPTIONS: &[Case] = &[
    Case {
        name: "a_misspelt_option_finds_the_one_that_was_meant",
        code: "let a = attack::pgd(#{ norm: \"l2\", epss: 1 });",
        message: "pgd: unknown option epss, did you mean eps?",
        under: "epss",
    },
    Case {
        name: "an_option_of_the_wrong_type_names_both",
        code: "let a = attack::pgd(#{ eps: \"a\" });",
        message: "pgd: eps expected a number, found \"a\" (a text)",
        under: "eps",
    },
    Case {
        name: "an_option_out_of_range_names_the_range",
        code: "let a = attack::pgd(#{ eps: -1 });",
        message: "pgd: eps must be >= 0, found -1",
        under: "eps",
    },
    Case {
        name: "images_of_another_shape_are_refused",
        code: "let m = model::resnet8(#{ width: 4, size: 28 });\nm.train(dataset::digits(), #{ epochs: 1 });",
        message: "train: resnet8 expects images of 1x28x28, found 1x8x8 in digits",
        under: "train",
    },
    Case {
        name: "an_unknown_protocol_finds_the_one_that_was_meant",
        code: "model::resnet8(#{ size: 8 }).transfer(dataset::digits(), #{ protocol: \"fixed_features\" });",
        message: "expected a protocol, found \"fixed_features\"",
        under: "protocol",
    },
    Case {
        name: "an_unknown_function_is_named",
        code: "let a = attack::pdg();",
        message: "function not found: attack::pdg ()",
        under: "pdg",
    },
    Case {
        name: "a_tensor_is_not_added_to_a_text",
        code: "let t = tensor::full([1], 1.0) + \"a\";",
        message: "+: expected a tensor or a number, found \"a\"",
        under: "+",
    },
    Case {
        name: "a_misspelt_method_finds_the_one_that_was_meant",
        code: "let m = model::resnet8();\nlet list = [m];\nlist[0].trian(1);",
        message: "did you mean train?",
        under: "trian",
    },
    Case {
        name: "a_misspelt_property_finds_the_one_that_was_meant",
        code: "let list = [dataset::digits()];\nlet x = list[0].tets;",
        message: "did you mean test?",
        under: "tets",
    },
    Case {
        name: "a_misspelt_key_finds_the_one_that_was_meant",
        code: "let o = #{ rate: 0.1 };\nlet x = o.raet;",
        message: "did you mean rate?",
        under: "raet",
    },
    Case {
        name: "a_function_without_its_namespace_is_found",
        code: "let list = [1];\npgd(list);",
        message: "did you mean attack::pgd?",
        under: "pgd",
    },
    Case {
        name: "an_operator_that_does_not_apply_shows_the_facts",
        code: "let list = [dataset::digits(), tensor::full([2, 3], 1)];\nlet x = list[0] * list[1];",
        message: "found tensor: tensor [2, 3] f32 cpu",
        under: "*",
    },
    Case {
        name: "shapes_that_do_not_go_together_are_shown",
        code: "let x = tensor::full([2, 3], 1) + tensor::full([4], 1);",
        message: "+: shapes [2, 3] and [4] do not go together",
        under: "+",
    },
    Case {
        name: "a_missing_property_is_no_unit_value",
        code: "let o = #{ lr: 0.1 };\nlet x = o.lrr;",
        message: "lrr",
        under: "lrr",
    },
];

fn option(case: &Case) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", case.code);
    let ran = lab.run(&["s.rhai"]);
    expect(&ran, 1, &[case.message])?;
    if points_at(&ran.err, case.under) {
        Ok(())
    } else {
        Err(format!("no caret under {}:\n{}", case.under, ran.err).into())
    }
}

/// The exit code, texts of standard error, at most one screen, no panic.
fn expect(ran: &Ran, code: i32, texts: &[&str]) -> Result<(), Failed> {
    let all = texts.iter().all(|text| ran.err.contains(text));
    let calm = !ran.err.contains("panicked") && ran.err.lines().count() <= 24;
    if ran.code == Some(code) && all && calm {
        return Ok(());
    }
    Err(format!("expected exit {code} and {texts:?}, found {:?}\n{}", ran.code, ran.err).into())
}

fn missing_script() -> Result<(), Failed> {
    expect(&Lab::new().run(&["nowhere.rhai"]), 74, &["cannot read nowhere.rhai"])
}

fn missing_data() -> Result<(), Failed> {
    let lab = Lab::new();
    let ran = lab.run(&["--data", ".", "-e", "dataset::mnist().classes"]);
    expect(&ran, 1, &["mnist: files not found in .", "train-images-idx3-ubyte"])
}

/// An MNIST folder of three images a split, with the last label of the training split changed.
fn idx_folder(lab: &Lab, label: u8, cut: usize) -> std::io::Result<()> {
    let folder = lab.path().join("mnist");
    fs::create_dir_all(&folder)?;
    for split in ["train", "t10k"] {
        let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 30];
        labels.extend((0..30).map(|i| i % 10));
        let mut images = vec![0, 0, 8, 3, 0, 0, 0, 30, 0, 0, 0, 28, 0, 0, 0, 28];
        images.extend(std::iter::repeat_n(7, 30 * 28 * 28));
        if split == "train" {
            *labels.last_mut().unwrap() = label;
            images.truncate(images.len() - cut);
        }
        fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels)?;
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images)?;
    }
    Ok(())
}

const USE_MNIST: &str =
    "let d = dataset::mnist(); model::resnet8(#{ width: 4 }).evaluate(d.train).n";

fn truncated_idx() -> Result<(), Failed> {
    let lab = Lab::new();
    idx_folder(&lab, 9, 100)?;
    let ran = lab.run(&["--data", ".", "-e", USE_MNIST]);
    expect(&ran, 65, &["train-images-idx3-ubyte", "expected 23536 bytes, found 23436"])
}

fn wild_label() -> Result<(), Failed> {
    let lab = Lab::new();
    idx_folder(&lab, 12, 0)?;
    let ran = lab.run(&["--data", ".", "-e", USE_MNIST]);
    expect(&ran, 65, &["labels must be from 0 to 9, found 12 at image 29"])
}

fn unwritable_store() -> Result<(), Failed> {
    let lab = Lab::new();
    fs::write(lab.path().join("file"), "")?;
    let ran = lab.run(&["--store", "file/runs", "-e", "1"]);
    expect(&ran, 74, &["cannot write file", "--store DIR"])
}

const TRAIN: &str = "let m = model::resnet8(#{ width: 4, size: 8 });\n\
                     let r = m.train(dataset::digits(#{ limit: 300 }), #{ epochs: 2 });\n\
                     print(m.evaluate(dataset::digits().test).accuracy);";

fn full_disk() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", TRAIN);
    let mut command = lab.command(&["s.rhai"]);
    // SAFETY: setrlimit is safe to call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    expect(&command.output()?.into(), 74, &["cannot write", "hint"])?;
    lab.ok(&["s.rhai"]);
    Ok(())
}

fn corrupt_result() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", TRAIN);
    let before = lab.ok(&["s.rhai"]);
    for file in lab.files("runs/results") {
        let mut bytes = fs::read(&file)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes)?;
    }
    expect(&lab.run(&["s.rhai"]), 65, &["results", "delete"])?;
    for file in lab.files("runs/results") {
        fs::remove_file(file)?;
    }
    assert_eq!(lab.ok(&["s.rhai"]).out, before.out);
    Ok(())
}

fn unknown_setting() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", "let n = param(\"seeds\", 3, \"how many\");\nprint(n);");
    expect(&lab.run(&["s.rhai", "--set", "seed=2"]), 1, &["no param seed, did you mean seeds?"])?;
    expect(
        &lab.run(&["s.rhai", "--set", "seeds=x"]),
        1,
        &["seeds expected a whole number, found x"],
    )
}

fn missing_gpu() -> Result<(), Failed> {
    if std::path::Path::new("/dev/nvidia0").exists() {
        println!("errors::a_missing_gpu_is_an_error: skipped, there is a GPU");
        return Ok(());
    }
    expect(&Lab::new().run(&["--device", "cuda:0", "-e", "1"]), 1, &["cuda", "hint"])
}
