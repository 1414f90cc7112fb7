//! Functions of Rhai's own library that need another form here: bounded, or honest about errors.

use super::failure::{at, raise};
use super::limits::TEXT;
use super::value::to_value;
use crate::error::{Error, Result};
use crate::registry::Kind;
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, NativeCallContext, Position,
};
use std::cmp::Ordering;

type Fallible<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Puts them over Rhai's.
pub fn install(engine: &mut Engine) {
    engine.register_fn("sleep", |_: i64| refuse_sleep());
    engine.register_fn("sleep", |_: f64| refuse_sleep());

    // Rhai writes 1e-9 as 0.000000001; the shortest text that reads back is shorter.
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |number: f64| ImmutableString::from(format!("{number:?}")));
    }

    type Text = ImmutableString;
    type Place<'c> = NativeCallContext<'c>;
    engine.register_fn("replace", |place: Place, text: &mut Text, find: Text, with: Text| {
        at(&place, replace(text, &find, &with))
    });
    engine.register_fn("replace", |place: Place, text: &mut Text, find: Text, with: char| {
        at(&place, replace(text, &find, with.encode_utf8(&mut [0; 4])))
    });
    engine.register_fn("replace", |place: Place, text: &mut Text, find: char, with: Text| {
        at(&place, replace(text, find.encode_utf8(&mut [0; 4]), &with))
    });
    engine.register_fn("replace", |place: Place, text: &mut Text, find: char, with: char| {
        let (find, with) = (find.to_string(), with.to_string());
        at(&place, replace(text, &find, &with))
    });

    for name in ["sort", "sort_by"] {
        engine.register_fn(name, |place: Place, list: &mut Array, by: FnPtr| {
            *list = ordered(&place, list, &by)?;
            Ok::<(), Box<EvalAltResult>>(())
        });
    }
    for name in ["order", "order_by"] {
        engine.register_fn(name, |place: Place, list: &mut Array, by: FnPtr| {
            ordered(&place, list, &by)
        });
    }
}

fn refuse_sleep() -> Fallible<()> {
    Err(raise(Error::usage("sleep: scripts do not wait"), Position::NONE))
}

/// Replaces in place; Rhai's own would first build a text of any size and then look at it.
fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let count = text.matches(find).count();
    let size = text.len() - count * find.len() + count * with.len();
    if size > TEXT {
        return Err(Error::usage(format!(
            "replace: expected a text of at most {TEXT} bytes, found {size}"
        )));
    }
    *text = text.replace(find, with).into();
    Ok(())
}

/// The list in the order of a comparer. An error in the comparer is the error of the sort, and one
/// that contradicts itself gives some order; Rhai's own swallows the first and panics at the second.
fn ordered(place: &NativeCallContext, list: &Array, by: &FnPtr) -> Fallible<Array> {
    let order = merge_sorted(list.len(), |left, right| {
        let pair = [list[left].flatten_clone(), list[right].flatten_clone()];
        let answer: Dynamic = by.call_raw(place, None, pair)?;
        if let Ok(number) = answer.as_int() {
            return Ok(number.cmp(&0));
        }
        if let Ok(first) = answer.as_bool() {
            return Ok(if first { Ordering::Less } else { Ordering::Greater });
        }
        let found = to_value(&answer, Kind::Any).found();
        let error =
            Error::usage(format!("sort: expected a whole number, true or false, found {found}"))
                .hint("|a, b| a - b, or |a, b| a < b");
        Err(raise(error, place.call_position()))
    })?;
    Ok(order.into_iter().map(|index| list[index].clone()).collect())
}

/// The indices below `count` in stable order.
fn merge_sorted<E>(
    count: usize,
    mut compare: impl FnMut(usize, usize) -> std::result::Result<Ordering, E>,
) -> std::result::Result<Vec<usize>, E> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut run = 1;
    while run < count {
        let mut merged = Vec::with_capacity(count);
        for pair in order.chunks(2 * run) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let (Some((a, after_a)), Some((b, after_b))) =
                (left.split_first(), right.split_first())
            {
                if compare(*a, *b)? == Ordering::Greater {
                    merged.push(*b);
                    right = after_b;
                } else {
                    merged.push(*a);
                    left = after_a;
                }
            }
            merged.extend(left.iter().chain(right));
        }
        order = merged;
        run *= 2;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::super::failure::domain_of;
    use super::*;

    fn engine() -> Engine {
        let mut engine = Engine::new();
        install(&mut engine);
        engine
    }

    #[test]
    fn a_sort_is_stable_and_takes_numbers_and_truths() {
        for (code, expected) in [
            ("let a = [3, 1, 2, 5, 4]; a.sort(|a, b| a - b); a", "[1, 2, 3, 4, 5]"),
            ("let a = [3, 1, 2]; a.sort(|a, b| a > b); a", "[3, 2, 1]"),
            (
                "let a = [31, 10, 30, 11, 20]; a.order_by(|a, b| a / 10 - b / 10)",
                "[10, 11, 20, 31, 30]",
            ),
            ("let a = []; a.sort(|a, b| 1); a", "[]"),
            ("let a = [2, 1]; a.sort(); a", "[1, 2]"),
        ] {
            assert_eq!(engine().eval::<Dynamic>(code).unwrap().to_string(), expected, "{code}");
        }
    }

    #[test]
    fn an_error_in_a_comparer_is_the_error_of_the_sort() {
        let thrown = engine().eval::<()>("[2, 1].sort(|a, b| throw \"no\")").unwrap_err();
        assert!(thrown.to_string().contains("no"), "{thrown}");
        let other = engine().eval::<()>("[2, 1].sort(|a, b| \"a\")").unwrap_err();
        let other = domain_of(&other).unwrap().to_string();
        assert!(other.ends_with("true or false, found \"a\" (a text)"), "{other}");
    }

    #[test]
    fn replace_means_what_it_means_in_rhai() {
        for arguments in ["\"l\", \"LL\"", "'l', \"LL\"", "\"ll\", '-'", "'l', '-'", "\"\", \".\""]
        {
            let code = format!("let t = \"hello\"; t.replace({arguments}); t");
            let plain = Engine::new().eval::<String>(&code).unwrap();
            assert_eq!(engine().eval::<String>(&code).unwrap(), plain, "{arguments}");
        }
    }
}
