//! Values that scipy and statsmodels computed, written by `tests/parity/stats.py`.

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

impl Fixture {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/parity/stats.json")).unwrap()
    }
}

pub(super) fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(near, "{what}: expected {expected}, found {found}");
}
