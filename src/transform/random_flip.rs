//! Mirroring left and right.

use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::random_flip`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_flip",
        home: Home::Namespace("transform"),
        doc: "Mirrors left and right, or not.",
        inputs: &[],
        params: &[Param::float("p", 0.5, 0.0, "The probability that it does.").up_to(1.0)],
        returns: "transform",
        example: Example { code: "transform::random_flip()", shows: "random_flip(0.5)" },
        cite: "torchvision 0.28 RandomHorizontalFlip, 2026",
        version: 1,
    },
    build,
};

struct RandomFlip {
    p: f64,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, RandomFlip { p: args.float("p")? })))
}

impl ByteStep for RandomFlip {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        match f64::from(stream.generator().uniform()) < self.p {
            true => Ok(frame.mirror()),
            false => Ok(frame),
        }
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

    #[test]
    fn the_share_of_mirrored_pictures_is_the_probability() {
        let source = picture(5, 3, 3, 1);
        for p in [0.0, 0.25, 1.0] {
            let step = made("random_flip", &[("p", p.into())]);
            let flipped = (0..2000).filter(|seed| {
                let stream = Stream::new(*seed, "");
                step.raster(Frame::from(&source), stream).unwrap() != source
            });
            let share = flipped.count() as f64 / 2000.0;
            // Four standard errors: 4 sqrt(p (1 - p) / 2000).
            assert!((share - p).abs() <= 0.039 * (p * (1.0 - p) * 4.0 / 0.75).sqrt(), "{share}");
        }
    }
}
