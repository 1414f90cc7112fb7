//! Random streams as values: every draw names what it is for, so that results do not depend on
//! the number of workers, on the order of work or on what else ran.

use rand_core::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use sha2::{Digest, Sha256};

/// A point in the tree of random streams; deriving from it never draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The root stream of `seed` for one purpose, for example `"order"` or `"attack"`.
    pub fn new(seed: i64, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(purpose.as_bytes());
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The child stream with this index: an epoch, a sample, an operation.
    #[must_use]
    pub fn at(self, index: u64) -> Self {
        // SplitMix64's finaliser over the pair; a bijection in `index` for a fixed parent.
        let mut z = self.0 ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(z ^ (z >> 31))
    }

    /// A generator at the start of this stream.
    pub fn generator(self) -> Generator {
        Generator(Xoshiro256PlusPlus::seed_from_u64(self.0))
    }
}

/// A running generator (xoshiro256++).
pub struct Generator(Xoshiro256PlusPlus);

impl Generator {
    /// A uniform integer below `bound`, which is at least 1 (Lemire's multiplication, unbiased to
    /// 2^-64 times the bound).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A uniform number in [0, 1) with 24 random bits.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f32 {
        StandardNormal.sample(&mut self.0)
    }

    /// How many of `trials` succeed, each with probability `share`; a share beyond [0, 1] is cut.
    pub fn binomial(&mut self, trials: u64, share: f64) -> u64 {
        Binomial::new(trials, share.clamp(0.0, 1.0))
            .map_or(0, |binomial| binomial.sample(&mut self.0))
    }

    /// Puts `items` into a uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_every_part_of_its_name() {
        let root = Stream::new(0, "order");
        assert_eq!(root, Stream::new(0, "order"));
        assert_ne!(root, Stream::new(1, "order"));
        assert_ne!(root, Stream::new(0, "attack"));
        assert_ne!(root.at(1).at(2), root.at(2).at(1));
    }

    #[test]
    fn normals_have_unit_moments() {
        let mut generator = Stream::new(3, "moments").generator();
        let draws: Vec<f64> = (0..100_000).map(|_| f64::from(generator.normal())).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.015, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    }

    #[test]
    fn shuffle_is_a_permutation_that_a_seed_repeats() {
        let shuffled = |seed| {
            let mut items: Vec<usize> = (0..100).collect();
            Stream::new(seed, "order").generator().shuffle(&mut items);
            items
        };
        let mut sorted = shuffled(0);
        assert_eq!(sorted, shuffled(0));
        assert_ne!(sorted, shuffled(1));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
