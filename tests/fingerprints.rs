//! An output may not change without its entry's version.
//!
//! Every registry entry has a few numbers in `tests/fingerprints.json` under its path and
//! version, computed by a small script of its kind. Another outcome at the same version fails; a
//! raised version wants new numbers: `RTSCRIPT_BLESS=1` writes those that are missing.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::registry::{Home, Kind, Spec};
use rtscript::script::Ended;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Relative difference that other processors may make.
const TOLERANCE: f64 = 2e-3;

/// One trial over all entries: they share a store.
pub fn tests() -> Vec<Trial> {
    vec![Trial::test("fingerprints::outputs_change_only_with_their_version", unchanged)]
}

const NET: &str = "let d = dataset::digits(#{ limit: 256 });\n\
                   let m = model::resnet8(#{ width: 4, size: 8 });\n";

/// The script that measures an entry; none for what has no output of its own.
fn script(spec: &Spec) -> Option<String> {
    let inputs = spec.inputs.iter().take(spec.required_inputs()).map(|input| match input.kind {
        Kind::Handle("model") => "model::resnet8(#{ width: 4, size: 8 })",
        _ => "attack::pgd()",
    });
    let made = format!("{}({})", spec.path(), inputs.collect::<Vec<_>>().join(", "));
    Some(match spec.home {
        Home::Namespace("attack") if spec.returns == "inversion" => format!(
            "{NET} let r = {}(m, d.test.images(0..4), #{{ steps: 20 }});\n\
             [r.before.mean, r.after.mean, r.images.mean]",
            spec.path()
        ),
        Home::Namespace("attack") if spec.returns == "perturbation" => format!(
            "{NET} let p = {}(attack::pgd(), m, d.test); [p.check.norm, p.check.cosine]",
            spec.path()
        ),
        Home::Namespace("attack") if spec.returns == "tensor" => {
            format!("{NET} let g = {}(m, d.test); [(g * g).sum]", spec.path())
        }
        Home::Namespace("attack") => {
            // These take hundreds of passes for each image.
            let slow = ["carlini_wagner", "fab", "square"].contains(&spec.name);
            let test = if slow { "dataset::digits(#{ test_limit: 20 }).test" } else { "d.test" };
            format!(
                "{NET} m.train(d, #{{ epochs: 1 }});\n\
                 let e = m.evaluate({test}, #{{ attack: {made} }}); [e.loss, e.norm]"
            )
        }
        // What is loaded is compared with what Python saved.
        Home::Namespace("model") if spec.name == "load" => return None,
        Home::Namespace("model") if spec.params.iter().any(|param| param.name == "width") => {
            format!(
                "let m = {}(#{{ width: 8, size: 16, channels: 1, classes: 10 }});\n\
                 let e = m.evaluate(dataset::digits(#{{ size: 16 }}).test); [e.loss]",
                spec.path()
            )
        }
        Home::Namespace("model") => format!(
            "let m = {}(#{{ size: 32, channels: 1, classes: 10 }});\n\
             let e = m.evaluate(dataset::digits(#{{ size: 32, test_limit: 10 }}).test); [e.loss]",
            spec.path()
        ),
        Home::Namespace("dataset") if ["digits", "fashion_mnist"].contains(&spec.name) => format!(
            "let d = {}(#{{ size: 16 }});\n\
             let m = model::resnet8(#{{ width: 4, size: 16 }});\n\
             [d.train.len + 0.0, d.val.len + 0.0, d.test.len + 0.0, m.evaluate(d.test).loss]",
            spec.path()
        ),
        Home::Namespace("transform") if spec.inputs.is_empty() => format!(
            "let x = dataset::fashion_mnist(#{{ limit: 100 }}).test.images(0..4);\n\
             let x = x * tensor::full([4, 3, 1, 1], 1.0);\n\
             let y = {}().apply(transform::resize(#{{ size: 64 }}).apply(x));\n\
             [y.mean, (y * y).mean, (y * y * y).mean]",
            spec.path()
        ),
        Home::Namespace("train") if ["lockstep", "yoked"].contains(&spec.name) => format!(
            "{NET} let lead = model::resnet8(#{{ width: 4, size: 8, seed: 1 }});\n\
             let arms = [train::perturbed(attack::pgd()), train::yoked(\"random_sign\")];\n\
             let t = train::lockstep([lead, m], arms, d, #{{ epochs: 2 }});\n\
             t.map(|each| each.curve[1].loss)"
        ),
        Home::Namespace("train") => format!(
            "{NET} let t = m.train(d, #{{ epochs: 2, objective: {} }}); [t.curve[-1].loss]",
            match spec.name {
                "mixed" => "train::mixed(train::clean(), train::perturbed(attack::pgd()))",
                _ => &made,
            }
        ),
        // By default it trains 150 epochs for each learning rate.
        Home::Namespace("transfer") if spec.name == "salman2020" => format!(
            "{NET} let p = transfer::salman2020(#{{ epochs: 2 }});\n\
             let t = m.transfer(d, #{{ protocol: p }}); [t.n + 0.0, t.selected.keys().len + 0.0]"
        ),
        Home::Namespace("transfer") => {
            format!("{NET} let t = m.transfer(d, #{{ protocol: {made} }}); [t.n + 0.0]")
        }
        _ => return None,
    })
}

fn unchanged() -> Result<(), Failed> {
    rtscript::torch::start(Some(1)).map_err(|error| error.to_string())?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fingerprints.json");
    let text = fs::read_to_string(&file).unwrap_or_else(|_| "{}".to_owned());
    let known: BTreeMap<String, Vec<f64>> = serde_json::from_str(&text)?;
    let folder = tempfile::tempdir()?;
    let specs = session(folder.path()).reference().specs.clone();
    let mut found = BTreeMap::new();
    let mut wrong = Vec::new();
    for spec in specs {
        let Some(code) = script(spec) else { continue };
        let key = format!("{} v{}", spec.path(), spec.version);
        let text = match spec.home {
            Home::Namespace("model") => apart(folder.path(), &code)?,
            _ => match session(folder.path()).run(&spec.path(), &code) {
                Ok(Ended::Value(Some(value))) => value.text,
                Ok(_) => return Err(format!("{key}: no value").into()),
                Err(diagnostic) => return Err(format!("{key}:\n{}", diagnostic.text).into()),
            },
        };
        let numbers: Vec<f64> = serde_json::from_str(&text)?;
        match known.get(&key) {
            Some(expected) if near(expected, &numbers) => {}
            Some(expected) => {
                wrong.push(format!("{key}: expected {expected:?}, found {numbers:?}"))
            }
            None => wrong.push(format!("{key}: no fingerprint is committed; found {numbers:?}")),
        }
        found.insert(key, numbers);
    }
    if std::env::var_os("RTSCRIPT_BLESS").is_some() {
        let mut merged = found.clone();
        merged.extend(known.into_iter().filter(|(key, _)| found.contains_key(key)));
        return Ok(fs::write(&file, serde_json::to_string_pretty(&merged)? + "\n")?);
    }
    for key in known.keys().filter(|key| !found.contains_key(*key)) {
        wrong.push(format!("{key}: there is no such entry any more"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// The value of `code` in a process of its own: the largest networks take gigabytes, which the
/// kernel would count among those of every process that this one starts later.
fn apart(store: &Path, code: &str) -> Result<String, Failed> {
    let ran = Command::new(env!("CARGO_BIN_EXE_rtscript"))
        .args(["--quiet", "--threads", "1", "--store"])
        .arg(store)
        .args(["-e", code])
        .output()?;
    match ran.status.success() {
        true => Ok(String::from_utf8(ran.stdout)?),
        false => Err(String::from_utf8_lossy(&ran.stderr).into_owned().into()),
    }
}

fn near(expected: &[f64], found: &[f64]) -> bool {
    expected.len() == found.len()
        && expected.iter().zip(found).all(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(1e-3))
}
