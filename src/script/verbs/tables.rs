//! Tables as script values: printing one shows it.

use crate::script::binding::Binder;
use crate::table::Table;
use rhai::ImmutableString;
use std::rc::Rc;

/// A table as a script holds it.
#[derive(Clone)]
pub struct ScriptTable(Rc<Table>);

impl ScriptTable {
    /// Wraps a table.
    pub fn new(table: Table) -> Self {
        Self(Rc::new(table))
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.0
    }
}

/// Binds printing.
pub fn bind(binder: &mut Binder) {
    let engine = binder.engine();
    engine.register_type_with_name::<ScriptTable>("table");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |table: &mut ScriptTable| {
            ImmutableString::from(table.table().to_string())
        });
    }
}
