//! Training: one loop, and the objectives that say what a step minimises.

#[cfg(test)]
mod budgets;
mod curve;
mod job;
#[cfg(test)]
mod laws;
mod lockstep;
mod member;
pub mod objectives;
mod optimizer;
mod outcome;
mod overfit;
#[cfg(test)]
mod parity;
mod recipe;
#[cfg(test)]
mod resume;
mod schedule;
mod state;
#[cfg(test)]
mod steps;
mod trained;
mod trainer;

pub use curve::{EpochPoint, Spent, Status, Trained, Validation};
pub use job::{Job, Keep, Part};
pub use lockstep::{LOCKSTEP, lockstep};
pub use objectives::{Arm, OBJECTIVES, Objective, Size};
pub use optimizer::Optimizer;
pub use outcome::Outcome;
pub use overfit::WeakAttack;
pub use recipe::Recipe;
pub use schedule::Schedule;
pub use trained::{OnEpoch, TRAIN, TrainReport, interrupted, train};
pub use trainer::run;
