//! Scripts that run away: each ends as an error, soon, in little memory, without panic or abort.

use crate::lab::{Lab, Ran};
use libtest_mimic::{Failed, Trial};
use std::fs::{self, File};
use std::process::Child;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The trials.
pub fn tests() -> Vec<Trial> {
    let bombs = in_lines().into_iter().chain(generated());
    let mut trials: Vec<Trial> = bombs
        .map(|bomb| Trial::test(format!("bombs::{}", bomb.name), move || explode(&bomb)))
        .collect();
    trials.extend([
        Trial::test("bombs::a_script_that_ends_is_not_stopped_by_its_limits", modest),
        Trial::test("bombs::an_honest_script_is_not_refused", honest),
        Trial::test("bombs::a_training_stops_at_the_time_limit_and_keeps_a_checkpoint", training),
        Trial::test("bombs::a_million_iterations_take_less_than_a_second", tight_loop),
    ]);
    trials
}

/// A script, the arguments it runs with, and how it must end.
struct Bomb {
    name: &'static str,
    code: String,
    arguments: &'static [&'static str],
    exit: i32,
    says: &'static str,
    /// Processor time that it may take besides that of an empty script.
    seconds: f64,
}

fn bomb(name: &'static str, code: impl Into<String>, says: &'static str) -> Bomb {
    Bomb { name, code: code.into(), arguments: &[], exit: 1, says, seconds: 1.0 }
}

/// Bombs that fit on a line.
fn in_lines() -> Vec<Bomb> {
    let counted = |name, code| Bomb {
        arguments: &["--max-ops", "100000"],
        ..bomb(name, code, "operations: expected at most 100000, as --max-ops says")
    };
    let timed = |name, code| Bomb {
        arguments: &["--time-limit", "1"],
        exit: 75,
        seconds: 2.0,
        ..bomb(name, code, "time limit: 1 s are over")
    };
    let (text, list, map) = (
        "a text may have 2097152 bytes",
        "a list may have 20000 elements",
        "a map may have 10000 entries",
    );
    let (deep, entries) = ("may lie 64 deep in each other", "a map may have 10000 entries");
    let large = "let s = \"a\"; s.pad(2000000, \"a\"); ";
    vec![
        counted("a_loop_under_max_ops", "loop {}"),
        counted("a_loop_that_catches_under_max_ops", "loop { try { loop {} } catch {} }"),
        counted(
            "closures_in_closures_under_max_ops",
            "let a = []; a.pad(1000, 1); let b = a; let c = a; a.map(|x| b.map(|y| c.map(|z| z)));",
        ),
        counted("an_endless_range_under_max_ops", "for i in 0..9223372036854775807 {}"),
        timed("a_loop_under_a_time_limit", "loop {}"),
        timed("a_loop_that_catches_under_a_time_limit", "loop { try { loop {} } catch {} }"),
        bomb("recursion", "fn f(n) { f(n + 1) } f(0)", "functions may call each other 64 deep"),
        bomb(
            "mutual_recursion",
            "fn f(n) { g(n) } fn g(n) { f(n) } f(0)",
            "functions may call each other 64 deep",
        ),
        bomb(
            "a_closure_that_calls_itself",
            "let f = |g| g.call(g); f.call(f)",
            "functions may call each other 64 deep",
        ),
        bomb(
            "recursion_through_map",
            "fn f(n) { [n].map(|x| f(x)) } f(0)",
            "functions may call each other 64 deep",
        ),
        bomb(
            "recursion_through_sort",
            "fn f(n) { [2, 1].sort(|a, b| f(n)) } f(0)",
            "functions may call each other 64 deep",
        ),
        bomb("a_doubling_text", "let s = \"a\"; loop { s += s; }", text),
        bomb("a_padded_text", "let s = \"a\"; s.pad(10000000000, \"b\");", text),
        bomb("an_interpolation_of_itself", "let s = \"a\"; loop { s = `${s}${s}`; }", text),
        bomb(
            "a_text_that_grows",
            "let s = \"\"; for i in 0..1000000000000 { s += \"abcdefgh\"; }",
            text,
        ),
        bomb(
            "a_replacement_that_multiplies",
            format!("{large}s.replace(\"a\", s);"),
            "replace: expected a text",
        ),
        bomb(
            "a_replacement_of_nothing",
            format!("{large}s.replace(\"\", \"12345678\");"),
            "replace: expected a text",
        ),
        bomb("a_text_split_to_letters", format!("{large}s.split(\"\")"), list),
        bomb("a_text_of_letters", format!("{large}s.to_chars()"), list),
        bomb("a_doubling_list", "let a = [1]; loop { a += a; }", list),
        bomb("a_list_of_two_of_itself", "let a = [1]; loop { a = [a, a]; }", list),
        bomb("a_list_that_grows", "let a = []; loop { a.push(1); }", list),
        bomb("a_list_that_grows_in_front", "let a = []; loop { a.insert(0, 1); }", list),
        bomb("a_padded_list", "let a = []; a.pad(1000000000000, 0);", list),
        bomb("a_huge_blob", "blob(1000000000000)", list),
        bomb("a_list_in_a_list", "let a = []; loop { a = [a]; }", deep),
        bomb("a_list_in_its_element", "let a = [1]; loop { a[0] = a; }", deep),
        bomb("a_map_in_a_map", "let m = #{}; loop { m = #{ m: m }; }", deep),
        bomb("a_map_of_two_of_itself", "let m = #{}; loop { m = #{ a: m, b: m }; }", map),
        bomb(
            "a_map_that_grows",
            "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
            entries,
        ),
        bomb("a_chain_of_closures", "let f = || 1; loop { let g = f; f = || g.call(); }", deep),
        bomb(
            "a_function_that_holds_itself",
            "let f = Fn(\"a\"); loop { f = f.curry(f); }",
            "curry",
        ),
        bomb(
            "a_range_as_an_option",
            "dataset::digits(#{ classes: 0..1000000000 })",
            "found a range of 1000000000 numbers, more than 20000",
        ),
        bomb(
            "the_longest_range_as_an_option",
            "dataset::digits(#{ classes: -9223372036854775807..=9223372036854775807 })",
            "more than 20000",
        ),
        bomb(
            "a_range_as_an_axis",
            "sweep::grid(#{ seed: 0..1000000000000 }, |c| #{ a: 1 })",
            "grid: the axis seed expected a list or a range",
        ),
        bomb(
            "axes_that_multiply",
            "sweep::grid(#{ a: 0..9000, b: 0..9000, c: 0..9000 }, |c| #{ a: 1 })",
            "grid: expected at most",
        ),
        bomb(
            "a_huge_tensor",
            "tensor::full([1000000, 1000000], 1.0)",
            "full: expected at most 67108864 elements",
        ),
        bomb(
            "a_tensor_whose_size_overflows",
            "tensor::full([9223372036854775807, 9223372036854775807], 1.0)",
            "full: expected at most",
        ),
        bomb(
            "tensors_that_multiply",
            "tensor::full([1000000, 1], 1.0) + tensor::full([1000000], 1.0)",
            "+: expected at most",
        ),
        bomb(
            "a_huge_network",
            "model::resnet8(#{ width: 1000000000 }).evaluate(dataset::digits().test)",
            "resnet8: width must be from 1 to 65536",
        ),
        bomb(
            "a_network_of_terabytes",
            "model::resnet18(#{ width: 65536 })",
            "resnet18: expected at most 1000000000 parameters",
        ),
        bomb("huge_images", "dataset::digits(#{ size: 1000000000 })", "digits: size must be"),
        bomb(
            "a_shift_out_of_range",
            "1 << 9223372036854775807; 2 ** 9223372036854775807",
            "exponential overflow",
        ),
        bomb("a_sum_out_of_range", "let x = 9223372036854775807; x += 1;", "addition overflow"),
        bomb(
            "a_division_out_of_range",
            "let x = -9223372036854775807 - 1; x / -1",
            "division overflow",
        ),
        bomb(
            "a_deep_json",
            "let s = \"[\"; s.pad(100000, \"[\"); parse_json(s)",
            "recursion limit",
        ),
        bomb(
            "a_map_that_grows_and_catches",
            "let m = #{}; let i = 0; loop { try { m[`k${i}`] = i; } catch {} i += 1; }",
            entries,
        ),
        bomb("a_text_too_long_for_a_message", format!("{large}throw s;"), "aaa ..."),
        bomb(
            "an_option_too_long_for_a_message",
            format!("{large}attack::pgd(#{{ eps: [s][0] }});"),
            "pgd: eps expected a number, found \"aaa",
        ),
        bomb("a_wait", "sleep(1000000)", "sleep: scripts do not wait"),
        bomb(
            "imports_without_end",
            "loop { import \"presets\" as p; }",
            "too many imports: expected at most 256",
        ),
    ]
}

/// Bombs that are written by a program.
fn generated() -> Vec<Bomb> {
    const MANY: usize = 100_000;
    let complex = "expression exceeds maximum complexity";
    let around = |open: &str, close: &str| format!("{}1{}", open.repeat(MANY), close.repeat(MANY));
    let lines = |line: fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    let long = "a".repeat(3_000_000);
    vec![
        bomb("deep_parentheses", around("(", ")"), complex),
        bomb("deep_brackets", around("[", "]"), complex),
        bomb("deep_maps", around("#{ a: ", "}"), complex),
        bomb("deep_blocks", around("{", "}"), complex),
        bomb("deep_conditions", around("if true {", "}"), complex),
        bomb("open_brackets", "[".repeat(MANY), complex),
        bomb("a_long_sum", format!("1{}", " + 1".repeat(MANY)), complex),
        bomb("a_long_chain", format!("let a = #{{}}; a{}", ".b".repeat(MANY)), complex),
        bomb(
            "many_alternatives",
            format!("if 1 == 2 {{}}{}", " else if 1 == 2 {}".repeat(MANY)),
            complex,
        ),
        bomb(
            "deep_expressions_in_deep_calls",
            format!("fn f(n) {{ {}f(n) }} f(0)", "!".repeat(120)),
            "functions may call each other 64 deep",
        ),
        bomb(
            "many_functions",
            lines(|i| format!("fn f{i}() {{}}\n")),
            "number of functions defined exceeds",
        ),
        bomb("many_variables", lines(|i| format!("let v{i} = 1;\n")), "too many variables"),
        bomb(
            "a_huge_list",
            format!("[{}]", "1,".repeat(1_000_000)),
            "size of array literal exceeds",
        ),
        bomb(
            "a_huge_map",
            format!("#{{{}}}", lines(|i| format!("k{i}: 1,"))),
            "number of properties in object map literal exceeds",
        ),
        bomb("a_huge_text", format!("\"{long}\""), "length of string exceeds"),
        bomb("an_unterminated_text", format!("\"{long}"), "length of string exceeds"),
        Bomb {
            exit: 65,
            ..bomb(
                "an_unterminated_text_of_10_megabytes",
                format!("\"{long}{long}{long}{long}"),
                "expected at most 4194304 bytes",
            )
        },
    ]
}

/// Processor time of a run in seconds, its memory at the most in MiB, and what it left.
pub struct Measured {
    pub seconds: f64,
    pub mebibytes: i64,
    pub ran: Ran,
}

/// Runs the program; one that takes a minute is killed.
///
/// Its peak is what the kernel notes of its own memory, asked every few milliseconds: the peak in
/// its resource usage begins at that of the process that spawned it.
pub fn measured(lab: &Lab, arguments: &[&str]) -> Measured {
    let path = |name: &str| lab.path().join(name);
    let mut command = lab.command(arguments);
    command.stdout(File::create(path("out")).unwrap());
    command.stderr(File::create(path("err")).unwrap());
    let mut child = command.spawn().expect("the program starts");
    let (status, usage, mebibytes) = end(&mut child);
    let read = |name: &str| String::from_utf8_lossy(&fs::read(path(name)).unwrap()).into_owned();
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    Measured {
        seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        mebibytes,
        ran: Ran { code, out: read("out"), err: read("err") },
    }
}

fn end(child: &mut Child) -> (i32, libc::rusage, i64) {
    let started = Instant::now();
    let mut peak = 0;
    loop {
        peak = peak.max(peak_of(child.id()).unwrap_or(0));
        let mut status = 0;
        // SAFETY: zeros are a value of this plain structure.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live variables, and the process is a child of this one.
        let ended = unsafe {
            libc::wait4(child.id() as i32, &raw mut status, libc::WNOHANG, &raw mut usage)
        };
        if ended != 0 {
            assert!(peak > 0, "no peak of memory was seen");
            return (status, usage, peak);
        }
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The most memory that a running program has had, in MiB.
fn peak_of(process: u32) -> Option<i64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<i64>().ok().map(|kibibytes| kibibytes / 1024)
}

/// The processor time of an empty script, in seconds.
fn empty() -> f64 {
    static SECONDS: OnceLock<f64> = OnceLock::new();
    *SECONDS.get_or_init(|| measured(&Lab::new(), &["-e", "1"]).seconds)
}

fn explode(bomb: &Bomb) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("bomb.rhai", &bomb.code);
    let mut arguments = vec!["bomb.rhai"];
    arguments.extend(bomb.arguments);
    let Measured { seconds, mebibytes, ran } = measured(&lab, &arguments);
    let seconds = seconds - empty();
    let calm = !ran.err.contains("panicked") && ran.err.len() < 8_000;
    let told =
        ran.code == Some(bomb.exit) && ran.err.to_lowercase().contains(&bomb.says.to_lowercase());
    if told && calm && seconds < bomb.seconds && mebibytes < 512 {
        return Ok(());
    }
    let err: String = ran.err.chars().take(2_000).collect();
    Err(format!("exit {:?} after {seconds:.2} s in {mebibytes} MiB:\n{err}", ran.code).into())
}

fn modest() -> Result<(), Failed> {
    let code = "let n = 0; for i in 0..100 { n += i; } n";
    let ran = Lab::new().ok(&["--max-ops", "100000", "--time-limit", "60", "-e", code]);
    assert_eq!(ran.out.trim(), "4950");
    Ok(())
}

fn honest() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script(
        "honest.rhai",
        "let list = [];\n\
         for i in 0..10000 { list.push(i); }\n\
         let text = \"\";\n\
         text.pad(1000000, \"a\");\n\
         fn depth(n) { if n == 0 { 0 } else { 1 + depth(n - 1) } }\n\
         let rows = [];\n\
         for i in 0..1000 { rows.push(#{ arm: \"a\", seed: i, accuracy: 0.5 }); }\n\
         let map = #{};\n\
         for i in 0..5000 { map[`key ${i}`] = i; }\n\
         let object = #{ n: 1 };\n\
         let twice = || 2 * object.n;\n\
         object.twice = twice;\n\
         let sum = 0;\n\
         for i in 0..1000 { sum += twice.call() + object.n; }\n\
         let sorted = list.order(|a, b| b - a);\n\
         print(`${list.len()} ${text.len()} ${depth(60)} ${rows.len()} ${map.len()} ${sorted[0]} ${sum}`);",
    );
    assert_eq!(lab.ok(&["honest.rhai"]).out.trim(), "10000 1000000 60 1000 5000 9999 3000");
    Ok(())
}

fn training() -> Result<(), Failed> {
    let lab = Lab::new();
    let code = "let m = model::resnet8(#{ width: 8, size: 8 });\n\
                m.train(dataset::digits(), #{ epochs: 10000 });";
    lab.script("s.rhai", code);
    let ran = lab.run(&["s.rhai", "--time-limit", "2"]);
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    for text in ["time limit: 2 s are over", "the same command goes on", "a checkpoint is kept"] {
        assert!(ran.err.contains(text), "{text}: {}", ran.err);
    }
    Ok(())
}

fn tight_loop() -> Result<(), Failed> {
    let code = "let x = 0; for i in 0..1000000 { x += i; } x";
    let Measured { seconds, ran, .. } = measured(&Lab::new(), &["-e", code]);
    assert_eq!(ran.out.trim(), "499999500000");
    let seconds = seconds - empty();
    if seconds < 1.0 { Ok(()) } else { Err(format!("it took {seconds:.2} s").into()) }
}
