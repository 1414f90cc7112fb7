//! The files of a data set by their relative paths, wherever they lie.

use super::tar::Tar;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file, with what tells whether it changed. It can be read on any thread.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path in the data set, with `/` between the parts.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    version: Version,
    place: Place,
}

/// When a file was last changed, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub modified_ns: i128,
    pub inode: u64,
}

impl Version {
    pub fn of(file: &fs::Metadata) -> Self {
        let modified_ns = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
        Self { modified_ns, inode: file.ino() }
    }
}

#[derive(Debug, Clone)]
enum Place {
    Folder(Arc<Path>),
    Archive(Arc<Tar>, u64),
}

/// The most bytes of one file, which no picture and no list exceeds.
const MOST: u64 = 1 << 30;

impl File {
    /// A file of an archive, `start` bytes into it.
    pub(super) fn in_archive(archive: &Arc<Tar>, path: String, start: u64, size: u64) -> Self {
        let place = Place::Archive(archive.clone(), start);
        Self { path, size, version: archive.version(), place }
    }

    /// A file of an archive under another path.
    #[must_use]
    pub fn renamed(self, path: String) -> Self {
        match self.place {
            Place::Folder(_) => self,
            Place::Archive(..) => Self { path, ..self },
        }
    }

    /// Where it lies, for messages.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Folder(root) => root.join(&self.path).display().to_string(),
            Place::Archive(archive, _) => format!("{}: {}", archive.path().display(), self.path),
        }
    }

    /// Its content.
    ///
    /// # Errors
    /// Io; Data: it changed since it was listed, or it is larger than any picture.
    pub fn read(&self) -> Result<Vec<u8>> {
        self.part(0, self.size)
    }

    /// Some bytes from its middle.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn part(&self, start: u64, length: u64) -> Result<Vec<u8>> {
        if length > MOST {
            return Err(Error::data(format!(
                "{}: expected a file of at most {MOST} bytes, found {}",
                self.place(),
                self.size
            )));
        }
        let (file, start) = match &self.place {
            Place::Folder(root) => {
                let file = fs::File::open(root.join(&self.path));
                (Arc::new(file.map_err(|error| self.unreadable(&error))?), start)
            }
            Place::Archive(archive, offset) => (archive.file().clone(), start + offset),
        };
        let now = file.metadata().map_err(|error| self.unreadable(&error))?;
        let resized = matches!(self.place, Place::Folder(_)) && now.len() != self.size;
        if Version::of(&now) != self.version || resized {
            return Err(Error::data(format!("{} changed while it was in use", self.place()))
                .hint("run the script again; results then belong to the new content"));
        }
        let mut bytes = vec![0; length as usize];
        std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, start)
            .map_err(|error| self.unreadable(&error))?;
        Ok(bytes)
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        Error::io(format!("read {}", self.place()), error)
    }

    /// What tells whether it changed, as a line.
    pub(super) fn version_line(&self) -> String {
        let start = match &self.place {
            Place::Folder(_) => 0,
            Place::Archive(_, start) => *start,
        };
        let Version { modified_ns, inode } = self.version;
        format!("{}\t{}\t{modified_ns}\t{inode}\t{start}\n", self.path, self.size)
    }

    pub(super) fn modified_ns(&self) -> i128 {
        self.version.modified_ns
    }

    /// The folder or archive that holds it.
    pub(super) fn container(&self) -> &Path {
        match &self.place {
            Place::Folder(root) => root,
            Place::Archive(archive, _) => archive.path(),
        }
    }

    /// Its name without folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Its name without folders and extension.
    pub fn stem(&self) -> &str {
        self.name().rsplit_once('.').map_or(self.name(), |(stem, _)| stem)
    }

    /// Whether its name is that of a picture, as torchvision's `ImageFolder` sees it.
    pub fn is_picture(&self) -> bool {
        const ENDS: [&str; 10] =
            ["jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp", "gif"];
        let end = self.name().rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        end.is_some_and(|end| ENDS.contains(&end.as_str()))
    }
}

/// A folder, or an archive in its place.
#[derive(Debug)]
pub struct Tree {
    root: Root,
    lists: RefCell<Vec<File>>,
}

#[derive(Debug)]
enum Root {
    Folder(Arc<Path>),
    /// The archive, and the folder in it that is the root: empty, or ending in `/`.
    Archive(Arc<Tar>, String),
}

/// How deep folders may lie in each other; links may form circles.
const DEPTH: usize = 12;

impl Tree {
    /// The files below a folder.
    pub fn folder(path: &Path) -> Self {
        Self { root: Root::Folder(path.into()), lists: RefCell::default() }
    }

    /// The files of an archive below a folder in it.
    pub fn archive(archive: Arc<Tar>, below: &str) -> Self {
        Self { root: Root::Archive(archive, below.to_owned()), lists: RefCell::default() }
    }

    /// Where it lies, for messages.
    pub fn place(&self) -> String {
        match &self.root {
            Root::Folder(path) => path.display().to_string(),
            Root::Archive(archive, _) => archive.path().display().to_string(),
        }
    }

    /// The file at a path, if there is one.
    ///
    /// # Errors
    /// Io.
    pub fn find(&self, path: &str) -> Result<Option<File>> {
        match &self.root {
            Root::Folder(root) => match fs::metadata(root.join(path)) {
                Ok(facts) if facts.is_file() => Ok(Some(on_disk(root, path.to_owned(), &facts))),
                Ok(_) => Ok(None),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    Ok(None)
                }
                Err(error) => Err(Error::io(format!("read {}", root.join(path).display()), &error)),
            },
            Root::Archive(archive, below) => {
                let found = archive.entries().get(&format!("{below}{path}"));
                Ok(found
                    .map(|(start, size)| File::in_archive(archive, path.to_owned(), *start, *size)))
            }
        }
    }

    /// The file at a path.
    ///
    /// # Errors
    /// Data: there is none. Io.
    pub fn file(&self, path: &str) -> Result<File> {
        self.find(path)?.ok_or_else(|| {
            Error::data(format!("{}: expected the file {path}, found none", self.place()))
        })
    }

    /// The content of a list or a table, which becomes part of the data set's identity.
    ///
    /// # Errors
    /// As [`Tree::file`] and [`File::read`].
    pub fn table(&self, path: &str) -> Result<(Vec<u8>, File)> {
        let file = self.file(path)?;
        let content = file.read()?;
        self.lists.borrow_mut().push(file.clone());
        Ok((content, file))
    }

    /// The lists and tables that were read.
    pub fn lists(&self) -> Vec<File> {
        self.lists.borrow().clone()
    }

    /// All files below a folder, sorted by path; names that begin with a dot are left out.
    ///
    /// # Errors
    /// Io; Data: a name that is no UTF-8, or folders too deep in each other.
    pub fn below(&self, folder: &str) -> Result<Vec<File>> {
        let mut files = Vec::new();
        match &self.root {
            Root::Folder(root) => walk(root, folder, DEPTH, &mut files)?,
            Root::Archive(archive, below) => {
                let start = match folder {
                    "" => below.clone(),
                    folder => format!("{below}{folder}/"),
                };
                let inside = archive.entries().range(start.clone()..);
                let inside = inside.take_while(|(path, _)| path.starts_with(&start));
                files.extend(inside.map(|(path, (offset, size))| {
                    let path = path.strip_prefix(below.as_str()).unwrap_or(path).to_owned();
                    File::in_archive(archive, path, *offset, *size)
                }));
            }
        }
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The names of the folders in a folder, sorted; those that begin with a dot are left out.
    ///
    /// # Errors
    /// As [`Tree::below`].
    pub fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        match &self.root {
            Root::Folder(root) => {
                for (name, _, facts) in listed(root, folder)? {
                    if facts.is_dir() {
                        names.push(name);
                    }
                }
            }
            Root::Archive(..) => {
                let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
                for file in self.below(folder)? {
                    if let Some((name, _)) = file.path.get(start..).and_then(|p| p.split_once('/'))
                        && names.last().is_none_or(|last| last != name)
                    {
                        names.push(name.to_owned());
                    }
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Whether there is a file or a folder at a path.
    pub fn has(&self, path: &str) -> bool {
        match &self.root {
            Root::Folder(root) => root.join(path).exists(),
            Root::Archive(archive, below) => archive.has(&format!("{below}{path}")),
        }
    }
}

fn on_disk(root: &Arc<Path>, path: String, facts: &fs::Metadata) -> File {
    let place = Place::Folder(root.clone());
    File { path, size: facts.len(), version: Version::of(facts), place }
}

/// What a folder holds: name, path in the data set and facts.
fn listed(root: &Arc<Path>, folder: &str) -> Result<Vec<(String, String, fs::Metadata)>> {
    let place: PathBuf = root.join(folder);
    let failed = |error| Error::io(format!("list {}", place.display()), &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(&place).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            let name = entry.path().display().to_string();
            return Err(Error::data(format!("{name}: expected a name in UTF-8, found another")));
        };
        if name.starts_with('.') {
            continue;
        }
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        // A link that leads nowhere is as good as no file.
        if let Ok(facts) = fs::metadata(entry.path()) {
            found.push((name, path, facts));
        }
    }
    Ok(found)
}

fn walk(root: &Arc<Path>, folder: &str, depth: usize, files: &mut Vec<File>) -> Result<()> {
    if depth == 0 {
        let place = root.join(folder).display().to_string();
        return Err(Error::data(format!("{place}: expected at most {DEPTH} nested folders")));
    }
    for (_, path, facts) in listed(root, folder)? {
        if facts.is_dir() {
            walk(root, &path, depth - 1, files)?;
        } else if facts.is_file() {
            files.push(on_disk(root, path, &facts));
        }
    }
    Ok(())
}
