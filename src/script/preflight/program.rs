//! A compiled script, taken apart: what it defines, and which names it assigns.

use super::vocabulary::WORDS;
use crate::script::hoist;
use rhai::{
    AST, ASTFlags, ASTNode, Expr, FnAccess, FnCallExpr, ImmutableString, Module, Position, Stmt,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One function or closure of a script.
#[derive(Debug)]
pub struct Function {
    /// The name; that of a closure starts with `anon$`.
    pub name: ImmutableString,
    /// Its parameters; what a closure captured comes first.
    pub params: Vec<ImmutableString>,
    /// Its statements.
    pub body: Vec<Stmt>,
    private: bool,
}

impl Function {
    /// Whether it has a name in the text.
    pub fn is_named(&self) -> bool {
        !self.name.starts_with("anon$")
    }

    /// How it is called.
    pub fn usage(&self) -> String {
        format!("usage: {}({})", self.name, self.params.join(", "))
    }
}

/// A script that parses.
pub struct Program {
    /// Where it is from.
    pub name: Rc<str>,
    /// What it says.
    pub source: Rc<str>,
    /// Its statements.
    pub ast: AST,
    /// Its functions and closures by name.
    pub functions: BTreeMap<ImmutableString, Vec<Function>>,
    /// The constants at its top level.
    pub constants: BTreeSet<String>,
    /// The variables that are declared at its top level, for hints.
    pub variables: BTreeSet<String>,
    /// All variables that are declared anywhere, for hints.
    pub declared: BTreeSet<String>,
    /// What its top level exports.
    pub exported: BTreeSet<String>,
    /// Variables that get another value somewhere; their type is not known.
    pub assigned: BTreeSet<String>,
    /// Variables whose content changes somewhere, or may.
    pub touched: BTreeSet<String>,
    /// The modules it imports by a literal name.
    pub imports: BTreeSet<String>,
    /// Keys of maps that are written out.
    pub keys: BTreeSet<String>,
    /// Texts that are written out: they may be keys.
    pub texts: BTreeSet<String>,
}

impl Program {
    /// Takes `ast`, compiled from `source`, apart.
    pub fn new(name: &str, source: &str, ast: AST) -> Self {
        let mut program = Self {
            name: name.into(),
            source: source.into(),
            functions: functions(&ast),
            constants: hoist::constants(source).into_iter().map(str::to_owned).collect(),
            variables: BTreeSet::new(),
            declared: BTreeSet::new(),
            exported: BTreeSet::new(),
            assigned: BTreeSet::new(),
            touched: BTreeSet::new(),
            imports: BTreeSet::new(),
            keys: BTreeSet::new(),
            texts: BTreeSet::new(),
            ast,
        };
        program.read_top_level();
        program.read_nodes();
        program
    }

    /// The function of a name that takes so many arguments.
    pub fn function(&self, name: &str, arity: usize) -> Option<&Function> {
        self.named(name).find(|function| function.params.len() == arity)
    }

    /// All functions of a name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Function> {
        self.functions.get(name).into_iter().flatten()
    }

    /// Whether some map may have this key.
    pub fn may_be_key(&self, name: &str) -> bool {
        self.keys.contains(name) || self.texts.contains(name)
    }

    /// The functions that another script may call.
    pub fn public(&self, name: &str) -> impl Iterator<Item = &Function> {
        self.named(name).filter(|function| function.is_named() && !function.private)
    }

    /// The names of its functions.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        let all = self.functions.values().flatten();
        all.filter(|function| function.is_named()).map(|function| function.name.as_str())
    }

    fn read_top_level(&mut self) {
        for statement in self.ast.statements() {
            match statement {
                Stmt::Var(variable, flags, _) => {
                    self.variables.insert(variable.0.name.to_string());
                    if flags.contains(ASTFlags::EXPORTED) {
                        self.exported.insert(variable.0.name.to_string());
                    }
                }
                Stmt::Export(export, _) => {
                    let (name, alias) = &**export;
                    let seen = if alias.is_empty() { name } else { alias };
                    self.exported.insert(seen.name.to_string());
                }
                _ => {}
            }
        }
    }

    fn read_nodes(&mut self) {
        let (assigned, touched, keys) = (&mut self.assigned, &mut self.touched, &mut self.keys);
        let (imports, declared) = (&mut self.imports, &mut self.declared);
        let texts = &mut self.texts;
        self.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                    let target = &parts.1.lhs;
                    if let (Expr::Variable(..), Some(name)) = (target, root(target)) {
                        assigned.insert(name.to_owned());
                    }
                    touched.extend(root(target).map(str::to_owned));
                }
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    declared.insert(variable.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                    if let Expr::StringConstant(path, _) = &import.0 {
                        imports.insert(path.to_string());
                    }
                }
                Some(ASTNode::Expr(Expr::Dot(pair, ..)))
                    if matches!(first(&pair.rhs), Expr::MethodCall(..)) =>
                {
                    touched.extend(root(&pair.lhs).map(str::to_owned));
                }
                // A function of Rhai may change its first argument.
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) if changes_first(call) => {
                    touched.extend(call.args.first().and_then(root).map(str::to_owned));
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    keys.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                    texts.insert(text.to_string());
                }
                Some(ASTNode::Expr(Expr::Property(property, _))) if is_target(path) => {
                    keys.insert(property.2.to_string());
                }
                _ => {}
            }
            true
        });
    }
}

fn changes_first(call: &FnCallExpr) -> bool {
    !call.is_operator_call() && !call.is_qualified() && !WORDS.contains(&call.name.as_str())
}

/// Whether the node at the end of `path` lies in what an assignment writes to.
fn is_target(path: &[ASTNode]) -> bool {
    path.iter().any(|node| matches!(node, ASTNode::Stmt(Stmt::Assignment(_))))
}

/// The first link of the rest of a chain.
fn first(rest: &Expr) -> &Expr {
    match rest {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => first(&pair.lhs),
        link => link,
    }
}

/// The variable that a chain of properties and indices starts with.
pub fn root(chain: &Expr) -> Option<&str> {
    match chain {
        Expr::Variable(variable, ..) if variable.2.is_empty() => Some(variable.1.as_str()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        _ => None,
    }
}

/// The functions of a compiled script. Rhai shows the bodies of its functions to a walk only, one
/// function at a time here so that each body is known by its function.
fn functions(ast: &AST) -> BTreeMap<ImmutableString, Vec<Function>> {
    let mut all: BTreeMap<ImmutableString, Vec<Function>> = BTreeMap::new();
    for definition in ast.iter_fn_def() {
        let name = &definition.name;
        let mut only = Module::new();
        only.set_script_fn(definition.clone());
        let alone = AST::new(Vec::new(), only);
        let mut body = Vec::new();
        alone.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        all.entry(name.clone()).or_default().push(Function {
            name: name.clone(),
            params: definition.params.iter().cloned().collect(),
            body,
            private: definition.access == FnAccess::Private,
        });
    }
    all
}

/// A closure as it stands in an expression.
pub struct Closure<'e> {
    /// The name of its function.
    pub name: ImmutableString,
    /// The variables it captures, and where it first uses them.
    pub captured: Vec<(&'e str, Position)>,
}

/// The closure that `expression` is, if it is one.
pub fn closure(expression: &Expr) -> Option<Closure<'_>> {
    match expression {
        Expr::DynamicConstant(value, _) => {
            let pointer = value.read_lock::<rhai::FnPtr>()?;
            let name = pointer.fn_name().into();
            Some(Closure { name, captured: Vec::new() })
        }
        Expr::Stmt(block) => {
            let [Stmt::Share(_), Stmt::Expr(curried)] = block.statements() else { return None };
            let Expr::FnCall(call, _) = &**curried else { return None };
            let (first, rest) = call.args.split_first()?;
            let captured = rest.iter().filter_map(|argument| match argument {
                Expr::Variable(variable, _, position) => Some((variable.1.as_str(), *position)),
                _ => None,
            });
            Some(Closure { name: closure(first)?.name, captured: captured.collect() })
        }
        _ => None,
    }
}
