//! Which process this is, and whether another one still lives.

use crate::lineage::sha256_hex;
use serde::{Deserialize, Serialize};
use std::fs;

/// A process in a form that other processes, on other machines too, can recognise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub host: String,
    pub pid: u32,
    /// When it started, in clock ticks since boot: a process id alone is used again.
    pub start: u64,
    /// A hash of the running kernel and its process namespace, within which process ids mean
    /// something: containers on one machine may share a host name. Empty where unknown.
    pub place: String,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Alive,
    Dead,
    /// It runs, or ran, where its process id cannot be looked up.
    Elsewhere,
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let start = start_of(pid).unwrap_or(0);
        Self { host: host.trim().to_owned(), pid, start, place: place().unwrap_or_default() }
    }

    /// Whether it lives, as far as this process can know.
    pub fn fate(&self) -> Fate {
        if self.place.is_empty() || place().as_deref() != Some(&*self.place) {
            return Fate::Elsewhere;
        }
        match start_of(self.pid) {
            Some(start) if start == self.start => Fate::Alive,
            Some(_) => Fate::Dead,
            None if hidden(self.pid) => Fate::Elsewhere,
            None => Fate::Dead,
        }
    }
}

fn place() -> Option<String> {
    let boot = fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let both = [&*boot, namespace.as_os_str().as_encoded_bytes()].concat();
    Some(sha256_hex(&both)[..16].to_owned())
}

/// The start time of a process that runs: field 22 of its `stat`, where the name in field 2 may
/// hold spaces and parentheses. A process that only waits to be collected runs no more.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start)
}

/// Whether a process exists though `/proc` does not show it (mount option `hidepid`).
fn hidden(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    if fs::exists(format!("/proc/{pid}")).unwrap_or(false) {
        return false;
    }
    // SAFETY: signal 0 is never delivered; the call only asks whether the process exists.
    let exists = unsafe { libc::kill(pid, 0) } == 0;
    exists || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_alive_until_it_is_killed_and_its_id_alone_proves_nothing() {
        assert_eq!(Process::this().fate(), Fate::Alive);
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        let other = Process { pid, start: start_of(pid).unwrap(), ..Process::this() };
        assert_eq!(other.fate(), Fate::Alive);
        let earlier = Process { start: other.start - 1, ..other.clone() };
        assert_eq!(earlier.fate(), Fate::Dead);
        child.kill().unwrap();
        while other.fate() == Fate::Alive {
            std::thread::yield_now();
        }
        assert_eq!(other.fate(), Fate::Dead, "killed, not yet collected");
        child.wait().unwrap();
        assert_eq!(other.fate(), Fate::Dead, "collected");
    }

    #[test]
    fn process_ids_of_another_kernel_or_container_say_nothing() {
        let other = Process { place: "0123456789abcdef".into(), ..Process::this() };
        assert_eq!(other.fate(), Fate::Elsewhere);
        assert_eq!(Process { place: String::new(), ..other }.fate(), Fate::Elsewhere);
    }
}
