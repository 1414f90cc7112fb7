//! The TextMate grammar: its patterns are patterns, and lines of a script get the right scopes.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use rtscript::registry::Home;
use rtscript::script::manual;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        law("every_pattern_of_the_grammar_is_a_pattern", patterns),
        law("every_namespace_and_option_has_its_group", names),
        law("a_script_gets_the_scopes_of_its_words", scopes),
    ]
}

fn law(name: &str, check: fn(&Json) -> Result<(), Failed>) -> Trial {
    Trial::test(format!("grammar::{name}"), move || {
        let folder = tempfile::tempdir()?;
        let files = manual::files(session(folder.path()).reference());
        let file = files.iter().find(|file| file.name.ends_with(".tmLanguage.json"));
        check(&serde_json::from_str(&file.ok_or("no grammar")?.text)?)
    })
}

/// All values of these keys, anywhere in the grammar.
fn all<'j>(json: &'j Json, keys: &[&str]) -> Vec<&'j str> {
    match json {
        Json::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(text) if keys.contains(&key.as_str()) => vec![text],
                _ => all(value, keys),
            })
            .collect(),
        Json::Array(items) => items.iter().flat_map(|item| all(item, keys)).collect(),
        _ => Vec::new(),
    }
}

fn parsed(pattern: &str) -> Hir {
    regex_syntax::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

fn patterns(grammar: &Json) -> Result<(), Failed> {
    let found = all(grammar, &["match", "begin", "end"]);
    assert!(found.len() > 20, "{found:?}");
    for pattern in found {
        let least = parsed(pattern).properties().minimum_len();
        assert!(least > Some(0), "{pattern} matches nothing at all, for ever");
    }
    for include in all(grammar, &["include"]) {
        let known = include == "$self"
            || include
                .strip_prefix('#')
                .is_some_and(|name| grammar["repository"].get(name).is_some());
        assert!(known, "{include} is no group");
    }
    Ok(())
}

fn names(grammar: &Json) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let session = session(folder.path());
    let mut wrong = Vec::new();
    for spec in &session.reference().specs {
        let line = match spec.home {
            Home::Namespace(space) => (format!("{space}::{}()", spec.name), space, "namespace"),
            Home::Global => (format!("{}(x)", spec.name), spec.name, "support.function"),
            _ => continue,
        };
        let options = spec.params.iter().map(|param| {
            (format!("f(#{{ {}: 1 }})", param.name), param.name, "support.variable.option")
        });
        for (line, word, scope) in options.chain([line]) {
            let tokens = tokens(grammar, &line);
            if !tokens.iter().any(|(text, of)| text == word && of.contains(scope)) {
                wrong.push(format!("{line}: {word} is no {scope}: {tokens:?}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn scopes(grammar: &Json) -> Result<(), Failed> {
    let line = "let a = attack::pgd(#{ eps: 0.5e-1, norm: \"l2 \\\" // no\" }); // yes";
    let found = tokens(grammar, line);
    let expected = [
        ("let", "keyword.control.rhai"),
        ("a", "variable.other.rhai"),
        ("attack", "support.class.namespace.rtscript"),
        ("pgd", "entity.name.function.rhai"),
        ("eps", "support.variable.option.rtscript"),
        ("0.5e-1", "constant.numeric.rhai"),
        ("\"", "string.quoted.double.rhai"),
        ("\\\"", "constant.character.escape.rhai"),
        ("// yes", "comment.line.double-slash.rhai"),
    ];
    for (word, scope) in expected {
        let has = found.iter().any(|(text, of)| text == word && of == scope);
        assert!(has, "{word} is no {scope}: {found:?}");
    }
    assert!(!found.iter().any(|(text, _)| text.contains("// no")), "{found:?}");
    let template = tokens(grammar, "`a ${attack::pgd(#{ eps: 1 }).name} for`");
    assert!(template.contains(&("eps".into(), "support.variable.option.rtscript".into())));
    assert!(!template.iter().any(|(text, _)| text == "for"), "{template:?}");
    let definition = tokens(grammar, "fn pgd() -> attack; let split = 1;");
    assert!(definition.contains(&("attack".into(), "support.type.rtscript".into())));
    assert!(definition.contains(&("split".into(), "variable.other.rhai".into())));
    Ok(())
}

/// The scoped pieces of a line, as an editor would find them: the leftmost match, of these the
/// first in the grammar.
fn tokens(grammar: &Json, line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut stack: Vec<&Json> = vec![grammar];
    let mut at = 0;
    while at < line.len() {
        let top = stack[stack.len() - 1];
        let inner = top.get("patterns").map_or_else(Vec::new, |inner| rules(grammar, inner));
        let closing = top.get("end").map(|_| (top, "end"));
        let opening = inner
            .iter()
            .map(|rule| (*rule, if rule.get("match").is_some() { "match" } else { "begin" }));
        let hits = closing.into_iter().chain(opening).filter_map(|(rule, key)| {
            let pattern = parsed(rule[key].as_str()?);
            let hit = (at..line.len())
                .filter(|start| line.is_char_boundary(*start))
                .find_map(|start| Hit::at(&pattern, line, start))?;
            Some((hit, rule, key))
        });
        let Some((hit, rule, key)) = hits.min_by_key(|(hit, ..)| hit.groups[&0].0) else { break };
        let mut scoped = |(start, end): (usize, usize), scope: &Json| {
            if let Some(scope) = scope.as_str() {
                found.push((line[start..end].to_owned(), scope.to_owned()));
            }
        };
        let whole = hit.groups[&0];
        scoped(whole, &rule["name"]);
        for (group, scope) in rule["captures"].as_object().into_iter().flatten() {
            scoped(hit.groups[&group.parse::<u32>().unwrap()], &scope["name"]);
        }
        match key {
            "begin" => stack.push(rule),
            "end" => drop(stack.pop()),
            _ => {}
        }
        at = whole.1;
    }
    found
}

/// The rules of a list, with included groups in their place.
fn rules<'j>(grammar: &'j Json, list: &'j Json) -> Vec<&'j Json> {
    let items = list.as_array().into_iter().flatten();
    items
        .flat_map(|item| match item["include"].as_str() {
            Some("$self") => rules(grammar, &grammar["patterns"]),
            Some(name) => rules(grammar, &grammar["repository"][&name[1..]]["patterns"]),
            None => vec![item],
        })
        .collect()
}

/// Where a pattern and its groups matched, in bytes.
struct Hit {
    groups: BTreeMap<u32, (usize, usize)>,
}

impl Hit {
    fn at(pattern: &Hir, line: &str, start: usize) -> Option<Self> {
        let mut groups = BTreeMap::new();
        let end = matched(&[pattern], line, start, &mut groups)?;
        groups.insert(0, (start, end));
        Some(Self { groups })
    }
}

type Groups = BTreeMap<u32, (usize, usize)>;

/// Where `parts` end, one after another from `at`, by trying all ways in order.
fn matched(parts: &[&Hir], line: &str, at: usize, groups: &mut Groups) -> Option<usize> {
    let Some((first, rest)) = parts.split_first() else { return Some(at) };
    let next = line[at..].chars().next();
    let before = line[..at].chars().next_back();
    match first.kind() {
        HirKind::Concat(parts) => {
            let parts: Vec<&Hir> = parts.iter().chain(rest.iter().copied()).collect();
            matched(&parts, line, at, groups)
        }
        HirKind::Empty => matched(rest, line, at, groups),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).unwrap();
            let found = line[at..].starts_with(text);
            found.then(|| matched(rest, line, at + text.len(), groups)).flatten()
        }
        HirKind::Class(Class::Unicode(class)) => {
            let fits =
                |c: &char| class.iter().any(|range| (range.start()..=range.end()).contains(c));
            let found = next.filter(fits)?;
            matched(rest, line, at + found.len_utf8(), groups)
        }
        HirKind::Class(Class::Bytes(class)) => {
            let byte = *line.as_bytes().get(at)?;
            let fits = class.iter().any(|range| (range.start()..=range.end()).contains(&byte));
            fits.then(|| matched(rest, line, at + 1, groups)).flatten()
        }
        HirKind::Look(look) => {
            let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let holds = match look {
                Look::End => next.is_none(),
                Look::WordUnicode | Look::WordAscii => word(before) != word(next),
                other => panic!("{other:?} is not needed"),
            };
            holds.then(|| matched(rest, line, at, groups)).flatten()
        }
        HirKind::Capture(capture) => {
            let inner = matched_ends(&capture.sub, line, at);
            inner.into_iter().find_map(|end| {
                let end_of_all = matched(rest, line, end, groups)?;
                groups.insert(capture.index, (at, end));
                Some(end_of_all)
            })
        }
        _ => {
            let ends = matched_ends(first, line, at);
            ends.into_iter().find_map(|end| matched(rest, line, end, groups))
        }
    }
}

/// All places where a part may end, the preferred first.
fn matched_ends(part: &Hir, line: &str, at: usize) -> Vec<usize> {
    match part.kind() {
        HirKind::Alternation(parts) => {
            parts.iter().flat_map(|part| matched_ends(part, line, at)).collect()
        }
        HirKind::Capture(capture) => matched_ends(&capture.sub, line, at),
        HirKind::Concat(parts) => parts.iter().fold(vec![at], |ends, part| {
            ends.into_iter().flat_map(|end| matched_ends(part, line, end)).collect()
        }),
        HirKind::Repetition(repetition) => {
            let mut levels = vec![vec![at]];
            let most = repetition.max.unwrap_or(u32::MAX) as usize;
            while levels.len() <= most {
                let last = &levels[levels.len() - 1];
                let longer = last.iter().flat_map(|end| matched_ends(&repetition.sub, line, *end));
                let longer: Vec<usize> = longer.filter(|end| !last.contains(end)).collect();
                if longer.is_empty() {
                    break;
                }
                levels.push(longer);
            }
            levels.into_iter().skip(repetition.min as usize).rev().flatten().collect()
        }
        _ => matched(&[part], line, at, &mut Groups::new()).into_iter().collect(),
    }
}
