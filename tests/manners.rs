//! Laws of the code base, read off its text.

use libtest_mimic::{Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};

/// The tests.
pub fn tests() -> Vec<Trial> {
    vec![
        law("modules_import_only_those_before_them", imports),
        law("only_script_and_cli_name_rhai", rhai),
        law("only_cli_prints_and_reads_the_environment", surroundings),
        law("every_entry_is_listed_once_under_its_files_name", entries),
        law("every_test_file_is_run", test_files),
        law("no_file_is_longer_than_400_lines", lengths),
        law("modules_are_named_by_what_they_hold", names),
        law("nothing_is_left_undone_or_switched_off", leftovers),
        law("one_libtorch_version_is_named_everywhere", versions),
    ]
}

/// A law returns its violations, one a line.
fn law(name: &str, find: fn() -> Vec<String>) -> Trial {
    Trial::test(format!("manners::{name}"), move || {
        let violations = find();
        if violations.is_empty() { Ok(()) } else { Err(Failed::from(violations.join("\n"))) }
    })
}

/// One source file: its path from the root, and its text without whole-line comments.
struct Source {
    path: PathBuf,
    code: String,
}

impl Source {
    /// The top-level module of src/ that it belongs to.
    fn module(&self) -> String {
        let part = self.path.components().nth(1).map(|part| Path::new(part.as_os_str()));
        part.and_then(Path::file_stem).map_or_else(String::new, |s| s.to_string_lossy().into())
    }

    fn stem(&self) -> String {
        self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into())
    }

    fn is_in(&self, modules: &[&str]) -> bool {
        modules.contains(&self.module().as_str())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust and C++ files below a folder, in order.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        Source { path: path.strip_prefix(root()).unwrap().to_owned(), code }
    };
    paths.into_iter().map(source).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "cpp") {
            into.push(path);
        }
    }
}

/// The modules that lib.rs declares, in its order.
fn order() -> Vec<String> {
    let text = read("src/lib.rs");
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// The names that follow `crate::`, in paths and in groups.
fn named_modules(code: &str) -> Vec<String> {
    let after = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    let items = after.flat_map(|rest| match rest.strip_prefix('{') {
        Some(group) => group_items(group),
        None => vec![rest.to_owned()],
    });
    let first = |item: String| {
        let part = item.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next();
        part.unwrap_or_default().to_owned()
    };
    items.map(first).filter(|name| !name.is_empty()).collect()
}

/// The items of a group, without their own groups, up to its closing brace.
fn group_items(group: &str) -> Vec<String> {
    let mut items = vec![];
    let mut item = String::new();
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    items.push(item);
    items
}

fn imports() -> Vec<String> {
    let read = named_modules("use crate::{error::{A, B}, seed,\n    store::C};\ncrate::torch::d()");
    assert_eq!(read, ["error", "seed", "store", "torch"]);
    let order = order();
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut violations = Vec::new();
    for source in sources("src") {
        let Some(own) = place(&source.module()) else { continue };
        for name in named_modules(&source.code) {
            let path = source.path.display();
            match place(&name) {
                None => violations.push(format!("{path}: crate::{name} is no module of lib.rs")),
                Some(other) if other > own => {
                    violations.push(format!("{path} imports {name}, which comes after it"));
                }
                Some(_) => {}
            }
        }
    }
    violations
}

/// The files of src/ outside `exempt` that contain one of `words`.
fn offenders(exempt: &[&str], words: &[&str]) -> Vec<String> {
    let sources = sources("src").into_iter().filter(|source| !source.is_in(exempt));
    let found = sources.flat_map(|source| {
        let words = words.iter().filter(|word| source.code.contains(**word));
        words.map(|word| format!("{}: {word}", source.path.display())).collect::<Vec<_>>()
    });
    found.collect()
}

fn rhai() -> Vec<String> {
    offenders(&["script", "cli"], &["rhai::", "use rhai"])
}

fn surroundings() -> Vec<String> {
    let words =
        ["print!(", "println!(", "dbg!(", "io::stdout", "io::stderr", "std::env", "env::var"];
    offenders(&["cli", "main"], &words)
}

fn entries() -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources("src") {
        let Some((_, definition)) = source.code.split_once("pub const ENTRY:") else { continue };
        let (path, stem) = (source.path.display().to_string(), source.stem());
        let name = definition.split('"').nth(1).unwrap_or_default();
        if name != stem {
            violations.push(format!("{path}: the entry is named {name}"));
        }
        // The list is its folder's, or that of a folder above.
        let lists =
            source.path.ancestors().skip(1).map(|folder| root().join(folder).join("mod.rs"));
        let text: String = lists.filter_map(|list| fs::read_to_string(list).ok()).collect();
        let reference = format!("&{stem}::ENTRY");
        let public = text.split("pub const ").filter_map(|item| item.split_once("];"));
        let lists = public.filter(|(item, _)| item.contains(": &[&Entry<"));
        let listed: String = lists.map(|(list, _)| format!("{list};")).collect();
        let words = listed.split(|c: char| !c.is_alphanumeric() && !"_:&".contains(c));
        let count = words.filter(|word| *word == reference).count();
        if count != 1 {
            violations.push(format!("{path}: the lists above it name it {count} times"));
        }
    }
    violations
}

fn test_files() -> Vec<String> {
    let runner = read("tests/runner.rs");
    let own = |source: &Source| source.path.components().count() == 2 && source.stem() != "runner";
    let mut violations = Vec::new();
    for source in sources("tests").into_iter().filter(own) {
        let stem = source.stem();
        let mut needed = vec![format!("mod {stem};")];
        if source.code.contains("pub fn tests()") {
            needed.push(format!("{stem}::tests()"));
        }
        needed.retain(|text| !runner.contains(text.as_str()));
        violations.extend(needed.iter().map(|text| format!("tests/runner.rs lacks {text}")));
    }
    violations
}

fn own_sources() -> Vec<Source> {
    ["src", "tests", "benches"].into_iter().flat_map(sources).collect()
}

fn lengths() -> Vec<String> {
    let mut violations = Vec::new();
    for source in own_sources() {
        let lines = read(&source.path.to_string_lossy()).lines().count();
        if lines > 400 {
            violations.push(format!("{}: {lines} lines", source.path.display()));
        }
    }
    violations
}

fn names() -> Vec<String> {
    let empty = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];
    let names_nothing = |source: &Source| {
        let path = source.path.with_extension("").to_string_lossy().into_owned();
        path.split(['/', '_']).any(|word| empty.contains(&word))
    };
    let sources = own_sources().into_iter().filter(names_nothing);
    sources.map(|source| source.path.display().to_string()).collect()
}

fn leftovers() -> Vec<String> {
    // Joined here, or this file would break its own law.
    let words = [["TO", "DO"], ["FIX", "ME"], ["#[al", "low"], ["#![al", "low"], ["#[ig", "nore"]];
    let mut violations = Vec::new();
    for source in own_sources() {
        let text = read(&source.path.to_string_lossy());
        for word in words.iter().map(|parts| parts.concat()) {
            if text.contains(&word) {
                violations.push(format!("{}: {word}", source.path.display()));
            }
        }
    }
    violations
}

fn versions() -> Vec<String> {
    let makefile = read("Makefile");
    let version = makefile.lines().find_map(|line| line.strip_prefix("TORCH := ")).unwrap();
    let places = [
        ("build.rs", format!("LIBTORCH_VERSION: &str = \"{version}\"")),
        ("tests/parity/requirements.txt", format!("torch=={version}\n")),
    ];
    let other = places.iter().filter(|(path, text)| !read(path).contains(text));
    other.map(|(path, text)| format!("{path}: expected {text}")).collect()
}
