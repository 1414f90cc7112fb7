//! Published numbers of others, with their sources: what the field has measured already.
//!
//! `results.csv` holds the numbers, `sources.csv` where each was printed, `README.md` what the
//! studies are. Numbers are kept as their sources printed them, most in percent.

mod filter;
mod row;
mod selection;
mod table;

pub use filter::FILTERS;
pub use row::{Row, all};
pub use selection::Selection;

use crate::error::Result;
use crate::registry::{Args, Entry};

/// Selects published numbers.
pub type Select = fn(&Args) -> Result<Selection>;

/// The entries.
pub const PUBLISHED: &[&Entry<Select>] = &[&table::ENTRY];
