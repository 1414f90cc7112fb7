//! The language: the only folder that names Rhai.

mod binding;
mod builtins;
mod diagnostic;
mod engine;
mod failure;
mod limits;
mod modules;
mod param;
mod session;
mod source;
mod stdlib;
mod value;
mod verbs;

pub use diagnostic::Diagnostic;
pub use engine::Reference;
pub use limits::Bounds;
pub use param::{Declared, head_comment};
pub use session::{Ended, Options, Session};
