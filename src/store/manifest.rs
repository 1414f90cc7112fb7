//! The manifest: how a result came about, kept beside it and not in its address.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The machine and the program of a computation. The caller fills it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Threads of libtorch.
    pub threads: u32,
    /// The processor and the instruction sets that kernels choose by.
    pub cpu: String,
    /// The version of libtorch.
    pub torch: String,
    /// The version of this program.
    pub program: String,
    /// Seconds of computation.
    pub seconds: f64,
    /// When it ended, if the caller wants that known.
    pub date: Option<String>,
}

impl fmt::Display for Manifest {
    /// What the bits of a result depend on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, cpu, torch, program, .. } = self;
        write!(f, "rtscript {program}, libtorch {torch}, {threads} threads, {cpu}")
    }
}

impl Manifest {
    /// What differs between two manifests and changes the last bits of sums: threads, processor
    /// and libtorch. `None` where the same work gives the same bits.
    pub fn inexact(&self, now: &Self) -> Option<String> {
        let pairs = [
            ("threads", self.threads.to_string(), now.threads.to_string()),
            ("cpu", self.cpu.clone(), now.cpu.clone()),
            ("torch", self.torch.clone(), now.torch.clone()),
        ];
        let differing: Vec<String> = pairs
            .iter()
            .filter(|(_, then, now)| then != now)
            .map(|(what, then, now)| format!("{what} was {then}, is {now}"))
            .collect();
        (!differing.is_empty()).then(|| differing.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use super::*;

    #[test]
    fn seconds_and_dates_change_no_bits_but_threads_do() {
        let then = manifest();
        let later = Manifest { seconds: 9.0, date: Some("2026-01-01".into()), ..then.clone() };
        assert_eq!(then.inexact(&later), None);
        let other = Manifest { threads: 8, ..then.clone() };
        assert_eq!(then.inexact(&other).unwrap(), "threads was 2, is 8");
    }
}
