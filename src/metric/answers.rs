//! What a network answered on a split, image by image; all metrics derive from it.

use super::calibration::Calibration;
use super::correctness::{Correctness, check_finite};
use super::record::Record;
use crate::dataset::Metric;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How many classes count for the top-5 accuracy.
const FIVE: f64 = 5.0;

/// The classes that a network gave to the images of a split, in its order, and how sure it was.
///
/// Of equal logits that of the first class counts as the greatest. Probabilities are those of a
/// softmax in f64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Answers {
    pub(super) metric: Metric,
    pub(super) classes: usize,
    pub(super) truth: Vec<u32>,
    pub(super) predicted: Vec<u32>,
    pub(super) top5: Correctness,
    /// The sum over the images.
    pub(super) nll: f64,
    pub(super) calibration: Calibration,
}

impl Answers {
    /// No images yet, of a dataset whose results are given in `metric`.
    pub fn new(metric: Metric) -> Self {
        Self {
            metric,
            classes: 0,
            truth: Vec::new(),
            predicted: Vec::new(),
            top5: Correctness::default(),
            nll: 0.0,
            calibration: Calibration::default(),
        }
    }

    /// Adds a batch: `logits` `[B, C]` of any float type against classes `y` `[B]`.
    ///
    /// # Errors
    /// Logits that are not finite; a class that the network does not have.
    pub fn extend(&mut self, logits: &Tensor, y: &Tensor) -> Result<()> {
        check_finite(logits)?;
        let truth = Vec::<i64>::try_from(&y.f_to_device(Device::Cpu)?)?;
        let classes = logits.size().get(1).map_or(0, |classes| *classes as usize);
        if let Some(label) = truth.iter().find(|label| !(0..classes as i64).contains(label)) {
            return Err(Error::usage(format!(
                "evaluate: expected classes below {classes}, the outputs of the network, found \
                 class {label}"
            ))
            .hint("a network for this dataset is made with classes: data.classes"));
        }
        if !self.truth.is_empty() && self.classes != classes {
            return Err(Error::internal("metric: batches with other numbers of classes"));
        }
        self.classes = classes;
        let found = judge(logits, y)?;
        let mut columns = found.chunks_exact(truth.len().max(1));
        let mut column = || columns.next().unwrap_or_default();
        let (predicted, rank, confidence, nll) = (column(), column(), column(), column());
        for (label, prediction) in truth.iter().zip(predicted) {
            self.truth.push(*label as u32);
            self.predicted.push(*prediction as u32);
        }
        self.top5.append(rank.iter().map(|rank| *rank < FIVE));
        self.nll += nll.iter().sum::<f64>();
        for ((label, prediction), confidence) in truth.iter().zip(predicted).zip(confidence) {
            self.calibration.add(*confidence, *label as f64 == *prediction);
        }
        Ok(())
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// The outputs of the network.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Which images were classified correctly.
    pub fn correct(&self) -> Correctness {
        self.pairs().map(|(truth, predicted)| truth == predicted).collect()
    }

    /// The share of images classified correctly, in [0, 1]; NaN for none.
    pub fn accuracy(&self) -> f64 {
        self.correct().accuracy()
    }

    /// The share of images whose class is among the five most probable ones; 1 where there are no
    /// more than five classes, NaN for no images.
    pub fn top5(&self) -> f64 {
        self.top5.accuracy()
    }

    /// The mean of the accuracies of the classes that have images, each counted once; NaN for no
    /// images. It is the accuracy of images weighted by 1 / (images of their class), as in the
    /// code of Salman et al. 2020.
    pub fn mean_per_class(&self) -> f64 {
        let present: Vec<f64> = self.per_class().into_iter().flatten().collect();
        present.iter().sum::<f64>() / present.len() as f64
    }

    /// What results on the dataset are given in.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The value of [`Answers::metric`].
    pub fn score(&self) -> f64 {
        match self.metric {
            Metric::Accuracy => self.accuracy(),
            Metric::MeanPerClass => self.mean_per_class(),
        }
    }

    /// The mean cross-entropy, in nats; NaN for no images.
    pub fn nll(&self) -> f64 {
        self.nll / self.len() as f64
    }

    /// The expected calibration error over 15 bins of equal width (Guo et al. 2017), in [0, 1];
    /// NaN for no images.
    pub fn ece(&self) -> f64 {
        self.calibration.error()
    }

    /// How many images of each class (row) were given each class (column), rows one after another.
    pub fn confusion(&self) -> Vec<i64> {
        let mut counts = vec![0; self.classes * self.classes];
        for (truth, predicted) in self.pairs() {
            if let Some(count) = counts.get_mut(truth as usize * self.classes + predicted as usize)
            {
                *count += 1;
            }
        }
        counts
    }

    /// The accuracy of each class; none for a class without images.
    pub fn per_class(&self) -> Vec<Option<f64>> {
        self.tally().into_iter().map(share).collect()
    }

    /// The share of correct images among those of some classes, which count as often as they have
    /// images; none where they have no images. A class that is named twice counts once.
    ///
    /// # Errors
    /// No class, and a class that the network does not have.
    pub fn group_accuracy(&self, group: &[i64]) -> Result<Option<f64>> {
        let tally = self.tally();
        let mut classes = group.to_vec();
        classes.sort_unstable();
        classes.dedup();
        if classes.is_empty() {
            return Err(Error::usage("expected at least one class, found none"));
        }
        let mut sum = (0, 0);
        for class in classes {
            let place = usize::try_from(class).ok();
            let Some((images, hits)) = place.and_then(|place| tally.get(place)) else {
                let last = self.classes.saturating_sub(1);
                return Err(Error::usage(format!("expected classes 0 to {last}, found {class}")));
            };
            sum = (sum.0 + images, sum.1 + hits);
        }
        Ok(share(sum))
    }

    /// Images and correct images of each class.
    fn tally(&self) -> Vec<(usize, usize)> {
        let mut tally = vec![(0, 0); self.classes];
        for (truth, predicted) in self.pairs() {
            if let Some((images, hits)) = tally.get_mut(truth as usize) {
                *images += 1;
                *hits += usize::from(truth == predicted);
            }
        }
        tally
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.truth.iter().copied().zip(self.predicted.iter().copied())
    }
}

fn share((images, hits): (usize, usize)) -> Option<f64> {
    (images > 0).then(|| hits as f64 / images as f64)
}

/// Image by image, in four columns one after another: the predicted class, how many classes come
/// before the true one, the probability of the predicted class, and minus the log of that of the
/// true one.
fn judge(logits: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
    let logits = logits.f_to_kind(Kind::Double)?;
    let label = y.f_unsqueeze(1)?;
    let own = logits.f_gather(1, &label, false)?;
    let places = Tensor::f_arange(logits.size()[1], (Kind::Int64, logits.device()))?;
    let earlier = logits.f_eq_tensor(&own)?.f_logical_and(&places.f_lt_tensor(&label)?)?;
    let before = logits.f_gt_tensor(&own)?.f_logical_or(&earlier)?;
    let columns = [
        logits.f_argmax(1, false)?.f_to_kind(Kind::Double)?,
        before.f_sum_dim_intlist(Some([1i64].as_slice()), false, Kind::Double)?,
        logits.f_softmax(1, Kind::Double)?.f_amax([1i64].as_slice(), false)?,
        logits
            .f_log_softmax(1, Kind::Double)?
            .f_gather(1, &label, false)?
            .f_squeeze_dim(1)?
            .f_neg()?,
    ];
    let all = Tensor::f_cat(&columns, 0)?.f_to_device(Device::Cpu)?;
    Ok(Vec::try_from(&all)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Answers to images of four classes, the last without images: classes 0, 0, 0, 1, 1, 2 were
    /// taken for 0, 0, 1, 1, 0, 3.
    pub(in crate::metric) fn six(metric: Metric) -> Answers {
        let truth = Tensor::from_slice(&[0i64, 0, 0, 1, 1, 2]);
        let predicted = Tensor::from_slice(&[0i64, 0, 1, 1, 0, 3]);
        let logits = predicted.one_hot(4).to_kind(Kind::Float) * 2.0;
        let mut answers = Answers::new(metric);
        answers.extend(&logits, &truth).unwrap();
        answers
    }

    #[test]
    fn every_metric_counts_what_its_name_says() {
        let answers = six(Metric::MeanPerClass);
        assert_eq!((answers.len(), answers.classes()), (6, 4));
        assert_eq!(answers.correct().as_slice(), [true, true, false, true, false, false]);
        assert_eq!(answers.accuracy(), 0.5);
        assert_eq!(answers.top5(), 1.0);
        assert_eq!(answers.per_class(), [Some(2.0 / 3.0), Some(0.5), Some(0.0), None]);
        assert!((answers.mean_per_class() - (2.0 / 3.0 + 0.5) / 3.0).abs() < 1e-15);
        assert_eq!(answers.confusion(), [2, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        // Logits are 2 for the predicted class and 0 for three others.
        let partition = 2f64.exp() + 3.0;
        let nll = partition.ln() - 3.0 * 2.0 / 6.0;
        assert!((answers.nll() - nll).abs() < 1e-12, "{}", answers.nll());
        let ece = (2f64.exp() / partition - 0.5).abs();
        assert!((answers.ece() - ece).abs() < 1e-12, "{}", answers.ece());
    }

    #[test]
    fn the_score_is_the_metric_of_the_dataset() {
        assert_eq!(six(Metric::Accuracy).score(), 0.5);
        let answers = six(Metric::MeanPerClass);
        assert_eq!(answers.score(), answers.mean_per_class());
        assert_ne!(answers.score(), answers.accuracy());
    }

    #[test]
    fn mean_per_class_is_the_weighted_accuracy_of_the_reference() {
        let answers = six(Metric::MeanPerClass);
        let counts = [3.0, 2.0, 1.0];
        // Every image weighs N / (n_c C), C being the number of classes that occur.
        let weights: f64 = answers
            .pairs()
            .filter(|(truth, predicted)| truth == predicted)
            .map(|(truth, _)| 6.0 / (counts[truth as usize] * 3.0))
            .sum();
        assert!((answers.mean_per_class() - weights / 6.0).abs() < 1e-15);
    }

    #[test]
    fn a_group_counts_the_images_of_its_classes() {
        let answers = six(Metric::Accuracy);
        assert_eq!(answers.group_accuracy(&[0, 1, 2, 3]).unwrap(), Some(answers.accuracy()));
        assert_eq!(answers.group_accuracy(&[1, 2]).unwrap(), Some(1.0 / 3.0));
        assert_eq!(answers.group_accuracy(&[2, 1, 2]).unwrap(), Some(1.0 / 3.0));
        assert_eq!(answers.group_accuracy(&[3]).unwrap(), None);
        for (group, text) in [
            (vec![0, 4], "expected classes 0 to 3, found 4"),
            (vec![-1], "expected classes 0 to 3, found -1"),
            (vec![], "expected at least one class, found none"),
        ] {
            assert_eq!(answers.group_accuracy(&group).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn batches_give_what_the_whole_gives() {
        let logits = Tensor::arange(84, (Kind::Double, Device::Cpu)).sin().view([12, 7]) * 3.0;
        let y = Tensor::arange(12, (Kind::Int64, Device::Cpu)).remainder(7);
        let mut whole = Answers::new(Metric::Accuracy);
        whole.extend(&logits, &y).unwrap();
        let mut parts = Answers::new(Metric::Accuracy);
        for (logits, y) in logits.split(5, 0).iter().zip(y.split(5, 0)) {
            parts.extend(logits, &y).unwrap();
        }
        assert!((whole.nll() - parts.nll()).abs() < 1e-12);
        assert_eq!(Answers { nll: whole.nll, ..parts }, whole);
        assert!(whole.accuracy() < whole.top5() && whole.top5() < 1.0, "{}", whole.top5());
    }

    #[test]
    fn of_equal_logits_the_first_is_the_greatest() {
        let mut answers = Answers::new(Metric::Accuracy);
        let y = Tensor::from_slice(&[0i64, 1, 4, 5, 6]);
        answers.extend(&Tensor::zeros([5, 7], (Kind::Float, Device::Cpu)), &y).unwrap();
        assert_eq!(answers.correct().as_slice(), [true, false, false, false, false]);
        assert_eq!(answers.top5.as_slice(), [true, true, true, false, false]);
    }

    #[test]
    fn logits_that_do_not_fit_are_refused() {
        let answered = |logits: Tensor, label: i64| {
            let mut answers = Answers::new(Metric::Accuracy);
            answers.extend(&logits, &Tensor::from_slice(&[label]))
        };
        let three = |value: f32| Tensor::from_slice(&[0.0, value, 1.0]).view([1, 3]);
        assert!(answered(three(2.0), 2).is_ok());
        for label in [3, -1] {
            let error = answered(three(2.0), label).unwrap_err().to_string();
            assert!(
                error
                    .contains(&format!("below 3, the outputs of the network, found class {label}"))
            );
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = answered(three(value), 0).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Diverged, "{value}");
        }
    }
}
