//! Chains of properties, methods and indices, by the kind of their receiver where it is known.

use super::calls::wrong_count;
use super::finding::Finding;
use super::program::Function;
use super::scope::Type;
use super::vocabulary::{Native, WORDS, agreed};
use super::walk::Walk;
use crate::error::nearest;
use crate::registry::{Home, Spec, one};
use rhai::{ASTFlags, Expr, FnCallExpr, Position};

impl Walk<'_> {
    /// What follows a dot: a property or a method, and the rest of the chain.
    pub(super) fn after_dot(
        &mut self,
        receiver: Type,
        rest: &Expr,
        flags: ASTFlags,
        name: Option<&str>,
    ) -> Type {
        // Before `?.` there may be nothing.
        let sure = !flags.intersects(ASTFlags::NEGATED);
        let receiver = if sure { receiver } else { Type::Unknown };
        match rest {
            Expr::Dot(pair, flags, _) => {
                let next = self.member(&receiver, &pair.lhs, name);
                self.after_dot(if sure { next } else { Type::Unknown }, &pair.rhs, *flags, None)
            }
            Expr::Index(pair, flags, _) => {
                self.member(&receiver, &pair.lhs, name);
                self.after_bracket(&pair.rhs, *flags)
            }
            last if sure => self.member(&receiver, last, name),
            last => {
                self.member(&receiver, last, name);
                Type::Unknown
            }
        }
    }

    /// What follows a bracket: the index, and the rest of the chain unless it ends here.
    pub(super) fn after_bracket(&mut self, rest: &Expr, flags: ASTFlags) -> Type {
        match rest {
            Expr::Dot(pair, next, _) if !flags.intersects(ASTFlags::BREAK) => {
                self.expression(&pair.lhs);
                self.after_dot(Type::Unknown, &pair.rhs, *next, None)
            }
            Expr::Index(pair, next, _) if !flags.intersects(ASTFlags::BREAK) => {
                self.expression(&pair.lhs);
                self.after_bracket(&pair.rhs, *next)
            }
            index => {
                self.expression(index);
                Type::Unknown
            }
        }
    }

    /// What an assignment writes to: its variable must exist, its properties need not.
    pub(super) fn target(&mut self, target: &Expr) {
        match target {
            Expr::Dot(pair, flags, _) => {
                self.expression(&pair.lhs);
                self.after_dot(Type::Unknown, &pair.rhs, *flags, None);
            }
            other => {
                self.expression(other);
            }
        }
    }

    /// One link of a chain; `name` is the variable before the dot, if there is nothing else.
    fn member(&mut self, of: &Type, link: &Expr, name: Option<&str>) -> Type {
        match link {
            Expr::Property(property, at) => self.property(of, &property.2, *at),
            Expr::MethodCall(call, at) => self.method(of, call, *at, name),
            other => self.expression(other),
        }
    }

    fn property(&mut self, of: &Type, name: &str, at: Position) -> Type {
        if let Type::Record(keys) = of {
            // A script that writes the key as a text may ask for it first: `"x" in map`.
            let asked = self.program.texts.contains(name);
            if !asked && !keys.iter().any(|key| key == name) {
                let hint = nearest(name, keys.iter().map(String::as_str));
                let hint = hint.map(|near| format!("did you mean {near}?"));
                let known = format!("it has {}", keys.join(", "));
                let message = format!("there is no property {name} in this map");
                self.find(Finding::new(at, message).hint(hint).hint(Some(known)));
            }
            return Type::Unknown;
        }
        let words = self.world.words;
        let Some(kind) = of.kind().filter(|kind| *kind != "map" && words.knows(kind)) else {
            return Type::Unknown;
        };
        if let Some(gives) = words.property(kind, name) {
            return gives.into();
        }
        let finding =
            Finding::new(at, format!("{kind}.{name}: {} has no property {name}", one(kind)));
        let methods = words.methods_of(kind);
        let finding = if methods.contains(&name) || !words.natives_of(kind, name).is_empty() {
            finding.hint(Some(format!("it is a method: {name}(...)")))
        } else {
            let properties = words.properties(kind);
            let near = nearest(name, properties.iter().copied());
            let known = (!properties.is_empty())
                .then(|| format!("properties of {}: {}", one(kind), properties.join(", ")));
            finding.hint(near.map(|near| format!("did you mean {near}?"))).hint(known)
        };
        self.find(finding);
        Type::Unknown
    }

    fn method(&mut self, of: &Type, call: &FnCallExpr, at: Position, name: Option<&str>) -> Type {
        let (called, arity) = (call.name.as_str(), call.args.len());
        let own: Vec<&Function> = self.scripts().flat_map(|script| script.named(called)).collect();
        if WORDS.contains(&called) || own.iter().any(|function| function.params.len() == arity) {
            self.arguments(&call.args);
            return Type::Unknown;
        }
        match of.kind().filter(|kind| *kind != "map" && self.world.words.knows(kind)) {
            Some(kind) => self.method_of(kind, call, at, name, &own),
            None => self.method_of_any(call, at, name, &own),
        }
    }

    fn method_of(
        &mut self,
        kind: &'static str,
        call: &FnCallExpr,
        at: Position,
        name: Option<&str>,
        own: &[&Function],
    ) -> Type {
        let (called, arity) = (call.name.as_str(), call.args.len());
        let words = self.world.words;
        if let Some(spec) = words.methods(called).find(|spec| spec.home == Home::Method(kind)) {
            return self.entry(spec, &call.args, at, name);
        }
        self.arguments(&call.args);
        let natives = words.natives_of(kind, called);
        let fitting: Vec<&Native> =
            natives.iter().copied().filter(|native| native.arity == arity + 1).collect();
        if !fitting.is_empty() {
            return agreed(&fitting).into();
        }
        if !natives.is_empty() || !own.is_empty() {
            self.find(method_count(called, natives, own, arity, at));
            return Type::Unknown;
        }
        let finding =
            Finding::new(at, format!("{kind}.{called}: {} has no method {called}", one(kind)));
        let finding = if words.property(kind, called).is_some() {
            finding.hint(Some(format!("it is a property: .{called} without ()")))
        } else {
            let methods = words.methods_of(kind);
            let all = methods.iter().copied().chain(words.native_methods(kind));
            let near = nearest(called, all).map(|near| format!("did you mean {near}?"));
            let known = (!methods.is_empty())
                .then(|| format!("methods of {}: {}", one(kind), methods.join(", ")));
            finding.hint(near).hint(known)
        };
        self.find(finding);
        Type::Unknown
    }

    /// A method of a value of which nothing is known: some type must have it, or a map of the
    /// script may hold a function of that name.
    fn method_of_any(
        &mut self,
        call: &FnCallExpr,
        at: Position,
        name: Option<&str>,
        own: &[&Function],
    ) -> Type {
        let (called, arity) = (call.name.as_str(), call.args.len());
        let words = self.world.words;
        let in_a_map = self.scripts().any(|script| script.may_be_key(called))
            || self.world.modules.has_key(called);
        let specs: Vec<&'static Spec> = words.methods(called).collect();
        let natives: Vec<&Native> = words.natives(called).iter().collect();
        if let ([spec], true, true, false) =
            (specs.as_slice(), natives.is_empty(), own.is_empty(), in_a_map)
        {
            return self.entry(spec, &call.args, at, name);
        }
        self.arguments(&call.args);
        let fits = natives.iter().any(|native| native.arity == arity + 1)
            || specs.iter().any(|spec| takes(spec, arity));
        if in_a_map || fits {
            return Type::Unknown;
        }
        if specs.is_empty() && natives.is_empty() && own.is_empty() {
            let hint = self.suggestion(called);
            self.find(Finding::new(at, format!("no type has a method {called}")).hint(hint));
        } else if specs.is_empty() {
            self.find(method_count(called, natives, own, arity, at));
        }
        Type::Unknown
    }
}

/// Whether an entry may be called with so many arguments.
fn takes(spec: &Spec, arity: usize) -> bool {
    let most = spec.inputs.len() + usize::from(!spec.params.is_empty());
    (spec.required_inputs()..=most).contains(&arity)
}

fn method_count(
    name: &str,
    natives: Vec<&Native>,
    own: &[&Function],
    found: usize,
    at: Position,
) -> Finding {
    let arities = natives.iter().map(|native| native.arity.saturating_sub(1));
    let arities = arities.chain(own.iter().map(|function| function.params.len()));
    let hint = own.first().map(|function| function.usage());
    wrong_count(name, arities.collect(), found, at).hint(hint)
}
