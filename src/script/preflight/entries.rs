//! Calls of entries: number of arguments, options, and the values of literals and of what has a
//! known type.

use super::finding::Finding;
use super::program::{Program, closure};
use super::scope::Type;
use super::walk::Walk;
use crate::error::{Error, Result};
use crate::registry::{Default, Kind, Param, Spec, Value, one};
use crate::script::binding::{converted, no_callback};
use crate::script::param::PARAM;
use crate::script::run::{draws, no_seed};
use crate::script::value::to_value;
use crate::script::verbs::{GRID, captured_receiver};
use crate::stats::REPLICATE;
use rhai::{Dynamic, Expr, Ident, Position, Token};
use std::ffi::OsStr;
use std::path::Path;

/// An argument as it stands in a call.
struct Given<'x> {
    value: &'x Expr,
    of: Type,
}

/// What is known of the last argument of a call, where it may be the options.
enum Options<'x> {
    /// There are none.
    None,
    /// They are this literal map.
    Literal(Vec<(&'x Ident, Given<'x>)>),
    /// They may be something.
    Unknown,
}

impl Walk<'_> {
    /// A call of an entry; `receiver` is the variable whose method it is, if it is one.
    pub(super) fn entry(
        &mut self,
        spec: &'static Spec,
        arguments: &[Expr],
        at: Position,
        receiver: Option<&str>,
    ) -> Type {
        let is_grid = (spec.home, spec.name) == (GRID.home, GRID.name);
        let (given, options) = if is_grid {
            (self.sweep(arguments), Options::None)
        } else {
            match self.split(spec, arguments, at) {
                Some(split) => split,
                None => return Type::returned(spec.returns),
            }
        };
        let most = spec.inputs.len();
        if given.len() < spec.required_inputs() || given.len() > most {
            self.find(Finding::of(&spec.wrong_count(given.len()), at));
            return Type::returned(spec.returns);
        }
        for (param, argument) in spec.inputs.iter().zip(&given) {
            let place = argument.value.start_position();
            self.value(spec, param, argument, false, place, receiver);
        }
        self.options(spec, &options, at, receiver);
        if (spec.home, spec.name) == (PARAM.home, PARAM.name) {
            // What --set gives is read as the type of the default.
            let default = given.get(1).map(|argument| argument.of.clone());
            let plain = [Type::Kind("number"), Type::Kind("truth"), Type::Kind("text")];
            return default.filter(|of| plain.contains(of)).unwrap_or(Type::Unknown);
        }
        Type::returned(spec.returns)
    }

    /// The arguments of a sweep: its cells get a map with one level of every axis.
    fn sweep<'x>(&mut self, arguments: &'x [Expr]) -> Vec<Given<'x>> {
        let mut given: Vec<Given> = Vec::new();
        for (index, value) in arguments.iter().enumerate() {
            let axes = given.first().map_or(Type::Unknown, |axes| axes.of.clone());
            let of = match closure(value).filter(|_| index == 1) {
                Some(cell) => {
                    let outer = std::mem::replace(&mut self.in_sweep, axes.has_key(REPLICATE));
                    self.closure(&cell, &[axes]);
                    self.in_sweep = outer;
                    Type::Kind("function")
                }
                None => self.expression(value),
            };
            given.push(Given { value, of });
        }
        given
    }

    /// Positional arguments and options; `None` where they cannot be told apart.
    fn split<'x>(
        &mut self,
        spec: &Spec,
        arguments: &'x [Expr],
        at: Position,
    ) -> Option<(Vec<Given<'x>>, Options<'x>)> {
        let (count, required, most) = (arguments.len(), spec.required_inputs(), spec.inputs.len());
        let may_be = !spec.params.is_empty() && count > required;
        if let (true, Some((Expr::Map(map, _), rest))) = (may_be, arguments.split_last()) {
            let given = rest.iter().map(|value| self.given(value)).collect();
            let options = map.0.iter().map(|(key, value)| (key, self.given(value))).collect();
            return Some((given, Options::Literal(options)));
        }
        let mut given: Vec<Given> = arguments.iter().map(|value| self.given(value)).collect();
        if !may_be {
            return Some((given, Options::None));
        }
        match given.last().map(|last| last.of.kind()) {
            Some(Some("map")) => {
                given.pop();
                Some((given, Options::Unknown))
            }
            Some(None) if count > most => {
                given.pop();
                Some((given, Options::Unknown))
            }
            Some(None) => None,
            Some(Some(kind)) if count == most + 1 => {
                let found =
                    given.last().map_or_else(String::new, |last| described(last.value, kind));
                self.find(Finding::of(&spec.no_options(&found), at));
                None
            }
            _ => Some((given, Options::None)),
        }
    }

    fn given<'x>(&mut self, value: &'x Expr) -> Given<'x> {
        Given { value, of: self.expression(value) }
    }

    fn options(
        &mut self,
        spec: &'static Spec,
        options: &Options,
        at: Position,
        receiver: Option<&str>,
    ) {
        let empty = Vec::new();
        let given = match options {
            Options::Unknown => return,
            Options::None => &empty,
            Options::Literal(given) => given,
        };
        for (key, argument) in given {
            match spec.params.iter().find(|param| param.name == key.name.as_str()) {
                Some(param) => self.value(spec, param, argument, true, key.pos, receiver),
                None => self.find(Finding::of(&spec.unknown_option(&key.name), key.pos)),
            }
        }
        let has = |name: &str| given.iter().any(|(key, _)| key.name.as_str() == name);
        for param in spec.params {
            if param.default == Default::Required && !has(param.name) {
                self.find(Finding::of(&spec.missing(param), at));
            }
        }
        if self.in_sweep && draws(spec) && !has("seed") {
            self.find(Finding { warns_of: Some(spec), ..Finding::new(at, no_seed(spec)) });
        }
    }

    /// One value for `param`; a fault is shown at `place`.
    fn value(
        &mut self,
        spec: &Spec,
        param: &Param,
        argument: &Given,
        is_option: bool,
        place: Position,
        receiver: Option<&str>,
    ) {
        let literal = literal(argument.value);
        let is_left_out = argument.of == Type::Kind("nothing") && is_option;
        if param.kind == Kind::Any || is_left_out && param.kind != Kind::Callback {
            return;
        }
        let captures = param.kind == Kind::Callback
            && closure(argument.value).is_some_and(|callback| {
                callback.captured.iter().any(|(name, _)| Some(*name) == receiver)
            });
        let wrong: Option<Error> = if captures {
            Some(captured_receiver())
        } else if param.kind == Kind::Callback {
            let other = argument.of.kind().filter(|kind| *kind != "function");
            other.map(|kind| no_callback(spec, param, &described(argument.value, kind)))
        } else if let Some(value) = literal {
            let checked = converted(Some(param), &value);
            let checked = checked.and_then(|value| param.check(spec.name, value));
            checked.and_then(|value| self.file(spec, param, &value)).err()
        } else {
            let other = argument.of.kind().filter(|kind| !fits(param.kind, kind));
            other.map(|kind| param.mismatch(spec.name, &described(argument.value, kind)))
        };
        if let Some(error) = wrong {
            self.find(Finding::of(&error, place));
        }
    }

    /// Refuses a path where no file is, if it is surely read and the script itself does not save
    /// it before.
    fn file(&self, spec: &Spec, param: &Param, value: &Value) -> Result<()> {
        let (Kind::File, Value::Text(path)) = (param.kind, value) else { return Ok(()) };
        if self.in_function || self.scope.depth() > 1 {
            return Ok(());
        }
        let path = Path::new(path);
        let stem = path.file_stem().and_then(OsStr::to_str);
        let texts = |program: &Program| stem.is_some_and(|stem| program.texts.contains(stem));
        if self.scripts().any(texts) {
            return Ok(());
        }
        self.world.files.readable(path).map(|_| ()).map_err(|error| error.within(spec.name))
    }
}

/// Whether a value of a known kind may be one that the parameter takes.
fn fits(expected: Kind, kind: &str) -> bool {
    match expected {
        Kind::Bool => kind == "truth",
        Kind::Int { .. } | Kind::Float { .. } => kind == "number",
        Kind::Text | Kind::File | Kind::Choice(_) => kind == "text",
        Kind::Floats { .. } => matches!(kind, "number" | "list" | "correctness"),
        Kind::Ints | Kind::Texts | Kind::Handles(_) => kind == "list",
        Kind::Handle(handle) => kind == handle || kind == "text",
        Kind::Either { words, kinds } => {
            kinds.contains(&kind) || kind == "text" && !words.is_empty()
        }
        Kind::Any => true,
        Kind::Callback => kind == "function",
    }
}

/// The value of an expression that is written out; a sign is an operator to Rhai.
fn literal(expression: &Expr) -> Option<Dynamic> {
    match expression {
        Expr::FnCall(call, _) if call.op_token == Some(Token::UnaryMinus) => {
            let value = literal(call.args.first()?)?;
            let whole = value.as_int().ok().and_then(i64::checked_neg).map(Dynamic::from);
            whole.or_else(|| value.as_float().ok().map(|number| Dynamic::from(-number)))
        }
        Expr::Array(items, _) => {
            let items: Option<rhai::Array> = items.iter().map(literal).collect();
            items.map(Dynamic::from)
        }
        other => other.get_literal_value(None),
    }
}

/// A value as errors describe it: written out where it is a literal.
fn described(expression: &Expr, kind: &str) -> String {
    match literal(expression) {
        Some(value) if kind != "map" => to_value(&value, Kind::Any).found(),
        _ if kind == "nothing" => kind.to_owned(),
        _ => one(kind),
    }
}
