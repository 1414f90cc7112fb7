//! Goes through all statements and expressions of a script, in the order of the text, and keeps
//! track of what its variables are.

use super::finding::{Finding, SHOWN};
use super::modules::{Module, Modules};
use super::program::{Closure, Program, closure, root};
use super::scope::{Scope, Type};
use super::syntax::unclosed_comment;
use super::vocabulary::Vocabulary;
use crate::confinement::Confinement;
use rhai::{Expr, FlowControl, Position, Stmt};
use std::rc::Rc;

/// What surrounds a script and the modules it imports.
pub struct World<'p> {
    /// What every script can name.
    pub words: &'p Vocabulary,
    /// The functions that the session defined before.
    pub session: &'p Program,
    /// Variables that are visible everywhere.
    pub globals: &'p [String],
    /// The modules.
    pub modules: &'p Modules,
    /// What the script may read.
    pub files: &'p Confinement,
}

/// One walk through one script.
pub struct Walk<'p> {
    pub(super) world: &'p World<'p>,
    pub(super) program: &'p Program,
    pub(super) scope: Scope,
    /// Whether a sweep over seeds encloses this place.
    pub(super) in_sweep: bool,
    pub(super) in_function: bool,
    in_try: bool,
    /// The imports of the top level so far, which functions see too.
    pub(super) imports: Vec<(String, Position, Option<Rc<Module>>)>,
    pub(super) findings: Vec<Finding>,
}

impl<'p> Walk<'p> {
    /// A walk through `program`.
    pub fn new(world: &'p World<'p>, program: &'p Program) -> Self {
        Self {
            world,
            program,
            scope: Scope::default(),
            in_sweep: false,
            in_function: false,
            in_try: false,
            imports: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// What is wrong with the script, in the order of its text.
    pub fn findings(mut self) -> Vec<Finding> {
        let program = self.program;
        self.block(program.ast.statements());
        self.in_function = true;
        for function in program.functions.values().flatten().filter(|f| f.is_named()) {
            self.scope = Scope::default();
            self.scope.open();
            for parameter in &function.params {
                self.scope.declare(parameter, Type::Unknown);
            }
            self.block(&function.body);
        }
        if let Some(start) = unclosed_comment(&program.source) {
            let message = "the comment is not closed, so that the rest of the script is none";
            self.find(Finding::new(start, message).hint(Some("close it with */")));
        }
        let mut findings = self.findings;
        findings.sort_by_key(|finding| finding.at);
        findings.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        findings
    }

    /// Notes a fault; one that a script expects and catches is none.
    pub(super) fn find(&mut self, finding: Finding) {
        if !self.in_try {
            self.findings.push(finding);
        }
    }

    /// Whether there are more faults than anyone reads: looking for what was meant takes time.
    pub(super) fn is_full(&self) -> bool {
        self.findings.len() > SHOWN
    }

    /// Statements in a block of their own; the type of the last one's value.
    fn block(&mut self, statements: &[Stmt]) -> Type {
        self.scope.open();
        let mut last = Type::Unknown;
        for statement in statements {
            last = self.statement(statement);
        }
        self.scope.close();
        last
    }

    fn statement(&mut self, statement: &Stmt) -> Type {
        match statement {
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                let value = self.block(flow.body.statements());
                return value.or(&self.block(flow.branch.statements()));
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                self.scope.open();
                for case in &parts.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
                self.scope.close();
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr);
                self.block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                self.expression(&parts.2.expr);
                self.scope.open();
                for name in std::iter::once(&parts.0).chain(&parts.1) {
                    self.scope.declare(&name.name, Type::Unknown);
                }
                self.block(parts.2.body.statements());
                self.scope.close();
            }
            Stmt::Var(parts, ..) => {
                let of = self.expression(&parts.1);
                let name = parts.0.name.as_str();
                let of = self.lasting(name, of);
                self.scope.declare(name, of);
            }
            Stmt::Assignment(parts) => {
                self.expression(&parts.1.rhs);
                self.target(&parts.1.lhs);
            }
            Stmt::FnCall(call, position) => return self.call(call, *position),
            Stmt::Block(block) => return self.block(block.statements()),
            Stmt::TryCatch(flow, _) => self.try_catch(flow),
            Stmt::Expr(expression) => return self.expression(expression),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Import(parts, position) => self.import(&parts.0, &parts.1.name, *position),
            _ => {}
        }
        Type::Unknown
    }

    fn try_catch(&mut self, flow: &FlowControl) {
        let outer = std::mem::replace(&mut self.in_try, true);
        self.block(flow.body.statements());
        self.in_try = outer;
        self.scope.open();
        if let Some(name) = root(&flow.expr) {
            self.scope.declare(name, Type::Unknown);
        }
        self.block(flow.branch.statements());
        self.scope.close();
    }

    /// An expression and all in it; what is known of its value.
    pub(super) fn expression(&mut self, expression: &Expr) -> Type {
        if let Some(closure) = closure(expression) {
            self.closure(&closure, &[]);
            return Type::Kind("function");
        }
        match expression {
            Expr::BoolConstant(..) => Type::Kind("truth"),
            Expr::IntegerConstant(..) | Expr::FloatConstant(..) => Type::Kind("number"),
            Expr::StringConstant(..) => Type::Kind("text"),
            Expr::Unit(_) => Type::Kind("nothing"),
            Expr::InterpolatedString(parts, _) => {
                self.all(parts.iter());
                Type::Kind("text")
            }
            Expr::Array(items, _) => {
                self.all(items.iter());
                Type::Kind("list")
            }
            Expr::Map(map, _) => {
                self.all(map.0.iter().map(|(_, value)| value));
                Type::record(map.0.iter().map(|(key, _)| key.name.as_str()))
            }
            Expr::Variable(parts, _, position) if parts.2.is_empty() => {
                self.variable(&parts.1, *position)
            }
            Expr::Variable(parts, _, position) => {
                self.qualified_variable(&parts.2, &parts.1, *position);
                Type::Unknown
            }
            Expr::Stmt(block) => self.block(block.statements()),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(pair, flags, _) => {
                let receiver = self.expression(&pair.lhs);
                let name = root(&pair.lhs).filter(|_| matches!(pair.lhs, Expr::Variable(..)));
                self.after_dot(receiver, &pair.rhs, *flags, name)
            }
            Expr::Index(pair, flags, _) => {
                self.expression(&pair.lhs);
                self.after_bracket(&pair.rhs, *flags)
            }
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                self.all(parts.iter());
                Type::Kind("truth")
            }
            Expr::Coalesce(parts, _) => {
                self.all(parts.iter());
                Type::Unknown
            }
            Expr::Custom(custom, _) => {
                self.all(custom.inputs.iter());
                Type::Unknown
            }
            _ => Type::Unknown,
        }
    }

    fn all<'x>(&mut self, expressions: impl Iterator<Item = &'x Expr>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    /// A closure, whose own parameters are of these types as far as they are known.
    pub(super) fn closure(&mut self, closure: &Closure, own: &[Type]) {
        let captured: Vec<Type> =
            closure.captured.iter().map(|(name, at)| self.variable(name, *at)).collect();
        let program = self.program;
        let Some(function) = program.named(&closure.name).next() else { return };
        let inside = self.scope.of_function();
        let outside = std::mem::replace(&mut self.scope, inside);
        let was_in_function = std::mem::replace(&mut self.in_function, true);
        self.scope.open();
        for (index, parameter) in function.params.iter().enumerate() {
            let of = captured.get(index).or_else(|| own.get(index.checked_sub(captured.len())?));
            let of = self.lasting(parameter, of.cloned().unwrap_or(Type::Unknown));
            self.scope.declare(parameter, of);
        }
        self.block(&function.body);
        self.scope = outside;
        self.in_function = was_in_function;
    }
}
