//! Values that scipy and statsmodels computed, written by `tests/parity/stats.py` and, of cells, by
//! `tests/parity/cells.py`.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Fixture {
    pub(super) intervals: Vec<MeanInterval>,
    pub(super) tails: Vec<Tail>,
    pub(super) pairs: Vec<Pair>,
    pub(super) blocks: Vec<Block>,
    pub(super) holm: Vec<Family>,
    pub(super) bootstraps: Vec<Bootstrap>,
    pub(super) paired: Vec<Paired>,
    pub(super) mcnemar: Vec<Table>,
    pub(super) correlations: Vec<Correlation>,
    pub(super) fits: Vec<Fit>,
    pub(super) equivalences: Vec<Equivalence>,
    pub(super) powers: Vec<Power>,
    pub(super) detectables: Vec<Detectable>,
    pub(super) near_ties: Vec<NearTies>,
}

#[derive(Deserialize)]
pub(super) struct MeanInterval {
    pub(super) values: Vec<f64>,
    pub(super) level: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Tail {
    pub(super) t: f64,
    pub(super) df: usize,
    pub(super) p: f64,
}

#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) base: Vec<f64>,
    pub(super) arm: Vec<f64>,
    pub(super) p: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Block {
    pub(super) values: Vec<Vec<f64>>,
    pub(super) df: usize,
    pub(super) contrasts: Vec<BlockContrast>,
}

#[derive(Deserialize)]
pub(super) struct BlockContrast {
    pub(super) difference: f64,
    pub(super) error: f64,
    pub(super) p: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Family {
    pub(super) p: Vec<f64>,
    pub(super) adjusted: Vec<f64>,
    pub(super) fdr: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Bootstrap {
    pub(super) values: Vec<f64>,
    /// The places of all resamples, one after another, a digit of base 36 each.
    pub(super) indices: String,
    pub(super) level: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Paired {
    pub(super) values: Vec<f64>,
    pub(super) sign_p: f64,
    pub(super) flip_p: f64,
    pub(super) wilcoxon_p: f64,
}

#[derive(Deserialize)]
pub(super) struct Table {
    pub(super) both: usize,
    pub(super) only_a: usize,
    pub(super) only_b: usize,
    pub(super) p: f64,
}

#[derive(Deserialize)]
pub(super) struct Correlation {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) level: f64,
    pub(super) r: f64,
    pub(super) p: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) rank_r: f64,
    pub(super) rank_p: f64,
    pub(super) rank_low: f64,
    pub(super) rank_high: f64,
}

#[derive(Deserialize)]
pub(super) struct Fit {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) intercept: f64,
    pub(super) r2: f64,
    pub(super) p: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Equivalence {
    pub(super) values: Vec<f64>,
    pub(super) margin: f64,
    pub(super) p: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Power {
    pub(super) shift: f64,
    pub(super) df: usize,
    pub(super) alpha: f64,
    pub(super) power: f64,
}

#[derive(Deserialize)]
pub(super) struct Detectable {
    pub(super) sd: f64,
    pub(super) replicates: i64,
    pub(super) arms: i64,
    pub(super) tests: i64,
    pub(super) power: f64,
    pub(super) detectable: f64,
}

#[derive(Deserialize)]
pub(super) struct NearTies {
    pub(super) arm: Vec<f64>,
    pub(super) base: Vec<f64>,
    pub(super) n: usize,
    pub(super) p: f64,
}

impl Fixture {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/parity/stats.json")).unwrap()
    }
}

/// Of the statistics of cells.
#[derive(Deserialize)]
pub(super) struct CellsFixture {
    pub(super) differences: Vec<Differences>,
    pub(super) bootstraps: Vec<Hierarchical>,
    pub(super) enumerated: Vec<Enumerated>,
    pub(super) selections: Vec<Selection>,
    pub(super) decompositions: Vec<Decomposition>,
}

#[derive(Deserialize)]
pub(super) struct Differences {
    /// By arm, level and replicate.
    pub(super) values: Vec<Vec<Vec<f64>>>,
    pub(super) level: f64,
    pub(super) rows: Vec<DifferencesRow>,
}

#[derive(Deserialize)]
pub(super) struct DifferencesRow {
    pub(super) arm: usize,
    pub(super) at: usize,
    pub(super) estimate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p: f64,
    pub(super) holm: f64,
}

#[derive(Deserialize)]
pub(super) struct Hierarchical {
    /// Images, gained, lost.
    pub(super) pairs: Vec<[u64; 3]>,
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) shares: Vec<f64>,
    pub(super) quantiles: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Enumerated {
    /// Images, gained, lost.
    pub(super) pairs: Vec<[u64; 3]>,
    /// Gained minus lost images of a resample, over both networks.
    pub(super) sums: Vec<f64>,
    pub(super) probabilities: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Selection {
    /// By level, fold and replicate.
    pub(super) values: Vec<Vec<Vec<f64>>>,
    /// Another metric of the same cells.
    pub(super) choosing: Vec<Vec<Vec<f64>>>,
    pub(super) level: f64,
    pub(super) across: Choices,
    /// How often each level was chosen across folds.
    pub(super) counts: Vec<usize>,
    /// In the first fold.
    pub(super) by_metric: Choices,
    pub(super) picked: Vec<usize>,
}

#[derive(Deserialize)]
pub(super) struct Choices {
    pub(super) naive: Tested,
    pub(super) nested: Tested,
}

#[derive(Deserialize)]
pub(super) struct Tested {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p: f64,
}

#[derive(Deserialize)]
pub(super) struct Decomposition {
    /// By arm and replicate.
    pub(super) values: Vec<Vec<f64>>,
    pub(super) level: f64,
    pub(super) df: usize,
    pub(super) contrasts: Vec<DecompositionContrast>,
    /// Of the parts.
    pub(super) shares: Vec<Share>,
}

#[derive(Deserialize)]
pub(super) struct DecompositionContrast {
    pub(super) estimate: f64,
    pub(super) error: f64,
    pub(super) p: f64,
    pub(super) holm: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct Share {
    pub(super) share: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl CellsFixture {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/parity/cells.json")).unwrap()
    }
}

/// Numbers that a table shows: `+1.5`, `[0.1, 2]`.
pub(super) fn shown(cell: &str) -> Vec<f64> {
    let numbers = cell.trim_matches(['[', ']']).split(", ");
    numbers.map(|number| number.parse().unwrap()).collect()
}

pub(super) fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(near, "{what}: expected {expected}, found {found}");
}
