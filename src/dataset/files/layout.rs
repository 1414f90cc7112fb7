//! Where a data set is looked for, and what tells that it was found.

use super::tar::Tar;
use super::tree::Tree;
use crate::error::{Error, Result};
use std::path::Path;

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
            None => Err(Error::usage(format!("files not found in {}", data.display()))
                .hint(self.expected())),
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
