//! Removes what killed writers left: temporary files and folders, and leases.

use super::process::Fate;
use super::{FOLDERS, Store, unfinished, writer};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Large files that nobody went on with for so long will not be finished.
const ABANDONED: Duration = Duration::from_secs(30 * 24 * 3600);
/// A sweep lists every folder of the store; many processes that start together need only one.
const DUE: Duration = Duration::from_secs(3600);
const SWEPT: &str = "swept";

impl Store {
    /// Sweeps unless that was done within the hour.
    pub(super) fn sweep_if_due(&self) {
        let path = self.root().join(SWEPT);
        let recent = |path: &Path| age(path).is_some_and(|age| age < DUE);
        if recent(&path) {
            return;
        }
        self.sweep();
        // Failing to note the time costs another sweep and nothing else.
        let _ = fs::write(path, "");
    }

    /// Removes temporary files of dead processes, and of unknown ones when they are older than a
    /// day, large files that were not written to for a month before they were whole, and leases of
    /// dead processes. Returns how many files and folders went.
    ///
    /// What cannot be removed stays: it takes space and does no other harm.
    pub fn sweep(&self) -> usize {
        let _ = self.sweep_leases();
        let below: usize = FOLDERS.iter().map(|name| sweep_folder(&self.root().join(name))).sum();
        below + sweep_files(self.root())
    }
}

fn sweep_folder(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    let kept = folders.filter(|entry| !is_temporary(&entry.path()));
    sweep_files(folder) + kept.map(|entry| sweep_folder(&entry.path())).sum::<usize>()
}

/// Removes stale temporary files and folders that lie directly in `folder`.
fn sweep_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let stale = entries.flatten().map(|entry| entry.path()).filter(|path| is_stale(path));
    stale.filter(|path| fs::remove_file(path).or_else(|_| fs::remove_dir_all(path)).is_ok()).count()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_temporary(path: &Path) -> bool {
    name_of(path).starts_with(writer::TEMPORARY)
}

fn is_stale(path: &Path) -> bool {
    if name_of(path).ends_with(unfinished::PART) {
        return age(path).is_some_and(|age| age > ABANDONED);
    }
    if !is_temporary(path) {
        return false;
    }
    match writer::author(name_of(path)).map_or(Fate::Elsewhere, |author| author.fate()) {
        Fate::Alive => false,
        Fate::Dead => true,
        Fate::Elsewhere => age(path).is_some_and(|age| age > DAY),
    }
}

fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::process::Process;
    use super::super::tests::{fresh, lineage, manifest};
    use super::*;

    #[test]
    fn temporaries_go_when_their_writer_is_dead_or_they_are_a_day_old() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        store.put_result(&asked, &manifest(), &1).unwrap();
        store.put_partial(asked.address(), &manifest(), 1, &().into(), &[("w", b"x")]).unwrap();
        let Process { pid, start, place, .. } = Process::this();
        let results = store.root().join("results/ab");
        let partial = store.root().join("partial").join(asked.address().as_str());
        fs::create_dir_all(&results).unwrap();
        let of = |place: &str, start: u64| format!(".tmp-{place}-{pid}-{start}-999999");
        let dead = results.join(of(&place, start + 1));
        let alive = results.join(of(&place, start));
        let away = results.join(of("far", start));
        let old = results.join(".tmp-unreadable");
        for file in [&dead, &alive, &away, &old] {
            fs::write(file, "x").unwrap();
        }
        let folder = partial.join(of(&place, start + 1));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("weights"), "x").unwrap();
        let long_ago = SystemTime::now() - 2 * DAY;
        fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(store.sweep(), 3);
        let left = [&dead, &alive, &away, &old, &folder].map(|path| path.exists());
        assert_eq!(left, [false, true, true, false, false]);
        assert_eq!(store.result::<i64>(asked.address()).unwrap().unwrap().payload, 1);
        assert_eq!(store.partial(asked.address()).unwrap().unwrap().step, 1);
    }

    #[test]
    fn large_files_stay_and_unfinished_ones_go_after_a_month() {
        let (_folder, store) = fresh();
        let [whole, growing, abandoned] = [1, 2, 3].map(|number| {
            let asked = lineage(number);
            store.unfinished(asked.address(), "large").unwrap();
            store.large_file(asked.address(), "large").unwrap()
        });
        let part = |path: &Path| path.with_file_name("large.part");
        fs::rename(part(&whole), &whole).unwrap();
        for (path, days) in [(&whole, 400), (&part(&growing), 29), (&part(&abandoned), 31)] {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - days * DAY).unwrap();
        }
        assert_eq!(store.sweep(), 1);
        let left = [whole, part(&growing), part(&abandoned)].map(|path| path.exists());
        assert_eq!(left, [true, true, false]);
    }

    #[test]
    fn opening_sweeps_once_an_hour() {
        let (_folder, store) = fresh();
        let Process { pid, start, place, .. } = Process::this();
        let left = store.root().join("results").join(format!(".tmp-{place}-{pid}-{}-1", start + 1));
        fs::write(&left, "").unwrap();
        Store::open(store.root()).unwrap();
        assert!(left.exists());
        let swept = fs::File::options().write(true).open(store.root().join(SWEPT)).unwrap();
        swept.set_modified(SystemTime::now() - 2 * DUE).unwrap();
        Store::open(store.root()).unwrap();
        assert!(!left.exists());
    }
}
