//! A pipeline as scripts hold it.

use super::frame::{Frame, Size};
use super::step::Planes;
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::lineage::Lineage;
use crate::registry::{Args, Entry, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;
use crate::tensor::{elements, expect_pixels, image_batch};
use std::any::Any;
use std::rc::Rc;
use tch::Tensor;

/// A pipeline and what was asked for: a step alone is a pipeline too.
#[derive(Clone)]
pub struct Transform {
    /// The steps.
    pub pipeline: Pipeline,
    lineage: Rc<Lineage>,
}

impl Transform {
    /// The transform that `args` ask for.
    ///
    /// # Errors
    /// An option is not acceptable; steps are in an order that cannot be.
    pub fn build(entry: &Entry<Build>, args: &Args) -> Result<Self> {
        let pipeline = (entry.build)(args)?;
        let steps = [("does", pipeline.to_string().into())];
        Ok(Self { pipeline, lineage: args.lineage(&steps, &[]) })
    }
}

impl Handle for Transform {
    fn kind(&self) -> &'static str {
        "transform"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn summary(&self) -> String {
        self.pipeline.to_string()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `t.apply(images)`.
pub const APPLY: Spec = Spec {
    name: "apply",
    home: Home::Method("transform"),
    doc: "The images after the transform, (N, C, H, W): to look at what a network is given. Steps \
          on bytes round a pixel to the nearest byte first, which changes nothing of an image that \
          was bytes; a transform without such steps sees the numbers themselves. Image i draws \
          from the stream of seed, `epoch` and i.",
    inputs: &[Param::input(
        "images",
        Kind::Handle("tensor"),
        "Images (N, C, H, W) in [0,1] with 1 or 3 channels.",
    )],
    params: &[Param::seed(), Param::int("epoch", 0, 0, "Another draw of the same seed.")],
    returns: "tensor",
    example: Example {
        code: "let x = dataset::digits().test.images(0..2);\n\
               transform::resize(#{ size: 16 }).apply(x).shape",
        shows: "[2, 1, 16, 16]",
    },
    cite: "",
    version: 1,
};

/// The images after `pipeline`; see [`APPLY`].
///
/// # Errors
/// Data: other shapes, pixels out of [0,1], images of several sizes. Usage: too many pixels.
pub fn apply(pipeline: &Pipeline, images: &Tensor, seed: i64, epoch: i64) -> Result<Tensor> {
    let within = |error: Error| error.within("apply");
    let [count, channels, height, width] = image_batch(images).map_err(within)?;
    expect_pixels("apply", images)?;
    if !matches!(channels, 1 | 3) || images.numel() == 0 {
        return Err(Error::data(format!(
            "apply: expected images with 1 or 3 channels, found {:?}",
            images.size()
        )));
    }
    let size = Size::new(width as usize, height as usize);
    if let Some(after) = pipeline.output_size(Some(size)) {
        elements(&[count, channels, after.height as i64, after.width as i64]).map_err(within)?;
    }
    let images = images.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
    let mut pixels = vec![0.0; images.numel()];
    images.f_copy_data(&mut pixels, images.numel())?;
    let stream = Stream::new(seed, "transform").at(epoch as u64);
    let mut out = Vec::new();
    let mut shape = None;
    let length = channels as usize * size.width * size.height;
    for (id, image) in pixels.chunks_exact_mut(length).enumerate() {
        let stream = stream.at(id as u64);
        let (values, channels, size) = applied(pipeline, image, channels as usize, size, stream)?;
        let found = [channels as i64, size.height as i64, size.width as i64];
        if *shape.get_or_insert(found) != found {
            return Err(Error::data(format!(
                "apply: expected images of one size, found {found:?} after {shape:?}"
            )));
        }
        out.extend_from_slice(&values);
    }
    let [channels, height, width] = shape.unwrap_or_default();
    Ok(Tensor::f_from_slice(&out)?.f_view([count, channels, height, width])?)
}

fn applied(
    pipeline: &Pipeline,
    image: &mut [f32],
    channels: usize,
    size: Size,
    stream: Stream,
) -> Result<(Vec<f32>, usize, Size)> {
    let on_bytes =
        pipeline.steps().any(|step| matches!(step.action, super::step::Action::Bytes(_)));
    if !on_bytes {
        pipeline.apply_to_numbers(&mut Planes { values: image, channels, size }, stream)?;
        return Ok((image.to_vec(), channels, size));
    }
    let plane = size.width * size.height;
    let mut bytes = vec![0; image.len()];
    for (at, pixel) in bytes.chunks_exact_mut(channels).enumerate() {
        for (channel, byte) in pixel.iter_mut().enumerate() {
            *byte = (image[channel * plane + at] * 255.0).round() as u8;
        }
    }
    let picture = Raster::new(size.width, size.height, channels, bytes)?;
    pipeline.transformed(Frame::from(picture), stream)
}
