//! What a session keeps between entries, and what its errors point at.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::script::{Ended, Session};

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        law("an_import_is_there_in_later_entries_and_their_functions", imports),
        law("an_import_may_not_hide_a_namespace", hidden_namespace),
        law("a_constant_is_seen_by_functions_of_its_own_and_later_entries", constants),
        law("a_constant_of_a_script_is_seen_by_its_functions", script_constants),
        law("ans_holds_the_last_value", ans),
        law("an_error_in_a_function_points_at_the_entry_that_defined_it", earlier_entry),
        law("an_error_in_a_module_points_at_its_line", in_a_module),
        law("a_failed_entry_keeps_what_it_defined_before", failed_entry),
        law("a_list_of_maps_is_shown_as_a_table", records),
        law("a_table_has_a_form_in_html", html),
        law("an_entry_is_complete_when_nothing_is_open", complete),
        law("numbers_print_so_that_they_can_be_read_back", numbers),
    ]
}

fn law(name: &str, check: fn(&mut Session) -> Result<(), Failed>) -> Trial {
    Trial::test(format!("session::{name}"), move || {
        let folder = tempfile::tempdir()?;
        check(&mut session(folder.path()))
    })
}

/// The text of an entry's value.
fn value(session: &mut Session, source: &str) -> Result<String, Failed> {
    match session.execute("entry", source) {
        Ok(Ended::Value(value)) => Ok(value.unwrap_or_default().text),
        Ok(Ended::ShardDone { .. }) => Err("a shard".into()),
        Err(diagnostic) => Err(format!("{source}\n{}", diagnostic.text).into()),
    }
}

fn fails(session: &mut Session, name: &str, source: &str) -> String {
    match session.execute(name, source) {
        Ok(_) => panic!("{source} did not fail"),
        Err(diagnostic) => diagnostic.text,
    }
}

fn imports(session: &mut Session) -> Result<(), Failed> {
    value(session, "import \"presets\" as p;\nlet a = p::salman2020_pgd(0.5);")?;
    assert_eq!(value(session, "p::salman2020_pgd(0.25)")?, "pgd: l2 eps 0.25");
    value(session, "fn f(eps) { p::salman2020_pgd(eps) }")?;
    assert_eq!(value(session, "f(1.0)")?, "pgd: l2 eps 1");
    Ok(())
}

fn hidden_namespace(session: &mut Session) -> Result<(), Failed> {
    let text = fails(session, "entry", "import \"presets\" as attack;");
    assert!(text.contains("import: attack is a namespace of rtscript"), "{text}");
    assert!(value(session, "attack::pgd()")?.contains("pgd"));
    Ok(())
}

fn constants(session: &mut Session) -> Result<(), Failed> {
    value(session, "const LR = 0.5;\nfn rate() { LR * 2.0 }")?;
    assert_eq!(value(session, "rate()")?, "1.0");
    value(session, "fn later() { LR }")?;
    assert_eq!(value(session, "later()")?, "0.5");
    value(session, "const LR = 0.25;")?;
    assert_eq!(value(session, "rate() + later()")?, "0.75");
    Ok(())
}

fn script_constants(session: &mut Session) -> Result<(), Failed> {
    let script = "fn f() { A + B }\nconst A = 1;\nlet c = 5;\nconst B = A + c;\nf() + c";
    assert_eq!(value(session, script)?, "12");
    Ok(())
}

fn ans(session: &mut Session) -> Result<(), Failed> {
    value(session, "40 + 2")?;
    value(session, "let a = 1;")?;
    assert_eq!(value(session, "ans + 1")?, "43");
    assert_eq!(value(session, "ans + 1")?, "44");
    Ok(())
}

fn earlier_entry(session: &mut Session) -> Result<(), Failed> {
    session.execute("entry 1", "let x = 1;\nlet y = 2;").map_err(|d| d.text)?;
    session
        .execute("entry 2", "fn f(eps) {\n    attack::pgd(#{ eps: eps })\n}")
        .map_err(|d| d.text)?;
    let text = fails(session, "entry 3", "x;\nf(-1)");
    for part in ["entry 2:2:", "attack::pgd(#{ eps: eps })", "in f, called at entry 3:2:1"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    Ok(())
}

fn in_a_module(session: &mut Session) -> Result<(), Failed> {
    let script = "import \"presets\" as p;\n\np::salman2020_pgd(\"a\")";
    let text = fails(session, "entry 1", script);
    for part in ["stdlib/presets.rhai:", "eps: eps", "called at entry 1:3:"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    Ok(())
}

fn failed_entry(session: &mut Session) -> Result<(), Failed> {
    fails(session, "entry", "let kept = 7; const K = 8; fn g() { K } throw \"stop\";");
    assert_eq!(value(session, "kept + g()")?, "15");
    Ok(())
}

fn records(session: &mut Session) -> Result<(), Failed> {
    let text = value(session, "[#{ epoch: 1, loss: 0.5 }, #{ epoch: 2, loss: 0.25 }]")?;
    assert_eq!(text, "epoch  loss\n------------\n    1   0.5\n    2  0.25");
    assert_eq!(value(session, "[#{ a: 1 }, #{ b: 1 }]")?, "[#{\"a\": 1}, #{\"b\": 1}]");
    Ok(())
}

fn html(session: &mut Session) -> Result<(), Failed> {
    let ended = session.execute("entry", "[#{ name: \"<b>\", loss: 0.5 }]").map_err(|d| d.text)?;
    let Ended::Value(Some(bundle)) = ended else { return Err("no value".into()) };
    let html = bundle.html.ok_or("no html")?;
    assert!(html.contains("<th scope=\"col\" class=\"number\">loss</th>"), "{html}");
    assert!(html.contains("&lt;b&gt;"), "{html}");
    Ok(())
}

fn complete(session: &mut Session) -> Result<(), Failed> {
    for whole in ["1 + 1", "let a = 1;", "fn f() { 1 }", "// (", "let a = ;", ")", "f(1 2)", "x y"]
    {
        assert!(session.is_complete(whole), "{whole}");
    }
    for open in [
        "f(",
        "fn f() {",
        "let a = [1,",
        "/* a",
        "\"abc",
        "`a ${",
        "let a =",
        "1 +",
        "if true",
        "[1].",
    ] {
        assert!(!session.is_complete(open), "{open}");
    }
    Ok(())
}

fn numbers(session: &mut Session) -> Result<(), Failed> {
    for (source, shown) in [
        ("`${1.0e-9}`", "1e-9"),
        ("1.0e-9", "1e-9"),
        ("[1.0e-9, 2.0]", "[1e-9, 2.0]"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1.0e20", "1e20"),
        ("100000.0", "100000.0"),
        ("-0.5", "-0.5"),
        ("#{ a: 1.0e-7 }", "#{\"a\": 1e-7}"),
    ] {
        assert_eq!(value(session, source)?, shown, "{source}");
    }
    Ok(())
}
