//! The Rhai modules that come with the program: `import "presets" as presets`.

use rhai::module_resolvers::{FileModuleResolver, ModuleResolversCollection, StaticModuleResolver};
use rhai::{Engine, Module, Scope};

/// The modules by name, in the order of the manual.
const MODULES: &[(&str, &str)] = &[("presets", include_str!("../../stdlib/presets.rhai"))];

/// The text of a module of stdlib/.
pub fn source(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}

/// Lets `engine` import the modules of stdlib/, and files beside the script.
pub fn install(engine: &mut Engine) {
    let mut own = StaticModuleResolver::new();
    for (name, source) in MODULES {
        let module = engine
            .compile(source)
            .map_err(Into::into)
            .map(|mut ast| {
                ast.set_source(*name);
                ast
            })
            .and_then(|ast| Module::eval_ast_as_new(Scope::new(), &ast, engine));
        if let Ok(module) = module {
            own.insert(*name, module);
        }
    }
    let mut all = ModuleResolversCollection::new();
    all.push(own);
    all.push(FileModuleResolver::new());
    engine.set_module_resolver(all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_compiles_and_every_file_is_listed() {
        let engine = Engine::new();
        for (name, source) in MODULES {
            let ast = engine.compile(source).unwrap();
            assert!(ast.iter_functions().count() > 0, "{name} has no function");
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, MODULES.len());
    }
}
