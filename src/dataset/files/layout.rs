//! Where a data set is looked for, and what tells that it was found.

use super::tar::Tar;
use super::tree::Tree;
use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The most names of a folder in a hint.
const SHOWN: usize = 8;
/// How the names of archives end that have to be unpacked first.
const COMPRESSED: [&str; 6] = [".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".gz", ".zip"];

/// How a data set lies on disk.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The names its folder or its archive may have.
    pub names: &'static [&'static str],
    /// Files and folders that must be there.
    pub markers: &'static [&'static str],
    /// What is expected, a line each.
    pub tree: &'static str,
}

impl Layout {
    /// The files below `data`, which is the folder that holds the data set's folder or its tar
    /// archive, or is one of these itself.
    ///
    /// # Errors
    /// Usage, with the expected tree: no data folder, or nothing of that layout in it.
    pub fn find(&self, data: Option<&Path>) -> Result<Tree> {
        let Some(data) = data else {
            return Err(Error::usage("no data folder was named, and the files are not embedded")
                .hint("name it with --data DIR")
                .hint(self.expected()));
        };
        match self.search(data)? {
            Some(tree) => Ok(tree),
            None => {
                let error = Error::usage(format!("files not found in {}", data.display()));
                Err(found(data).into_iter().fold(error.hint(self.expected()), Error::hint))
            }
        }
    }

    /// As [`Layout::find`], but nothing where it is not there.
    ///
    /// # Errors
    /// An archive that cannot be read.
    pub fn search(&self, data: &Path) -> Result<Option<Tree>> {
        let below = self.names.iter().map(|name| data.join(name));
        let nested = self
            .names
            .iter()
            .flat_map(|outer| self.names.iter().map(move |inner| data.join(outer).join(inner)));
        let itself = std::iter::once(data.to_owned());
        for folder in below.chain(nested).chain(itself).filter(|folder| folder.is_dir()) {
            let tree = Tree::folder(&folder);
            if self.fits(&tree) {
                return Ok(Some(tree));
            }
        }
        let archives = self.names.iter().map(|name| data.join(format!("{name}.tar")));
        let itself = std::iter::once(data.to_owned());
        for path in archives.chain(itself).filter(|path| path.is_file()) {
            let archive = Tar::open(&path)?;
            let first = archive.entries().keys().next().cloned().unwrap_or_default();
            let ends = first.match_indices('/').map(|(at, _)| at + 1).take(2);
            for end in std::iter::once(0).chain(ends) {
                let tree = Tree::archive(archive.clone(), &first[..end]);
                if self.fits(&tree) {
                    return Ok(Some(tree));
                }
            }
        }
        Ok(None)
    }

    fn fits(&self, tree: &Tree) -> bool {
        self.markers.iter().all(|marker| tree.has(marker))
    }

    /// The expected files, for a hint.
    pub fn expected(&self) -> String {
        let lines: Vec<String> =
            self.tree.lines().map(|line| format!("\n  DIR/{}/{line}", self.names[0])).collect();
        let names = self.names.join(", ");
        format!("expected, in one of the folders {names}:{}", lines.concat())
    }
}

/// What a folder without the data set holds instead, and what may be amiss, for hints.
fn found(data: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort_unstable();
    if names.is_empty() {
        return vec!["the folder is empty".to_owned()];
    }
    let mut hints = vec![match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("found {}, and {more} more", names[..SHOWN].join(", ")),
        _ => format!("found {}", names.join(", ")),
    }];
    let packed = |name: &&String| COMPRESSED.iter().any(|end| name.ends_with(end));
    if let Some(archive) = names.iter().find(packed) {
        hints.push(format!("compressed archives are not read: unpack them, e.g. {archive}"));
    }
    hints
}
