//! Down to a random size and up again: training at many resolutions.

use super::frame::Frame;
use super::resample::Filter;
use super::resize::by_shorter_side;
use super::step::{ByteStep, MOST_SIDE, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;

/// `transform::random_downscale`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_downscale",
        home: Home::Namespace("transform"),
        doc: "Makes a picture smaller, to a size drawn anew each time, and then as large as it was. \
              Each of `sizes` is equally likely; a picture that is not larger stays. As \
              `train_transform` it trains a network for many resolutions without an adversary: a \
              control for what robust networks gain on enlarged images. `downscale` does the same \
              to one size.",
        inputs: &[],
        params: &[
            Param::optional(
                "sizes",
                Kind::Ints,
                "The sizes of the shorter side in pixels; from 8 to the picture's own if left out.",
            ),
            Filter::PARAM,
            Param::choice("up", Filter::WORDS, "The filter on the way up."),
        ],
        returns: "transform",
        example: Example {
            code: "transform::random_downscale(#{ sizes: 8..=64 })",
            shows: "random_downscale(sizes: 8..=64)",
        },
        cite: "the low resolutions of Salman et al. 2020, section 4.3",
        version: 1,
    },
    build,
};

/// The least size if none is given.
const LEAST: usize = 8;

struct RandomDownscale {
    /// Empty for all from [`LEAST`] on.
    sizes: Vec<usize>,
    down: Filter,
    up: Filter,
}

fn build(args: &Args) -> Result<Pipeline> {
    let most = MOST_SIDE as i64;
    let given = args.ints("sizes")?;
    if given.is_some_and(|sizes| sizes.is_empty() || sizes.iter().any(|n| !(1..=most).contains(n)))
    {
        return Err(Error::usage(format!(
            "random_downscale: sizes expected numbers from 1 to {most}, found {}",
            args.value("sizes")?.found()
        ))
        .at_key("sizes")
        .hint("sizes: [8, 16, 32], or 8..=64"));
    }
    let step = RandomDownscale {
        sizes: given.unwrap_or_default().iter().map(|size| *size as usize).collect(),
        down: Filter::named(args.text("filter")?)?,
        up: Filter::named(args.text("up")?)?,
    };
    Ok(Pipeline::one(Step::bytes(args, step)))
}

impl ByteStep for RandomDownscale {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let size = frame.size();
        let own = size.width.min(size.height);
        let mut generator = stream.generator();
        let short = match self.sizes.as_slice() {
            [] => LEAST + generator.below((own + 1).saturating_sub(LEAST).max(1)),
            sizes => sizes[generator.below(sizes.len())],
        };
        if short >= own {
            return Ok(frame);
        }
        frame.resize(by_shorter_side(size, short), self.down)?.resize(size, self.up)
    }

    fn is_random(&self) -> bool {
        self.sizes.len() != 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Value;
    use crate::transform::parity::{made, picture};
    use std::collections::BTreeMap;

    /// How often each of 10 sizes is drawn in 3000 streams; a picture of 20 x 17 pixels.
    fn drawn(options: &[(&str, Value)]) -> BTreeMap<i64, usize> {
        let source = picture(20, 17, 3, 6);
        let bytes = |pipeline: &Pipeline, seed: i64| {
            pipeline.raster(Frame::from(&source), Stream::new(seed, "")).unwrap().into_bytes()
        };
        let one = |size: i64| bytes(&made("downscale", &[("size", size.into())]), 0);
        let known: BTreeMap<Vec<u8>, i64> = (8..=17).map(|size| (one(size), size)).collect();
        let step = made("random_downscale", options);
        let mut counts = BTreeMap::new();
        for seed in 0..3000 {
            *counts.entry(known[&bytes(&step, seed)]).or_insert(0) += 1;
        }
        counts
    }

    #[test]
    fn every_size_is_equally_likely_and_equals_downscale() {
        let counts = drawn(&[]);
        // 300 each; the deviation of a count is 16.4.
        assert!(
            counts.len() == 10 && counts.values().all(|n| (230..370).contains(n)),
            "{counts:?}"
        );
        let counts = drawn(&[("sizes", Value::Ints(vec![9, 12, 40]))]);
        assert_eq!(counts.keys().collect::<Vec<_>>(), [&9, &12, &17]);
        assert!(counts.values().all(|n| (890..1110).contains(n)), "{counts:?}");
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for sizes in [vec![], vec![0], vec![8, 5000]] {
            let options = vec![("sizes".to_owned(), Value::Ints(sizes))];
            let args = Args::resolve(&ENTRY.spec, vec![], options).unwrap();
            let error = build(&args).err().unwrap();
            assert_eq!(error.key(), Some("sizes"), "{error}");
        }
    }
}
