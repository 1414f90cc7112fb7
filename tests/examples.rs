//! The example of every entry runs and shows its result.

use libtest_mimic::{Failed, Trial};
use rtscript::confinement::Confinement;
use rtscript::context::{Context, Interrupt, Silent};
use rtscript::script::{Bounds, Ended, Options, Session};
use rtscript::store::{Manifest, Store};
use rtscript::sweep::Shard;
use std::rc::Rc;

/// One trial over all entries: they share a store, as a session does.
pub fn tests() -> Vec<Trial> {
    vec![Trial::test("examples::every_example_shows_its_result", every_example)]
}

/// A session in this process on an empty store, which goes with the folder.
pub fn session(folder: &std::path::Path) -> Session {
    printing_session(folder, Rc::new(|_| {}))
}

/// The same, with what its scripts print going to `print`, a line at a time.
pub fn printing_session(folder: &std::path::Path, print: Rc<dyn Fn(&str)>) -> Session {
    let context = Context {
        device: tch::Device::Cpu,
        store: Store::open(&folder.join("runs")).expect("a store"),
        data: None,
        monitor: Rc::new(Silent),
        interrupt: Interrupt::default(),
        environment: Manifest {
            threads: 1,
            cpu: "test".into(),
            torch: "test".into(),
            program: "test".into(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    };
    let options = Options {
        set: Vec::new(),
        shard: Shard::WHOLE,
        out: folder.join("reports"),
        bounds: Bounds { reading: Confinement::to(folder), max_ops: None },
        interactive: true,
        print,
    };
    Session::new(&context, options)
}

fn every_example() -> Result<(), Failed> {
    rtscript::torch::start(Some(1)).map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir()?;
    let specs = session(folder.path()).reference().specs.clone();
    let mut wrong = Vec::new();
    for spec in specs {
        let mut session = session(folder.path());
        let shown = match session.run(&spec.path(), spec.example.code) {
            Ok(Ended::Value(value)) => value.unwrap_or_default().text,
            Ok(Ended::ShardDone { .. }) => "a shard".to_owned(),
            Err(diagnostic) => diagnostic.text,
        };
        if shown.trim() != spec.example.shows.trim() {
            let expected = spec.example.shows;
            wrong.push(format!("{}:\nexpected {expected}\nfound    {shown}", spec.path()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n\n").into()) }
}
