//! Golden scripts: `tests/golden/**/NAME.rhai` prints what `NAME.out` beside it holds.
//!
//! Text and whole numbers are compared exactly; numbers with a point differ by at most `atol` of
//! the script's line `//@ atol=...` (default: one unit of the last digit); under an `atol` the
//! ends of intervals are not compared. `RTSCRIPT_BLESS=1` rewrites the outputs that fail.

use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};

/// One trial per golden script.
pub fn tests() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut scripts: Vec<PathBuf> = fs::read_dir(root)
        .expect("the golden folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    scripts.sort();
    let trial = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(format!("golden::{name}"), move || check(&path))
    };
    scripts.into_iter().map(trial).collect()
}

fn check(path: &Path) -> Result<(), Failed> {
    let source = fs::read_to_string(path)?;
    let lab = Lab::new();
    let target = directive(&source, "run").map_or_else(
        || path.to_string_lossy().into_owned(),
        |script| format!("{}/{script}", env!("CARGO_MANIFEST_DIR")),
    );
    let mut arguments = vec![target];
    for setting in directive(&source, "set").iter().flat_map(|text| text.split(',')) {
        arguments.extend(["--set".to_owned(), setting.to_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = lab.ok(&arguments);
    let expected_path = path.with_extension("out");
    let expected = fs::read_to_string(&expected_path).unwrap_or_default();
    let atol = directive(&source, "atol").and_then(|text| text.parse().ok());
    match difference(&expected, &ran.out, atol) {
        None => Ok(()),
        Some(_) if std::env::var_os("RTSCRIPT_BLESS").is_some() => {
            Ok(fs::write(&expected_path, &ran.out)?)
        }
        Some(text) => Err(format!("{}: {text}\nfound:\n{}", path.display(), ran.out).into()),
    }
}

fn directive(source: &str, key: &str) -> Option<String> {
    let prefix = format!("//@ {key}=");
    source.lines().find_map(|line| line.strip_prefix(&prefix)).map(|text| text.trim().to_owned())
}

/// The first line in which two texts differ by more than tolerance.
pub fn difference(expected: &str, found: &str, atol: Option<f64>) -> Option<String> {
    let (mut a, mut b) = (expected.lines(), found.lines());
    for line in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (Some(x), Some(y)) if same(x, y, atol) => {}
            (x, y) => {
                let (x, y) = (x.unwrap_or("(end)"), y.unwrap_or("(end)"));
                return Some(format!("line {line}\n  expected {x}\n  found    {y}"));
            }
        }
    }
    None
}

fn same(expected: &str, found: &str, atol: Option<f64>) -> bool {
    let bare = |line: &str| if atol.is_some() { without_intervals(line) } else { line.to_owned() };
    let (expected, found) = (bare(expected), bare(found));
    let (a, b) = (pieces(&expected), pieces(&found));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(x, y)| match (x.parse::<f64>(), y.parse::<f64>()) {
            (Ok(p), Ok(q)) if x.contains('.') => {
                let digits = x.rsplit('.').next().map_or(0, str::len) as i32;
                (p - q).abs() <= atol.unwrap_or(1.01 * 10f64.powi(-digits))
            }
            _ => x == y,
        })
}

/// A line whose bracketed intervals are empty.
fn without_intervals(line: &str) -> String {
    let mut depth = 0;
    line.chars()
        .filter(|c| {
            depth += i32::from(*c == '[');
            depth -= i32::from(*c == ']');
            depth == 0
        })
        .collect()
}

/// Words and numbers; runs of space count as one, since a column may grow by a digit.
fn pieces(line: &str) -> Vec<&str> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '(' | ')'))
        .filter(|piece| !piece.is_empty() && !piece.chars().all(|c| c == '-'))
        .collect()
}
