//! The model a script holds: a lineage, and weights that are made or read when first needed.

use super::{ModelSpec, Network, Precision};
use crate::context::Context;
use crate::error::{Error, Result, nearest};
use crate::lineage::{Lineage, sha256_hex};
use crate::registry::Handle;
use crate::seed::Stream;
use serde_json::Value as Json;
use std::any::Any;
use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How the weights of a model come about.
pub trait Origin {
    /// Makes the network, or reads it from the store.
    fn network(&self, context: &Context) -> Result<Network>;
}

struct Initialised(ModelSpec);

impl Origin for Initialised {
    fn network(&self, context: &Context) -> Result<Network> {
        let stream = Stream::new(self.0.seed, "init");
        Network::new(&self.0.architecture, self.0.classes, stream, context.device)
    }
}

/// Weights that a script wrote; they exist in memory only.
struct Written(Vec<(String, tch::Tensor)>, ModelSpec);

impl Origin for Written {
    fn network(&self, context: &Context) -> Result<Network> {
        let network = Initialised(self.1.clone()).network(context)?;
        network.load_state(&self.0)?;
        Ok(network)
    }
}

/// A model; copies of the handle name the same model.
#[derive(Clone)]
pub struct Model(Rc<RefCell<Inner>>);

struct Inner {
    spec: ModelSpec,
    lineage: Rc<Lineage>,
    origin: Rc<dyn Origin>,
    network: Option<Rc<Network>>,
}

impl Model {
    /// A model that is not yet initialised: its weights are drawn when first needed.
    pub fn new(spec: ModelSpec) -> Self {
        let origin = Rc::new(Initialised(spec.clone()));
        Self::of(spec, origin)
    }

    /// A model whose weights come from `origin` when they are first needed; its lineage is that of
    /// `spec`.
    pub fn of(spec: ModelSpec, origin: Rc<dyn Origin>) -> Self {
        let lineage = spec.lineage.clone();
        Self(Rc::new(RefCell::new(Inner { spec, lineage, origin, network: None })))
    }

    /// The description: architecture, classes, seed.
    pub fn spec(&self) -> Ref<'_, ModelSpec> {
        Ref::map(self.0.borrow(), |inner| &inner.spec)
    }

    /// Whether two handles name the same model.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// A network of this architecture, freshly initialised.
    pub fn initialised(&self, context: &Context) -> Result<Network> {
        let spec = self.0.borrow().spec.clone();
        Initialised(spec).network(context)
    }

    /// Another handle on the same state, unaffected by what happens to this one.
    pub fn snapshot(&self) -> Self {
        let inner = self.0.borrow();
        Self(Rc::new(RefCell::new(Inner {
            spec: inner.spec.clone(),
            lineage: inner.lineage.clone(),
            origin: inner.origin.clone(),
            network: inner.network.clone(),
        })))
    }

    /// The network; nothing may change it but [`Model::become_trained`] and [`Model::write`].
    pub fn network(&self, context: &Context) -> Result<Rc<Network>> {
        if let Some(network) = &self.0.borrow().network {
            return Ok(network.clone());
        }
        let origin = self.0.borrow().origin.clone();
        let network = Rc::new(origin.network(context)?);
        self.0.borrow_mut().network = Some(network.clone());
        Ok(network)
    }

    /// Makes this the model of `lineage`, whose weights come from `origin` unless given.
    pub fn become_trained(
        &self,
        lineage: Rc<Lineage>,
        origin: Rc<dyn Origin>,
        network: Option<Network>,
    ) {
        let mut inner = self.0.borrow_mut();
        inner.lineage = lineage;
        inner.origin = origin;
        // What it was trained with is no property of the model.
        inner.network = network.map(|network| Rc::new(network.at(Precision::F32)));
    }

    /// Replaces one parameter or buffer; the lineage becomes the hash of all weights.
    ///
    /// # Errors
    /// An unknown name, another shape or dtype, or a value that is not finite.
    pub fn write(&self, context: &Context, name: &str, value: &tch::Tensor) -> Result<()> {
        let mut state = self.network(context)?.state()?;
        let names: Vec<String> = state.iter().map(|(name, _)| name.clone()).collect();
        match state.iter_mut().find(|(known, _)| known == name) {
            Some((_, tensor)) => *tensor = value.f_detach()?,
            None => return Err(unknown_parameter(name, &names)),
        }
        let spec = self.0.borrow().spec.clone();
        let origin = Written(state, spec);
        let network = origin.network(context)?;
        let content = BTreeMap::from([
            ("content".to_owned(), Json::from(content_hash(&network.state()?)?)),
            ("architecture".to_owned(), Json::from(network.architecture().name)),
        ]);
        let lineage = Lineage::new("model.set_parameter", 1, content, BTreeMap::new());
        self.become_trained(lineage, Rc::new(origin), Some(network));
        Ok(())
    }

    /// A copy of one parameter or buffer.
    ///
    /// # Errors
    /// An unknown name, with the nearest known one.
    pub fn read(&self, context: &Context, name: &str) -> Result<tch::Tensor> {
        let state = self.network(context)?.state()?;
        let names: Vec<String> = state.iter().map(|(name, _)| name.clone()).collect();
        match state.into_iter().find(|(known, _)| known == name) {
            Some((_, tensor)) => Ok(tensor),
            None => Err(unknown_parameter(name, &names)),
        }
    }
}

/// The SHA-256 over names, shapes and values of a state.
fn content_hash(state: &[(String, tch::Tensor)]) -> Result<String> {
    let mut bytes = Vec::new();
    for (name, tensor) in state {
        bytes.extend_from_slice(format!("{name} {:?}\n", tensor.size()).as_bytes());
        let flat = tensor.f_to_device(tch::Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let values = Vec::<f32>::try_from(&flat)?;
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(sha256_hex(&bytes))
}

/// An error for a name that no parameter has.
fn unknown_parameter(name: &str, known: &[String]) -> Error {
    let error = Error::usage(format!("model: no parameter {name}"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("there are {}", known.join(", "))),
    }
}

impl Handle for Model {
    fn kind(&self) -> &'static str {
        "model"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.0.borrow().lineage.clone()
    }

    fn summary(&self) -> String {
        let inner = self.0.borrow();
        let made = inner.spec.summary();
        if inner.lineage == inner.spec.lineage {
            return made;
        }
        format!("{made}; {} [{}]", inner.lineage.verb(), inner.lineage.address().short())
    }

    fn bytes(&self) -> usize {
        self.0.borrow().network.as_ref().map_or(0, |network| network.bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
