//! Patches in another order: what is local stays, the shape of the whole goes.

use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::patch_shuffle`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "patch_shuffle",
        home: Home::Namespace("transform"),
        doc: "Puts the patches of a grid into a random order. What is left at the right and lower \
              edge, where the side is no multiple of `grid`, stays.",
        inputs: &[],
        params: &[Param::int("grid", 4, 1, "Patches in a row and in a column.").up_to(4096.0)],
        returns: "transform",
        example: Example {
            code: "let x = dataset::fashion_mnist().test.images(0..2);\n\
                   (transform::patch_shuffle(#{ grid: 2 }).apply(x).sum - x.sum).abs() < 0.01",
            shows: "true",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct PatchShuffle {
    grid: usize,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, PatchShuffle { grid: args.int("grid")? as usize })))
}

impl ByteStep for PatchShuffle {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let (grid, size, channels) = (self.grid, frame.size(), frame.channels());
        if grid > size.width.min(size.height) {
            return Err(Error::data(format!(
                "patch_shuffle: expected at least {grid} x {grid} pixels, found {} x {}",
                size.height, size.width
            )));
        }
        let picture = frame.into_raster()?;
        let source = picture.bytes();
        let mut order: Vec<usize> = (0..grid * grid).collect();
        stream.generator().shuffle(&mut order);
        let (width, height) = (size.width / grid, size.height / grid);
        let mut out = source.to_vec();
        for (to, from) in order.into_iter().enumerate() {
            for row in 0..height {
                let start = |patch: usize| {
                    let (x, y) = (patch % grid * width, patch / grid * height + row);
                    (y * size.width + x) * channels
                };
                let length = width * channels;
                let from = &source[start(from)..][..length];
                out[start(to)..][..length].copy_from_slice(from);
            }
        }
        Ok(Frame::from(Raster::new(size.width, size.height, channels, out)?))
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::image::Raster;
    use crate::seed::Stream;
    use crate::transform::Frame;
    use crate::transform::parity::made;
    use std::collections::BTreeSet;

    #[test]
    fn patches_move_whole_and_the_rest_stays() {
        // Every pixel says where it was.
        let bytes = (0..9u8).flat_map(|y| (0..10u8).flat_map(move |x| [x, y, 200])).collect();
        let source = Raster::new(10, 9, 3, bytes).unwrap();
        let step = made("patch_shuffle", &[("grid", 3.into())]);
        let mut orders = BTreeSet::new();
        for seed in 0..20 {
            let found = step.raster(Frame::from(&source), Stream::new(seed, "")).unwrap();
            let at = |x: usize, y: usize| {
                let pixel = &found.bytes()[(y * 10 + x) * 3..][..2];
                (usize::from(pixel[0]), usize::from(pixel[1]))
            };
            let order: Vec<_> = (0..9).map(|patch| at(patch % 3 * 3, patch / 3 * 3)).collect();
            for y in 0..9 {
                for x in 0..9 {
                    let (left, top) = order[y / 3 * 3 + x / 3];
                    assert_eq!(at(x, y), (left + x % 3, top + y % 3));
                }
                assert_eq!(at(9, y), (9, y));
            }
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 9);
            orders.insert(order);
        }
        assert!(orders.len() > 15, "{}", orders.len());
    }
}
