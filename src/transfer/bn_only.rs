//! Transfer by batch norms: a new head, and scales and shifts train on.

use super::factors::Factors;
use super::fine_tuning::{FineTuning, params};
use super::{Build, Method};
use crate::error::Result;
use crate::model::Learns;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    Ok(Rc::new(FineTuning::read(args, Learns::Norms)?))
}

const PARAMS: [Param; 19] = params((10, 0.01), Factors::ADAPT, &[]);

/// `transfer::bn_only`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "bn_only",
        home: Home::Namespace("transfer"),
        doc: "Replaces the head and trains it and the batch norms on target.train.\n\nScales and \
              shifts of all batch norms learn; convolutions stay bit for bit. With batch_norm \
              \"adapt\" their statistics follow the target, too. Nothing is selected, target.val \
              is not used.",
        inputs: &[],
        params: &PARAMS,
        returns: "protocol",
        example: Example { code: "transfer::bn_only(#{ epochs: 5 }).name", shows: "bn_only" },
        cite: "Frankle et al. 2021, arXiv 2003.00152",
        version: 1,
    },
    build,
};
