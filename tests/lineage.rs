//! The rules of addresses and of the store, one trial each.

use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        Trial::test("lineage::an_address_names_no_machine", no_machine),
        Trial::test("lineage::a_changed_option_reruns_only_what_depends_on_it", dependents_only),
        Trial::test("lineage::a_label_changes_no_address", labels),
        Trial::test("lineage::a_hit_reads_no_weights_and_dropped_weights_are_made_again", lazy),
        Trial::test("lineage::callbacks_are_replayed_and_change_nothing", callbacks),
        Trial::test("lineage::a_callback_may_not_capture_its_model", capture),
        Trial::test("lineage::written_parameters_make_a_content_address", written),
        Trial::test("lineage::what_a_script_reads_is_a_copy", copies),
        Trial::test("lineage::a_seed_left_out_of_a_seed_sweep_is_warned_about", seed_warning),
        Trial::test("lineage::axes_stay_in_source_order", axis_order),
        Trial::test("lineage::why_prints_the_derivation", why),
        Trial::test("lineage::data_are_known_by_content_not_by_place", data_identity),
    ]
}

const TRAIN: &str = "let d = dataset::digits(#{ limit: 200 });\n\
     let m = model::resnet8(#{ width: 4, size: 8, seed: SEED });\n\
     let t = m.train(d, #{ epochs: 2, seed: SEED });\n";

fn script(text: &str) -> String {
    format!("{}{text}", TRAIN.replace("SEED", "0"))
}

/// Runs a script in a laboratory and returns what it printed.
fn printed(lab: &Lab, text: &str) -> String {
    lab.script("s.rhai", text);
    lab.ok(&["s.rhai"]).out
}

fn count(lab: &Lab) -> usize {
    lab.files("runs/results").len()
}

fn no_machine() -> Result<(), Failed> {
    let (here, there) = (Lab::new(), Lab::new());
    let text = script("print(m.address);");
    assert_eq!(printed(&here, &text), printed(&there, &text));
    there.script("s.rhai", &text);
    assert_eq!(
        there.ok(&["--threads", "2", "--store", "other", "s.rhai"]).out,
        printed(&here, &text)
    );
    Ok(())
}

fn dependents_only() -> Result<(), Failed> {
    let lab = Lab::new();
    let evaluate = "print(m.evaluate(d.test, #{ attack: attack::pgd(#{ eps: EPS }) }).n);";
    printed(&lab, &script(&evaluate.replace("EPS", "0.5")));
    assert_eq!(count(&lab), 2, "a training and an evaluation");
    let ran = {
        lab.script("s.rhai", &script(&evaluate.replace("EPS", "0.25")));
        lab.ok(&["s.rhai"])
    };
    assert_eq!(count(&lab), 3, "another evaluation of the same training");
    let text = script(&evaluate.replace("EPS", "0.5"));
    lab.script("s.rhai", &text.replace("limit: 200", "limit: 200, test_limit: 100"));
    let ran = {
        let shorter = lab.ok(&["s.rhai"]);
        assert_eq!(count(&lab), 4, "an evaluation on fewer images of the same training");
        assert!(!shorter.err.contains("train "), "the training ran again:\n{}", shorter.err);
        ran
    };
    assert!(!ran.err.contains("train "), "the training ran again:\n{}", ran.err);
    Ok(())
}

fn labels() -> Result<(), Failed> {
    let lab = Lab::new();
    let address = |name: &str| format!("print(attack::pgd(#{{ name: \"{name}\" }}).address);");
    assert_eq!(printed(&lab, &address("a")), printed(&lab, &address("b")));
    assert_ne!(
        printed(&lab, &address("a")),
        printed(&lab, "print(attack::pgd(#{ eps: 1 }).address);")
    );
    assert_eq!(
        printed(&lab, &address("a")),
        printed(&lab, "print(attack::pgd(#{ eps: 0.5 }).address);")
    );
    Ok(())
}

fn lazy() -> Result<(), Failed> {
    let lab = Lab::new();
    let text = script("print(m.evaluate(d.test).loss);");
    let first = printed(&lab, &text);
    fs::remove_dir_all(lab.path().join("runs/blobs"))?;
    assert_eq!(printed(&lab, &text), first, "a finished script needs no weights");
    let more = script("print(m.evaluate(d.val).loss); print(m.evaluate(d.test).loss);");
    lab.script("s.rhai", &more);
    let ran = lab.ok(&["s.rhai"]);
    assert!(ran.err.contains("no longer in the store"), "{}", ran.err);
    assert!(!ran.err.contains("other weights"), "{}", ran.err);
    assert!(ran.out.ends_with(&first), "{} and {first}", ran.out);

    // As if another machine, which rounds otherwise, had trained and measured before.
    fs::remove_dir_all(lab.path().join("runs/blobs"))?;
    lab.files("runs/results").iter().for_each(disturb_training);
    lab.script("s.rhai", &script("print(m.evaluate(d.train).loss);"));
    let ran = lab.ok(&["s.rhai"]);
    assert!(ran.err.contains("trained again, these are other weights"), "{}", ran.err);
    Ok(())
}

/// Changes the first loss of a stored training.
fn disturb_training(path: &PathBuf) {
    let sealed: Value = serde_json::from_slice(&fs::read(path).expect("a result")).expect("json");
    let mut record = sealed["record"].clone();
    if record["lineage"]["verb"] != "model.train" {
        return;
    }
    let loss = record["payload"]["curve"][0]["loss"].as_f64().expect("a loss");
    record["payload"]["curve"][0]["loss"] = (loss * 1.001).into();
    let record = record.to_string();
    let hash = rtscript::lineage::sha256_hex(record.as_bytes());
    fs::write(path, format!("{{\"sha256\":\"{hash}\",\"record\":{record}}}\n")).expect("a file");
}

fn callbacks() -> Result<(), Failed> {
    let plain = Lab::new();
    printed(&plain, &script(""));
    let lab = Lab::new();
    let text = TRAIN.replace("SEED", "0").replace(
        "epochs: 2,",
        "epochs: 2, on_epoch: |e| print(`${e.epoch} ${e.loss} ${e.accuracy}`),",
    );
    let first = printed(&lab, &text);
    assert_eq!(first.lines().count(), 2, "{first}");
    assert_eq!(printed(&lab, &text), first, "a stored result replays its curve");
    let names = |lab: &Lab| -> Vec<_> {
        lab.files("runs/results").iter().map(|path| path.file_name().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&plain), names(&lab), "a callback is no part of an address");
    Ok(())
}

fn capture() -> Result<(), Failed> {
    let lab = Lab::new();
    let with = |callback: &str| {
        let text = TRAIN.replace("SEED", "0");
        let text = text.replace("let t =", "let k = m;\nlet t =");
        text.replace("epochs: 2,", &format!("epochs: 2, on_epoch: |e| print({callback}),"))
    };
    // The first is seen before the run, the second only during it.
    for callback in ["m.evaluate(d.test).accuracy", "k.evaluate(d.test).accuracy"] {
        lab.script("s.rhai", &with(callback));
        let ran = lab.run(&["s.rhai"]);
        assert_eq!(ran.code, Some(1), "{callback}");
        let texts = ["on_epoch captures the model", "e.model"];
        assert!(texts.iter().all(|text| ran.err.contains(text)), "{}", ran.err);
        assert_eq!(count(&lab), 0, "it was refused before the run");
    }
    let event = with("e.model.evaluate(d.test).n");
    assert_eq!(printed(&lab, &event), printed(&lab, &event));
    Ok(())
}

fn written() -> Result<(), Failed> {
    let lab = Lab::new();
    let out = printed(
        &lab,
        &script(
            "let a = m.address;\n\
             m.set_parameter(\"fc.bias\", m.parameter(\"fc.bias\") + 1.0);\n\
             let b = m.address;\n\
             m.set_parameter(\"fc.bias\", m.parameter(\"fc.bias\"));\n\
             print(a == b); print(b == m.address);",
        ),
    );
    assert_eq!(out, "false\ntrue\n");
    Ok(())
}

fn copies() -> Result<(), Failed> {
    let lab = Lab::new();
    let out = printed(
        &lab,
        &script(
            "let bias = m.parameter(\"fc.bias\"); let mean = bias.mean;\n\
             m.set_parameter(\"fc.bias\", bias + 1.0);\n\
             print(bias.mean == mean);",
        ),
    );
    assert_eq!(out, "true\n");
    Ok(())
}

fn seed_warning() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script(
        "s.rhai",
        "sweep::grid(#{ seed: 0..2 }, |c| { let m = model::resnet8(#{ width: 4, size: 8 }); #{ a: 1 } });",
    );
    let ran = lab.ok(&["s.rhai"]);
    assert_eq!(
        ran.err.matches("model::resnet8 is called without a seed").count(),
        1,
        "{}",
        ran.err
    );
    Ok(())
}

fn axis_order() -> Result<(), Failed> {
    let text = "let cells = sweep::grid(#{ zeta: [\"b\", \"a\"], alpha: 0..2 }, |c| #{ x: 1.0 });\n\
                print(cells.axes);\nprint(cells.summary([\"zeta\"], \"x\"));";
    let out = printed(&Lab::new(), text);
    assert!(out.starts_with("[\"zeta\", \"alpha\"]"), "{out}");
    let row = |name: &str| out.lines().position(|line| line.starts_with(name));
    assert!(row("b ") < row("a "), "{out}");
    Ok(())
}

fn why() -> Result<(), Failed> {
    let out = printed(&Lab::new(), &script("print(why(m.evaluate(d.test)));"));
    for part in [
        "model.evaluate v2",
        "model: model.train v2",
        "dataset::digits v1",
        "epochs = 2",
        "lr = 0.1",
    ] {
        assert!(out.contains(part), "no {part} in\n{out}");
    }
    Ok(())
}

fn data_identity() -> Result<(), Failed> {
    let write = |lab: &Lab, folder: &str, pixel: u8| {
        let folder = lab.path().join(folder).join("mnist");
        fs::create_dir_all(&folder).unwrap();
        for split in ["train", "t10k"] {
            let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 40];
            labels.extend((0..40).map(|i| i % 10));
            let mut images = vec![0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 28, 0, 0, 0, 28];
            images.extend(std::iter::repeat_n(pixel, 40 * 28 * 28));
            fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
            fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        }
    };
    let lab = Lab::new();
    for (folder, pixel) in [("one", 7), ("two", 7), ("three", 8)] {
        write(&lab, folder, pixel);
    }
    let address = |folder: &str| lab.ok(&["--data", folder, "-e", "dataset::mnist().address"]).out;
    assert_eq!(address("one"), address("two"), "the same bytes at another place");
    assert_ne!(address("one"), address("three"), "other bytes");
    Ok(())
}
