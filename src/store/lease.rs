//! Leases: who does the work of an address now, so that processes that share a store never do
//! the same work twice.
//!
//! A lease is a file that names its process; the process touches it while it lives. A lease of a
//! process that is known to be dead is taken over at once, one of a process that cannot be
//! looked up (on another machine) when it was not touched for a while. Every change happens
//! under one file lock, so that of many claimants of a stale lease exactly one wins. Results are
//! right without leases too, where a file system cannot lock: then work is done twice at worst.

use super::process::{Fate, Process};
use super::{LEASES, Store, writer};
use crate::error::{Error, Result};
use crate::lineage::Address;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_secs(5);
const STALE: Duration = Duration::from_secs(30);
/// How long a change of leases may take; the lock is held for well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(10);
const LOCK: &str = ".lock";

/// The answer to a claim.
#[derive(Debug)]
pub enum Claim {
    /// The work is the caller's until the lease is dropped.
    Held(Lease),
    /// Another holder does the work.
    Busy(Holder),
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of the machine.
    pub host: String,
    /// The process on that machine.
    pub pid: u32,
}

/// The right to do the work of one address. Dropping it gives the work back.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    file: Arc<File>,
    heart: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Store {
    /// Claims the work of an address, without waiting.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where the lease cannot be written; `Kind::Busy` where another process was
    /// stopped while it changed a lease.
    pub fn claim(&self, address: &Address) -> Result<Claim> {
        let folder = self.root().join(LEASES);
        let path = folder.join(address.as_str());
        let _changing = Changing::leases_of(&folder)?;
        if let Some(holder) = holder(&path)? {
            return Ok(Claim::Busy(holder));
        }
        remove(&path)?;
        let file = match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let unknown = Holder { host: "unknown".into(), pid: 0 };
                return Ok(Claim::Busy(holder(&path)?.unwrap_or(unknown)));
            }
            file => file.map_err(|error| writer::cannot_write(&path, &error))?,
        };
        let signed = Lease::sign(&path, file, BEAT);
        if signed.is_err() {
            remove(&path)?;
        }
        signed.map(Claim::Held)
    }

    /// Removes the leases of processes that are gone.
    pub(super) fn sweep_leases(&self) -> Result<()> {
        let folder = self.root().join(LEASES);
        let entries =
            fs::read_dir(&folder).map_err(|error| writer::cannot_read(&folder, &error))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let _changing = Changing::leases_of(&folder)?;
            if holder(&entry.path())?.is_none() {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Lease {
    /// Signs a lease file and keeps it signed. The caller removes the file if this fails.
    fn sign(path: &Path, file: File, beat: Duration) -> Result<Self> {
        let failed = |error: io::Error| writer::cannot_write(path, &error);
        let text = serde_json::to_string(&Process::this())
            .map_err(|error| Error::internal(format!("store: {error}")))?;
        file.write_all_at(format!("{text}\n").as_bytes(), 0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let file = Arc::new(file);
        let (stop, stopped) = channel();
        let (touched, last) = (Arc::clone(&file), text.len() as u64);
        let touch = move || {
            while stopped.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                // The same byte again, so that the file server sets the time. The next beat
                // makes up for one that fails.
                let _ = touched.write_all_at(b"\n", last).and_then(|()| touched.sync_all());
            }
        };
        let thread =
            std::thread::Builder::new().name("lease".into()).spawn(touch).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), file, heart: Some((stop, thread)) })
    }

    /// Whether the work is still the caller's. It is not after the machine slept for so long
    /// that another one took the lease over.
    pub fn is_held(&self) -> bool {
        let identity = |file: fs::Metadata| (file.dev(), file.ino());
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(current)) => identity(ours) == identity(current),
            _ => false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.heart.take() {
            drop(stop);
            let _ = thread.join();
        }
        let changing = self.path.parent().map(Changing::leases_of);
        if self.is_held() {
            let _ = fs::remove_file(&self.path);
        }
        drop(changing);
    }
}

/// The lock under which leases change. The system lets go of it when a process dies.
struct Changing {
    _lock: File,
}

impl Changing {
    fn leases_of(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| writer::cannot_write(&path, &error))?;
        let begun = Instant::now();
        // SAFETY: the descriptor belongs to `file`, which is open.
        while unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            if io::Error::last_os_error().kind() != ErrorKind::WouldBlock {
                break;
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::busy(format!("store: {} stays locked", path.display()))
                    .hint("a stopped process that uses this store holds the lock"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { _lock: file })
    }
}

/// Who holds the lease in a file; `None` if nobody does any more.
fn holder(path: &Path) -> Result<Option<Holder>> {
    let Some(bytes) = writer::read(path)? else { return Ok(None) };
    let process = serde_json::from_slice::<Process>(&bytes).ok();
    let held = match process.as_ref().map_or(Fate::Elsewhere, Process::fate) {
        Fate::Alive => true,
        Fate::Dead => false,
        Fate::Elsewhere => !untouched(path)?,
    };
    let name = |process: Process| Holder { host: process.host, pid: process.pid };
    let unknown = Holder { host: "unknown".into(), pid: 0 };
    Ok(held.then(|| process.map_or(unknown, name)))
}

/// Whether a file was not touched for long, by the clock of the file system that holds it.
fn untouched(path: &Path) -> Result<bool> {
    let now = writer::time_of(path.parent().unwrap_or(path))?;
    let touched = match fs::metadata(path).and_then(|file| file.modified()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        time => time.map_err(|error| writer::cannot_read(path, &error))?,
    };
    Ok(now.duration_since(touched).is_ok_and(|silent| silent > STALE))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(writer::cannot_write(path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh, lineage};
    use super::*;

    fn held(claim: Claim) -> Option<Lease> {
        match claim {
            Claim::Held(lease) => Some(lease),
            Claim::Busy(_) => None,
        }
    }

    /// Puts a lease of another process in place, touched `seconds` ago.
    fn plant(path: &Path, text: &str, seconds: u64) {
        fs::write(path, text).unwrap();
        let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_second_claim_in_one_process_is_busy_until_the_first_is_dropped() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        let other = Store::open(store.root()).unwrap();
        let lease = held(store.claim(address).unwrap()).unwrap();
        match other.claim(address).unwrap() {
            Claim::Busy(holder) => assert_eq!(holder.pid, std::process::id()),
            Claim::Held(_) => panic!("claimed twice"),
        }
        assert!(held(other.claim(lineage(2).address()).unwrap()).is_some());
        assert!(lease.is_held());
        drop(lease);
        assert!(held(other.claim(address).unwrap()).is_some());
        assert_eq!(fs::read_dir(store.root().join(LEASES)).unwrap().count(), 1, "the lock");
    }

    #[test]
    fn dead_processes_lose_at_once_and_unreachable_ones_after_thirty_seconds() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let path = store.root().join(LEASES).join(asked.address().as_str());
        let this = Process::this();
        let text = |process: &Process| serde_json::to_string(process).unwrap();
        let reused = Process { start: this.start + 1, ..this.clone() };
        let away = Process { place: "far".into(), host: "node7".into(), ..this.clone() };
        let cases = [
            (text(&reused), 0, true),
            (text(&away), 0, false),
            (text(&away), 25, false),
            (text(&away), 35, true),
            (text(&this), 3600, false),
            (String::new(), 0, false),
            ("\u{0}garbage".to_owned(), 35, true),
        ];
        for (text, seconds, won) in cases {
            plant(&path, &text, seconds);
            let lease = held(store.claim(asked.address()).unwrap());
            assert_eq!(lease.is_some(), won, "{text} touched {seconds} s ago");
            drop(lease);
            assert_eq!(path.exists(), !won);
        }
    }

    #[test]
    fn a_living_lease_is_touched_and_keeps_its_words() {
        let (folder, _store) = fresh();
        let path = folder.path().join("lease");
        let file = File::create_new(&path).unwrap();
        let lease = Lease::sign(&path, file, Duration::from_millis(5)).unwrap();
        let text = fs::read(&path).unwrap();
        for _ in 0..3 {
            let long_ago = std::time::SystemTime::now() - 2 * STALE;
            lease.file.set_modified(long_ago).unwrap();
            let begun = Instant::now();
            while untouched(&path).unwrap() {
                assert!(begun.elapsed() < STALE, "no beat came");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!(fs::read(&path).unwrap(), text);
        assert_eq!(serde_json::from_slice::<Process>(&text).unwrap(), Process::this());
    }

    #[test]
    fn a_lease_that_was_lost_neither_claims_nor_deletes_its_successor() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let path = store.root().join(LEASES).join(asked.address().as_str());
        let lost = held(store.claim(asked.address()).unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        let successor = held(store.claim(asked.address()).unwrap()).unwrap();
        assert!(!lost.is_held());
        drop(lost);
        assert!(successor.is_held());
    }

    #[test]
    fn leases_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let (_folder, store) = fresh();
        let this = Process::this();
        let dead = Process { start: this.start + 1, ..this };
        let path = store.root().join(LEASES).join("dead");
        plant(&path, &serde_json::to_string(&dead).unwrap(), 0);
        let lease = held(store.claim(lineage(1).address()).unwrap()).unwrap();
        store.sweep_leases().unwrap();
        assert!(!path.exists());
        assert!(lease.is_held());
    }
}
