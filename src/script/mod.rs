//! The language: the only folder that names Rhai.

mod binding;
mod diagnostic;
mod engine;
mod failure;
pub mod golden;
mod param;
mod session;
mod source;
mod stdlib;
mod value;
mod verbs;

pub use diagnostic::Diagnostic;
pub use engine::Reference;
pub use param::{Declared, head_comment};
pub use session::{Ended, Options, Session};
