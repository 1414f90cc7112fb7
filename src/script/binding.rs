//! One entry, one Rhai function: arity, options and handles are checked here for all of them.

use super::failure::{at, raise};
use super::run::Run;
use super::value::to_value;
use super::verbs::by_name;
use crate::error::{Error, Result};
use crate::registry::{Args, Home, Kind, Param, Spec, Value};
use rhai::{
    Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, Map, Module, NativeCallContext,
    Position, RhaiFunc, Variant,
};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The result of a bound function.
pub type Outcome = std::result::Result<Dynamic, Box<EvalAltResult>>;

/// One checked call.
pub struct Call<'a, 'c> {
    /// The running call, for positions and callbacks.
    pub context: &'a NativeCallContext<'c>,
    /// The receiver of a method; unit for a function.
    pub receiver: Dynamic,
    /// Positional arguments as Rhai values.
    pub inputs: Vec<Dynamic>,
    /// All arguments, checked.
    pub args: Args,
    /// Options that are functions.
    pub callbacks: BTreeMap<&'static str, FnPtr>,
}

impl Call<'_, '_> {
    /// Attaches this call's position to a domain result.
    pub fn at<T>(&self, result: Result<T>) -> std::result::Result<T, Box<EvalAltResult>> {
        at(self.context, result)
    }

    /// The receiver, as the handle type the method was bound to.
    pub fn receiver<T: Clone + 'static>(&self) -> std::result::Result<T, Box<EvalAltResult>> {
        let found = self.receiver.clone().try_cast::<T>();
        self.at(found.ok_or_else(|| Error::internal("binding: a method of another receiver")))
    }
}

/// Collects entries and puts them into an engine.
pub struct Binder<'e> {
    engine: &'e mut Engine,
    modules: BTreeMap<&'static str, Module>,
    specs: Vec<&'static Spec>,
    run: Rc<RefCell<Run>>,
}

impl<'e> Binder<'e> {
    /// A binder for `engine`; warnings of checked calls go to what `run` prints.
    pub fn new(engine: &'e mut Engine, run: Rc<RefCell<Run>>) -> Self {
        Self { engine, modules: BTreeMap::new(), specs: Vec::new(), run }
    }

    /// The engine, for what is no entry: getters, operators, iterators.
    pub fn engine(&mut self) -> &mut Engine {
        self.engine
    }

    /// Binds a function of a namespace, or a global one.
    pub fn function(&mut self, spec: &'static Spec, body: impl Fn(Call) -> Outcome + 'static) {
        self.bind(spec, None, Rc::new(body));
    }

    /// Binds a method of the handle type `T`.
    pub fn method<T: Clone + 'static>(
        &mut self,
        spec: &'static Spec,
        body: impl Fn(Call) -> Outcome + 'static,
    ) {
        self.bind(spec, Some(TypeId::of::<T>()), Rc::new(body));
    }

    /// Binds a property of the handle or result type `T`.
    pub fn property<T: Variant + Clone, V: Variant + Clone>(
        &mut self,
        spec: &'static Spec,
        read: impl Fn(&mut T) -> V + 'static,
    ) {
        self.specs.push(spec);
        self.engine.register_get(spec.name, read);
    }

    /// Binds a property that may fail to be read.
    pub fn fallible_property<T: Variant + Clone, V: Variant + Clone>(
        &mut self,
        spec: &'static Spec,
        read: impl Fn(&T) -> Result<V> + 'static,
    ) {
        self.specs.push(spec);
        self.engine.register_get(spec.name, move |of: &mut T| {
            read(of).map_err(|error| raise(error, Position::NONE))
        });
    }

    /// Binds a property that every handle has, for the handle type `T`.
    pub fn handle_property<T: Variant + Clone, V: Variant + Clone>(
        &mut self,
        spec: &'static Spec,
        read: impl Fn(&mut T) -> V + 'static,
    ) {
        if !self.specs.iter().any(|known| std::ptr::eq(*known, spec)) {
            self.specs.push(spec);
        }
        self.engine.register_get(spec.name, read);
    }

    fn bind(
        &mut self,
        spec: &'static Spec,
        receiver: Option<TypeId>,
        body: Rc<dyn Fn(Call) -> Outcome>,
    ) {
        self.specs.push(spec);
        let most = spec.inputs.len() + 1;
        for count in 0..=most {
            let mut types: Vec<TypeId> = receiver.into_iter().collect();
            types.resize(types.len() + count, TypeId::of::<Dynamic>());
            let body = body.clone();
            let (is_method, run) = (receiver.is_some(), self.run.clone());
            let function = RhaiFunc::Method {
                func: Rc::new(
                    move |context: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                        let Some(context) = context else {
                            return Err("binding: called without a context".into());
                        };
                        let mut given: Vec<Dynamic> =
                            args.iter_mut().map(|arg| arg.flatten_clone()).collect();
                        let receiver = if is_method { given.remove(0) } else { Dynamic::UNIT };
                        let call = at(&context, checked(&context, spec, receiver, given))?;
                        run.borrow_mut().watch_seed(spec, &call.args);
                        body(call)
                    },
                ),
                has_context: true,
                is_pure: true,
                is_volatile: true,
            };
            let names = spec.inputs.iter().map(|input| input.name).chain(["options"]);
            let registration = FuncRegistration::new(spec.name)
                .with_params_info(names.take(count))
                .with_comments([format!("/// {}", spec.doc)]);
            match spec.home {
                Home::Namespace(namespace) => {
                    let module = self.modules.entry(namespace).or_default();
                    registration.set_into_module_raw(module, types, function);
                }
                Home::Method(_) | Home::Property(_) | Home::Global => {
                    let module = self.modules.entry("").or_default();
                    registration.in_global_namespace().set_into_module_raw(module, types, function);
                }
            }
        }
    }

    /// Registers all namespaces and returns the entries bound.
    pub fn finish(self) -> Vec<&'static Spec> {
        for (namespace, module) in self.modules {
            if namespace.is_empty() {
                self.engine.register_global_module(module.into());
            } else {
                self.engine.register_static_module(namespace, module.into());
            }
        }
        self.specs
    }
}

fn checked<'a, 'c>(
    context: &'a NativeCallContext<'c>,
    spec: &'static Spec,
    receiver: Dynamic,
    mut given: Vec<Dynamic>,
) -> Result<Call<'a, 'c>> {
    let mut callbacks = BTreeMap::new();
    let mut options = Vec::new();
    let may_be_options = !spec.params.is_empty() && given.len() > spec.required_inputs();
    let too_many = may_be_options && given.len() > spec.inputs.len();
    if may_be_options && (too_many || given.last().is_some_and(Dynamic::is_map)) {
        let last = given.pop().unwrap_or(Dynamic::UNIT);
        let Some(map) = last.clone().try_cast::<Map>() else {
            return Err(spec.no_options(&to_value(&last, Kind::Any).found()));
        };
        for (key, value) in map {
            let param = spec.params.iter().find(|param| param.name == key);
            if let Some(param) = param.filter(|param| param.kind == Kind::Callback) {
                callbacks.insert(param.name, callback(spec, param, &value)?);
                continue;
            }
            options.push((key.to_string(), converted(param, &value)?));
        }
    }
    let values: Vec<Value> = given
        .iter()
        .enumerate()
        .map(|(index, value)| converted(spec.inputs.get(index), value))
        .collect::<Result<_>>()?;
    let args = Args::resolve(spec, values, options)?;
    Ok(Call { context, receiver, inputs: given, args, callbacks })
}

fn callback(spec: &Spec, param: &Param, value: &Dynamic) -> Result<FnPtr> {
    value
        .clone()
        .try_cast::<FnPtr>()
        .ok_or_else(|| no_callback(spec, param, &to_value(value, Kind::Any).found()))
}

/// The error of an option that should be a function.
pub(super) fn no_callback(spec: &Spec, param: &Param, found: &str) -> Error {
    Error::usage(format!("{}: {} expected a function, found {found}", spec.name, param.name))
        .at_key(param.name)
        .hint(format!("{}: |e| print(e.epoch)", param.name))
}

/// A value for `param`; a text stands for the entry of that name where a handle is wanted.
pub(super) fn converted(param: Option<&Param>, value: &Dynamic) -> Result<Value> {
    let kind = param.map_or(Kind::Any, |param| param.kind);
    match (kind, to_value(value, kind)) {
        (Kind::Handle(kind), Value::Text(name)) => {
            let key = param.map_or("", |param| param.name);
            by_name(kind, &name).map_err(|error| error.at_key(key))
        }
        (_, value) => Ok(value),
    }
}
