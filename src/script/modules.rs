//! `import`: the modules of stdlib/, and files beside the running script.

use super::failure::raise;
use super::limits::Bounds;
use super::stdlib;
use super::token::{Piece, Token, pieces};
use crate::confinement::{Confinement, shown};
use crate::error::{Error, Result, nearest};
use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// The texts of all modules that were loaded, by the path that errors show.
pub type Sources = Rc<RefCell<BTreeMap<String, Rc<str>>>>;

/// The most bytes of an imported file.
const BYTES: u64 = 1 << 20;
/// How many imports may wait for each other.
pub const DEPTH: usize = 16;
/// How many files of a folder are considered for the nearest name.
const NAMES: usize = 1_000;

type Outcome = std::result::Result<Shared<Module>, Box<EvalAltResult>>;

/// Lets `engine` import within `bounds`; `sources` receives the texts of what is imported.
pub fn install(engine: &mut Engine, bounds: &Bounds, sources: &Sources) {
    let own = stdlib::compiled(engine);
    for (name, source) in stdlib::SOURCES {
        sources.borrow_mut().insert(stdlib::path(name), Rc::from(*source));
    }
    engine.set_module_resolver(Modules {
        own,
        reading: bounds.reading.beside_the_script(),
        loaded: RefCell::default(),
        loading: RefCell::default(),
        sources: sources.clone(),
    });
}

/// The path that errors show of the module that `import "name"` names, and its text.
///
/// # Errors
/// As the import itself: no such module, or one that may not be read.
pub fn text(bounds: &Bounds, name: &str) -> Result<(String, Rc<str>)> {
    if let Some((name, source)) = stdlib::SOURCES.iter().find(|(own, _)| *own == name) {
        return Ok((stdlib::path(name), Rc::from(*source)));
    }
    let reading = bounds.reading.beside_the_script();
    let read = || {
        let file = find(&reading, name)?.0;
        Ok((path(&reading, &file), reading.text(&file, BYTES)?.into()))
    };
    read().map_err(|error: Error| error.within("import"))
}

/// The path of a file of modules that errors show.
fn path(reading: &Confinement, file: &Path) -> String {
    reading.folder().join(file).display().to_string()
}

/// The modules that a script imports, and those that these import, each once: the file of its name, and
/// its text as it was loaded. What was not loaded, and names that are computed, are left out.
pub fn imported(bounds: &Bounds, loaded: &Sources, source: &str) -> Vec<(String, Rc<str>)> {
    let (loaded, reading) = (loaded.borrow(), bounds.reading.beside_the_script());
    let mut found: Vec<(String, Rc<str>)> = Vec::new();
    let mut waiting = names(source);
    while let Some(name) = waiting.pop_front() {
        let is_own = stdlib::SOURCES.iter().any(|(own, _)| *own == name);
        let (file, key) = if is_own {
            (stdlib::path(&name), stdlib::path(&name))
        } else {
            let Ok(file) = file_of(&reading, &name) else { continue };
            (file.display().to_string(), path(&reading, &file))
        };
        let Some(text) = loaded.get(&key) else { continue };
        if found.iter().all(|(known, _)| *known != file) {
            waiting.extend(names(text));
            found.push((file, text.clone()));
        }
    }
    found
}

/// The names that a text imports.
fn names(source: &str) -> VecDeque<String> {
    let pieces = pieces(source);
    let import = |pair: &[Piece]| {
        let named = pair[0].text(source) == "import" && pair[0].token == Token::Keyword;
        let quoted = pair[1].text(source).strip_prefix('"')?.strip_suffix('"')?;
        named.then(|| quoted.to_owned())
    };
    pieces.windows(2).filter_map(import).collect()
}

struct Modules {
    own: BTreeMap<&'static str, Shared<Module>>,
    reading: Confinement,
    /// By real path, with the state of the file: one that changed is loaded again.
    loaded: RefCell<BTreeMap<PathBuf, (State, Shared<Module>)>>,
    /// The modules that wait for their own imports, by real path, outermost first.
    loading: RefCell<Vec<PathBuf>>,
    sources: Sources,
}

/// Changes when a file does.
type State = (Option<SystemTime>, u64);

impl ModuleResolver for Modules {
    fn resolve(&self, engine: &Engine, _: Option<&str>, name: &str, at: Position) -> Outcome {
        if let Some(module) = self.own.get(name) {
            return Ok(module.clone());
        }
        let found = find(&self.reading, name);
        let (file, real, state) = found.map_err(|error| raise(error.within("import"), at))?;
        if let Some((known, module)) = self.loaded.borrow().get(&real)
            && *known == state
        {
            return Ok(module.clone());
        }
        let waiting = self.enter(&real);
        let _waiting = waiting.map_err(|error| raise(error.within("import"), at))?;
        let text = self.reading.text(&file, BYTES);
        let text = text.map_err(|error| raise(error.within("import"), at))?;
        let path = path(&self.reading, &file);
        self.sources.borrow_mut().insert(path.clone(), Rc::from(text.as_str()));
        let inside = |error| Box::new(EvalAltResult::ErrorInModule(path.clone(), error, at));
        let mut ast = engine.compile(&text).map_err(|error| inside(error.into()))?;
        ast.set_source(path.as_str());
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(inside)?;
        let module = Shared::new(module);
        self.loaded.borrow_mut().insert(real, (state, module.clone()));
        Ok(module)
    }
}

/// Takes a module off the list of those that load, whatever happened.
struct Waiting<'m>(&'m RefCell<Vec<PathBuf>>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().pop();
    }
}

impl Modules {
    fn enter(&self, real: &Path) -> Result<Waiting<'_>> {
        let mut loading = self.loading.borrow_mut();
        if let Some(first) = loading.iter().position(|waiting| waiting == real) {
            let circle: Vec<String> = loading[first..]
                .iter()
                .map(PathBuf::as_path)
                .chain([real])
                .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
                .collect();
            return Err(Error::usage(format!(
                "modules import each other in a circle: {}",
                circle.join(", which imports ")
            )));
        }
        if loading.len() >= DEPTH {
            return Err(Error::usage(format!(
                "expected at most {DEPTH} modules that import one another, found more"
            )));
        }
        loading.push(real.to_owned());
        Ok(Waiting(&self.loading))
    }
}

/// The file of a name, its real path and its state.
fn find(reading: &Confinement, name: &str) -> Result<(PathBuf, PathBuf, State)> {
    let file = file_of(reading, name)?;
    let real = reading.find(&file)?.ok_or_else(|| missing(reading, name, &file))?;
    let facts = fs::metadata(&real)
        .map_err(|error| Error::io(format!("cannot read {}", real.display()), &error))?;
    Ok((file, real, (facts.modified().ok(), facts.len())))
}

fn missing(reading: &Confinement, name: &str, file: &Path) -> Error {
    let looked = reading.folder().join(file);
    let own: Vec<String> = stdlib::SOURCES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let error = Error::usage(format!(
        "no module {}: it is none of stdlib ({}), and there is no file {}",
        shown(name),
        own.join(", "),
        shown(&looked)
    ));
    let beside = beside(reading, file.parent().unwrap_or(Path::new("")));
    let near = nearest(name, own.iter().chain(&beside).map(String::as_str));
    match near {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint("a name is relative to the folder of the script that runs"),
    }
}

/// The names of the modules in a folder under the script's.
fn beside(reading: &Confinement, folder: &Path) -> Vec<String> {
    let Ok(Some(real)) = reading.find(folder) else { return Vec::new() };
    let files = fs::read_dir(real).into_iter().flatten().flatten().take(NAMES);
    let paths = files.map(|file| folder.join(file.file_name()));
    let modules = paths.filter(|path| path.extension().is_some_and(|end| end == "rhai"));
    modules.map(|path| path.with_extension("").to_string_lossy().into_owned()).collect()
}

/// The file of a module's name; a name is plain, so that it means the same everywhere.
fn file_of(reading: &Confinement, name: &str) -> Result<PathBuf> {
    if reading.is_unrestricted() {
        return Ok(PathBuf::from(format!("{}.rhai", name.strip_suffix(".rhai").unwrap_or(name))));
    }
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    if name.split('/').all(plain) {
        return Ok(PathBuf::from(format!("{name}.rhai")));
    }
    let error = Error::usage(format!(
        "expected a name such as \"presets\" or \"folder/name\", found {}",
        shown(name)
    ));
    Err(if name.ends_with(".rhai") {
        error.hint("leave out .rhai")
    } else {
        error
            .hint("a script imports from stdlib and from its own folder; --unrestricted lifts this")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_changed_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = Engine::new();
        let bounds = Bounds { reading: Confinement::to(folder.path()), max_ops: None };
        install(&mut engine, &bounds, &Sources::default());
        let value = |text: &str| {
            fs::write(folder.path().join("m.rhai"), text).unwrap();
            engine.eval::<i64>("import \"m\" as m; m::value()").unwrap()
        };
        assert_eq!(value("fn value() { 1 }"), 1);
        assert_eq!(value("fn value() { 1 + 1 }"), 2);
    }

    #[test]
    fn what_a_script_imports_is_found_once_as_it_was_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        write("a/b.rhai", "import \"c\" as c;");
        write("c.rhai", "import \"wording\" as w; fn c() { 1 }");
        let (mut engine, loaded) = (Engine::new(), Sources::default());
        let bounds = Bounds { reading: Confinement::to(folder.path()), max_ops: None };
        install(&mut engine, &bounds, &loaded);
        let script = "import \"a/b\" as b; // import \"gains\" as g;\nlet import_c = \"import\";";
        engine.run(script).unwrap();
        write("c.rhai", "fn c() { 2 }");
        let files = |text: &str| {
            let found = imported(&bounds, &loaded, text).into_iter();
            found.map(|(file, _)| file).collect::<Vec<_>>()
        };
        assert_eq!(files(script), ["a/b.rhai", "c.rhai", "stdlib/wording.rhai"]);
        assert!(imported(&bounds, &loaded, script)[1].1.ends_with("{ 1 }"));
        let controls = files("import \"controls\" as s;");
        let needed =
            ["controls", "control_data", "manipulation", "presets", "wording", "salman2020"];
        assert_eq!(controls, needed.map(stdlib::path));
        assert_eq!(files("import \"never_loaded\" as n; print(1);"), [""; 0]);
    }
}
