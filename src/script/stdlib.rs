//! The Rhai modules that come with the program: `import "presets" as presets`.

use rhai::{Engine, Module, Scope, Shared};
use std::collections::BTreeMap;

/// The modules by name, in the order of the manual.
pub const SOURCES: &[(&str, &str)] = &[("presets", include_str!("../../stdlib/presets.rhai"))];

/// The path of a module in errors.
pub fn path(name: &str) -> String {
    format!("stdlib/{name}.rhai")
}

/// The modules, compiled for `engine`.
pub fn modules(engine: &Engine) -> BTreeMap<&'static str, Shared<Module>> {
    let compiled = SOURCES.iter().filter_map(|(name, source)| {
        let mut ast = engine.compile(source).ok()?;
        ast.set_source(path(name));
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine).ok()?;
        Some((*name, Shared::new(module)))
    });
    compiled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_compiles_and_every_file_is_listed() {
        let engine = Engine::new();
        for (name, source) in SOURCES {
            let ast = engine.compile(source).unwrap();
            assert!(ast.iter_functions().count() > 0, "{name} has no function");
        }
        assert_eq!(modules(&engine).len(), SOURCES.len());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, SOURCES.len());
    }
}
