//! Down and up again: detail lost at the size of the original.

use super::frame::{Frame, Size};
use super::resample::Filter;
use super::resize::by_shorter_side;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;

/// `transform::downscale`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "downscale",
        home: Home::Namespace("transform"),
        doc: "Makes a picture smaller and then as large as it was. Sides are divided by `factor` \
              and rounded, or the shorter becomes `size` pixels and the longer in proportion; a \
              picture that is not larger stays. It is antialiased on the way down unless `filter` \
              is \"nearest\", which shows what aliasing does. `low_pass` takes the same detail away \
              without the pattern of an interpolation.",
        inputs: &[],
        params: &[
            Param::float("factor", 4.0, 1.0, "How many times smaller each side becomes.")
                .up_to(4096.0),
            Param::optional(
                "size",
                Kind::Int { min: 1, max: 4096 },
                "The shorter side in pixels, in the place of `factor`.",
            ),
            Filter::PARAM,
            Param::choice("up", Filter::WORDS, "The filter on the way up."),
        ],
        returns: "transform",
        example: Example {
            code: "transform::downscale(#{ size: 32, up: \"nearest\" })",
            shows: "downscale(size: 32, up: nearest)",
        },
        cite: "the low resolutions of Salman et al. 2020, section 4.3",
        version: 1,
    },
    build,
};

struct Downscale {
    factor: f64,
    size: Option<usize>,
    down: Filter,
    up: Filter,
}

fn build(args: &Args) -> Result<Pipeline> {
    let size = args.optional_int("size")?.map(|size| size as usize);
    if size.is_some() && !args.is_defaulted("factor") {
        return Err(Error::usage("downscale: expected factor or size, found both").at_key("size"));
    }
    let step = Downscale {
        factor: args.float("factor")?,
        size,
        down: Filter::named(args.text("filter")?)?,
        up: Filter::named(args.text("up")?)?,
    };
    Ok(Pipeline::one(Step::bytes(args, step)))
}

impl Downscale {
    fn small(&self, size: Size) -> Size {
        match self.size {
            Some(short) if short >= size.width.min(size.height) => size,
            Some(short) => by_shorter_side(size, short),
            None => {
                let side = |side: usize| ((side as f64 / self.factor).round() as usize).max(1);
                Size::new(side(size.width), side(size.height))
            }
        }
    }
}

impl ByteStep for Downscale {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        let size = frame.size();
        frame.resize(self.small(size), self.down)?.resize(size, self.up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Value;
    use crate::transform::parity::{made, picture};

    #[test]
    fn down_and_up_is_two_resizes() {
        let source = picture(50, 41, 3, 6);
        let bytes = |pipeline: &Pipeline, picture| {
            pipeline.raster(Frame::from(picture), Stream::new(0, "")).unwrap()
        };
        let list = |height: f64, width: f64| Value::Floats(vec![height, width]);
        let up = ("filter", Value::Text("nearest".to_owned()));
        let options = [("factor", Value::Float(3.0)), ("up", Value::Text("nearest".to_owned()))];
        let small = bytes(&made("resize", &[("size", list(14.0, 17.0))]), source.clone());
        let expected = bytes(&made("resize", &[("size", list(41.0, 50.0)), up]), small);
        assert_eq!(bytes(&made("downscale", &options), source.clone()), expected);
        let larger = made("downscale", &[("size", Value::Int(41))]);
        assert_eq!(bytes(&larger, source.clone()), source);
        let by_size = made("downscale", &[("size", Value::Int(10))]);
        let small = bytes(&made("resize", &[("size", Value::Float(10.0))]), source.clone());
        let expected = bytes(&made("resize", &[("size", list(41.0, 50.0))]), small);
        assert_eq!(bytes(&by_size, source), expected);
    }
}
