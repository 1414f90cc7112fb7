//! Batches that are read and transformed while the one before is used.

use crate::dataset::{Batch, Split};
use crate::error::{Error, Result};
use crate::seed::Stream;
use crate::torch;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use tch::Device;

/// Batches that lie ready at most; one more is being read.
const READY: usize = 1;

/// The batches of a pass in their order. What they hold depends on neither the number of threads
/// nor when they are taken; dropping it ends the reading.
pub struct Feed<'s> {
    split: &'s Split,
    device: Device,
    left: VecDeque<Vec<usize>>,
    /// The images of the batches that are left; none where they lie ready in memory.
    read: Option<Receiver<Result<Vec<f32>>>>,
}

impl<'s> Feed<'s> {
    /// The batches `indices` of `split` on `device`; those that training sees with `epoch`, the
    /// stream of an epoch.
    ///
    /// # Errors
    /// Usage: an index out of range. Io: no thread can be started.
    pub fn new(
        split: &'s Split,
        indices: Vec<Vec<usize>>,
        epoch: Option<Stream>,
        device: Device,
    ) -> Result<Self> {
        let read = match split.view(epoch)? {
            None => None,
            Some((view, stream)) => {
                let ids = indices.iter().map(|batch| split.ids_at(batch));
                let ids = ids.collect::<Result<Vec<Vec<u64>>>>()?;
                let (view, threads) = (view.clone(), torch::threads());
                let (give, take) = sync_channel(READY);
                let read = move || {
                    for ids in ids {
                        let images = view.images(&ids, stream, threads);
                        let failed = images.is_err();
                        // Nobody takes them any more once the feed is dropped.
                        if give.send(images).is_err() || failed {
                            return;
                        }
                    }
                };
                let started = thread::Builder::new().name("loader".to_owned()).spawn(read);
                started.map_err(|error| Error::io("loader: cannot start a thread", &error))?;
                Some(take)
            }
        };
        Ok(Self { split, device, left: indices.into(), read })
    }
}

impl Iterator for Feed<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let indices = self.left.pop_front()?;
        let Some(read) = &self.read else {
            return Some(self.split.batch(&indices, self.device));
        };
        let images = read.recv();
        let images = images.unwrap_or_else(|_| Err(Error::internal("loader: its thread ended")));
        let batch = images
            .map_err(|error| error.within(self.split.name()))
            .and_then(|images| self.split.batch_of(&indices, &images, self.device));
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::batches;
    use super::*;
    use crate::dataset::Dataset;
    use crate::dataset::laws::built_named;
    use crate::registry::{Args, Handle, Value};
    use crate::transform::{PRESETS, TRANSFORMS, Transform};
    use std::rc::Rc;
    use tch::Kind;

    fn transform(name: &str, options: &[(&str, Value)]) -> Value {
        let entry = TRANSFORMS.iter().chain(PRESETS).find(|e| e.spec.name == name).unwrap();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap();
        Value::Handle(Rc::new(Transform::build(entry, &args).unwrap()))
    }

    fn digits(options: &[(&str, Value)]) -> Result<Dataset> {
        built_named("digits", options)
    }

    fn augmented() -> Dataset {
        let crop = [("size", Value::Int(8)), ("padding", Value::Int(1))];
        let limit = ("limit", Value::Int(100));
        digits(&[limit, ("train_transform", transform("random_crop", &crop))]).unwrap()
    }

    fn all(split: &Split, indices: Vec<Vec<usize>>, epoch: Option<Stream>) -> Vec<Batch> {
        let feed = Feed::new(split, indices, epoch, Device::Cpu).unwrap();
        feed.map(Result::unwrap).collect()
    }

    #[test]
    fn a_feed_gives_each_sample_as_alone_and_goes_on_from_any_batch() {
        let data = augmented();
        let split = &data.train;
        let epoch = Some(Stream::new(1, "transform").at(3));
        let order = batches(split.len(), 7, Some(Stream::new(1, "order")));
        let whole = all(split, order.clone(), epoch);
        for (batch, indices) in whole.iter().zip(&order) {
            for (row, index) in indices.iter().enumerate() {
                let alone = &all(split, vec![vec![*index]], epoch)[0];
                assert_eq!(batch.ids[row], alone.ids[0]);
                assert_eq!(batch.x.get(row as i64), alone.x.get(0));
                assert_eq!(batch.y.get(row as i64), alone.y.get(0));
            }
        }
        for from in [0, 1, order.len() - 1, order.len()] {
            let rest = all(split, order[from..].to_vec(), epoch);
            assert_eq!(rest.len(), order.len() - from);
            for (a, b) in rest.iter().zip(&whole[from..]) {
                assert_eq!((&a.x, &a.y, &a.ids), (&b.x, &b.y, &b.ids));
            }
        }
    }

    #[test]
    fn threads_change_nothing_epochs_do_and_only_training_is_augmented() {
        let data = augmented();
        let ids = data.train.ids();
        let stream = |epoch| Stream::new(0, "transform").at(epoch);
        let (view, first) = data.train.view(Some(stream(0))).unwrap().unwrap();
        let one = view.images(&ids, first, 1).unwrap();
        for threads in [0, 2, 3, 200] {
            assert_eq!(view.images(&ids, first, threads).unwrap(), one);
        }
        assert_ne!(view.images(&ids, stream(1), 1).unwrap(), one);
        let plain = digits(&[("limit", Value::Int(100))]).unwrap();
        let indices: Vec<usize> = (0..data.train.len()).collect();
        let seen = data.train.batch(&indices, Device::Cpu).unwrap().x;
        assert_eq!(seen, plain.train.batch(&indices, Device::Cpu).unwrap().x);
        assert_eq!(data.test.lineage().address(), plain.test.lineage().address());
        assert_ne!(data.train.lineage().address(), plain.train.lineage().address());
    }

    #[test]
    fn what_networks_cannot_be_given_is_refused_with_its_key() {
        let refused = |key: &str, name: &str, options: &[(&str, Value)]| {
            let error = digits(&[(key, transform(name, options))]).unwrap_err();
            assert_eq!(error.key(), Some(key));
            error.to_string()
        };
        let said = refused("train_transform", "random_crop", &[("size", Value::Int(6))]);
        assert!(said.contains("gives images of 1x6x6, expected images of 1x8x8"), "{said}");
        let said = refused(
            "test_transform",
            "normalize",
            &[("mean", Value::Floats(vec![0.5])), ("std", Value::Floats(vec![0.5]))],
        );
        assert!(said.contains("expected pixels in [0,1], found normalize"), "{said}");
    }

    #[test]
    fn numbers_out_of_range_are_clamped() {
        let noise = transform("add_noise", &[("sigma", Value::Float(2.0))]);
        let data = digits(&[("test_transform", noise)]).unwrap();
        let x = data.test.batch(&(0..50).collect::<Vec<_>>(), Device::Cpu).unwrap().x;
        crate::tensor::expect_pixels("x", &x).unwrap();
        assert!(x.std(true).double_value(&[]) > 0.3, "noise of sigma 2 shows");
        assert_eq!(x.kind(), Kind::Float);
    }
}
