//! Stored images as a network is given them: decoded and transformed, on several threads.

use super::hf_swap::Swap;
use super::storage::Storage;
use crate::error::{Error, Result};
use crate::seed::Stream;
use crate::transform::{Pipeline, Size};
use std::sync::{Arc, Mutex};
use std::thread;

/// A storage behind a pipeline. Copies are cheap and may go to other threads.
#[derive(Clone)]
pub struct View {
    storage: Arc<Storage>,
    pipeline: Pipeline,
    shape: [i64; 3],
    swap: Option<Arc<Swap>>,
}

impl View {
    /// The images of `storage` after `pipeline`; pixels that it moves out of [0,1] are clamped, as
    /// the reference's normaliser does.
    ///
    /// # Errors
    /// Usage: the pipeline makes images of several sizes, or normalises, which networks do here.
    pub fn new(storage: Arc<Storage>, pipeline: Pipeline) -> Result<Self> {
        if pipeline.steps().any(|step| step.name == "normalize") {
            return Err(Error::usage("expected pixels in [0,1], found normalize")
                .hint("networks normalise here: model::resnet18(#{ mean: ..., std: ... })"));
        }
        let (channels, stored) = match &*storage {
            Storage::Packed(packed) => {
                let [channels, height, width] = packed.shape();
                (channels, Some(Size::new(width as usize, height as usize)))
            }
            Storage::Files { .. } | Storage::Mapped(_) => (3, None),
        };
        let Some(size) = pipeline.output_size(stored) else {
            return Err(Error::usage(format!(
                "expected images of one size, found {pipeline}, which keeps their proportions"
            ))
            .hint("end with a crop, e.g. transform::center_crop(#{ size: 224 })"));
        };
        let shape = [channels, size.height as i64, size.width as i64];
        Ok(Self { storage, pipeline, shape, swap: None })
    }

    /// The same images, each with frequencies of its partner; both are seen through the pipeline
    /// with the draws of their own.
    pub fn swapped(&self, swap: Arc<Swap>) -> Self {
        Self { swap: Some(swap), ..self.clone() }
    }

    /// Channels, height and width.
    pub fn shape(&self) -> [i64; 3] {
        self.shape
    }

    /// What is done to each image.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The images of `ids` in their order, each `[C, H, W]` in [0,1], read on `threads` threads;
    /// image `id` draws from `stream.at(id)`, so that the number of threads changes nothing.
    ///
    /// # Errors
    /// Data: a file is damaged or changed, or the pipeline cannot work on a picture.
    pub fn images(&self, ids: &[u64], stream: Stream, threads: usize) -> Result<Vec<f32>> {
        let area = self.shape.iter().product::<i64>() as usize;
        let mut images = vec![0.0; ids.len() * area];
        let workers = threads.clamp(1, ids.len().max(1));
        let left = Mutex::new(ids.iter().zip(images.chunks_exact_mut(area)).enumerate());
        let next = || left.lock().ok().and_then(|mut left| left.next());
        let work = || {
            while let Some((place, (id, image))) = next() {
                self.read(*id, stream, image).map_err(|error| (place, error))?;
            }
            Ok(())
        };
        let failures = thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let ended = workers.into_iter().map(|worker| {
                let panicked = || (0, Error::internal("reading images ended in a panic"));
                worker.join().unwrap_or_else(|_| Err(panicked()))
            });
            ended.filter_map(std::result::Result::err).collect::<Vec<_>>()
        });
        // The first in the order of the images, whoever met one.
        match failures.into_iter().min_by_key(|(place, _)| *place) {
            Some((_, error)) => Err(error),
            None => Ok(images),
        }
    }

    fn read(&self, id: u64, stream: Stream, image: &mut [f32]) -> Result<()> {
        self.read_one(id, stream, image)?;
        if let Some(swap) = &self.swap {
            let mut other = vec![0.0; image.len()];
            self.read_one(swap.partner(id)?, stream, &mut other)?;
            swap.mix(image, &other, self.shape)?;
        }
        Ok(())
    }

    fn read_one(&self, id: u64, stream: Stream, image: &mut [f32]) -> Result<()> {
        let frame = self.storage.frame(id)?;
        let within = |error: Error| match self.storage.path(id) {
            Some(path) => error.within(path.to_owned()),
            None => error,
        };
        self.pipeline.apply(frame, stream.at(id), image).map_err(within)?;
        if !self.pipeline.keeps_pixels() {
            image.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        }
        Ok(())
    }
}
