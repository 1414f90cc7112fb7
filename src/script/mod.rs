//! The language: the only folder that names Rhai.

mod binding;
mod bundle;
mod callable;
mod completion;
mod diagnostic;
mod engine;
mod failure;
mod find;
mod hoist;
pub mod manual;
mod param;
mod reading;
mod reference;
mod run;
mod session;
mod source;
mod stdlib;
mod text;
mod token;
mod value;
mod verbs;

pub use bundle::Bundle;
pub use callable::Callable;
pub use diagnostic::Diagnostic;

pub use completion::{Candidate, Completion};
pub use param::{Declared, head_comment};
pub use reference::Reference;
pub use session::{Ended, Options, Session};
