//! The test program run again as a process that can be killed, limited and raced.

use rtscript::error::{Kind, Result};
use rtscript::lineage::Lineage;
use rtscript::store::{Claim, Manifest, Store};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

const PART: &str = "RTSCRIPT_FAULT_PART";
const ROOT: &str = "RTSCRIPT_FAULT_STORE";
const NUMBER: &str = "RTSCRIPT_FAULT_NUMBER";

/// A process that plays a part.
pub struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub fn start(part: &str, store: &Store, number: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(PART, part).env(ROOT, store.root()).env(NUMBER, number.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Kills it with signal 9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends its input and waits for success.
    pub fn succeed(mut self) {
        drop(self.input);
        assert!(self.process.wait().unwrap().success());
    }
}

/// Kills a process with signal 9.
pub fn kill(process: libc::pid_t) {
    // SAFETY: a plain call.
    assert_eq!(unsafe { libc::kill(process, libc::SIGKILL) }, 0);
}

pub fn lineage(number: u64) -> Rc<Lineage> {
    let options = BTreeMap::from([("number".to_owned(), number.into())]);
    Lineage::new("test::work", 1, options, BTreeMap::new())
}

pub fn manifest() -> Manifest {
    let [cpu, torch, program] = ["cpu", "torch", "program"].map(str::to_owned);
    Manifest { threads: 1, cpu, torch, program, seconds: 0.5, date: None }
}

pub fn blob_bytes(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(20_000)
}

pub fn weights(step: u64) -> Vec<u8> {
    step.to_be_bytes().repeat(5_000)
}

/// Puts one of everything: a result, a blob and a checkpoint of one address.
pub fn put_all(store: &Store, number: u64) -> Result<()> {
    let asked = lineage(number);
    store.put_result(&asked, &manifest(), &number)?;
    store.put_blob(asked.address(), "w", &blob_bytes(number))?;
    put_checkpoint(store, number, number)
}

fn put_checkpoint(store: &Store, number: u64, step: u64) -> Result<()> {
    let files = [("weights", &*weights(step))];
    let state = serde_json::json!({"epoch": step});
    store.put_partial(lineage(number).address(), &manifest(), step, &state, &files)
}

/// Where this process was started to play a part, plays it and exits.
pub fn play_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let root = std::env::var(ROOT).unwrap();
    let number = std::env::var(NUMBER).unwrap().parse().unwrap();
    let store = Store::open(Path::new(&root)).unwrap();
    match &*part {
        "writers" => writers(&store),
        "full" => full(&store),
        "read_only" => read_only(&store),
        "hold" => hold(&store),
        "race" => race(&store, number),
        other => panic!("unknown part {other}"),
    }
    std::process::exit(0);
}

/// Says and sends a line at once: what was said was acknowledged.
fn say(line: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).unwrap();
}

/// Forks a writer for every line, which is its first number; says its process and, when it
/// was killed, that it is gone. To start this program takes libtorch a third of a second, and
/// this process has one thread, so that forking it is safe.
fn writers(store: &Store) {
    for line in std::io::stdin().lines() {
        let first = line.unwrap().parse().unwrap();
        let writer = fork(|| write(store, first));
        say(&writer.to_string());
        wait(writer);
        say("gone");
    }
}

fn fork(part: impl FnOnce()) -> libc::pid_t {
    // SAFETY: no other thread runs that could hold a lock in the new process.
    match unsafe { libc::fork() } {
        0 => {
            part();
            std::process::exit(0)
        }
        child => child,
    }
}

fn wait(child: libc::pid_t) {
    // SAFETY: a null pointer asks for no status.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
}

/// Writes round after round, and acknowledges each.
fn write(store: &Store, first: u64) {
    for number in first.. {
        let asked = lineage(0);
        store.put_result(&lineage(number), &manifest(), &number).unwrap();
        store.put_blob(asked.address(), "w", &blob_bytes(number)).unwrap();
        put_checkpoint(store, 0, number).unwrap();
        say(&number.to_string());
    }
}

/// Claims and never lets go.
fn hold(store: &Store) {
    let claim = store.claim(lineage(0).address()).unwrap();
    say(if matches!(claim, Claim::Held(_)) { "held" } else { "busy" });
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Forks eight processes that claim the addresses 1 to `rounds`, each at the same moment, and
/// hold what they win until the input ends.
fn race(store: &Store, rounds: u64) {
    let begin = SystemTime::now() + Duration::from_millis(20);
    let claimant = || {
        let mut won = Vec::new();
        for round in 1..=rounds {
            let start = begin + Duration::from_millis(10) * round as u32;
            while SystemTime::now() < start {
                std::hint::spin_loop();
            }
            let claim = store.claim(lineage(round).address()).unwrap();
            say(&format!("{round} {}", matches!(claim, Claim::Held(_))));
            won.push(claim);
        }
        let _ = std::io::stdin().read_line(&mut String::new());
    };
    let claimants: Vec<_> = (0..8).map(|_| fork(claimant)).collect();
    claimants.into_iter().for_each(wait);
}

/// Limits the size of the files that this process may write, as a full disk does.
fn limit_files(bytes: Option<u64>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a limit that lives.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit), 0);
        limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

fn full(store: &Store) {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    (1..=2).for_each(|step| put_checkpoint(store, 1, step).unwrap());
    put_all(store, 3).unwrap();
    for limit in [0, 1, 10, 100, 1000, 39_999] {
        limit_files(Some(limit));
        let new = lineage(9);
        let old = lineage(3);
        let mut answers = vec![
            store.put_blob(old.address(), "w", &blob_bytes(4)),
            store.put_blob(new.address(), "w", &blob_bytes(4)),
            put_checkpoint(store, 1, 3),
        ];
        if limit <= 10 {
            answers.push(store.put_result(&new, &manifest(), &9));
            answers.push(store.claim(new.address()).map(drop));
            answers.push(Store::open(store.root()).map(drop));
        }
        limit_files(None);
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), Kind::Io, "limit {limit}: {error}");
            assert!(error.to_string().starts_with("store: cannot write "), "{error}");
            assert_eq!(error.hints()[0], "free space and run again: finished work is kept");
        }
        assert_eq!(store.blob(old.address(), "w").unwrap().unwrap(), blob_bytes(3));
        assert_eq!(store.blob(new.address(), "w").unwrap(), None);
        assert_eq!(store.partial(lineage(1).address()).unwrap().unwrap().step, 2);
        assert_eq!(store.result::<u64>(new.address()).unwrap(), None);
        assert_eq!(store.result::<u64>(old.address()).unwrap().unwrap().payload, 3);
        assert!(matches!(store.claim(new.address()).unwrap(), Claim::Held(_)));
    }
    put_all(store, 9).unwrap();
}

/// Sets the mode of a folder and of all folders below it.
pub fn set_modes(folder: &Path, mode: u32) {
    fs::set_permissions(folder, PermissionsExt::from_mode(mode)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            set_modes(&path, mode);
        }
    }
}

fn read_only(store: &Store) {
    set_modes(store.root(), 0o555);
    // SAFETY: plain calls. The superuser may write anywhere; nobody may not.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setuid(65534), 0);
        }
    }
    let old = lineage(1);
    let errors = [
        store.put_result(&lineage(2), &manifest(), &2).unwrap_err(),
        store.put_blob(old.address(), "w", b"new").unwrap_err(),
        put_checkpoint(store, 1, 2).unwrap_err(),
        store.claim(old.address()).unwrap_err(),
        Store::open(store.root()).unwrap_err(),
    ];
    for error in &errors {
        assert_eq!(error.kind(), Kind::Io, "{error}");
        assert!(error.to_string().contains(&*store.root().to_string_lossy()), "{error}");
    }
    assert!(errors[4].hints().iter().any(|hint| hint.contains("--store DIR")));
    store.put_result(&old, &manifest(), &1).unwrap();
    assert_eq!(store.result::<u64>(old.address()).unwrap().unwrap().payload, 1);
    assert_eq!(store.blob(old.address(), "w").unwrap().unwrap(), blob_bytes(1));
    assert_eq!(store.partial(old.address()).unwrap().unwrap().step, 1);
}
