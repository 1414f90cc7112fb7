//! A grid of cells and the loop over them.

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::lineage::{Address, Lineage};
use crate::stats::{Axis, Metric, Records, Row};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::thread;
use std::time::Duration;

/// One level of an axis.
#[derive(Debug, Clone)]
pub struct Level {
    /// The name in tables.
    pub label: String,
    /// What it is: a handle's address, or a plain value.
    pub identity: Json,
}

/// The most cells of a grid.
const MOST_CELLS: usize = 100_000;

/// While other processes compute all cells that are left, the loop looks again after so long, ...
const PAUSE: Duration = Duration::from_millis(200);

/// ... then after twice as long, and so on up to this many pauses.
const MOST_PAUSES: u32 = 25;

/// The axes of a sweep, each with its levels in source order.
#[derive(Debug, Clone)]
pub struct Grid {
    axes: Vec<(String, Vec<Level>)>,
}

/// One cell: a level of every axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The index of the level, axis by axis.
    pub levels: Vec<usize>,
    address: Address,
}

/// Which of `count` processes this one is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// This process.
    pub index: usize,
    /// All processes.
    pub count: usize,
}

impl Shard {
    /// The only process.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Reads `i/N`, i from 0.
    ///
    /// # Errors
    /// Anything else, and i >= N.
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = text.split_once('/').and_then(|(index, count)| {
            Some(Self { index: index.parse().ok()?, count: count.parse().ok()? })
        });
        match parsed {
            Some(shard) if shard.index < shard.count => Ok(shard),
            _ => Err(Error::usage(format!("shard: expected i/N with 0 <= i < N, found {text}"))
                .hint("two processes: --shard 0/2 and --shard 1/2")),
        }
    }
}

impl Grid {
    /// A grid over `axes`.
    ///
    /// # Errors
    /// No axes, an axis without levels, two levels of one axis with the same label, and more than
    /// a hundred thousand cells.
    pub fn new(axes: Vec<(String, Vec<Level>)>) -> Result<Self> {
        if axes.is_empty() {
            return Err(Error::usage("grid: expected at least one axis, found none"));
        }
        for (name, levels) in &axes {
            if levels.is_empty() {
                return Err(
                    Error::usage(format!("grid: the axis {name} has no levels")).at_key(name)
                );
            }
            let mut labels = BTreeSet::new();
            for level in levels {
                if !labels.insert(&level.label) {
                    return Err(Error::usage(format!(
                        "grid: the axis {name} has two levels named {}",
                        level.label
                    ))
                    .at_key(name)
                    .hint("give one of them another name, e.g. #{ name: \"...\" }"));
                }
            }
        }
        let count = axes.iter().try_fold(1_usize, |n, (_, levels)| n.checked_mul(levels.len()));
        if count.is_none_or(|count| count > MOST_CELLS) {
            let lengths: Vec<String> =
                axes.iter().map(|(_, levels)| levels.len().to_string()).collect();
            return Err(Error::usage(format!(
                "grid: expected at most {MOST_CELLS} cells, found {}",
                lengths.join(" x ")
            )));
        }
        Ok(Self { axes })
    }

    /// The cells in grid order: the last axis varies fastest.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Vec::new()];
        for (_, levels) in &self.axes {
            cells = cells
                .into_iter()
                .flat_map(|cell: Vec<usize>| {
                    (0..levels.len()).map(move |level| {
                        let mut longer = cell.clone();
                        longer.push(level);
                        longer
                    })
                })
                .collect();
        }
        cells.into_iter().map(|levels| Cell { address: self.address(&levels), levels }).collect()
    }

    fn address(&self, levels: &[usize]) -> Address {
        let options: BTreeMap<String, Json> = self
            .axes
            .iter()
            .zip(levels)
            .map(|((name, all), level)| (name.clone(), all[*level].identity.clone()))
            .collect();
        Lineage::new("sweep::cell", 1, options, BTreeMap::new()).address().clone()
    }

    fn label(&self, cell: &Cell) -> String {
        let parts = self.axes.iter().zip(&cell.levels);
        parts
            .map(|((name, levels), level)| format!("{name} {}", levels[*level].label))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Runs `compute` for the cells of `shard`, in the order of their addresses; a busy cell goes
    /// to the end of the queue. Records come back in grid order.
    ///
    /// # Errors
    /// The first error of a cell, with the cell's name in front.
    pub fn run(
        &self,
        context: &Context,
        shard: Shard,
        compute: &mut dyn FnMut(&Cell) -> Result<BTreeMap<String, Metric>>,
    ) -> Result<Records> {
        let mut queue = self.cells();
        queue.sort_by(|a, b| a.address.cmp(&b.address));
        let mut queue: VecDeque<Cell> =
            queue.into_iter().skip(shard.index).step_by(shard.count).collect();
        let total = queue.len();
        let mut done: Vec<(Vec<usize>, BTreeMap<String, Metric>)> = Vec::new();
        let (mut put_off, mut pauses) = (0, 1);
        context.monitor.begin("cells", total as u64, 0);
        let outer = context.defer_busy.replace(true);
        let mut failed = None;
        while let Some(cell) = queue.pop_front() {
            match compute(&cell) {
                Ok(metrics) => {
                    (put_off, pauses) = (0, 1);
                    done.push((cell.levels, metrics));
                    context.monitor.advance("");
                }
                Err(error) if error.kind() == Kind::Busy => {
                    queue.push_back(cell);
                    put_off += 1;
                    if put_off >= queue.len() {
                        // To look at all cells takes work from those who compute them.
                        for _ in 0..pauses {
                            if !context.interrupt.is_requested() {
                                thread::sleep(PAUSE);
                            }
                        }
                        (put_off, pauses) = (0, (2 * pauses).min(MOST_PAUSES));
                    }
                    if context.interrupt.is_requested() {
                        failed = Some(Error::interrupted("grid: interrupted while waiting"));
                        break;
                    }
                }
                Err(error) if error.kind() == Kind::Diverged => {
                    let status = Metric::Text(format!("diverged: {error}"));
                    done.push((cell.levels, BTreeMap::from([("status".to_owned(), status)])));
                    context.monitor.advance("");
                }
                Err(error) if error.kind() == Kind::Interrupted => {
                    failed = Some(error);
                    break;
                }
                Err(error) => {
                    failed = Some(error.hint(format!("in the cell {}", self.label(&cell))));
                    break;
                }
            }
        }
        context.defer_busy.set(outer);
        context.monitor.end();
        if let Some(error) = failed {
            return Err(error);
        }
        done.sort_by(|a, b| a.0.cmp(&b.0));
        let axes = self
            .axes
            .iter()
            .map(|(name, levels)| Axis {
                name: name.clone(),
                levels: levels.iter().map(|level| level.label.clone()).collect(),
            })
            .collect();
        let rows = done.into_iter().map(|(levels, metrics)| Row { levels, metrics }).collect();
        Ok(Records { axes, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn grid(levels: &[(&str, &[&str])]) -> Grid {
        let axes = levels
            .iter()
            .map(|(name, labels)| {
                let levels = labels
                    .iter()
                    .map(|label| Level { label: (*label).to_owned(), identity: Json::from(*label) })
                    .collect();
                ((*name).to_owned(), levels)
            })
            .collect();
        Grid::new(axes).unwrap()
    }

    #[test]
    fn shards_partition_the_cells() {
        let cells = grid(&[("a", &["x", "y", "z"]), ("b", &["1", "2", "3"])]).cells();
        let mut sorted: Vec<_> = cells.iter().map(|cell| cell.address.clone()).collect();
        sorted.sort();
        let shares: Vec<usize> =
            (0..2).map(|index| sorted.iter().skip(index).step_by(2).count()).collect();
        assert_eq!(shares, [5, 4]);
        sorted.dedup();
        assert_eq!(sorted.len(), 9);
    }

    #[test]
    fn a_cell_keeps_its_address_when_the_grid_grows() {
        let small = grid(&[("a", &["x", "y"]), ("b", &["1"])]).cells();
        let large = grid(&[("a", &["w", "x", "y"]), ("b", &["0", "1"])]).cells();
        for cell in &small {
            assert!(large.iter().any(|other| other.address == cell.address));
        }
    }

    #[test]
    fn cells_that_others_compute_are_looked_at_less_and_less_often() {
        let (context, _folder) = crate::dataset::laws::context(None);
        let free = Arc::new(AtomicBool::new(false));
        let other = free.clone();
        let worker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(2000));
            other.store(true, Ordering::SeqCst);
        });
        let mut looks = 0;
        let mut look = |_: &Cell| {
            looks += 1;
            match free.load(Ordering::SeqCst) {
                true => Ok(BTreeMap::new()),
                false => Err(Error::busy("held")),
            }
        };
        let found = grid(&[("a", &["x"])]).run(&context, Shard::WHOLE, &mut look).unwrap();
        worker.join().unwrap();
        // At 0, 0.2, 0.6, 1.4 and 3 s; every 0.2 s would be 11 looks.
        assert!((2..=6).contains(&looks) && found.rows.len() == 1, "{looks} looks");
    }

    #[test]
    fn shard_texts_are_checked() {
        assert_eq!(Shard::parse("1/2").unwrap(), Shard { index: 1, count: 2 });
        for text in ["2/2", "1", "a/b", "-1/2", "1/0"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
