//! Faults that the store must survive: kills, full disks, read-only folders, damage and races.

mod child;

use child::{Child, blob_bytes, lineage, manifest, weights};
use libtest_mimic::{Failed, Trial};
use rtscript::error::Kind;
use rtscript::store::{Claim, Lease, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The tests. In a process that one of them started, this plays the child's part and exits.
pub fn tests() -> Vec<Trial> {
    child::play_part();
    let trial = |name: &str, test: fn()| {
        Trial::test(format!("faults::{name}"), move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    vec![
        trial("killed_writers_corrupt_nothing_and_lose_nothing_acknowledged", kills),
        trial("a_full_disk_is_an_error_and_keeps_what_is_there", full_disk),
        trial("a_read_only_store_is_an_error_and_can_be_read", read_only),
        trial("damage_of_every_file_is_seen", damage),
        trial("damage_of_a_checkpoint_falls_back_one_generation", checkpoint_damage),
        trial("threads_that_race_for_a_stale_lease_have_one_winner", thread_race),
        trial("processes_that_race_for_a_stale_lease_have_one_winner", process_race),
        trial("a_killed_holder_loses_its_lease_at_once", killed_holder),
    ]
}

fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("runs")).unwrap();
    (folder, store)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn kills() {
    let (_folder, store) = fresh();
    let checkpointed = lineage(0);
    let mut acknowledged = 0;
    let mut left = 0;
    let mut writers = Child::start("writers", &store, 0);
    for kill in 0..40u64 {
        writers.tell(&(acknowledged + 1).to_string());
        let writer = writers.line().parse().unwrap();
        // Every other writer finishes a round first; then moments that spread over 20 ms.
        if kill % 2 == 1 {
            acknowledged = writers.line().parse().unwrap();
        }
        std::thread::sleep(Duration::from_micros(kill * 7919 % 20_000));
        child::kill(writer);
        while let Ok(number) = writers.line().parse() {
            acknowledged = number;
        }
        for n in 1..=acknowledged + 1 {
            let asked = lineage(n);
            let result = store.result::<u64>(asked.address()).unwrap().map(|r| r.payload);
            assert!(result == Some(n) || (result.is_none() && n > acknowledged), "result {n}");
        }
        if acknowledged > 0 {
            let blob = store.blob(checkpointed.address(), "w").unwrap().unwrap();
            let at = [acknowledged, acknowledged + 1];
            assert!(at.iter().any(|n| blob == blob_bytes(*n)), "blob after {acknowledged}");
            let partial = store.partial(checkpointed.address()).unwrap().unwrap();
            assert!(at.contains(&partial.step), "step {} after {acknowledged}", partial.step);
            assert_eq!(partial.files["weights"], weights(partial.step));
            assert_eq!(partial.warning, None);
        }
        left += store.sweep();
    }
    assert!(acknowledged >= 20, "{acknowledged} rounds in 40 lives");
    assert!(left > 0, "no kill struck a write");
    let temporary = |path: &PathBuf| path.to_string_lossy().contains(".tmp-");
    assert_eq!(files(store.root()).into_iter().filter(temporary).count(), 0);
}

fn full_disk() {
    let (_folder, store) = fresh();
    Child::start("full", &store, 0).succeed();
}

fn read_only() {
    let (folder, store) = fresh();
    child::put_all(&store, 1).unwrap();
    child::set_modes(folder.path(), 0o755);
    let child = Child::start("read_only", &store, 0);
    child.succeed();
    child::set_modes(folder.path(), 0o755);
}

/// Calls `check` with every flipped bit and every cut at 50 places of a file, then heals it.
fn damage_at_50_places(path: &Path, check: impl Fn(&str)) {
    let good = fs::read(path).unwrap();
    for place in 0..50 {
        let at = place * good.len() / 50;
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (place % 8);
        for (what, bad) in [("flip", &*flipped), ("cut", &good[..at])] {
            fs::write(path, bad).unwrap();
            check(&format!("{what} at byte {at} of {}", path.display()));
            if path.exists() {
                fs::write(path, &good).unwrap();
            }
        }
    }
}

fn damage() {
    let (_folder, store) = fresh();
    child::put_all(&store, 1).unwrap();
    let address = lineage(1).address().clone();
    let hint = "delete it and run again: it will be recomputed";
    let kept = ["results", "blobs"].map(|kind| files(&store.root().join(kind))).concat();
    assert_eq!(kept.len(), 3, "a result, a blob and its note");
    for path in kept {
        damage_at_50_places(&path, |what| {
            let errors = [store.result::<u64>(&address).err(), store.blob(&address, "w").err()];
            let [error] = &errors.into_iter().flatten().collect::<Vec<_>>()[..] else {
                panic!("{what} was not seen");
            };
            assert_eq!(error.kind(), Kind::Data, "{what}");
            assert!(error.to_string().contains(&*path.to_string_lossy()), "{what}: {error}");
            assert_eq!(error.hints(), [hint], "{what}");
        });
    }
    assert_eq!(store.result::<u64>(&address).unwrap().unwrap().payload, 1);
    assert_eq!(store.blob(&address, "w").unwrap().unwrap(), blob_bytes(1));
}

fn checkpoint_damage() {
    let (_folder, store) = fresh();
    let asked = lineage(0);
    let state = serde_json::json!({"epoch": 1});
    for step in 1..=2 {
        let files = [("weights", &*weights(step))];
        store.put_partial(asked.address(), &manifest(), step, &state, &files).unwrap();
    }
    let newest = store.root().join("partial").join(asked.address().as_str()).join("2");
    let aside = newest.with_file_name("damaged-2");
    let kept = files(&newest);
    assert_eq!(kept.len(), 2, "weights and the manifest");
    for path in kept {
        damage_at_50_places(&path, |what| {
            let partial = store.partial(asked.address()).unwrap().unwrap();
            assert_eq!((partial.step, &partial.files["weights"]), (1, &weights(1)), "{what}");
            assert!(partial.warning.unwrap().contains(&*path.to_string_lossy()), "{what}");
            fs::rename(&aside, &newest).unwrap();
        });
    }
    assert_eq!(store.partial(asked.address()).unwrap().unwrap().step, 2);
}

fn lease_path(store: &Store, number: u64) -> PathBuf {
    store.root().join("leases").join(lineage(number).address().as_str())
}

/// The bytes of the lease of a process that was killed.
fn lease_of_the_dead(store: &Store) -> Vec<u8> {
    let mut holder = Child::start("hold", store, 0);
    assert_eq!(holder.line(), "held");
    holder.kill();
    fs::read(lease_path(store, 0)).unwrap()
}

fn held(claim: Claim) -> Option<Lease> {
    match claim {
        Claim::Held(lease) => Some(lease),
        Claim::Busy(_) => None,
    }
}

fn thread_race() {
    let (_folder, store) = fresh();
    let stale = lease_of_the_dead(&store);
    for round in 0..50 {
        fs::write(lease_path(&store, 1), &stale).unwrap();
        let barrier = Barrier::new(8);
        let claim = || {
            let store = Store::open(store.root()).unwrap();
            let address = lineage(1).address().clone();
            barrier.wait();
            held(store.claim(&address).unwrap())
        };
        let leases: Vec<Lease> = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
            claims.into_iter().filter_map(|claim| claim.join().unwrap()).collect()
        });
        assert_eq!(leases.len(), 1, "round {round}");
        assert!(leases[0].is_held(), "round {round}");
    }
}

fn process_race() {
    let (_folder, store) = fresh();
    let stale = lease_of_the_dead(&store);
    let rounds = 20;
    (1..=rounds).for_each(|round| fs::write(lease_path(&store, round), &stale).unwrap());
    let mut claimants = Child::start("race", &store, rounds);
    let answers: Vec<String> = (0..8 * rounds).map(|_| claimants.line()).collect();
    for round in 1..=rounds {
        let won = answers.iter().filter(|answer| **answer == format!("{round} true"));
        assert_eq!(won.count(), 1, "round {round}");
    }
    claimants.succeed();
    let left = files(&store.root().join("leases"));
    assert_eq!(left.len(), 2, "the lock and the lease of the dead: {left:?}");
}

fn killed_holder() {
    let (_folder, store) = fresh();
    let asked = lineage(0);
    let mut holder = Child::start("hold", &store, 0);
    assert_eq!(holder.line(), "held");
    match store.claim(asked.address()).unwrap() {
        Claim::Busy(found) => assert_eq!(found.pid, holder.id()),
        Claim::Held(_) => panic!("two processes hold one lease"),
    }
    holder.kill();
    let begun = Instant::now();
    assert!(held(store.claim(asked.address()).unwrap()).is_some());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
