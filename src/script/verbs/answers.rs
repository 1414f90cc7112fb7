//! What evaluations and transfers have in common: the metrics of what a network answered.

use crate::dataset::Metric;
use crate::error::{Error, Result};
use crate::metric::Answers;
use crate::registry::{Args, Value};
use crate::script::verbs::tensors::ScriptTensor;
use rhai::{Array, Dynamic, Map};
use tch::Tensor;

/// Binds the metrics of one kind of result, whose value has `answers`; `$example` puts the code
/// that makes a result `r` before what reads it.
macro_rules! answered {
    ($binder:expr, $type:ty, $kind:literal, $example:ident) => {{
        use crate::registry::{Home, Kind, Param};
        use crate::script::verbs::answers;
        let binder: &mut Binder = $binder;
        binder.property(
            property!(
                $kind,
                "accuracy",
                "number",
                "The share of images classified correctly, from 0 to 1; under an attack the robust \
                 accuracy.",
                $example!("(r.accuracy * r.n).round() == r.correct.count"),
                "true"
            ),
            |r: &mut $type| r.value.answers.accuracy(),
        );
        binder.property(
            property!(
                $kind,
                "metric",
                "text",
                "What results on the dataset are given in: \"accuracy\" or \"mean_per_class\".",
                $example!("r.metric"),
                "accuracy"
            ),
            |r: &mut $type| ImmutableString::from(r.value.answers.metric().name()),
        );
        binder.property(
            property!(
                $kind,
                "score",
                "number",
                "The value of `metric`, the dataset's own.",
                $example!("r.score == r.accuracy"),
                "true"
            ),
            |r: &mut $type| r.value.answers.score(),
        );
        binder.property(
            property!(
                $kind,
                "mean_per_class",
                "number",
                "The mean of the accuracies of the classes that have images, from 0 to 1.\n\nEvery \
                 class counts once. It equals the accuracy of images that weigh 1 / (images of \
                 their class), by which Salman et al. compute it.",
                $example!("r.mean_per_class <= r.top5"),
                "true",
                "Kornblith et al. 2019, arXiv 1805.08974; Salman et al. 2020, arXiv 2007.08489"
            ),
            |r: &mut $type| r.value.answers.mean_per_class(),
        );
        binder.property(
            property!(
                $kind,
                "top5",
                "number",
                "The share of images whose class is among the five most probable ones, from 0 to 1. \
                 With five classes or fewer it is 1. Of equal logits the first classes count.",
                $example!("r.top5 >= r.accuracy"),
                "true"
            ),
            |r: &mut $type| r.value.answers.top5(),
        );
        binder.property(
            property!(
                $kind,
                "nll",
                "number",
                "The mean cross-entropy (negative log-likelihood) in nats, from a softmax in f64.",
                $example!("r.nll > 0.1"),
                "true"
            ),
            |r: &mut $type| r.value.answers.nll(),
        );
        binder.property(
            property!(
                $kind,
                "ece",
                "number",
                "The expected calibration error, from 0 to 1, over 15 bins of equal width.\n\nImages \
                 are binned by the probability of their predicted class; of each bin it counts how \
                 far accuracy and mean probability are apart.",
                $example!("r.ece < 0.9"),
                "true",
                "Guo et al. 2017, arXiv 1706.04599"
            ),
            |r: &mut $type| r.value.answers.ece(),
        );
        binder.property(
            property!(
                $kind,
                "per_class",
                "list",
                "The accuracy of each class, from 0 to 1; nothing for a class without images.",
                $example!("r.per_class.len"),
                "10"
            ),
            |r: &mut $type| answers::per_class(&r.value.answers),
        );
        binder.fallible_property(
            property!(
                $kind,
                "confusion",
                "tensor",
                "How many images of each class (row) were taken for each class (column).",
                $example!("[r.confusion.shape, r.confusion.sum == r.n]"),
                "[[10, 10], true]"
            ),
            |r: &$type| answers::confusion(&r.value.answers),
        );
        const GROUP_ACCURACY: Spec = Spec {
            name: "group_accuracy",
            home: Home::Method($kind),
            doc: "The accuracy of groups of classes, by name. It is the share of correct images \
                  among those of the classes of a group, and nothing where they have no images. A \
                  class may be in several groups.",
            inputs: &[Param::input(
                "groups",
                Kind::Any,
                "A map from name to classes, a list or a range of numbers from 0.",
            )],
            params: &[],
            returns: "map",
            example: Example {
                code: $example!(
                    "r.group_accuracy(#{ odd: [1, 3, 5, 7, 9], all: 0..10 }).all == r.accuracy"
                ),
                shows: "true",
            },
            cite: "",
            version: 1,
        };
        binder.method::<$type>(&GROUP_ACCURACY, |call| {
            let r: $type = call.receiver()?;
            call.at(answers::group_accuracy(&r.value.answers, &call.args)).map(Dynamic::from)
        });
        binder.property(
            property!(
                $kind,
                "correct",
                "correctness",
                "Which images were classified correctly.",
                $example!("r.correct.n"),
                "599"
            ),
            |r: &mut $type| -> Correctness { r.value.answers.correct() },
        );
        binder.property(
            property!($kind, "n", "number", "The number of images.", $example!("r.n"), "599"),
            |r: &mut $type| r.value.answers.len() as i64,
        );
    }};
}
pub(super) use answered;

/// The accuracy and, where it is another, the metric of the dataset before it.
pub(super) fn text(answers: &Answers) -> String {
    let (accuracy, hits, n) = (answers.accuracy(), answers.correct().count(), answers.len());
    let accuracy = format!("accuracy {accuracy:.4} ({hits}/{n})");
    match answers.metric() {
        Metric::Accuracy => accuracy,
        own => format!("{} {:.4}, {accuracy}", own.text(), answers.score()),
    }
}

pub(super) fn per_class(answers: &Answers) -> Array {
    let number = |share: Option<f64>| share.map_or(Dynamic::UNIT, Dynamic::from);
    answers.per_class().into_iter().map(number).collect()
}

pub(super) fn confusion(answers: &Answers) -> Result<ScriptTensor> {
    let classes = answers.classes() as i64;
    let counts = Tensor::f_from_slice(&answers.confusion())?.f_view([classes, classes])?;
    Ok(ScriptTensor::new(counts))
}

pub(super) fn group_accuracy(answers: &Answers, args: &Args) -> Result<Map> {
    let unfit = |what: String| {
        Error::usage(format!("group_accuracy: {what}"))
            .at_key("groups")
            .hint("r.group_accuracy(#{ animals: 2..8, vehicles: [0, 1, 8, 9] })")
    };
    let groups = match args.value("groups")? {
        Value::Map(groups) => groups,
        other => {
            return Err(unfit(format!(
                "expected a map from name to classes, found {}",
                other.found()
            )));
        }
    };
    let mut found = Map::new();
    for (name, classes) in groups {
        let Some(classes) = whole_numbers(classes) else {
            let given = classes.found();
            return Err(unfit(format!(
                "{name} expected a list or a range of classes, found {given}"
            )));
        };
        let share = answers
            .group_accuracy(&classes)
            .map_err(|error| error.within(format!("group_accuracy: {name}")).at_key("groups"))?;
        found.insert(name.as_str().into(), share.map_or(Dynamic::UNIT, Dynamic::from));
    }
    Ok(found)
}

fn whole_numbers(value: &Value) -> Option<Vec<i64>> {
    let whole = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    match value {
        Value::Ints(numbers) => Some(numbers.clone()),
        Value::List(items) => items.iter().map(whole).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// Three images of class 0 and one of class 1, all taken for class 0.
    fn answers(metric: Metric) -> Answers {
        let logits = Tensor::zeros([4, 2], (Kind::Float, Device::Cpu));
        let mut answers = Answers::new(metric);
        answers.extend(&logits, &Tensor::from_slice(&[0i64, 0, 0, 1])).unwrap();
        answers
    }

    #[test]
    fn a_result_is_told_in_the_metric_of_its_dataset() {
        assert_eq!(text(&answers(Metric::Accuracy)), "accuracy 0.7500 (3/4)");
        assert_eq!(
            text(&answers(Metric::MeanPerClass)),
            "mean per-class accuracy 0.5000, accuracy 0.7500 (3/4)"
        );
    }
}
