//! Calls of functions: of entries, of Rhai's own, of the script and of imported modules.

use super::finding::Finding;
use super::program::Function;
use super::scope::Type;
use super::vocabulary::{Native, WORDS, agreed};
use super::walk::Walk;
use crate::error::nearest;
use rhai::{Expr, FnCallExpr, Namespace, Position, Token};

impl Walk<'_> {
    /// A call without a receiver.
    pub(super) fn call(&mut self, call: &FnCallExpr, at: Position) -> Type {
        if call.is_qualified() {
            return self.qualified(call, at);
        }
        if let Some(operator) = &call.op_token {
            let operands = self.arguments(&call.args);
            return operation(operator, &operands);
        }
        let (name, arity) = (call.name.as_str(), call.args.len());
        if WORDS.contains(&name)
            || self.scripts().any(|script| script.function(name, arity).is_some())
        {
            self.arguments(&call.args);
            return Type::Unknown;
        }
        let words = self.world.words;
        let natives: Vec<&Native> = words.natives(name).iter().collect();
        let fitting: Vec<&Native> =
            natives.iter().copied().filter(|native| native.arity == arity).collect();
        if let Some(spec) = words.function(None, name) {
            return self.entry(spec, &call.args, at, None);
        }
        let given = self.arguments(&call.args);
        if !fitting.is_empty() {
            return agreed(&fitting).into();
        }
        let own: Vec<&Function> = self.scripts().flat_map(|script| script.named(name)).collect();
        if !natives.is_empty() || !own.is_empty() {
            let arities = natives.iter().map(|native| native.arity);
            let arities = arities.chain(own.iter().map(|function| function.params.len()));
            let hint = own.first().map(|function| function.usage());
            self.find(wrong_count(name, arities.collect(), arity, at).hint(hint));
            return Type::Unknown;
        }
        let finding = Finding::new(at, not_found(name, &given));
        let finding = if self.scope.variable(name).is_some() {
            finding.hint(Some(format!("{name} is a variable: {name}.call(...)")))
        } else {
            let hint = self.suggestion(name);
            finding.hint(hint)
        };
        self.find(finding);
        Type::Unknown
    }

    /// Visits arguments; their types.
    pub(super) fn arguments(&mut self, arguments: &[Expr]) -> Vec<Type> {
        arguments.iter().map(|argument| self.expression(argument)).collect()
    }

    /// A call of a function in a namespace.
    fn qualified(&mut self, call: &FnCallExpr, at: Position) -> Type {
        let (name, arity) = (call.name.as_str(), call.args.len());
        let [namespace] = call.namespace.path.as_slice() else {
            self.arguments(&call.args);
            return Type::Unknown;
        };
        let place = namespace.pos;
        let namespace = namespace.name.as_str();
        let words = self.world.words;
        if let Some(spec) = words.function(Some(namespace), name) {
            return self.entry(spec, &call.args, at, None);
        }
        let given = self.arguments(&call.args);
        let path = format!("{namespace}::{name}");
        if let Some(module) = self.module(namespace, place) {
            let Some(module) = module else { return Type::Unknown };
            let known: Vec<&Function> = module.program.public(name).collect();
            if known.is_empty() {
                let names = module.program.function_names();
                let hint =
                    nearest(name, names).map(|near| format!("did you mean {namespace}::{near}?"));
                self.find(Finding::new(at, not_found(&path, &given)).hint(hint));
            } else if known.iter().all(|function| function.params.len() != arity) {
                let arities = known.iter().map(|function| function.params.len()).collect();
                let hint = known.first().map(|function| function.usage());
                self.find(wrong_count(&path, arities, arity, at).hint(hint));
            }
            return Type::Unknown;
        }
        let natives = words.natives(&path);
        if natives.iter().any(|native| native.arity == arity) {
            return Type::Unknown;
        }
        if !natives.is_empty() {
            let arities = natives.iter().map(|native| native.arity).collect();
            self.find(wrong_count(&path, arities, arity, at));
        } else if words.is_namespace(namespace) || namespace == "global" {
            let hint = self.suggestion(&path);
            self.find(Finding::new(at, not_found(&path, &given)).hint(hint));
        } else {
            self.unknown_namespace(namespace, place);
        }
        Type::Unknown
    }

    /// A variable of a module.
    pub(super) fn qualified_variable(&mut self, namespace: &Namespace, name: &str, at: Position) {
        let [first] = namespace.path.as_slice() else { return };
        let (namespace, place) = (first.name.as_str(), first.pos);
        if namespace == "global" {
            return;
        }
        match self.module(namespace, place) {
            Some(Some(module)) if !module.program.exported.contains(name) => {
                let exported = module.program.exported.iter().map(String::as_str);
                let hint = nearest(name, exported)
                    .map(|near| format!("did you mean {namespace}::{near}?"));
                let message = format!("the module {namespace} exports no {name}");
                self.find(Finding::new(at, message).hint(hint));
            }
            Some(_) => {}
            None if self.world.words.is_namespace(namespace) => {
                let called = self.world.words.function(Some(namespace), name);
                let hint = called.map(|spec| format!("it is a function: {}", spec.signature()));
                let message = format!("undefined variable: {namespace}::{name}");
                self.find(Finding::new(at, message).hint(hint));
            }
            None => self.unknown_namespace(namespace, place),
        }
    }

    fn unknown_namespace(&mut self, name: &str, at: Position) {
        let aliases = self.aliases();
        let names = aliases.into_iter().chain(self.world.words.namespaces());
        let hint = nearest(name, names).map(|near| format!("did you mean {near}?"));
        self.find(Finding::new(at, format!("there is no namespace {name}")).hint(hint));
    }

    /// The function that may have been meant.
    pub(super) fn suggestion(&self, called: &str) -> Option<String> {
        if self.is_full() {
            return None;
        }
        let bare = |name: &str| name.rsplit("::").next().unwrap_or(name).to_owned();
        let own = self.scripts().flat_map(|script| script.function_names()).map(str::to_owned);
        let names: Vec<String> = own.chain(self.world.words.names()).collect();
        let elsewhere = names.iter().find(|name| name.contains("::") && bare(name) == bare(called));
        let near = elsewhere
            .map(String::as_str)
            .or_else(|| nearest(called, names.iter().map(String::as_str)))
            .or_else(|| {
                let same = |name: &&String| nearest(&bare(called), [&*bare(name)]).is_some();
                names.iter().find(same).map(String::as_str)
            });
        near.map(|near| format!("did you mean {near}?"))
    }
}

/// What an operator gives.
fn operation(operator: &Token, operands: &[Type]) -> Type {
    let all = |kind: &'static str| operands.iter().all(|operand| *operand == Type::Kind(kind));
    match operator {
        Token::EqualsTo
        | Token::NotEqualsTo
        | Token::LessThan
        | Token::LessThanEqualsTo
        | Token::GreaterThan
        | Token::GreaterThanEqualsTo
        | Token::In
        | Token::NotIn => Type::Kind("truth"),
        Token::Plus
        | Token::Minus
        | Token::Multiply
        | Token::Divide
        | Token::Modulo
        | Token::PowerOf
        | Token::UnaryMinus
        | Token::UnaryPlus
            if all("number") =>
        {
            Type::Kind("number")
        }
        Token::Plus if all("text") => Type::Kind("text"),
        _ => Type::Unknown,
    }
}

/// The message for a name that is no function, with what it was called with.
pub(super) fn not_found(name: &str, given: &[Type]) -> String {
    let types: Vec<&str> = given.iter().map(|of| of.kind().unwrap_or("?")).collect();
    format!("function not found: {name} ({})", types.join(", "))
}

/// The finding for a number of arguments that a function does not take.
pub(super) fn wrong_count(
    name: &str,
    mut arities: Vec<usize>,
    found: usize,
    at: Position,
) -> Finding {
    arities.sort_unstable();
    arities.dedup();
    let arities: Vec<String> = arities.iter().map(ToString::to_string).collect();
    let expected = arities.join(" or ");
    Finding::new(at, format!("{name}: expected {expected} argument(s), found {found}"))
}
