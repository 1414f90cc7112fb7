//! A rectangle at a random place.

use super::center_crop::window;
use super::frame::{Frame, Size};
use super::step::{ByteStep, Step, box_size, size_param};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::random_crop`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_crop",
        home: Home::Namespace("transform"),
        doc: "Keeps a rectangle at a uniformly random place of the picture with a black border.",
        inputs: &[],
        params: &[
            size_param(32.0, "The side of a square in pixels, or [height, width]."),
            Param::int("padding", 0, 0, "The width of the border in pixels.").up_to(4096.0),
        ],
        returns: "transform",
        example: Example {
            code: "transform::random_crop(#{ size: 32, padding: 4 })",
            shows: "random_crop(32, padding: 4)",
        },
        cite: "torchvision 0.28 RandomCrop, 2026",
        version: 1,
    },
    build,
};

struct RandomCrop {
    size: Size,
    padding: usize,
}

fn build(args: &Args) -> Result<Pipeline> {
    let padding = args.int("padding")? as usize;
    Ok(Pipeline::one(Step::bytes(args, RandomCrop { size: box_size(args)?, padding })))
}

impl ByteStep for RandomCrop {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let (found, size, padding) = (frame.size(), self.size, self.padding);
        let room = |found: usize, wanted: usize| (found + 2 * padding + 1).checked_sub(wanted);
        let rooms = (room(found.width, size.width), room(found.height, size.height));
        let (Some(right @ 1..), Some(down @ 1..)) = rooms else {
            return Err(Error::data(format!(
                "random_crop: expected at least {} x {} pixels, found {} x {}",
                size.height, size.width, found.height, found.width
            ))
            .hint("resize before, or give a padding"));
        };
        let mut generator = stream.generator();
        let (y, x) = (generator.below(down) as i64, generator.below(right) as i64);
        window(frame, x - padding as i64, y - padding as i64, size)
    }

    fn size(&self, _: Option<Size>) -> Option<Size> {
        Some(self.size)
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::seed::Stream;
    use crate::transform::Frame;
    use crate::transform::parity::{made, picture};
    use std::collections::BTreeMap;

    #[test]
    fn every_place_is_equally_likely() {
        let source = picture(4, 4, 3, 1);
        let step = made("random_crop", &[("size", 4.0.into()), ("padding", 1.into())]);
        let mut counts = BTreeMap::new();
        for seed in 0..1800 {
            let found = step.raster(Frame::from(&source), Stream::new(seed, "")).unwrap();
            *counts.entry(found.into_bytes()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 9);
        // 200 each; the deviation of a count is 13.3.
        assert!(counts.values().all(|count| (140..260).contains(count)), "{:?}", counts.values());
        let large = made("random_crop", &[("size", 7.0.into()), ("padding", 1.into())]);
        let error = large.raster(Frame::from(&source), Stream::new(0, "")).unwrap_err();
        assert_eq!(error.to_string(), "random_crop: expected at least 7 x 7 pixels, found 4 x 4");
    }
}
