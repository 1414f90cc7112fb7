//! How answers are stored: as texts of a few bits for each image.

use super::answers::Answers;
use super::calibration::Calibration;
use super::correctness::Correctness;
use super::labels;
use crate::dataset::Metric;
use serde::{Deserialize, Serialize};

/// [`Answers`] as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    metric: Metric,
    classes: usize,
    truth: String,
    predicted: String,
    top5: Correctness,
    nll: f64,
    calibration: Calibration,
}

impl From<Answers> for Record {
    fn from(answers: Answers) -> Self {
        Self {
            metric: answers.metric,
            classes: answers.classes,
            truth: labels::encode(&answers.truth, answers.classes),
            predicted: labels::encode(&answers.predicted, answers.classes),
            top5: answers.top5,
            nll: answers.nll,
            calibration: answers.calibration,
        }
    }
}

impl TryFrom<Record> for Answers {
    type Error = &'static str;

    fn try_from(record: Record) -> std::result::Result<Self, Self::Error> {
        let Record { metric, classes, truth, predicted, top5, nll, calibration } = record;
        let classed = |text: &str| labels::decode(text, classes).ok_or("expected count:classes");
        let (truth, predicted) = (classed(&truth)?, classed(&predicted)?);
        let answers = Self { metric, classes, truth, predicted, top5, nll, calibration };
        let (correct, images) = (answers.correct(), answers.len());
        let counts = [answers.predicted.len(), answers.top5.as_slice().len()];
        if counts != [images; 2] || answers.calibration.images() != images {
            return Err("the numbers of images differ");
        }
        let missed = |(first, five): (&bool, &bool)| *first && !*five;
        if correct.as_slice().iter().zip(answers.top5.as_slice()).any(missed)
            || answers.calibration.correct() != correct.count()
        {
            return Err("the correct images differ");
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::tests::six;
    use super::*;
    use serde_json::{Value as Json, json};

    fn read(record: Json) -> Result<Answers, String> {
        serde_json::from_value(record).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_survive_being_stored() {
        let answers = six(Metric::MeanPerClass);
        let text = serde_json::to_string(&answers).unwrap();
        assert_eq!(serde_json::from_str::<Answers>(&text).unwrap(), answers);
        let record: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(record["metric"], "mean_per_class");
        assert_eq!(
            (&record["truth"], &record["predicted"]),
            (&json!("6:000112"), &json!("6:001103"))
        );
        let none = Answers::new(Metric::Accuracy);
        assert_eq!(read(serde_json::to_value(&none).unwrap()), Ok(none));
    }

    #[test]
    fn an_image_takes_few_bytes() {
        let mut answers = Answers::new(Metric::Accuracy);
        let y = tch::Tensor::arange(1000, (tch::Kind::Int64, tch::Device::Cpu));
        let logits = y.one_hot(1000).to_kind(tch::Kind::Float);
        answers.extend(&logits, &y).unwrap();
        let bytes = serde_json::to_string(&answers).unwrap().len();
        assert!(bytes < 8000, "{bytes}");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let record = serde_json::to_value(six(Metric::Accuracy)).unwrap();
        let changes = [
            ("metric", json!("f1"), "unknown variant"),
            ("classes", json!(3), "expected count:classes"),
            ("truth", json!("6:00011"), "expected count:classes"),
            ("truth", json!("5:00011"), "the numbers of images differ"),
            ("predicted", json!("6:001113"), "the correct images differ"),
            ("top5", json!("5:f8"), "the numbers of images differ"),
            ("top5", json!("6:7c"), "the correct images differ"),
            ("top5", json!("6:ff"), "expected count:hex"),
            ("nll", Json::Null, "invalid type"),
            ("calibration", json!([]), "invalid length"),
            ("extra", json!(1), "unknown field"),
        ];
        for (key, value, expected) in changes {
            let mut damaged = record.clone();
            damaged[key] = value.clone();
            let error = read(damaged).unwrap_err();
            assert!(error.contains(expected), "{key} {value}: {error}");
            let mut lacking = record.clone();
            if lacking.as_object_mut().unwrap().remove(key).is_some() {
                let error = read(lacking).unwrap_err();
                assert!(error.contains("missing field"), "{key}: {error}");
            }
        }
    }
}
