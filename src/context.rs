//! What every expensive verb runs under: device, store, data folder, and who watches.

use crate::error::{Error, Result};
use crate::lineage::{Address, Lineage};
use crate::store::{Claim, Lease, Manifest, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Watches long work: shows progress, passes on warnings.
///
/// The domain prints nothing; the command line implements this with bars on stderr.
pub trait Monitor {
    /// Work named `what` starts; it has `total` steps of which `done` were done before.
    fn begin(&self, what: &str, total: u64, done: u64);
    /// One step of the current work is done; `note` is a short state such as the loss.
    fn advance(&self, note: &str);
    /// The current work ended.
    fn end(&self);
    /// Whether enough time went by for another checkpoint; asked after every update.
    fn checkpoint_due(&self) -> bool;
    /// Something the user should know, in one line.
    fn warn(&self, message: &str);
}

/// Asks long work to stop at its next batch. Clones share the request; unlike the session it may
/// be sent to another thread, or be used in a signal handler.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether someone asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Forgets what was asked: new work starts.
    pub fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A monitor that shows nothing.
pub struct Silent;

impl Monitor for Silent {
    fn begin(&self, _: &str, _: u64, _: u64) {}
    fn advance(&self, _: &str) {}
    fn end(&self) {}
    fn checkpoint_due(&self) -> bool {
        false
    }
    fn warn(&self, _: &str) {}
}

/// The settings of a session.
#[derive(Clone)]
pub struct Context {
    /// Where tensors live.
    pub device: tch::Device,
    /// Where results and weights are kept.
    pub store: Store,
    /// The folder of real data sets, if the user named one.
    pub data: Option<PathBuf>,
    /// Who watches.
    pub monitor: Rc<dyn Monitor>,
    /// Whether to stop; long work checks it at every batch.
    pub interrupt: Interrupt,
    /// What results depend on besides their address: threads, CPU, torch.
    pub environment: Manifest,
    /// Whether work that another process holds is an error instead of a wait: a sweep then does
    /// another cell first.
    pub defer_busy: Rc<Cell<bool>>,
    /// The environments that the results of this session come from.
    pub origins: Rc<RefCell<BTreeSet<String>>>,
    /// Starts partial runs anew instead of refusing to resume them under other threads or CPUs.
    pub restart_partial: bool,
}

impl Context {
    /// The device kind, as it enters addresses: bits differ between kinds, not between cards.
    pub fn device_kind(&self) -> &'static str {
        match self.device {
            tch::Device::Cuda(_) => "cuda",
            _ => "cpu",
        }
    }

    /// The stored result of an address; where it was computed is remembered for reports.
    ///
    /// # Errors
    /// A damaged result.
    pub fn found<T: DeserializeOwned>(&self, address: &Address) -> Result<Option<T>> {
        Ok(self.store.result::<T>(address)?.map(|stored| {
            self.origins.borrow_mut().insert(stored.manifest.to_string());
            stored.payload
        }))
    }

    /// Stores a result that was computed here.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn keep<T: Serialize>(&self, lineage: &Lineage, result: &T) -> Result<()> {
        self.store.put_result(lineage, &self.environment, result)?;
        self.origins.borrow_mut().insert(self.environment.to_string());
        Ok(())
    }

    /// Claims the work of an address for this process, waiting for another that holds it.
    ///
    /// # Errors
    /// Busy where [`Context::defer_busy`] is set; interrupted while waiting.
    pub fn claim(&self, address: &Address) -> Result<Lease> {
        let mut told = false;
        loop {
            let holder = match self.store.claim(address)? {
                Claim::Held(lease) => return Ok(lease),
                Claim::Busy(holder) => format!("process {} on {}", holder.pid, holder.host),
            };
            if self.defer_busy.get() {
                return Err(Error::busy(format!(
                    "{} is being computed by {holder}",
                    address.short()
                )));
            }
            if !told {
                told = true;
                self.monitor
                    .warn(&format!("waiting for {}: {holder} computes it", address.short()));
            }
            if self.interrupt.is_requested() {
                return Err(Error::interrupted("interrupted while waiting for another process"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}
