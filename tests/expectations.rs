//! `rtscript test` as users meet it: counts, reasons, differences, exit codes, `--bless`.

use crate::lab::{Lab, Ran};
use libtest_mimic::{Failed, Trial};
use std::fs;

type Law = (&'static str, fn() -> Result<(), Failed>);

/// The trials.
pub fn tests() -> Vec<Trial> {
    let laws: [Law; 12] = [
        ("what_passes_is_counted_and_leaves_nothing_behind", passes),
        ("a_failure_shows_both_texts_and_ends_with_1", fails),
        ("an_error_that_is_not_expected_fails", unexpected_error),
        ("an_expected_error_must_happen_there_with_that_message", expected_error),
        ("a_need_that_is_not_met_is_a_reason_and_a_count", skips),
        ("a_script_that_expects_nothing_is_counted", expects_nothing),
        ("a_path_that_is_not_there_ends_with_2", missing_path),
        ("an_unknown_directive_finds_the_one_that_was_meant", unknown_directive),
        ("bless_rewrites_what_fails_and_keeps_other_digits", blesses),
        ("bless_accepts_no_new_failure", blesses_no_failure),
        ("a_store_that_is_named_is_used", named_store),
        ("a_script_may_have_the_name_of_a_word", named_as_a_word),
    ];
    laws.into_iter()
        .map(|(name, check)| Trial::test(format!("expectations::{name}"), check))
        .collect()
}

/// The exit code and texts of standard output and error.
fn expect(ran: &Ran, code: i32, texts: &[&str]) -> Result<(), Failed> {
    let all = format!("{}{}", ran.out, ran.err);
    let lacks: Vec<&&str> = texts.iter().filter(|text| !all.contains(**text)).collect();
    if ran.code == Some(code) && lacks.is_empty() {
        return Ok(());
    }
    Err(format!("expected exit {code} and {lacks:?}, found {:?}\n{all}", ran.code).into())
}

fn with(scripts: &[(&str, &str)]) -> Lab {
    let lab = Lab::new();
    for (name, text) in scripts {
        let folder = lab.path().join(name).with_file_name("");
        fs::create_dir_all(folder).unwrap();
        lab.script(name, text);
    }
    lab
}

const TRAINS: &str = "let m = model::resnet8(#{ width: 4, size: 8 });\n\
                      m.train(dataset::digits(#{ limit: 100 }), #{ epochs: 1 });\n\
                      m.evaluate(dataset::digits(#{ test_limit: 50 }).test).n; //=> 50\n";

fn passes() -> Result<(), Failed> {
    let lab = with(&[
        ("tests/a.rhai", "let x = 1;\nx + 1; //=> 2\n"),
        ("tests/deep/b.rhai", "print(\"b 0.50\");"),
        ("tests/deep/b.out", "b  0.51\n"),
        ("tests/c.rhai", TRAINS),
        ("elsewhere.rhai", "1; //=> 2"),
        ("tmp/keep.rhai", "1; //=> 2"),
    ]);
    let before = lab.files("");
    let ran: Ran = lab.command(&["test"]).env("TMPDIR", lab.path().join("tmp")).output()?.into();
    let lines = "running 3 scripts\n\
                 test tests/a.rhai ... ok\n\
                 test tests/c.rhai ... ok\n\
                 test tests/deep/b.rhai ... ok\n\n\
                 test result: ok. 3 passed; 0 failed; 0 skipped; 0 expecting nothing; \
                 0 filtered out\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), lines, ""));
    assert_eq!(lab.files(""), before);
    let filtered = lab.run(&["test", "--filter", "deep"]);
    expect(&filtered, 0, &["test tests/deep/b.rhai ... ok", "1 passed", "2 filtered out"])?;
    expect(&lab.run(&["test", "elsewhere.rhai", "tests/a.rhai"]), 1, &["1 passed; 1 failed"])
}

fn fails() -> Result<(), Failed> {
    let lab = with(&[
        ("v.rhai", "//@ atol=0.01\nlet x = 0.533;\n\nx; //=> 0.512\nx * 2; //=> 1.07\n"),
        ("p.rhai", "print(\"a\\nn 4\");"),
        ("p.out", "a\nn 3\n"),
    ]);
    let texts = [
        "---- v.rhai ----\nv.rhai:4: another value\n    expected  0.512\n    found     0.533\n",
        "0.533 is off by 0.021; 0.01 is allowed",
        "p.out: another output\n  line 2\n    expected  n 3\n    found     n 4\n",
        "test result: FAILED. 0 passed; 2 failed;",
    ];
    let ran = lab.run(&["test"]);
    assert!(!ran.out.contains("v.rhai:5"), "{}", ran.out);
    expect(&ran, 1, &texts)
}

fn unexpected_error() -> Result<(), Failed> {
    let lab = with(&[
        ("a.rhai", "fn f(x) { attack::pgd(#{ eps: x }) }\nf(1); //=>\nf(-1); //=> 1\n2; //=> 3"),
        ("b.rhai", "1; //=> 1\nlet x = ;"),
    ]);
    let ran = lab.run(&["test"]);
    let place = "error: pgd: eps must be >= 0, found -1\n      ┌─ a.rhai:1:26";
    expect(&ran, 1, &["a.rhai:2: another value", "a.rhai: failed", place, "b.rhai:2:9"])?;
    assert!(!ran.out.contains("a.rhai:4"), "{}", ran.out);
    Ok(())
}

fn expected_error() -> Result<(), Failed> {
    let fails = "let p = attack::pgd(#{ eps: -1 });";
    let lab = with(&[
        ("right.rhai", &format!("{fails} // error: 1:24 pgd: eps must be >= 0, found -1")),
        ("place.rhai", &format!("{fails} // error: 1:23 pgd: eps must be >= 0, found -1")),
        ("part.rhai", &format!("{fails} // error: 1:24 pgd: eps must")),
        ("none.rhai", "1; // error: 1:1 pgd"),
        (
            "late.rhai",
            &format!("// error: 2:24 pgd: eps must be >= 0, found -1\n{fails}\n1; //=> 1"),
        ),
        ("set.rhai", "//@ set=a=1\n// error: set: the script has no param a\n1;"),
    ]);
    let texts = [
        "test right.rhai ... ok",
        "test set.rhai ... ok",
        "place.rhai: another error\n    expected  error: 1:23 pgd: eps must be >= 0, found -1\n",
        "part.rhai: another error",
        "none.rhai: expected error: 1:1 pgd, but it did not fail",
        "late.rhai:3: not reached",
        "2 passed; 4 failed",
    ];
    expect(&lab.run(&["test"]), 1, &texts)
}

fn skips() -> Result<(), Failed> {
    let lab = with(&[
        ("a.rhai", "//@ needs: cuda\n1; //=> 2"),
        ("b.rhai", "//@ data: mnist\n1; //=> 2"),
        ("c.rhai", "//@ data: digits\n1; //=> 1"),
    ]);
    let texts = [
        "test a.rhai ... skipped: needs cuda (",
        "test b.rhai ... skipped: needs data mnist (mnist: files not found in .",
        "test c.rhai ... ok",
        "1 passed; 0 failed; 2 skipped;",
    ];
    expect(&lab.run(&["test", "--data", "."]), 0, &texts)?;
    lab.script("c.rhai", "//@ data: digit\n1; //=> 1");
    expect(&lab.run(&["test", "c.rhai"]), 1, &["no dataset digit, did you mean digits?"])
}

fn expects_nothing() -> Result<(), Failed> {
    let lab = with(&[("a.rhai", "print(1); // => 2"), ("b.rhai", "1; //=> 1")]);
    let texts = ["test a.rhai ... expects nothing", "1 passed; 0 failed; 0 skipped; 1 expecting"];
    expect(&lab.run(&["test"]), 0, &texts)
}

fn missing_path() -> Result<(), Failed> {
    let lab = with(&[("a.rhai", "1; //=> 1")]);
    let ran = lab.run(&["test", "a.rhai", "nowhere"]);
    assert_eq!(ran.out, "");
    expect(&ran, 2, &["no such file or folder: nowhere"])?;
    expect(&lab.run(&["test", "--set", "a=1"]), 2, &["--set"])
}

fn unknown_directive() -> Result<(), Failed> {
    let lab = with(&[
        ("a.rhai", "\n//@ atoll=1\n1; //=> 1"),
        ("b.rhai", "fn f() {\n  1 //=> 1\n}"),
        ("c.rhai", "//@ run=nowhere.rhai"),
        ("c.out", ""),
    ]);
    let texts = [
        "a.rhai: line 2: unknown directive atoll, did you mean atol?",
        "b.rhai: line 2: //=> stands inside brackets",
        "c.rhai: run: nowhere.rhai is not in the folder of the script nor in one above it",
    ];
    expect(&lab.run(&["test"]), 1, &texts)
}

fn blesses() -> Result<(), Failed> {
    let source = "0.501; //=> 0.50\n0.7; //=> 0.50\n\"a\\nb\";\n//=> a\nattack::pgd(#{ eps: -1 });\n\
                  // error: 4:2 x";
    let lab = with(&[
        ("a.rhai", source),
        ("b.rhai", "print(\"x 0.501\\ny 0.7\\nz\");"),
        ("b.out", "x 0.50\ny 0.50\n"),
    ]);
    expect(&lab.run(&["test"]), 1, &["0 passed; 2 failed"])?;
    let texts = ["test a.rhai ... blessed", "0 passed; 2 blessed; 0 failed"];
    expect(&lab.run(&["test", "--bless"]), 0, &texts)?;
    let read = |name: &str| fs::read_to_string(lab.path().join(name)).unwrap();
    let expected = "0.501; //=> 0.50\n0.7; //=> 0.7\n\"a\\nb\";\n//=> a\n//=> b\n\
                    attack::pgd(#{ eps: -1 });\n\
                    // error: 6:16 pgd: eps must be >= 0, found -1";
    assert_eq!(read("a.rhai"), expected);
    assert_eq!(read("b.out"), "x 0.50\ny 0.7\nz\n");
    expect(&lab.run(&["test", "--bless"]), 0, &["2 passed; 0 failed"])?;
    assert_eq!(read("a.rhai"), expected);
    Ok(())
}

fn blesses_no_failure() -> Result<(), Failed> {
    let texts = [
        ("a.rhai", "1; //=> 2\nattack::pgd(#{ eps: -1 });"),
        ("b.rhai", "1; //=> 2\n// error: 2:1 x"),
    ];
    let lab = with(&texts);
    expect(&lab.run(&["test", "--bless"]), 1, &["0 passed; 2 failed"])?;
    for (name, text) in texts {
        assert_eq!(fs::read_to_string(lab.path().join(name))?, text);
    }
    Ok(())
}

fn named_store() -> Result<(), Failed> {
    let lab = with(&[("c.rhai", TRAINS)]);
    lab.ok(&["--store", "kept", "test"]);
    let results = lab.files("kept/results");
    assert!(!results.is_empty());
    lab.ok(&["test", "--store", "kept"]);
    assert_eq!(lab.files("kept/results"), results);
    Ok(())
}

fn named_as_a_word() -> Result<(), Failed> {
    let lab = with(&[("test", "print(\"a script\");")]);
    assert_eq!(lab.ok(&["./test"]).out, "a script\n");
    expect(&lab.run(&["test", "--help"]), 0, &["rtscript test [OPTIONS] [PATHS]", "--bless"])?;
    expect(&lab.run(&["./test", "test"]), 2, &["test: a script does not go with it"])
}
