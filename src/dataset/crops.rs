//! Crops that a transfer protocol wants of a dataset.

use super::split::Dataset;
use crate::error::Result;
use crate::lineage::Lineage;
use crate::registry::Handle;
use serde_json::Value as Json;
use std::collections::BTreeMap;

impl Dataset {
    /// The same images, of which training sees random parts at their size and mirror images, as
    /// torchvision's RandomResizedCrop and RandomHorizontalFlip make them of the stored pictures.
    /// With `middle`, everything else sees what torchvision's Resize to 8/7 of the size and
    /// CenterCrop make. Both take the place of the resize and the crop to the middle with which
    /// the transform of the dataset ends; its other steps stay.
    ///
    /// # Errors
    /// Usage: images that are no squares.
    pub fn cropped(&self, middle: bool) -> Result<Self> {
        let pixels = self.pixels().cropped(middle).map_err(|error| error.within(self.label()))?;
        Ok(self.with_pixels(pixels, |lineage| {
            let options = BTreeMap::from([("middle".to_owned(), Json::from(middle))]);
            let inputs = BTreeMap::from([("data".to_owned(), lineage.clone())]);
            Lineage::new("dataset.cropped", 1, options, inputs)
        }))
    }

    /// Whether its options say what training sees.
    pub fn has_train_transform(&self) -> bool {
        self.pixels().has_train_transform()
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws::built_named;
    use crate::registry::{Args, Value};
    use crate::seed::Stream;
    use crate::transform::{Pipeline, TRANSFORMS, Transform};
    use std::rc::Rc;
    use tch::{Device, Tensor};

    fn pipeline(steps: &[(&str, i64)]) -> Value {
        let entry = |name: &str| TRANSFORMS.iter().find(|entry| entry.spec.name == name).unwrap();
        let part = |(name, size): &(&str, i64)| {
            let options = vec![("size".to_owned(), Value::Int(*size))];
            let args = Args::resolve(&entry(name).spec, Vec::new(), options).unwrap();
            Value::Handle(Rc::new(Transform::build(entry(name), &args).unwrap()))
        };
        let steps = vec![Value::List(steps.iter().map(part).collect())];
        let all = entry("pipeline");
        let args = Args::resolve(&all.spec, steps, Vec::new()).unwrap();
        Value::Handle(Rc::new(Transform::build(all, &args).unwrap()))
    }

    fn shown(pipeline: &Pipeline) -> String {
        pipeline.to_string()
    }

    #[test]
    fn crops_replace_the_last_resize_and_no_step_before() {
        let own = [("resize", 4), ("resize", 16), ("center_crop", 14)];
        let data = built_named("digits", &[("test_transform", pipeline(&own))]).unwrap();
        let stream = Stream::new(0, "");
        let texts = |middle| {
            let data = data.cropped(middle).unwrap();
            let view = |epoch| data.train.view(epoch).unwrap().map(|(v, _)| shown(v.pipeline()));
            (view(Some(stream)).unwrap(), view(None).unwrap())
        };
        let random = "resize(4) > random_resized_crop(14) > random_flip(0.5)".to_owned();
        let plain = "resize(4) > resize(16) > center_crop(14)".to_owned();
        assert_eq!(texts(false), (random.clone(), plain.clone()));
        assert_eq!(texts(true), (random, plain));
    }

    #[test]
    fn images_for_testing_stay_as_they_are_unless_the_middle_is_asked_for() {
        let data = built_named("digits", &[("size", Value::Int(14))]).unwrap();
        let (random, both) = (data.cropped(false).unwrap(), data.cropped(true).unwrap());
        let x = |data: &super::Dataset| -> Tensor {
            data.test.batch(&[0, 1, 2], Device::Cpu).unwrap().x
        };
        assert_eq!(x(&data), x(&random));
        assert_ne!(x(&data), x(&both));
        assert!(random.train.is_random() && !data.train.is_random());
        let (view, _) = both.test.view(None).unwrap().unwrap();
        assert_eq!(shown(view.pipeline()), "resize(16) > center_crop(14)");
        let addresses = [&data, &random, &both]
            .map(|data| crate::registry::Handle::lineage(&data.train).address().clone());
        assert!(addresses[0] != addresses[1] && addresses[1] != addresses[2]);
        assert_eq!(random.train.labels().unwrap(), data.train.labels().unwrap());
    }
}
