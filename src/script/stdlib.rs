//! The Rhai modules that come with the program: `import "presets" as presets`.

use super::param::head_comment;
use rhai::module_resolvers::StaticModuleResolver;
use rhai::{Engine, FnAccess, Scope, Shared};
use std::collections::BTreeMap;

/// The modules by name, in the order of the manual.
pub const SOURCES: &[(&str, &str)] = &[
    ("gains", include_str!("../../stdlib/gains.rhai")),
    ("figures", include_str!("../../stdlib/figures.rhai")),
    ("presets", include_str!("../../stdlib/presets.rhai")),
    ("wording", include_str!("../../stdlib/wording.rhai")),
    ("manipulation", include_str!("../../stdlib/manipulation.rhai")),
    ("salman2020", include_str!("../../stdlib/salman2020.rhai")),
    ("control_data", include_str!("../../stdlib/control_data.rhai")),
    ("controls", include_str!("../../stdlib/controls.rhai")),
    ("evidence", include_str!("../../stdlib/evidence.rhai")),
    ("noise_floor", include_str!("../../stdlib/noise_floor.rhai")),
    ("other_evidence", include_str!("../../stdlib/other_evidence.rhai")),
];

/// The path of a module in errors.
pub fn path(name: &str) -> String {
    format!("stdlib/{name}.rhai")
}

/// The modules, compiled for `engine`; each may import those before it.
pub fn compiled(engine: &mut Engine) -> BTreeMap<&'static str, Shared<rhai::Module>> {
    let mut compiled = BTreeMap::<&str, Shared<rhai::Module>>::new();
    for (name, source) in SOURCES {
        let mut before = StaticModuleResolver::new();
        for (name, module) in &compiled {
            before.insert(*name, module.as_ref().clone());
        }
        engine.set_module_resolver(before);
        let Ok(mut ast) = engine.compile(source) else { continue };
        ast.set_source(path(name));
        if let Ok(module) = rhai::Module::eval_ast_as_new(Scope::new(), &ast, engine) {
            compiled.insert(*name, Shared::new(module));
        }
    }
    compiled
}

/// A module of stdlib/, as the manual shows it.
pub struct Module {
    /// The name to import it by.
    pub name: &'static str,
    /// What it holds, from the head comment.
    pub doc: String,
    /// Its functions in the order of the file; private ones are left out.
    pub functions: Vec<Function>,
}

/// A function of a module of stdlib/.
pub struct Function {
    /// The name.
    pub name: String,
    /// The names of its parameters.
    pub parameters: Vec<String>,
    /// Its documentation, as one paragraph.
    pub doc: String,
}

/// All modules of stdlib/.
pub fn modules() -> Vec<Module> {
    let engine = Engine::new_raw();
    let module = |(name, source): &(&'static str, &'static str)| {
        let ast = engine.compile(source).unwrap_or_default();
        // Closures are functions to Rhai, with a name that no file can call.
        let called = ast.iter_functions().filter(|function| !function.name.starts_with("anon$"));
        let public = called.filter(|function| function.access == FnAccess::Public);
        let mut functions: Vec<Function> = public
            .map(|function| Function {
                name: function.name.to_owned(),
                parameters: function.params.iter().map(|name| (*name).to_owned()).collect(),
                doc: paragraph(&function.comments),
            })
            .collect();
        functions.sort_by_key(|function| source.find(&format!("fn {}(", function.name)));
        Module { name, doc: head_comment(source).replace('\n', " "), functions }
    };
    SOURCES.iter().map(module).collect()
}

fn paragraph(comments: &[&str]) -> String {
    let lines = comments.iter().flat_map(|comment| comment.lines());
    let texts = lines.map(|line| line.trim().trim_start_matches('/').trim());
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_compiles_is_documented_and_listed() {
        let mut engine = Engine::new();
        for (name, source) in SOURCES {
            let ast = engine.compile(source).unwrap();
            assert!(ast.iter_functions().count() > 0, "{name} has no function");
        }
        assert_eq!(compiled(&mut engine).len(), SOURCES.len());
        for module in modules() {
            for function in module.functions {
                let sentence =
                    function.doc.starts_with(char::is_uppercase) && function.doc.ends_with('.');
                assert!(sentence, "{}::{}: {}", module.name, function.name, function.doc);
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, SOURCES.len());
    }
}
