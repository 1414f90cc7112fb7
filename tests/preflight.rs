//! Scripts are checked whole before they run: what is found and where, and no false alarm.

use crate::examples::session;
use crate::lab::{Lab, points_at, study};
use libtest_mimic::{Failed, Trial};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

#[path = "preflight/faults.rs"]
mod faults;
#[path = "preflight/files.rs"]
mod files;
#[path = "preflight/settings.rs"]
mod settings;

/// The trials.
pub fn tests() -> Vec<Trial> {
    let mut trials: Vec<Trial> = faults::FAULTS
        .iter()
        .map(|fault| {
            let name = format!("preflight::finds {}", fault.code);
            Trial::test(name, move || found_everywhere(fault))
        })
        .collect();
    trials.extend([
        law("five_faults_are_shown_at_once", five_faults),
        law("nothing_runs_when_the_last_line_is_wrong", nothing_ran),
        law("check_runs_nothing_and_says_ok", check_only),
        law("scripts_and_examples_pass_clean", no_false_alarm),
        law("what_runs_passes_clean", what_runs),
        law("a_missing_file_is_found_where_it_is_surely_read", files::missing_file),
        law("a_setting_of_another_type_word_or_range_is_refused", settings::refused),
        law("a_name_of_two_types_is_not_judged", two_types),
        law("functions_see_parameters_constants_and_imports_only", functions),
        law("an_open_comment_is_an_error_where_it_starts", open_comment),
        law("a_missing_semicolon_is_blamed_on_its_own_line", semicolon),
        law("modules_beside_the_script_are_found_and_checked", modules),
        law("a_seed_left_out_in_a_sweep_is_a_warning_and_given_once", seeds),
        law("a_device_that_is_not_there_is_named_before_the_check", device),
        law("of_many_faults_the_first_are_shown", many_faults),
        law("the_longest_script_is_checked_in_50_milliseconds", speed),
    ]);
    trials
}

fn law(name: &str, check: fn() -> Result<(), Failed>) -> Trial {
    Trial::test(format!("preflight::{name}"), check)
}

/// What every fault may use.
const BEFORE: &str = "let data = dataset::digits();\n\
                      let m = model::resnet8(#{ width: 4, size: 8 });\n";

/// What stands at the top of the file.
const TOP: &str = "import \"presets\" as presets;\nfn twice(x) { x * 2 }\n";

/// A fault is found with its place wherever it stands, also where nothing runs it.
fn found_everywhere(fault: &faults::Fault) -> Result<(), Failed> {
    let code = fault.code;
    let places = [
        format!("{TOP}{BEFORE}{code};\n"),
        format!("{TOP}{BEFORE}if data.classes > 100 {{\n    {code};\n}}\n"),
        format!("{TOP}fn never_called() {{\n{BEFORE}{code};\n}}\n"),
        format!("{TOP}let unused = || {{\n{BEFORE}{code};\n}};\n"),
    ];
    let lab = Lab::new();
    let names = ["plain.rhai", "branch.rhai", "function.rhai", "closure.rhai"];
    for (name, script) in names.iter().zip(&places) {
        lab.script(name, script);
    }
    let ran = lab.run(&[&["check"], names.as_slice()].concat());
    let mut wrong = Vec::new();
    if ran.code != Some(1) || !ran.out.is_empty() {
        wrong.push(format!("exit code {:?}, printed {:?}", ran.code, ran.out));
    }
    let shown: Vec<&str> = ran.err.split("error: ").skip(1).collect();
    for name in names {
        let own: Vec<&&str> = shown.iter().filter(|text| text.contains(name)).collect();
        let fits = own.len() == 1
            && own.iter().all(|text| text.contains(fault.message) && points_at(text, fault.under));
        if !fits {
            wrong.push(format!("{name}: no single {} under {}", fault.message, fault.under));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{}", wrong.join("\n"), ran.err).into()) }
}

const FIVE: &str = "let data = dataset::digits();
let attacker = attack::pdg(#{ eps: 0.5 });
fn fine_tune(m) {
    m.train(data, #{ epochz: 3 });
}
let m = model::resnet8(#{ width: -4 });
if false { print(data.trian); }
m.train();
";

fn five_faults() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", FIVE);
    for arguments in [["s.rhai"].as_slice(), &["check", "s.rhai"]] {
        let ran = lab.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        let mut rest = ran.err.as_str();
        // Six: the function uses a variable of the script, too.
        for (message, place, under, hint) in [
            ("function not found: attack::pdg", "2:24", "pdg", "did you mean attack::pgd?"),
            ("undefined variable: data", "4:13", "data", "functions see"),
            ("train: unknown option epochz", "4:22", "epochz", "options of train: "),
            ("resnet8: width must be from 1 to 65536", "6:27", "width", "Channels"),
            ("a dataset has no property trian", "7:23", "trian", "did you mean train?"),
            ("train: expected 1 argument(s), found 0", "8:3", "train", "usage: model.train(source"),
        ] {
            let (_, after) =
                rest.split_once(message).ok_or(format!("no {message}:\n{}", ran.err))?;
            let own = after.split("error: ").next().unwrap_or("");
            for text in [format!("s.rhai:{place}\n"), hint.to_owned()] {
                assert!(own.contains(&text), "no {text} in\n{own}");
            }
            assert!(points_at(own, under), "no caret under {under}\n{own}");
            rest = after;
        }
        assert!(rest.contains("6 errors before the run; nothing was run"), "{rest}");
    }
    Ok(())
}

const TRAIN: &str = "print(\"starting\");\n\
                     let m = model::resnet8(#{ width: 4, size: 8 });\n\
                     let r = m.train(dataset::digits(#{ limit: 300 }), #{ epochs: 1 });\n";

fn nothing_ran() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", &format!("{TRAIN}print(r.updatez);\n"));
    let ran = lab.run(&["s.rhai"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("a training has no property updatez"), "{}", ran.err);
    for folder in ["runs/results", "runs/checkpoints", "runs/weights"] {
        assert!(lab.files(folder).is_empty(), "{folder}: {:?}", lab.files(folder));
    }
    lab.script("s.rhai", &format!("{TRAIN}print(r.updates);\n"));
    assert!(lab.ok(&["s.rhai"]).out.starts_with("starting\n"));
    assert!(!lab.files("runs/results").is_empty());
    Ok(())
}

fn check_only() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("good.rhai", TRAIN);
    lab.script("bad.rhai", "nope();");
    let ran = lab.ok(&["check", "good.rhai"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("good.rhai: ok\n", ""));
    assert!(!lab.path().join("runs").exists());
    let ran = lab.run(&["check", "bad.rhai", "good.rhai", "--quiet"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "good.rhai: ok\n"));
    assert_eq!(lab.run(&["check", "nowhere.rhai"]).code, Some(74));
    assert_eq!(lab.run(&["check"]).code, Some(2));
    let ran = lab.run(&["check", "good.rhai", "--set", "scale=tiny"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("the script has no param scale"), "{}", ran.err);
    Ok(())
}

/// Everything that the project says in Rhai: studies, the standard library, goldens, examples.
fn no_false_alarm() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    let mut texts = Vec::new();
    for folder in ["scripts", "stdlib", "tests/golden"] {
        let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))?;
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "rhai") {
                let text = fs::read_to_string(&path)?;
                // A golden script may expect errors, each on a line that says so.
                let lines =
                    text.lines().map(|line| if line.contains("//=> error") { "" } else { line });
                texts.push((path.display().to_string(), lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    for spec in &session.reference().specs {
        texts.push((spec.path(), spec.example.code.to_owned()));
    }
    assert!(texts.len() > 60, "{} texts", texts.len());
    let mut wrong = Vec::new();
    for (name, text) in &texts {
        match session.check(name, text) {
            Ok(warnings) => wrong.extend(warnings.into_iter().map(|warning| warning.text)),
            Err(diagnostic) => wrong.push(diagnostic.text),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Scripts that run without an error are checked without one.
fn what_runs() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for code in faults::FINE {
        let folder = tempfile::tempdir()?;
        let mut session = session(folder.path());
        if let Err(diagnostic) = session.execute("s", code) {
            wrong.push(format!("it does not run: {}", diagnostic.text));
        }
        match crate::examples::session(folder.path()).check("s", code) {
            Ok(warnings) => wrong.extend(warnings.into_iter().map(|warning| warning.text)),
            Err(diagnostic) => wrong.push(diagnostic.text),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Where a variable may be of two types nothing is said of it; a shadowed one is what it is.
fn two_types() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    for unknown in [
        "let x = dataset::digits(); x = model::resnet8(); x.anything",
        "let x = dataset::digits(); let f = || { x = 5; }; x.anything",
        "let x = if true { dataset::digits() } else { 5 }; x.anything",
        "let x = [dataset::digits(), 5][0]; x.anything",
        "let x = #{ a: 1 }.a; x.anything",
        "fn f(x) { x.anything } f(#{ anything: 1 })",
        "for x in [#{ anything: 1 }] { x.anything }",
    ] {
        session.check("s", unknown).map_err(|diagnostic| diagnostic.text)?;
    }
    for known in [
        "let x = dataset::digits(); { let x = 5; } x.anything",
        "let x = #{ anything: 1 }; if true { x.anything; let x = dataset::digits(); x.anything }",
        "let x = if true { dataset::digits() } else { dataset::fashion_mnist() }; x.anything",
    ] {
        let text = session.check("s", known).err().ok_or(known)?.text;
        assert_eq!(text.matches("a dataset has no property anything").count(), 1, "{text}");
    }
    Ok(())
}

fn functions() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script(
        "s.rhai",
        "import \"presets\" as p;\nconst EPS = 0.5;\nlet steps = 3;\n\
         fn fine(x) { let y = x; p::salman2020_pgd(EPS + y) }\n\
         fn wrong(x) { x + steps }\nlet closure = || steps + EPS;\nfine(1.0);\n",
    );
    let ran = lab.run(&["s.rhai"]);
    assert_eq!(ran.err.matches("error: ").count(), 1, "{}", ran.err);
    for text in ["undefined variable: steps", "s.rhai:5:19", "functions see their parameters"] {
        assert!(ran.err.contains(text), "no {text} in\n{}", ran.err);
    }
    Ok(())
}

fn open_comment() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", "print(1);\nnope();\n  /* print(2); /* no */\nprint(3);\n");
    for arguments in [["s.rhai"].as_slice(), &["check", "s.rhai"]] {
        let ran = lab.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        for text in ["the comment is not closed", "s.rhai:3:3", "nope", "hint: close it with */"] {
            assert!(ran.err.contains(text), "no {text} in\n{}", ran.err);
        }
    }
    lab.script("t.rhai", "print(`/* ${ 1 /* a /* b */ */ }`); // /*\n");
    assert_eq!(lab.ok(&["t.rhai"]).out, "/* 1\n");
    Ok(())
}

fn semicolon() -> Result<(), Failed> {
    let lab = Lab::new();
    let script = "let a = attack::pgd(#{\n    eps: 0.5,\n}) // the attacker\n\nlet b = a;\n";
    lab.script("s.rhai", script);
    for arguments in [["s.rhai"].as_slice(), &["check", "s.rhai"], &["-e", script]] {
        let ran = lab.run(arguments);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains("error: missing ';' after line 3"), "{}", ran.err);
        assert!(ran.err.contains(":3:2\n") && points_at(&ran.err, ")"), "{}", ran.err);
    }
    lab.script("t.rhai", "let a = 1 let b = 2;");
    let ran = lab.run(&["t.rhai"]);
    assert!(!ran.err.contains("after line") && points_at(&ran.err, "let"), "{}", ran.err);
    Ok(())
}

fn modules() -> Result<(), Failed> {
    let lab = Lab::new();
    fs::create_dir(lab.path().join("study"))?;
    let script = "import \"arms\" as arms;\nprint(arms::noise(0.5));\nprint(arms::SIZE);\n";
    lab.script("study/s.rhai", script);
    lab.script("study/arms.rhai", "import \"norms\" as norms;\n\nexport const SIZE = 8;\nfn noise(eps) { attack::gaussian_noise(#{ norm: norms::two(), eps: eps }) }\nprivate fn hidden() { 1 }\n");
    lab.script("study/norms.rhai", "fn two() { \"l2\" }\n");
    assert_eq!(lab.ok(&["study/s.rhai"]).out, "gaussian_noise: l2 eps 0.5\n8\n");
    lab.ok(&["check", "study/s.rhai"]);
    for (line, message, under) in [
        ("arms::noize(1);", "function not found: arms::noize (number)", "noize"),
        ("arms::hidden();", "function not found: arms::hidden ()", "hidden"),
        ("arms::noise();", "arms::noise: expected 1 argument(s), found 0", "noise"),
        ("arms::SIZES;", "the module arms exports no SIZES", "SIZES"),
        ("import \"arm\" as arm;", "did you mean \"arms\"?", "\"arm\""),
        ("import \"../gone\" as gone;", "expected a name such as", "\"../gone\""),
    ] {
        lab.script("study/t.rhai", &format!("{script}if false {{ {line} }}\n"));
        let ran = lab.run(&["study/t.rhai"]);
        let fits = ran.code == Some(1) && ran.out.is_empty() && ran.err.contains(message);
        assert!(fits && points_at(&ran.err, under), "{line}: {:?}\n{}", ran.code, ran.err);
    }
    lab.script("study/norms.rhai", "fn two() { nope() }\n");
    let ran = lab.run(&["study/s.rhai"]);
    for text in ["function not found: nope ()", "study/norms.rhai:1:12"] {
        assert!(ran.code == Some(1) && ran.err.contains(text), "no {text} in\n{}", ran.err);
    }
    lab.script("study/norms.rhai", "fn two() { let }\n");
    let ran = lab.run(&["study/s.rhai"]);
    for text in
        ["expecting name of a variable", "study/norms.rhai:1:16", "imported at study/arms.rhai:1:8"]
    {
        assert!(ran.code == Some(1) && ran.err.contains(text), "no {text} in\n{}", ran.err);
    }
    Ok(())
}

fn seeds() -> Result<(), Failed> {
    let lab = Lab::new();
    let body = |seed: &str, train: &str| {
        format!(
            "let data = dataset::digits(#{{ limit: 200 }});\n\
             sweep::grid(#{{ seed: 0..2 }}, |c| {{\n\
             let m = model::resnet8(#{{ width: 4, size: 8{seed} }});\n\
             m.train(data, #{{ epochs: 1{train} }});\n\
             #{{ a: m.evaluate(data.test).accuracy }}\n}});\n"
        )
    };
    let (train, model) = ("model.train is called without a seed", "model::resnet8 is called");
    lab.script("s.rhai", &body(", seed: c.seed", ""));
    let ran = lab.ok(&["check", "s.rhai"]);
    assert_eq!(ran.out, "s.rhai: ok\n");
    assert!(ran.err.starts_with(&format!("warning: {train}")), "{}", ran.err);
    assert!(ran.err.contains("s.rhai:4:3") && points_at(&ran.err, "train"), "{}", ran.err);
    let ran = lab.ok(&["s.rhai"]);
    assert_eq!(ran.err.matches(train).count(), 1, "{}", ran.err);
    assert!(ran.err.contains("(s.rhai:4:3)") && !ran.err.contains(model), "{}", ran.err);
    lab.script("t.rhai", &body("", ", seed: c.seed"));
    assert_eq!(lab.ok(&["t.rhai"]).err.matches(model).count(), 1);
    lab.script("u.rhai", &body(", seed: c.seed", ", seed: c.seed"));
    assert!(!lab.ok(&["u.rhai"]).err.contains("without a seed"));
    // What cannot be seen before the run is still said during it.
    lab.script(
        "v.rhai",
        &body("", ", seed: c.seed")
            .replace("#{ seed: 0..2 }", "axes")
            .replace("sweep", "let axes = #{};\naxes.seed = 0..2;\nsweep"),
    );
    assert!(lab.ok(&["check", "v.rhai"]).err.is_empty());
    assert_eq!(lab.ok(&["v.rhai"]).err.matches(model).count(), 1);
    Ok(())
}

fn device() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", "print(1);");
    let ran = lab.run(&["check", "s.rhai", "--device", "tpu"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("device: expected cpu or cuda:N, found tpu"), "{}", ran.err);
    Ok(())
}

fn many_faults() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", &"nope(absent);\n".repeat(5_000));
    let ran = lab.run(&["s.rhai"]);
    assert_eq!((ran.code, ran.err.matches("error: ").count()), (Some(1), 31));
    let last = "error: 10000 errors before the run, of which 30 are shown; nothing was run";
    assert!(ran.err.trim_end().ends_with(last), "{}", ran.err);
    Ok(())
}

/// The best of several runs, since a machine may be busy with other tests.
fn speed() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    let source = fs::read_to_string(study())?;
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        session.check(&study(), &source).map_err(|diagnostic| diagnostic.text)?;
        best = best.min(start.elapsed());
    }
    println!("preflight: {:.1} ms for scripts/first_study.rhai", best.as_secs_f64() * 1e3);
    assert!(best < Duration::from_millis(50), "{best:?}");
    Ok(())
}
