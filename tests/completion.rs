//! What the prompt offers at a cursor, and shows behind it.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::script::Session;
use std::fs;
use std::time::Instant;

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        Trial::test("completion::each_place_offers_what_fits_there", places),
        Trial::test("completion::nothing_is_evaluated", nothing_is_evaluated),
        Trial::test("completion::paths_are_offered_in_texts", paths),
        Trial::test("completion::an_option_that_is_there_is_not_offered_again", given),
        Trial::test("completion::hints_show_arguments_defaults_and_the_only_end", hints),
        Trial::test("completion::every_entry_can_be_reached_by_completing_its_name", reachable),
        Trial::test("completion::a_completion_takes_less_than_20_ms", quick),
    ]
}

fn prepared() -> Result<(tempfile::TempDir, Session), Failed> {
    let folder = tempfile::tempdir()?;
    let mut session = session(folder.path());
    let code = "import \"presets\" as presets;\n\
                let data = dataset::digits();\n\
                let m = model::resnet8(#{ size: 8 });\n\
                let size = #{ width: 4, epochs: 1 };\n\
                let list = [1, 2];\n\
                fn my_function(x) { x }";
    session.execute("entry", code).map_err(|diagnostic| diagnostic.text)?;
    Ok((folder, session))
}

/// What is offered at the end of `text`.
fn offered(session: &Session, text: &str) -> Vec<String> {
    let completion = session.complete(text, text.len());
    completion.candidates.into_iter().map(|candidate| candidate.text).collect()
}

const CASES: &[(&str, &str)] = &[
    ("att", "attack::"),
    ("attack::p", "attack::pgd("),
    ("attack::", "attack::apgd("),
    ("attack::pgd(#{ e", "attack::pgd(#{ eps: "),
    ("attack::pgd(#{ norm: \"l2\", st", "attack::pgd(#{ norm: \"l2\", steps: "),
    ("attack::pgd(#{ norm: ", "attack::pgd(#{ norm: \"linf\""),
    ("attack::pgd(#{ norm: \"li", "attack::pgd(#{ norm: \"linf\""),
    ("attack::pgd(#{ random_start: \"b", "attack::pgd(#{ random_start: \"ball\""),
    ("m.tra", "m.train("),
    ("m.train(data, #{ obj", "m.train(data, #{ objective: "),
    ("m.transfer(data, #{ protocol: \"f", "m.transfer(data, #{ protocol: \"fixed_feature\""),
    ("data.", "data.train"),
    ("data.train.", "data.train.len"),
    ("data.test.add", "data.test.address"),
    ("dataset::digits().cl", "dataset::digits().classes"),
    ("m.evaluate(data.test).acc", "m.evaluate(data.test).accuracy"),
    ("let e = m.evaluate(data.test); e.nor", "let e = m.evaluate(data.test); e.norm"),
    ("for x in da", "for x in data"),
    ("size.ep", "size.epochs"),
    ("list.pu", "list.push("),
    ("\"abc\".to_up", "\"abc\".to_upper("),
    ("my_f", "my_function("),
    ("presets::salm", "presets::salman2020_pgd("),
    ("pres", "presets::"),
    ("whi", "while"),
    (
        "f(attack::pgd(#{ keep: \"best\" }), [attack::sh",
        "f(attack::pgd(#{ keep: \"best\" }), [attack::shuffled(",
    ),
    ("let a = 1;\nlet b = m.ev", "let a = 1;\nlet b = m.evaluate("),
];

fn places() -> Result<(), Failed> {
    let (_folder, session) = prepared()?;
    let mut wrong = Vec::new();
    for (text, expected) in CASES {
        let completion = session.complete(text, text.len());
        let results: Vec<String> = completion
            .candidates
            .iter()
            .map(|candidate| format!("{}{}", &text[..completion.start], candidate.text))
            .collect();
        if !results.iter().any(|result| result == expected) {
            wrong.push(format!("{text}\n  expected {expected}\n  found {results:?}"));
        }
    }
    for text in ["// attack::p", "attack::pgd(#{ eps: 1 }).tra", "nothing.tra"] {
        let found = offered(&session, text);
        let known = text.starts_with("nothing");
        if found.iter().any(|name| name.starts_with("train")) != known {
            wrong.push(format!("{text}: found {found:?}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn nothing_is_evaluated() -> Result<(), Failed> {
    let (folder, mut session) = prepared()?;
    session.execute("entry", "let calls = [];").map_err(|d| d.text)?;
    for text in [
        "m.train(data, #{ epochs: 1 }).up",
        "calls.push(1).to",
        "{ calls.push(2); data }.tr",
        "my_function(calls.push(3)).",
    ] {
        let _ = (offered(&session, text), session.hint(text));
    }
    assert!(fs::read_dir(folder.path().join("runs/results"))?.next().is_none(), "it trained");
    let after = session.execute("entry", "calls.len()").map_err(|d| d.text)?;
    assert!(format!("{after:?}").contains("\"0\""), "{after:?}");
    Ok(())
}

fn paths() -> Result<(), Failed> {
    let (folder, session) = prepared()?;
    fs::create_dir(folder.path().join("images"))?;
    fs::write(folder.path().join("image.png"), "")?;
    let typed = format!("f(\"{}/ima", folder.path().display());
    assert_eq!(offered(&session, &typed), ["image.png", "images/"]);
    Ok(())
}

fn given() -> Result<(), Failed> {
    let (_folder, session) = prepared()?;
    let found = offered(&session, "attack::pgd(#{ eps: 0.5, steps: f(#{ norm: 1 }), ");
    assert!(
        !found.iter().any(|key| key.starts_with("eps") || key.starts_with("steps:")),
        "{found:?}"
    );
    assert!(found.iter().any(|key| key == "norm: "), "a key of an inner map counts for that map");
    Ok(())
}

fn hints() -> Result<(), Failed> {
    let (_folder, session) = prepared()?;
    for (text, hint) in [
        (
            "attack::pgd(",
            "#{ norm, eps, threat_model, steps, step_size, schedule, random_start, restarts, loss, \
             target, keep, preset, name })",
        ),
        ("m.evaluate(", "split, #{ attack, batch_size, precision, seed })"),
        ("attack::pgd(#{ eps: ", "0.5 (a number)"),
        ("attack::shuf", "fled("),
        ("attack::pgd(#{ rand", "om_start: "),
    ] {
        assert_eq!(session.hint(text).as_deref(), Some(hint), "{text}");
    }
    for text in ["", "let a = ", "// attack::gauss", "\"attack::gauss"] {
        assert_eq!(session.hint(text), None, "{text}");
    }
    Ok(())
}

fn reachable() -> Result<(), Failed> {
    let (_folder, session) = prepared()?;
    let mut missing = Vec::new();
    for spec in &session.reference().specs {
        let path = spec.path();
        let text = match path.rsplit_once('.') {
            Some((_, name)) => format!("unknown.{name}"),
            None => path.clone(),
        };
        if !offered(&session, &text)
            .iter()
            .any(|found| found.trim_end_matches(['(', ')']) == spec.name)
        {
            missing.push(path);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n").into()) }
}

fn quick() -> Result<(), Failed> {
    let (_folder, session) = prepared()?;
    let script = fs::read_to_string(crate::lab::study())?;
    let text = format!("{script}\nattack::pgd(#{{ e");
    let times = (0..5).map(|_| {
        let start = Instant::now();
        let _ = (offered(&session, &text), session.hint(&text));
        start.elapsed().as_secs_f64()
    });
    let best = times.fold(f64::INFINITY, f64::min);
    assert!(best < 0.02, "behind our longest script it took {best:.3} s");
    Ok(())
}
