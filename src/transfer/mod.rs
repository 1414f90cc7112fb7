//! Transfer: what a source network's features are worth on another task.

mod blocks;
mod bn_only;
mod bn_recalibrate;
mod factors;
mod feature_diagnostics;
mod features;
mod few_shot;
mod fine_tuning;
mod fixed_feature;
mod full_network;
mod knn;
#[cfg(test)]
mod laws;
pub mod logistic;
mod salman2020;
mod transferred;

pub use bn_recalibrate::{BN_RECALIBRATE, bn_recalibrate};
pub use feature_diagnostics::{FEATURE_DIAGNOSTICS, feature_diagnostics};
pub use transferred::{TRANSFER, Transferred, transfer};

use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::lineage::Lineage;
use crate::model::Model;
use crate::registry::{Args, Entry, Handle};
use std::any::Any;
use std::rc::Rc;

/// How the source network is used on the target.
pub trait Method {
    /// Fits on target.train (and selects on target.val), measures on target.test. `lineage` is
    /// that of the whole call, for what the method keeps on its way.
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        lineage: &Rc<Lineage>,
    ) -> Result<Transferred>;

    /// Removes what [`Method::apply`] kept on its way, once its result is stored.
    ///
    /// # Errors
    /// A store that cannot be written.
    fn discard(&self, _: &Context, _: &Rc<Lineage>) -> Result<()> {
        Ok(())
    }
}

/// A transfer protocol as a script holds it: `transfer::fixed_feature(#{...})`.
#[derive(Clone)]
pub struct Protocol {
    method: Rc<dyn Method>,
    name: &'static str,
    lineage: Rc<Lineage>,
}

impl Protocol {
    /// Makes the protocol of `entry`.
    ///
    /// # Errors
    /// Arguments that do not go together.
    pub fn build(entry: &'static Entry<Build>, args: &Args) -> Result<Self> {
        let method = (entry.build)(args)?;
        Ok(Self { method, name: entry.spec.name, lineage: args.lineage(&[], &[]) })
    }
}

impl Handle for Protocol {
    fn kind(&self) -> &'static str {
        "protocol"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn label(&self) -> String {
        self.name.to_owned()
    }

    fn summary(&self) -> String {
        format!("protocol {} [{}]", self.name, self.lineage.address().short())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes a protocol.
pub type Build = fn(&Args) -> Result<Rc<dyn Method>>;

/// All protocols, in the order of the manual.
pub const PROTOCOLS: &[&Entry<Build>] = &[
    &fixed_feature::ENTRY,
    &few_shot::ENTRY,
    &knn::ENTRY,
    &full_network::ENTRY,
    &blocks::ENTRY,
    &bn_only::ENTRY,
    &salman2020::ENTRY,
];
