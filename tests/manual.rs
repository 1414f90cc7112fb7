//! The manual: it follows the entries, its scripts run, its links lead somewhere.

use crate::examples::session;
use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use rtscript::script::{Ended, manual};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the committed manual lies.
const COMMITTED: &str = "src/reference.md";

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        law("the_committed_reference_is_that_of_the_entries", committed),
        law("every_script_of_the_language_chapter_shows_what_it_says", language),
        law("every_link_leads_to_an_anchor_and_anchors_are_unique", links),
        law("every_entry_has_its_anchor_in_both_forms", anchors),
        law("the_page_loads_nothing_and_is_small", page),
        law("the_page_has_balanced_tags", balanced),
        law("definitions_know_every_entry_and_no_rust_type", definitions),
        law("doc_writes_all_files_and_touches_no_store", doc),
    ]
}

fn law(name: &str, check: fn() -> Result<(), Failed>) -> Trial {
    Trial::test(format!("manual::{name}"), check)
}

/// The text of one file of the manual.
fn text(name: &str) -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let files = manual::files(session(folder.path()).reference());
    let file = files.into_iter().find(|file| file.name == name);
    file.map(|file| file.text).ok_or_else(|| format!("no file {name}").into())
}

fn committed() -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    let expected = text("reference.md")?;
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    if std::env::var_os("RTSCRIPT_BLESS").is_some() {
        return Ok(fs::write(path, expected)?);
    }
    let differs = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
    let line = differs.map_or("the end".to_owned(), |line| format!("line {}", line + 1));
    Err(format!("{COMMITTED} differs from the entries at {line}; RTSCRIPT_BLESS=1 rewrites it")
        .into())
}

/// What a script prints and evaluates to, as the chapter writes it.
fn shown(code: &str) -> Result<String, Failed> {
    use std::cell::RefCell;
    use std::rc::Rc;
    let folder = tempfile::tempdir()?;
    let printed = Rc::new(RefCell::new(String::new()));
    let sink = printed.clone();
    let print = Rc::new(move |line: &str| sink.borrow_mut().push_str(&format!("{line}\n")));
    let mut session = crate::examples::printing_session(folder.path(), print);
    let ended = session.run("manual", code);
    let mut out = printed.borrow().clone();
    match ended {
        Ok(Ended::Value(Some(value))) => out.push_str(&format!("=> {}", value.text)),
        Ok(_) => {}
        Err(diagnostic) => out.push_str(diagnostic.text.lines().next().unwrap_or_default()),
    }
    Ok(out)
}

fn language() -> Result<(), Failed> {
    rtscript::torch::start(Some(1)).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    for (code, expected) in manual::examples() {
        let found = shown(&code)?;
        if found.trim() != expected.trim() {
            wrong.push(format!("{code}\nexpected {expected}\nfound    {found}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n\n").into()) }
}

/// The texts between `start` and `end` in a text.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(start).skip(1);
    parts.filter_map(|part| part.split_once(end)).map(|(inner, _)| inner).collect()
}

fn links() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let forms =
        [("reference.md", "<a id=\"", "](#", ")"), ("reference.html", " id=\"", " href=\"#", "\"")];
    for (name, anchor, link, end) in forms {
        let text = text(name)?;
        let anchors = between(&text, anchor, "\"");
        let known: BTreeSet<&str> = anchors.iter().copied().collect();
        if known.len() != anchors.len() {
            wrong.push(format!("{name}: an anchor stands twice"));
        }
        let links = between(&text, link, end);
        assert!(links.len() > 100, "{name}: {} links", links.len());
        let lost = links.iter().filter(|link| !known.contains(**link));
        wrong.extend(lost.map(|link| format!("{name}: #{link} leads nowhere")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn anchors() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    let (markdown, page) = (text("reference.md")?, text("reference.html")?);
    let mut wrong = Vec::new();
    for spec in &session.reference().specs {
        let anchor = spec.path().replace("::", ".");
        if !markdown.contains(&format!("<a id=\"{anchor}\"></a>\n#### `{}`\n", spec.path())) {
            wrong.push(format!("reference.md lacks {anchor}"));
        }
        if !page.contains(&format!("<article id=\"{anchor}\">")) {
            wrong.push(format!("reference.html lacks {anchor}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn page() -> Result<(), Failed> {
    let page = text("reference.html")?;
    let loads = [" src=", "<link", "@import", "url(", "<iframe", "<img", "fetch(", "XMLHttp"];
    let found: Vec<&str> = loads.into_iter().filter(|load| page.contains(load)).collect();
    if !found.is_empty() {
        return Err(format!("the page may load something: {found:?}").into());
    }
    if !page.contains("default-src 'none'") {
        return Err("the page does not forbid loading".into());
    }
    let size = page.len();
    if size < 1_000_000 { Ok(()) } else { Err(format!("{size} bytes").into()) }
}

fn balanced() -> Result<(), Failed> {
    let page = text("reference.html")?;
    let empty = ["meta", "input", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.as_str();
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').ok_or("a tag without end")?;
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        rest = after;
        match name.strip_prefix('/') {
            Some(closed) => {
                let opened = open.pop();
                if opened != Some(closed) {
                    return Err(format!("{opened:?} is closed by {closed}").into());
                }
            }
            None if empty.contains(&name) => {}
            None => open.push(name),
        }
        // What stands in these is no HTML.
        if ["script", "style"].contains(&name) {
            let end = rest.find("</").ok_or("a script without end")?;
            rest = &rest[end..];
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}").into()) }
}

fn definitions() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    let text = text("rtscript.d.rhai")?;
    let code: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut wrong = Vec::new();
    for spec in &session.reference().specs {
        let known = code.iter().any(|line| {
            let line = line.trim_start();
            let called = line.strip_prefix("fn get ").or_else(|| line.strip_prefix("fn "));
            called.is_some_and(|rest| rest.split('(').next() == Some(spec.name))
        });
        if !known {
            wrong.push(format!("{} is not defined", spec.path()));
        }
    }
    let code = code.join("\n");
    for leak in ["::", "&", "Dynamic", "Box<", "Result<", "i64", "f64", "_:"] {
        if code.contains(leak) {
            wrong.push(format!("{leak} stands in the definitions"));
        }
    }
    let depth = |open: char, shut: char| code.matches(open).count() == code.matches(shut).count();
    if !depth('{', '}') || !depth('(', ')') || !depth('[', ']') {
        wrong.push("brackets do not match".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn doc() -> Result<(), Failed> {
    let lab = Lab::new();
    let ran = lab.ok(&["doc", "--out", "help"]);
    let names = ["reference.html", "reference.md", "rtscript.d.rhai", "rtscript.tmLanguage.json"];
    for name in names {
        if !ran.out.contains(&format!("manual: help/{name}")) {
            return Err(format!("not told where {name} is:\n{}", ran.out).into());
        }
        assert_eq!(fs::read_to_string(lab.path().join("help").join(name))?, text(name)?);
    }
    assert_eq!(lab.files("").len(), names.len(), "{:?}", lab.files(""));
    assert!(!lab.path().join("runs").exists(), "a store was made");
    let help = lab.ok(&["doc", "--help"]);
    assert!(help.out.contains("--out"), "{}", help.out);
    let refused = {
        lab.script("file", "");
        lab.run(&["doc", "--out", "file/help"])
    };
    assert_eq!(refused.code, Some(74), "{}", refused.err);
    if refused.err.contains("cannot create file/help") { Ok(()) } else { Err(refused.err.into()) }
}
