//! The language: the only folder that names Rhai.

mod binding;
mod builtins;
mod bundle;
mod completion;
mod diagnostic;
mod engine;
mod failure;
pub mod golden;
mod hoist;
mod inspect;
mod limits;
mod missing;
mod modules;
mod param;
mod reading;
mod reference;
mod run;
mod session;
mod source;
mod sparkline;
mod stdlib;
mod text;
mod token;
mod value;
mod variables;
mod verbs;

pub use bundle::Bundle;
pub use completion::{Candidate, Completion};
pub use diagnostic::Diagnostic;
pub use inspect::line;
pub use limits::Bounds;
pub use param::{Declared, head_comment};
pub use reference::Reference;
pub use session::{Ended, Options, Session};
pub use token::{KEYWORDS, Piece, Token, pieces};
pub use variables::Variable;
