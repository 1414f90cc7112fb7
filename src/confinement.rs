//! What a script may read: regular files under a few folders.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The folders a script may read from, the first of them its own.
///
/// Messages leave out the operation; callers add it with [`Error::within`].
#[derive(Debug, Clone)]
pub struct Confinement {
    roots: Vec<PathBuf>,
    unrestricted: bool,
}

impl Confinement {
    /// Reading under `folder`, the folder of the script.
    pub fn to(folder: &Path) -> Self {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Self { roots: vec![folder.to_owned()], unrestricted: false }
    }

    /// Reading under `root` as well.
    #[must_use]
    pub fn and(mut self, root: Option<&Path>) -> Self {
        self.roots.extend(root.map(Path::to_owned));
        self
    }

    /// Lifts the limits where `lifted`: any path is read, relative ones are looked up as before.
    #[must_use]
    pub fn unrestricted(mut self, lifted: bool) -> Self {
        self.unrestricted = lifted;
        self
    }

    /// Whether the limits are lifted.
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// The folder of the script.
    pub fn folder(&self) -> &Path {
        self.roots.first().map_or(Path::new("."), PathBuf::as_path)
    }

    /// The same limits with the folder of the script as the only one.
    #[must_use]
    pub fn beside_the_script(&self) -> Self {
        Self { roots: vec![self.folder().to_owned()], unrestricted: self.unrestricted }
    }

    /// The place of `path` in the first folder that has it, without symbolic links.
    ///
    /// # Errors
    /// Those of [`Confinement::find`]; usage: it is in none of the folders.
    pub fn readable(&self, path: &Path) -> Result<PathBuf> {
        self.find(path)?
            .ok_or_else(|| Error::usage(format!("no file {} in {}", shown(path), self.folders())))
            .map_err(|error| error.hint("--data DIR and --weights DIR name further folders"))
    }

    /// As [`Confinement::readable`], but nothing where no folder has it.
    ///
    /// # Errors
    /// Usage, with the path and the folders: it is absolute, leaves its folder by `..` or by a
    /// symbolic link, or holds a NUL byte. Io: it cannot be looked up.
    pub fn find(&self, path: &Path) -> Result<Option<PathBuf>> {
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(self.refused(path, "holds a NUL byte"));
        }
        if !self.unrestricted {
            self.expect_inside(path)?;
        }
        for root in &self.roots {
            let real = match root.join(path).canonicalize() {
                Ok(real) => real,
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    return Err(Error::io(format!("cannot read {}", shown(path)), &error));
                }
            };
            let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root));
            if !inside && !self.unrestricted {
                return Err(self.refused(path, "leads out of its folder by a symbolic link"));
            }
            return Ok(Some(real));
        }
        Ok(None)
    }

    /// The text of a file of at most `most` bytes.
    ///
    /// # Errors
    /// Those of [`Confinement::readable`]. Usage: it is a folder, a pipe or a device. Data: it is
    /// larger than `most`, or no UTF-8. Io: it cannot be read.
    pub fn text(&self, path: &Path, most: u64) -> Result<String> {
        let real = self.readable(path)?;
        let failed = |error| Error::io(format!("cannot read {}", real.display()), &error);
        let kind = fs::metadata(&real).map_err(failed)?.file_type();
        if !kind.is_file() {
            let what = match kind {
                kind if kind.is_dir() => "a folder",
                kind if kind.is_fifo() => "a pipe",
                _ => "a device or a socket",
            };
            return Err(Error::usage(format!("expected a file, found {what}: {}", real.display())));
        }
        // Neither a link nor a pipe that takes the file's place by now is followed or waited for.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(&real).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > most {
            let size = fs::metadata(&real).map_or(0, |facts| facts.len());
            return Err(Error::data(format!(
                "expected at most {most} bytes, found {size} in {}",
                real.display()
            )));
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Error::data(format!("expected UTF-8 text, found byte {at} of {}", real.display()))
        })
    }

    /// Refuses what leaves its folder by its name alone, so that nothing outside is looked at.
    fn expect_inside(&self, path: &Path) -> Result<()> {
        let mut depth = 0_usize;
        for part in path.components() {
            depth = match part {
                Component::Normal(_) => depth + 1,
                Component::CurDir => depth,
                Component::ParentDir if depth > 0 => depth - 1,
                Component::ParentDir => return Err(self.refused(path, "leaves its folder by ..")),
                Component::RootDir | Component::Prefix(_) => {
                    return Err(self.refused(path, "is absolute"));
                }
            };
        }
        Ok(())
    }

    fn refused(&self, path: &Path, why: &str) -> Error {
        Error::usage(format!(
            "the path {} {why}; a script reads under {} only",
            shown(path),
            self.folders()
        ))
        .hint("--data DIR adds a folder; --unrestricted lifts the limit, for scripts you trust")
    }

    /// The folders, for messages.
    fn folders(&self) -> String {
        let roots: Vec<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
        roots.join(" and ")
    }
}

/// A path for messages: what cannot be printed is escaped, what is long is cut.
pub fn shown(path: impl AsRef<OsStr>) -> String {
    let text: String = path.as_ref().to_string_lossy().escape_debug().collect();
    match text.char_indices().nth(120) {
        Some((cut, _)) => format!("\"{}...\"", &text[..cut]),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::os::unix::fs::symlink;

    /// `in/` with files and links, `data/`, and `secret` beside them.
    fn folders() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::create_dir_all(path("in/sub")).unwrap();
        fs::create_dir(path("data")).unwrap();
        for file in ["secret", "in/own", "in/sub/deep", "data/images"] {
            fs::write(path(file), file).unwrap();
        }
        symlink("../secret", path("in/link")).unwrap();
        symlink("link", path("in/chain")).unwrap();
        symlink("..", path("in/up")).unwrap();
        symlink("sub", path("in/within")).unwrap();
        symlink("circle", path("in/circle")).unwrap();
        top
    }

    fn confined(top: &tempfile::TempDir) -> Confinement {
        Confinement::to(&top.path().join("in")).and(Some(&top.path().join("data")))
    }

    #[test]
    fn every_root_is_searched_in_order() {
        let top = folders();
        let confined = confined(&top);
        for (path, text) in [
            ("own", "in/own"),
            ("sub/deep", "in/sub/deep"),
            ("sub/../own", "in/own"),
            ("./within/deep", "in/sub/deep"),
            ("images", "data/images"),
        ] {
            assert_eq!(confined.text(Path::new(path), 100).unwrap(), text);
        }
        assert!(confined.beside_the_script().text(Path::new("images"), 100).is_err());
    }

    #[test]
    fn nothing_outside_is_readable_and_the_error_names_the_roots() {
        let top = folders();
        let secret = top.path().join("secret");
        let secret = secret.to_str().unwrap();
        let outside = [
            "../secret",
            "sub/../../secret",
            "link",
            "chain",
            "up/secret",
            "within/../up/secret",
            "own\0",
            "/proc/self/root/etc/passwd",
            "/proc/self/fd/0",
            "/dev/zero",
            secret,
        ];
        for path in outside {
            let error = confined(&top).text(Path::new(path), 100).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{path}: {error}");
            assert!(error.to_string().contains("data only"), "{path}: {error}");
        }
        let circle = confined(&top).text(Path::new("circle"), 100).unwrap_err();
        assert_eq!(circle.kind(), Kind::Io);
    }

    #[test]
    fn unrestricted_reads_what_is_confined_otherwise() {
        let top = folders();
        let lifted = confined(&top).unrestricted(true);
        for path in ["../secret", "chain", top.path().join("secret").to_str().unwrap()] {
            assert_eq!(lifted.text(Path::new(path), 100).unwrap(), "secret");
        }
        let device = lifted.text(Path::new("/dev/zero"), 100).unwrap_err();
        assert!(device.to_string().contains("found a device"), "{device}");
    }

    #[test]
    fn a_file_is_text_and_no_longer_than_asked() {
        let top = folders();
        fs::write(top.path().join("in/binary"), [b'a', 0xff]).unwrap();
        let said = |path: &str, most| {
            let error = confined(&top).text(Path::new(path), most).unwrap_err();
            assert!(matches!(error.kind(), Kind::Data | Kind::Usage));
            error.to_string()
        };
        assert!(said("own", 5).contains("expected at most 5 bytes, found 6"));
        assert!(said("binary", 5).contains("expected UTF-8 text, found byte 1"));
        assert!(said("sub", 5).contains("found a folder"));
        assert!(said("none", 5).contains("no file \"none\" in "));
    }
}
