//! Full-network transfer: a new head, and all weights train on.

use super::factors::Factors;
use super::fine_tuning::{FineTuning, params};
use super::{Build, Method};
use crate::error::Result;
use crate::model::Learns;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    Ok(Rc::new(FineTuning::read(args, Learns::All)?))
}

const PARAMS: [Param; 19] = params((10, 0.01), Factors::ADAPT, &[]);

/// `transfer::full_network`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "full_network",
        home: Home::Namespace("transfer"),
        doc: "Replaces the head and trains all weights on target.train with a fixed recipe. Batch \
              norms are trained too; nothing is selected, target.val is not used.",
        inputs: &[],
        params: &PARAMS,
        returns: "protocol",
        example: Example {
            code: "transfer::full_network(#{ epochs: 5, lr: 0.01 }).name",
            shows: "full_network",
        },
        cite: "Salman et al. 2020, arXiv 2007.08489, section 2",
        version: 1,
    },
    build,
};
