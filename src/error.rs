//! The one error of the domain: what failed, what kind of failure it is, and what to try.

use std::fmt;

/// What a caller can do about an error; the command line maps it to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An argument, option or script value is not acceptable.
    Usage,
    /// A file or a tensor holds what it may not hold.
    Data,
    /// The operating system refused to read or write.
    Io,
    /// The work was stopped on request; the same call resumes it.
    Interrupted,
    /// Another process does this work now.
    Busy,
    /// A number stopped being finite.
    Diverged,
    /// A defect of rtscript or of libtorch.
    Internal,
}

/// An error: a message that starts with the operation, lower case, and hints.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    key: Option<String>,
    hints: Vec<String>,
}

/// The result of every fallible operation of the domain.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), key: None, hints: Vec::new() }
    }

    /// An unacceptable argument, option or value.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Unacceptable file or tensor contents.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// A failed read or write; `what` names the operation and the path.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Kind::Io, format!("{what}: {error}"))
    }

    /// Work that was stopped on request.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// Work that another process holds.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(Kind::Busy, message)
    }

    /// A number that is no longer finite.
    pub fn diverged(message: impl Into<String>) -> Self {
        Self::new(Kind::Diverged, message)
    }

    /// A defect.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds a line that says what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Names the option at fault, so that the caret can point at its key.
    #[must_use]
    pub fn at_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Puts the name of an operation in front of the message.
    #[must_use]
    pub fn within(mut self, operation: impl fmt::Display) -> Self {
        self.message = format!("{operation}: {}", self.message);
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The option at fault, if one is.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What to try, most useful first.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<tch::TchError> for Error {
    /// libtorch's message without its C++ stack.
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        let end = text.find("\nException raised from").unwrap_or(text.len());
        let first = text[..end].trim();
        Self::internal(format!("libtorch: {first}"))
    }
}

/// The candidate nearest to a misspelt name, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_refuses_a_stranger() {
        assert_eq!(nearest("epss", ["eps", "steps"]), Some("eps"));
        assert_eq!(nearest("learning", ["eps", "steps"]), None);
    }
}
