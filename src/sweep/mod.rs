//! Sweeps: the cells of a grid, in an order of their own, shared between processes.
//!
//! Cells sort by address, so that every process that runs the same script sees the same order and
//! shard `i` of `n` takes every `n`-th cell. What a cell computes is claimed where it is computed
//! (a training, an evaluation); a cell that meets work of another process is put off.

mod grid;

pub use grid::{Cell, Grid, Level, Shard};
