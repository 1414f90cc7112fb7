//! Attempts to leave the folders that a script may read and write, and the language itself.

use crate::lab::{Lab, Ran};
use libtest_mimic::{Failed, Trial};
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

/// The trials.
pub fn tests() -> Vec<Trial> {
    let imports = IMPORTS.iter().map(|(name, code, says)| {
        Trial::test(format!("confinement::{name}"), move || refused(code, says))
    });
    let attempts = CODE.iter().map(|(name, code, says)| {
        Trial::test(format!("confinement::{name}"), move || refused(code, says))
    });
    let mut trials: Vec<Trial> = imports.chain(attempts).collect();
    trials.extend([
        Trial::test("confinement::modules_beside_the_script_are_found", found),
        Trial::test("confinement::an_error_in_a_module_names_its_file", named),
        Trial::test("confinement::a_module_is_compiled_once", once),
        Trial::test("confinement::unrestricted_lifts_the_limits_of_imports", unrestricted),
        Trial::test("confinement::an_import_of_an_unreadable_file", unreadable),
        Trial::test("confinement::reports_stay_in_their_folder", reports),
        Trial::test("confinement::a_report_replaces_a_link_and_does_not_follow_it", link),
    ]);
    trials
}

/// A name, what a script does, and what the error says.
type Attempt = (&'static str, &'static str, &'static str);

/// The rights by which root reads every file, as <linux/capability.h> numbers them.
const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
const CAP_DAC_READ_SEARCH: libc::c_ulong = 2;

const PLAIN: &str = "expected a name such as \"presets\"";

/// Imports from `in/`, beside which lies `secret.rhai`.
const IMPORTS: &[Attempt] = &[
    ("an_absolute_import", "import \"/etc/passwd\" as x;", PLAIN),
    ("an_import_of_the_parent", "import \"../secret\" as x;", PLAIN),
    ("an_import_that_climbs_later", "import \"sub/../../secret\" as x;", PLAIN),
    ("an_import_with_dots_for_every_folder", "import \"./../../../etc/passwd\" as x;", PLAIN),
    ("an_import_of_the_folder_itself", "import \".\" as x;", PLAIN),
    ("an_import_of_home", "import \"~/secret\" as x;", PLAIN),
    ("an_import_of_a_variable", "import \"$HOME/secret\" as x;", PLAIN),
    ("an_import_in_percent", "import \"%2e%2e/secret\" as x;", PLAIN),
    ("an_import_with_backslashes", "import \"..\\\\secret\" as x;", PLAIN),
    ("an_import_with_a_nul_byte", "import \"own\\x00/../secret\" as x;", PLAIN),
    ("an_import_of_an_address", "import \"https://example.org/x\" as x;", PLAIN),
    ("an_import_of_nothing", "import \"\" as x;", PLAIN),
    ("an_import_of_proc_root", "import \"/proc/self/root/etc/passwd\" as x;", PLAIN),
    ("an_import_of_an_open_file", "import \"/proc/self/fd/0\" as x;", PLAIN),
    ("an_import_with_its_extension", "import \"own.rhai\" as x;", "hint: leave out .rhai"),
    ("an_import_by_a_computed_name", "let up = \"..\"; import up + \"/secret\" as x;", PLAIN),
    ("an_import_of_a_linked_file", "import \"link\" as x;", "by a symbolic link"),
    ("an_import_in_a_linked_folder", "import \"up/secret\" as x;", "by a symbolic link"),
    ("an_import_by_a_chain_of_links", "import \"chain\" as x;", "by a symbolic link"),
    ("an_import_of_a_circle_of_links", "import \"circle\" as x;", "import: cannot read"),
    ("an_import_of_a_linked_descriptor", "import \"descriptor\" as x;", "by a symbolic link"),
    ("an_import_in_a_module_that_climbs", "import \"climber\" as x;", PLAIN),
    ("an_import_in_a_function_that_climbs", "import \"later\" as l; l::climb()", PLAIN),
    ("an_import_of_a_folder", "import \"folder\" as x;", "expected a file, found a folder"),
    ("an_import_of_a_pipe", "import \"pipe\" as x;", "expected a file, found a pipe"),
    ("an_import_of_a_device", "import \"device\" as x;", "by a symbolic link"),
    ("an_import_of_a_binary_file", "import \"binary\" as x;", "expected UTF-8 text, found byte 3"),
    (
        "an_import_of_a_huge_file",
        "import \"huge\" as x;",
        "expected at most 1048576 bytes, found 100000000",
    ),
    ("modules_in_a_circle", "import \"a\" as x;", "a, which imports b, which imports a"),
    ("a_module_that_imports_itself", "import \"self\" as x;", "self, which imports self"),
    ("a_long_line_of_modules", "import \"line0\" as x;", "expected at most 16 modules"),
    ("a_missing_module", "import \"onw\" as x;", "hint: did you mean \"own\"?"),
    ("a_missing_module_of_stdlib", "import \"presetz\" as x;", "hint: did you mean \"presets\"?"),
    (
        "a_missing_module_says_where_it_looked",
        "import \"sub/none\" as x;",
        "it is none of stdlib (gains, figures, presets, wording, manipulation, salman2020, control_data, controls, evidence, noise_floor, other_evidence), and there is no file \"in/sub/none.rhai\"",
    ),
    (
        "a_module_sees_no_variable_of_its_importer",
        "let hidden = 1; import \"peeper\" as x;",
        "hidden",
    ),
];

/// What the language does not offer.
const CODE: &[Attempt] = &[
    ("eval", "eval(\"1\")", "eval"),
    ("eval_as_a_method", "\"1\".eval()", "property"),
    ("eval_by_a_function_pointer", "Fn(\"eval\").call(\"1\")", "'eval' is a reserved keyword"),
    (
        "eval_by_a_computed_name",
        "let f = \"ev\" + \"al\"; Fn(f).call(\"1\")",
        "'eval' is a reserved keyword",
    ),
    ("eval_as_a_callback", "[\"1\"].map(\"eval\")", "'eval' is a reserved keyword"),
    ("eval_by_call", "call(Fn(\"eval\"), \"1\")", "'eval' is a reserved keyword"),
    ("eval_in_a_closure", "let f = |x| eval(x); f.call(\"1\")", "eval"),
    ("eval_in_a_namespace", "global::eval(\"1\")", "eval"),
    ("the_environment_by_a_function", "env(\"HOME\")", "function not found: env"),
    ("the_environment_by_a_path", "std::env::var(\"HOME\")", "std"),
    ("the_environment_by_a_text", "`${HOME}`", "HOME"),
    ("a_process", "system(\"id\")", "function not found: system"),
    ("a_file_by_a_function", "open_file(\"/etc/passwd\")", "function not found: open_file"),
    ("a_file_as_a_data_set", "dataset::fashion_mnist(#{ path: \"/etc\" })", "unknown option path"),
    ("a_wait_of_a_fraction", "sleep(1000.5)", "sleep: scripts do not wait"),
];

/// A laboratory whose scripts stand in `in/`, with traps in and around it.
fn traps() -> Lab {
    let lab = Lab::new();
    let path = |name: &str| lab.path().join(name);
    for folder in ["in", "in/sub", "in/folder.rhai"] {
        fs::create_dir(path(folder)).unwrap();
    }
    lab.script("secret.rhai", "fn value() { print(\"secret\"); 1 }");
    for (name, text) in [
        ("own", "fn value() { 1 }"),
        ("sub/deep", "import \"own\" as own; fn value() { own::value() + 1 }"),
        ("climber", "import \"../secret\" as s;"),
        ("later", "fn climb() { import \"../secret\" as s; s::value() }"),
        ("broken", "fn boom(x) {\n    x.missing\n}"),
        ("unfinished", "fn boom(x) {\n    x +\n}"),
        ("loud", "print(\"loaded\");"),
        ("a", "import \"b\" as b;"),
        ("b", "import \"a\" as a;"),
        ("self", "import \"self\" as s;"),
        ("peeper", "fn value() { 1 } print(hidden);"),
    ] {
        lab.script(&format!("in/{name}.rhai"), text);
    }
    for i in 0..40 {
        lab.script(&format!("in/line{i}.rhai"), &format!("import \"line{}\" as l;", i + 1));
    }
    lab.script("in/line40.rhai", "fn last() { 1 }");
    for (link, target) in [
        ("link", "../secret.rhai"),
        ("chain", "link.rhai"),
        ("circle", "circle.rhai"),
        ("descriptor", "/proc/self/fd/0"),
        ("device", "/dev/zero"),
    ] {
        symlink(target, path(&format!("in/{link}.rhai"))).unwrap();
    }
    symlink("..", path("in/up")).unwrap();
    fs::write(path("in/binary.rhai"), b"let\xff").unwrap();
    fs::File::create(path("in/huge.rhai")).unwrap().set_len(100_000_000).unwrap();
    let pipe = CString::new(path("in/pipe.rhai").as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a C string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    lab
}

fn refused(code: &str, says: &str) -> Result<(), Failed> {
    let lab = traps();
    lab.script("in/attempt.rhai", code);
    let ran = lab.run(&["in/attempt.rhai"]);
    let failed = matches!(ran.code, Some(1 | 65 | 74));
    let calm = !ran.err.contains("panicked") && !ran.out.contains("secret");
    if failed && calm && ran.err.contains(says) {
        return Ok(());
    }
    Err(format!("exit {:?}, expected {says}\n{}{}", ran.code, ran.out, ran.err).into())
}

fn found() -> Result<(), Failed> {
    let lab = traps();
    let code = "import \"own\" as own; import \"sub/deep\" as deep; import \"presets\" as presets;\n\
                print(`${own::value()} ${deep::value()} ${presets::salman2020_pgd(0.5)}`);";
    lab.script("in/s.rhai", code);
    let beside = lab.ok(&["in/s.rhai"]).out;
    assert!(beside.starts_with("1 2 pgd"), "{beside}");
    let ran = lab.command(&["-e", code]).current_dir(lab.path().join("in")).output()?;
    assert_eq!(String::from_utf8_lossy(&ran.stdout), beside, "-e imports from the current folder");
    Ok(())
}

fn named() -> Result<(), Failed> {
    let lab = traps();
    for (code, place, from) in [
        ("import \"broken\" as b;\nb::boom(1)", "in/broken.rhai:2:7", "called at in/s.rhai:2:"),
        ("import \"unfinished\" as b;", "in/unfinished.rhai:3:1", "in/s.rhai:1:8"),
        (
            "import \"presets\" as p;\np::salman2020_pgd(-1)",
            "stdlib/presets.rhai:6:32",
            "called at in/s.rhai:2:",
        ),
    ] {
        lab.script("in/s.rhai", code);
        let ran = lab.run(&["in/s.rhai"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains(place) && ran.err.contains(from), "{}", ran.err);
    }
    Ok(())
}

fn once() -> Result<(), Failed> {
    let lab = traps();
    let code = "import \"loud\" as a; import \"loud\" as b; import \"link_within\" as c;";
    symlink("loud.rhai", lab.path().join("in/link_within.rhai"))?;
    lab.script("in/s.rhai", code);
    assert_eq!(lab.ok(&["in/s.rhai"]).out, "loaded\n");
    Ok(())
}

fn unrestricted() -> Result<(), Failed> {
    let lab = traps();
    let secret: PathBuf = lab.path().join("secret");
    for name in ["../secret", "../secret.rhai", "link", secret.to_str().unwrap()] {
        lab.script("in/s.rhai", &format!("import \"{name}\" as s; s::value();"));
        let ran = lab.ok(&["--unrestricted", "in/s.rhai"]);
        assert_eq!(ran.out, "secret\n", "{name}");
    }
    lab.script("in/s.rhai", "import \"/dev/zero\" as s;");
    symlink("/dev/zero", lab.path().join("zero.rhai"))?;
    lab.script("in/s.rhai", "import \"../zero\" as s;");
    let ran = lab.run(&["--unrestricted", "in/s.rhai"]);
    assert!(ran.code == Some(1) && ran.err.contains("found a device"), "{}", ran.err);
    Ok(())
}

const CELLS: &str =
    "let cells = sweep::grid(#{ arm: [\"a\", \"b\"], seed: 0..2 }, |c| #{ accuracy: 0.5 });";

fn reports() -> Result<(), Failed> {
    let lab = Lab::new();
    for name in ["../r", "/tmp/r", "a/b", "..", "", "r\\x00", "~", "a\\\\b", "r.html"] {
        lab.script(
            "s.rhai",
            &format!("{CELLS}\nreport::write(\"{name}\", cells, #{{ plot: \"bars\" }});"),
        );
        let ran = lab.run(&["s.rhai", "--out", "out"]);
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.err);
        assert!(ran.err.contains("write: expected a name of letters"), "{name}: {}", ran.err);
    }
    assert!(lab.files("out").is_empty());
    lab.script("s.rhai", &format!("{CELLS}\nreport::write(\"r\", cells, #{{ plot: \"bars\" }});"));
    lab.ok(&["s.rhai", "--out", "out"]);
    let written: Vec<_> =
        lab.files("out").iter().map(|file| file.file_name().unwrap().to_owned()).collect();
    assert_eq!(written, ["r.csv", "r.html", "r.png", "r.svg", "r.tables.csv"]);
    let top = fs::read_dir(lab.path())?.map(|entry| entry.unwrap().file_name());
    let mut top: Vec<_> = top.collect();
    top.sort();
    assert_eq!(top, ["out", "runs", "s.rhai"], "writing stays under --out and --store");
    Ok(())
}

fn link() -> Result<(), Failed> {
    let lab = Lab::new();
    fs::create_dir(lab.path().join("out"))?;
    fs::write(lab.path().join("mine"), "mine")?;
    symlink("../mine", lab.path().join("out/r.html"))?;
    lab.script("s.rhai", &format!("{CELLS}\nreport::write(\"r\", cells, #{{ plot: \"bars\" }});"));
    lab.ok(&["s.rhai", "--out", "out"]);
    assert_eq!(fs::read_to_string(lab.path().join("mine"))?, "mine");
    assert!(fs::symlink_metadata(lab.path().join("out/r.html"))?.is_file());
    Ok(())
}

/// A file without read permission; a process of root does without its right to read everything.
fn unreadable() -> Result<(), Failed> {
    let lab = traps();
    fs::set_permissions(lab.path().join("in/own.rhai"), fs::Permissions::from_mode(0o000))?;
    lab.script("in/s.rhai", "import \"own\" as own;");
    let mut command = lab.command(&["in/s.rhai"]);
    // SAFETY: prctl is safe to call between fork and exec; without privileges it fails, as it may.
    unsafe {
        command.pre_exec(|| {
            for right in [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH] {
                libc::prctl(libc::PR_CAPBSET_DROP, right, 0, 0, 0);
            }
            Ok(())
        });
    }
    let ran: Ran = command.output()?.into();
    let told = ran.err.contains("import: cannot read") && ran.err.contains("own.rhai: Permission");
    if ran.code == Some(74) && told { Ok(()) } else { Err(ran.err.into()) }
}
