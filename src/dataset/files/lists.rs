//! Lists in text files.

use super::tree::{File, Tree};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// The lines of a list.
pub struct Lines {
    text: String,
    place: String,
}

impl Lines {
    /// Reads a list, which becomes part of the data set's identity.
    ///
    /// # Errors
    /// Io; Data: the list is missing or no UTF-8.
    pub fn of(tree: &Tree, path: &str) -> Result<Self> {
        let (bytes, file) = tree.table(path)?;
        let place = file.place();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, place }),
            Err(_) => Err(Error::data(format!("{place}: expected text in UTF-8, found bytes"))),
        }
    }

    /// Its lines without blank ones, without line ends and blanks around them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let text = self.text.trim_start_matches('\u{feff}');
        text.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// All lines, as names of classes.
    pub fn names(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    /// The error of a line that is none of this list.
    pub fn unexpected(&self, expected: &str, line: &str) -> Error {
        let line: String = line.chars().take(80).collect();
        Error::data(format!("{}: expected {expected}, found {line:?}", self.place))
    }

    /// Where it lies, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// The files that a list names, each with its class; `classes` gives the label of a class's name.
///
/// # Errors
/// Data: a name that is no class, or a file that is not there.
pub fn with_labels<'a>(
    files: &[File],
    listed: impl IntoIterator<Item = (String, &'a str)>,
    classes: &[String],
    list: &str,
) -> Result<Vec<(File, usize)>> {
    let by_path: HashMap<&str, &File> =
        files.iter().map(|file| (file.path.as_str(), file)).collect();
    let labels: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(label, class)| (class.as_str(), label)).collect();
    let found = listed.into_iter().map(|(path, class)| {
        let Some(label) = labels.get(class) else {
            return Err(Error::data(format!("{list}: expected a class, found {class:?}")));
        };
        match by_path.get(path.as_str()) {
            Some(file) => Ok(((*file).clone(), *label)),
            None => Err(Error::data(format!("{list}: expected the picture {path}, found none"))),
        }
    });
    found.collect()
}
