//! Two objectives on the same images.

use super::{Arm, Build, Moment, Objective, Passes, Size, Step};
use crate::attack::{Attacker, Elsewhere};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Handle, Home, Kind, Param, Spec};
use crate::threat_model::NormBall;
use std::rc::Rc;
use tch::Tensor;

struct Mixed {
    a: Rc<dyn Objective>,
    b: Rc<dyn Objective>,
    ratio: f64,
    views: i64,
}

/// The child of an epoch's stream that the second objective draws from.
const SECOND: u64 = u64::MAX / 4;

impl Objective for Mixed {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let other = match self.views {
            1 => moment.batch,
            _ => moment.other.ok_or_else(|| Error::internal("mixed: no second view"))?,
        };
        // A perturbation is that of the first view.
        let (a, b) = match (self.a.attack(), self.b.attack()) {
            (None, Some(_)) => (other, moment.batch),
            _ => (moment.batch, other),
        };
        let first = self.a.step(&Moment { batch: a, ..*moment })?;
        let stream = moment.stream.at(SECOND);
        let second = self.b.step(&Moment { batch: b, stream, ..*moment })?;
        let loss = first.loss.f_lerp(&second.loss, self.ratio)?;
        let y = |step: &Step| step.y.as_ref().unwrap_or(&moment.batch.y).shallow_clone();
        let y = Tensor::f_cat(&[y(&first), y(&second)], 0)?;
        let logits = Tensor::f_cat(&[first.logits, second.logits], 0)?;
        let perturbation = first.perturbation.or(second.perturbation);
        Ok(Step { y: Some(y), perturbation, ..Step::plain(loss, logits) })
    }

    fn passes(&self, classes: i64) -> Passes {
        let (a, b) = (self.a.passes(classes), self.b.passes(classes));
        Passes {
            images: a.images + b.images,
            given: (a.given + b.given).min(self.views()),
            fresh: a.fresh + b.fresh,
            forwards: a.forwards + b.forwards,
            to_images: a.to_images + b.to_images,
            to_weights: a.to_weights + b.to_weights,
            elsewhere: Elsewhere {
                passes: a.elsewhere.passes + b.elsewhere.passes,
                multiplications: a.elsewhere.multiplications + b.elsewhere.multiplications,
            },
        }
    }

    fn stretch(&self, images: &Split, size: Size) -> Result<f64> {
        if self.a.stretch(images, size)? != 1.0 || self.b.stretch(images, size)? != 1.0 {
            return Err(Error::usage("mixed: expected objectives without a budget")
                .hint("a budget lengthens the schedule, which the two share"));
        }
        if self.views > 1 && !images.is_random() {
            return Err(Error::usage(format!(
                "mixed: views expected images that are drawn at random, found {} as it is",
                images.name()
            ))
            .at_key("views")
            .hint("give the dataset a random train_transform"));
        }
        Ok(1.0)
    }

    fn attack(&self) -> Option<&Attacker> {
        self.a.attack().or(self.b.attack())
    }

    fn ball(&self, progress: f64) -> Option<NormBall> {
        self.a.ball(progress).or(self.b.ball(progress))
    }

    fn views(&self) -> i64 {
        self.views.max(self.a.views()).max(self.b.views())
    }

    fn guard(&self) -> Option<&Attacker> {
        self.a.guard().or(self.b.guard())
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let (a, b): (Arm, Arm) = (args.handle("a")?, args.handle("b")?);
    for (key, arm) in [("a", &a), ("b", &b)] {
        let objective = &arm.objective;
        if objective.follows() || objective.carries() || objective.replays() > 1 {
            return Err(Error::usage(format!(
                "mixed: {key} expected an objective that stands alone in each step, found {}",
                arm.label()
            ))
            .at_key(key)
            .hint("one that follows a lead or carries a perturbation on has its own loop"));
        }
    }
    let label = format!("mixed({}, {})", a.label(), b.label());
    let (ratio, views) = (args.float("ratio")?, args.int("views")?);
    Ok((Rc::new(Mixed { a: a.objective, b: b.objective, ratio, views }), label))
}

/// `train::mixed`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "mixed",
        home: Home::Namespace("train"),
        doc: "Trains on two objectives at once, (1 - ratio) times the first plus ratio times the \
              second. Each has its own forward passes of the same images, so that batch norms \
              see them apart and running statistics see both. With two views each gets a draw of \
              train_transform of its own: then mixed(clean, clean) differs from mixed(clean, pgd) \
              in the perturbation only. Accuracy is that on the images of both.",
        inputs: &[
            Param::input("a", Kind::Handle("objective"), "The first."),
            Param::input("b", Kind::Handle("objective"), "The second."),
        ],
        params: &[
            Param::float("ratio", 0.5, 0.0, "Share of the second in the loss.").up_to(1.0),
            Param::int("views", 1, 1, "Random views of each image.").up_to(2.0),
            Param::label("Name in tables and plots."),
        ],
        returns: "objective",
        example: Example {
            code: "let pgd = train::perturbed(attack::pgd(#{ eps: 0.5 }));\n\
                   train::mixed(train::clean(), pgd).name",
            shows: "mixed(clean, pgd)",
        },
        cite: "",
        version: 1,
    },
    build,
};
