//! Resizing, as `torchvision.transforms.Resize` does it to a Pillow image.

use super::frame::{Frame, Size};
use super::resample::Filter;
use super::step::{ByteStep, MOST_SIDE, Step, lengths, size_param};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};
use crate::seed::Stream;

/// `transform::resize`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resize",
        home: Home::Namespace("transform"),
        doc: "Resizes the shorter side to `size` and the longer in proportion, or to \
              [height, width]. Equal to torchvision on Pillow 13's images bit for bit: weights of \
              22 bits, always antialiased, bytes between the two passes.",
        inputs: &[],
        params: &[
            size_param(256.0, "The shorter side in pixels, or [height, width]."),
            Filter::PARAM,
        ],
        returns: "transform",
        example: Example {
            code: "transform::resize(#{ size: 256, filter: \"bicubic\" })",
            shows: "resize(256, filter: bicubic)",
        },
        cite: "torchvision 0.28 Resize; Pillow 13 Resample.c, 2026",
        version: 1,
    },
    build,
};

struct Resize {
    lengths: Vec<usize>,
    filter: Filter,
}

fn build(args: &Args) -> Result<Pipeline> {
    let lengths = lengths(args, "size")?;
    let filter = Filter::named(args.text("filter")?)?;
    Ok(Pipeline::one(Step::bytes(args, Resize { lengths, filter })))
}

/// The size at which the shorter side has `short` pixels; the longer is rounded down.
pub(super) fn by_shorter_side(input: Size, short: usize) -> Size {
    let long = |long: usize, side: usize| (((short * long) as f64 / side as f64) as usize).max(1);
    match input.width <= input.height {
        true => Size::new(short, long(input.height, input.width)),
        false => Size::new(long(input.width, input.height), short),
    }
}

impl ByteStep for Resize {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        let input = frame.size();
        let size = self.size(Some(input)).unwrap_or(input);
        // A picture that is a thousand times as long as it is wide would fill the memory.
        if size.width.max(size.height) > 16 * MOST_SIDE as usize {
            return Err(Error::data(format!(
                "resize: expected sides in proportion, found {} x {} pixels",
                input.height, input.width
            )));
        }
        frame.resize(size, self.filter)
    }

    fn size(&self, input: Option<Size>) -> Option<Size> {
        match self.lengths.as_slice() {
            &[height, width] => Some(Size::new(width, height)),
            _ => input.map(|input| by_shorter_side(input, self.lengths[0])),
        }
    }
}
