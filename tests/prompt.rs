//! The prompt in a real pseudo-terminal.

use crate::lab::Lab;
use crate::terminal::Terminal;
use libtest_mimic::{Failed, Trial};
use std::fs;
use std::time::Instant;

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        Trial::test("prompt::functions_of_several_lines_and_keys_typed_ahead", several_lines),
        Trial::test("prompt::tab_completes_the_key_of_an_option", completion),
        Trial::test("prompt::ctrl_c_clears_the_line_and_keeps_the_session", clears),
        Trial::test("prompt::ctrl_c_stops_a_training_and_keeps_what_it_has", stops_a_training),
        Trial::test("prompt::commands_answer", commands),
        Trial::test("prompt::a_saved_session_passes_as_a_test", saved),
        Trial::test("prompt::history_is_kept_and_found_by_its_start", history),
        Trial::test("prompt::it_is_ready_100_ms_after_libtorch_is", ready),
    ]
}

fn open(lab: &Lab) -> Result<Terminal, Failed> {
    let mut command = lab.command(&["--checkpoint-seconds", "0"]);
    command.env("HOME", lab.path()).env("TERM", "xterm").env_remove("XDG_STATE_HOME");
    let mut terminal = Terminal::open(command)?;
    terminal.expect("leaves", 20)?;
    terminal.expect("> ", 5)?;
    Ok(terminal)
}

fn several_lines() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("fn twice(x) {\r// a comment (\r2 * x\r}\r")?;
    terminal.type_keys("twice(21)\rtwice(\r4)\r:quit\r")?;
    terminal.expect("\n42", 5)?;
    terminal.expect("\n8", 5)?;
    assert!(terminal.wait()?.success());
    Ok(())
}

fn completion() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("attack::pgd(#{ ste")?;
    terminal.expect("ste", 5)?;
    terminal.type_keys("ps: 2, ra\t")?;
    terminal.expect("random_start: ", 5)?;
    terminal.type_keys("\"b\t })\r")?;
    terminal.expect("\"ball\" })", 5)?;
    terminal.expect("pgd: l2 eps 0.5", 5)?;
    Ok(())
}

fn clears() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("let kept = 5;\rnonsense(1\x03")?;
    terminal.expect("nonsense", 5)?;
    terminal.type_keys("kept + 1\r")?;
    terminal.expect("\n6", 5)?;
    Ok(())
}

fn stops_a_training() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("let m = model::resnet8(#{ width: 4, size: 8 });\r")?;
    terminal
        .type_keys("let r = m.train(dataset::digits(), #{ epochs: 2000, batch_size: 16 });\r")?;
    terminal.expect("loss ", 20)?;
    let begun = Instant::now();
    terminal.type_keys("\x03")?;
    terminal.expect("stopping at the next batch", 5)?;
    terminal.type_keys("r.interrupted\r")?;
    terminal.expect("\ntrue", 5)?;
    assert!(begun.elapsed().as_secs_f64() < 2.0, "it took {:?} to stop", begun.elapsed());
    terminal.type_keys("`updates ${r.updates > 0} ${m.address != r.updates}`\r")?;
    terminal.expect("\nupdates true true", 5)?;
    assert!(!lab.files("runs/partial").is_empty(), "no checkpoint was left");
    assert!(lab.files("runs/results").is_empty(), "a partial result was stored as a finished one");
    Ok(())
}

fn commands() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("let t = tensor::full([2, 3], 1.5);\r:vars\r")?;
    terminal.expect("tensor [2, 3] f32 cpu: min 1.5000 mean 1.5000 max 1.5000 nan 0", 5)?;
    terminal.type_keys(":mem\r")?;
    terminal.expect("24 bytes in all", 5)?;
    terminal.type_keys("?attack::pgd\r")?;
    terminal.expect("Madry et al. 2018", 5)?;
    terminal.type_keys("?t\r")?;
    terminal.expect("tensor.to_array", 5)?;
    terminal.type_keys(":find uniform permutation\r")?;
    terminal.expect("attack::shuffled", 5)?;
    terminal.type_keys(":why attack::pgd()\r")?;
    terminal.expect("step_size = null", 5)?;
    terminal.type_keys(":plot [1, 2, 3]\r")?;
    terminal.expect("▁▅█  min 1.0000 max 3.0000", 5)?;
    terminal.type_keys(":time 6 * 7\r")?;
    terminal.expect("\n42", 5)?;
    terminal.expect(" s", 5)?;
    terminal.type_keys(":bench 6 * 7\r")?;
    terminal.expect("runs", 8)?;
    terminal.type_keys(":vrs\r")?;
    terminal.expect("did you mean :vars?", 5)?;
    fs::write(lab.path().join("own.rhai"), "fn f() { 1 }")?;
    terminal.type_keys("import \"own\" as own;\rown::f()\r")?;
    terminal.expect("\n1", 5)?;
    fs::write(lab.path().join("own.rhai"), "fn f() { 2 }")?;
    terminal.type_keys(":reload\rown::f()\r")?;
    terminal.expect("\nown", 5)?;
    terminal.expect("\n2", 5)?;
    Ok(())
}

fn saved() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    for entry in [
        "import \"presets\" as presets;",
        "const EPS = 0.5;",
        "fn attacker() {\r    presets::salman2020_pgd(EPS)\r}",
        "attacker()",
        "nonsense()",
        "let x = 1.0 / 3.0; x",
        "[#{ epoch: 1, loss: 0.5 }, #{ epoch: 2, loss: 0.25 }]",
        "ans.len()",
        "let m = model::resnet8(#{ width: 4, size: 8 })",
        "m.train(dataset::digits(#{ limit: 100 }), #{ epochs: 1 }).updates",
    ] {
        terminal.type_keys(&format!("{entry}\r"))?;
    }
    terminal.type_keys(":save saved.rhai\r")?;
    terminal.expect("9 entries in saved.rhai", 20)?;
    let ran = lab.ok(&["test", "saved.rhai"]);
    assert!(ran.out.contains("1 passed"), "{}", ran.out);
    let text = fs::read_to_string(lab.path().join("saved.rhai"))?;
    assert!(text.contains("attacker(); //=> pgd: l2 eps 0.5"), "{text}");
    fs::write(lab.path().join("saved.rhai"), text.replace("//=> pgd: l2 eps 0.5", "//=> other"))?;
    assert_eq!(lab.run(&["test", "saved.rhai"]).code, Some(1));
    Ok(())
}

fn history() -> Result<(), Failed> {
    let lab = Lab::new();
    let mut terminal = open(&lab)?;
    terminal.type_keys("let first = 11;\rlet other = 2;\r:quit\r")?;
    terminal.wait()?;
    let mut terminal = open(&lab)?;
    terminal.type_keys("\x12first")?;
    terminal.expect("let first = 11;", 5)?;
    terminal.type_keys("\rfirst\r")?;
    terminal.expect("\n11", 5)?;
    terminal.type_keys("let o\x1b[A")?;
    terminal.expect("let other = 2;", 5)?;
    terminal.type_keys("\rother\r")?;
    terminal.expect("\n2", 5)?;
    Ok(())
}

/// Most of a start is libtorch's own, which `--version` loads too and does nothing else.
fn ready() -> Result<(), Failed> {
    let lab = Lab::new();
    let best = |start: &dyn Fn() -> Result<(), Failed>| -> Result<f64, Failed> {
        let times = (0..12).map(|_| {
            let begun = Instant::now();
            start().map(|()| begun.elapsed().as_secs_f64())
        });
        Ok(times.collect::<Result<Vec<_>, _>>()?.into_iter().fold(f64::INFINITY, f64::min))
    };
    let loaded = best(&|| {
        lab.ok(&["--version"]);
        Ok(())
    })?;
    let ready = best(&|| open(&lab).map(drop))?;
    assert!(ready < loaded + 0.1, "ready after {ready:.3} s, libtorch after {loaded:.3} s");
    Ok(())
}
