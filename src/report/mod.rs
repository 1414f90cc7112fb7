//! Reports: records as CSV, and pictures, tables and derivations as one HTML page.

mod csv;
mod frame;
mod html;
mod style;

pub use csv::{csv, tables_csv};
pub use frame::{escaped, framed};
pub use html::{Figure, Page, Part, html, table};
