//! A scripted laboratory for one question: do networks trained on adversarial examples give
//! features that transfer better, and why?
//!
//! Modules stand in the order in which data flows; each imports only those before it.

pub mod error;
pub mod table;
pub mod confinement;
pub mod seed;
pub mod lineage;
pub mod registry;
pub mod store;
pub mod context;
pub mod torch;
pub mod tensor;
pub mod image;
pub mod transform;
pub mod dataset;
pub mod loader;
pub mod model;
pub mod checkpoint;
pub mod metric;
pub mod threat_model;
pub mod attack;
pub mod evaluate;
pub mod train;
pub mod transfer;
pub mod stats;
pub mod published;
pub mod plot;
pub mod report;
pub mod sweep;
#[cfg(feature = "script")]
pub mod script;
#[cfg(feature = "script")]
pub mod cli;
