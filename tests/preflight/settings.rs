//! What `--set` gives to the settings of a script.

use crate::lab::Lab;
use libtest_mimic::Failed;

/// A value of another type, word or range is refused before the run, and so is such a default.
pub fn refused() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script(
        "set.rhai",
        "param(\"scale\", \"tiny\", [\"tiny\", \"small\"], \"size\");\n\
         param(\"seeds\", 3, 1..=9, \"networks\");\nparam(\"lr\", 0.1, \"step\");\n",
    );
    for (set, expected) in [
        ("scale=large", "set: scale expected one of tiny, small, found large"),
        ("seeds=0", "set: seeds expected a whole number from 1 to 9, found 0"),
        ("seeds=some", "set: seeds expected a whole number, found some"),
        ("lr=fast", "set: lr expected a number, found fast"),
    ] {
        let ran = lab.run(&["check", "set.rhai", "--set", set]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{set}");
        assert!(ran.err.contains(expected), "{set}: {}", ran.err);
    }
    let given = ["--set", "seeds=9", "--set", "scale=small", "--set", "lr=2"];
    let ran = lab.ok(&[["check", "set.rhai"].as_slice(), &given].concat());
    assert_eq!(ran.out, "set.rhai: ok\n");
    let help = lab.ok(&["set.rhai", "--help"]).out;
    assert!(help.contains("(default 3, 1 to 9)"), "{help}");
    lab.script("own.rhai", "param(\"n\", 5, 0..5, \"a default that it refuses\");");
    let ran = lab.run(&["check", "own.rhai"]);
    assert!(
        ran.err.contains("param: n expected a whole number from 0 to 4, found 5"),
        "{}",
        ran.err
    );
    Ok(())
}
