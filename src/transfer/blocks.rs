//! Partial transfer: a new head, and the last blocks train on.

use super::factors::Factors;
use super::fine_tuning::{FineTuning, params};
use super::{Build, Method};
use crate::error::Result;
use crate::model::Learns;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    let blocks = args.int("blocks")?;
    Ok(Rc::new(FineTuning::read(args, Learns::Blocks(blocks as usize))?))
}

const PARAMS: [Param; 20] = params(
    (10, 0.01),
    Factors::EVAL,
    &[Param::int("blocks", 1, 1, "How many blocks train, counted from the last.")],
);

/// `transfer::blocks`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "blocks",
        home: Home::Namespace("transfer"),
        doc: "Replaces the head and trains it and the last blocks on target.train.\n\nThe summary of \
              a model lists its blocks. Earlier weights stay bit for bit and cost no pass back. \
              With batch_norm \"eval\" all batch norms keep their running statistics, and those of \
              the blocks train scale and shift; with \"adapt\" all of them, in frozen blocks too, \
              go by the batch, as in the released code of Salman et al. 2020 (its freeze levels 1 \
              to 3 are 8 - 2 level blocks of resnet18). Nothing is selected, target.val is not \
              used.",
        inputs: &[],
        params: &PARAMS,
        returns: "protocol",
        example: Example { code: "transfer::blocks(#{ blocks: 3 }).name", shows: "blocks" },
        cite: "Yosinski et al. 2014, arXiv 1411.1792; Utrera et al. 2021, arXiv 2007.05869",
        version: 1,
    },
    build,
};
