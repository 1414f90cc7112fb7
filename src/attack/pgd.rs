//! Projected gradient descent.

use super::losses::{Goal, Loss};
use super::{Attack, Best, Build, Cost, Perturbation, Target};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::threat_model::{Norm, NormBall, Radii, Start, ThreatModel};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::pgd`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "pgd",
        home: Home::Namespace("attack"),
        doc: "Projected gradient descent up a loss, in a ball around each image. \
              Each of `steps` steps has length `step_size`, is projected into the ball and \
              then clamped to [0,1]: along the gradient of the batch mean over its norm + 1e-10 \
              (L2), its sign (linf), or the signs of its largest hundredth (l1). With \
              keep \"best\" every image keeps the iterate of highest loss, the start included \
              and ties to the earlier, for one more forward pass; with \"last\" it keeps the \
              last. Of several `restarts` it keeps the one of highest loss. Preset \
              \"robustness\" refuses what the robustness library does otherwise: it starts on \
              the sphere in L2 and in the ball in linf, raises cross-entropy by constant steps, \
              and its last restart wins.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("steps", 3, 0, "Gradient steps."),
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of a step in pixels of [0,1]; 2/3 of eps if left out.",
            ),
            Param::choice(
                "schedule",
                &["constant", "linear", "cosine"],
                "How step_size falls from the first step on; linear and cosine end near 0.",
            ),
            Start::PARAM,
            Param::int("restarts", 1, 1, "Runs from other random starts, per image."),
            Loss::PARAM,
            Goal::PARAM,
            Param::choice("keep", &["best", "last"], "Which iterate an image keeps."),
            Param::choice("preset", &["none", "robustness"], "The library that it has to equal."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::pgd(#{ norm: \"l2\", eps: 0.5, steps: 3 })",
            shows: "pgd: l2 eps 0.5",
        },
        cite: "Madry et al. 2018; MadryLab/robustness attacker.py; step 2 eps / 3 as Salman et al. \
               2020, appendix A.1",
        version: 1,
    },
    build,
};

/// How the length of steps changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    Constant,
    Linear,
    Cosine,
}

impl Schedule {
    /// The factor of step `step` of `steps`, counted from 0.
    fn factor(self, step: i64, steps: i64) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - done,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

/// The length of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum StepSize {
    /// As a share of each image's eps.
    OfEps(f64),
    /// In pixels of [0,1].
    Pixels(f64),
}

impl StepSize {
    /// The option `step_size`, or `share` of eps if left out.
    pub(super) fn from_args(args: &Args, share: f64) -> Result<Self> {
        Ok(match args.value("step_size")? {
            Value::Unit => Self::OfEps(share),
            _ => Self::Pixels(args.float("step_size")?),
        })
    }

    fn radii(self, eps: &Radii, factor: f64) -> Result<Radii> {
        match self {
            Self::OfEps(share) => eps.times(share * factor),
            Self::Pixels(length) => Ok(Radii::All(length * factor)),
        }
    }
}

/// Gradient ascent with projection.
#[derive(Debug, Clone)]
pub(super) struct Pgd {
    pub(super) name: &'static str,
    pub(super) ball: NormBall,
    pub(super) steps: i64,
    pub(super) step_size: StepSize,
    pub(super) schedule: Schedule,
    pub(super) start: Start,
    pub(super) restarts: i64,
    pub(super) loss: Loss,
    pub(super) goal: Goal,
    pub(super) keep_best: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(from_args(args)?))
}

pub(super) fn from_args(args: &Args) -> Result<Pgd> {
    let pgd = Pgd {
        name: "pgd",
        ball: NormBall::from_args(args)?,
        steps: args.int("steps")?,
        step_size: StepSize::from_args(args, 2.0 / 3.0)?,
        schedule: match args.text("schedule")? {
            "linear" => Schedule::Linear,
            "cosine" => Schedule::Cosine,
            _ => Schedule::Constant,
        },
        start: Start::from_args(args)?,
        restarts: args.int("restarts")?,
        loss: Loss::from_args(args)?,
        goal: Goal::from_args(args)?,
        keep_best: args.text("keep")? == "best",
    };
    if args.text("preset")? == "robustness" {
        refuse_unlike_robustness(&pgd)?;
    }
    if pgd.restarts > 1 && pgd.start == Start::None {
        return Err(Error::usage("pgd: restarts expected a random start, found \"none\"")
            .at_key("restarts")
            .hint("random_start: \"ball\""));
    }
    Ok(pgd)
}

fn refuse_unlike_robustness(pgd: &Pgd) -> Result<()> {
    let start = match pgd.ball.norm {
        Norm::Linf => "ball",
        _ => "sphere",
    };
    let differs = match pgd {
        _ if pgd.ball.norm == Norm::L1 => Some(("norm", "\"l2\" or \"linf\"")),
        _ if pgd.loss != Loss::CrossEntropy => Some(("loss", "\"cross_entropy\"")),
        _ if pgd.schedule != Schedule::Constant => Some(("schedule", "\"constant\"")),
        _ if pgd.restarts > 1 => Some(("restarts", "1")),
        Pgd { start: Start::Ball, .. } if start == "sphere" => Some(("random_start", "\"sphere\"")),
        Pgd { start: Start::Sphere, .. } if start == "ball" => Some(("random_start", "\"ball\"")),
        _ => None,
    };
    differs.map_or(Ok(()), |(key, expected)| {
        Err(Error::usage(format!("pgd: preset \"robustness\" expected {key} {expected}"))
            .at_key(key)
            .hint("leave out preset for what the library does not do"))
    })
}

impl Pgd {
    /// The loss that decides between iterates, and the iterate kept, from the start `x`.
    pub(super) fn climb(
        &self,
        target: &Target<'_>,
        towards: Option<&Tensor>,
        mut x: Tensor,
    ) -> Result<Best> {
        let balls = self.ball.around(target.eps.as_ref())?;
        let mut best = None;
        for step in 0..self.steps {
            let pass = target.climb(self.name, &x, self.loss, towards, true)?;
            let _guard = no_grad_guard();
            if self.keep_best {
                best = Some(Best::update(best, &x, &pass.losses)?);
            }
            let factor = self.schedule.factor(step, self.steps);
            let lengths = self.step_size.radii(&balls.eps, factor)?;
            x = balls.project(&balls.step(&x, &pass.gradient, &lengths)?, target.x)?;
        }
        let _guard = no_grad_guard();
        if !self.keep_best && self.restarts == 1 {
            let losses = target.y.f_zeros_like()?;
            return Ok(Best { x, losses });
        }
        let losses = self.loss.of(&target.logits(self.name, &x)?, target.y, towards)?;
        Best::update(best.filter(|_| self.keep_best), &x, &losses)
    }
}

impl Attack for Pgd {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let target =
            Target { x: &centre, eps: target.eps.as_ref().map(Tensor::shallow_clone), ..*target };
        let towards = self.goal.classes(self.name, &target)?;
        let balls = self.ball.around(target.eps.as_ref())?;
        let mut best = None;
        for restart in 0..self.restarts {
            let stream = match restart {
                0 => target.stream,
                _ => target.stream.at(u64::MAX - restart.unsigned_abs()),
            };
            let x = balls.start(&centre, self.start, target.ids, stream)?;
            let found = self.climb(&target, towards.as_ref(), x)?;
            best = Some(match best {
                None => found,
                best => Best::update(best, &found.x, &found.losses)?,
            });
        }
        let x = best.map_or_else(|| centre.shallow_clone(), |best| best.x);
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        let last = i64::from(self.keep_best || self.restarts > 1);
        let forwards = self.restarts * (self.steps + last) + self.goal.forwards();
        Cost::of(forwards, self.restarts * self.steps)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }

    fn towards(&self, goal: Goal) -> Option<Rc<dyn Attack>> {
        match self.goal {
            Goal::Untargeted => Some(Rc::new(Self { goal, ..self.clone() })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::laws::{attacker, run};
    use crate::attack::linear::linear;
    use std::cell::RefCell;

    fn refusal(options: &[(&str, Value)]) -> String {
        let options =
            options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let args = Args::resolve(&ENTRY.spec, vec![], options).unwrap();
        build(&args).err().map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn a_preset_refuses_what_its_library_does_otherwise() {
        let preset = ("preset", Value::from("robustness"));
        assert_eq!(refusal(std::slice::from_ref(&preset)), "");
        for (key, value) in [
            ("norm", "l1".into()),
            ("random_start", "ball".into()),
            ("loss", "dlr".into()),
            ("schedule", "cosine".into()),
            ("restarts", Value::Int(2)),
        ] {
            let error = refusal(&[preset.clone(), (key, value)]);
            assert!(error.starts_with("pgd: preset \"robustness\" expected"), "{key}: {error}");
        }
        let linf = [preset, ("norm", "linf".into()), ("random_start", "ball".into())];
        assert_eq!(refusal(&linf), "");
    }

    #[test]
    fn restarts_want_a_random_start_and_give_no_lower_loss() {
        assert!(refusal(&[("restarts", Value::Int(2))]).contains("expected a random start"));
        let (model, batch) = linear();
        let score = |restarts| {
            let options = [
                ("restarts", Value::Int(restarts)),
                ("steps", Value::Int(0)),
                ("random_start", "ball".into()),
            ];
            let x = run(&attacker("pgd", &options), &model, &batch, 0).adversarial;
            model.logits(&x).unwrap().double_value(&[0, 1])
        };
        let scores: Vec<f64> = [1, 2, 4, 16].into_iter().map(score).collect();
        assert!(scores.is_sorted() && scores[3] > scores[0], "{scores:?}");
    }

    /// Two classes with a gradient that is the same everywhere; the margin of each image in each
    /// pass is that of the script. Keeps what it is shown.
    struct Scripted(Vec<[f64; 2]>, RefCell<Vec<Tensor>>);

    impl Victim for Scripted {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            let mut seen = self.1.borrow_mut();
            let margins = Tensor::from_slice(&self.0[seen.len()]);
            seen.push(x.detach());
            let slope = x.flatten(1, -1).sum_dim_intlist([1i64].as_slice(), false, x.kind());
            let margins = margins + &slope - slope.detach();
            Ok(Tensor::stack(&[&margins.zeros_like(), &margins], 1))
        }
    }

    /// Two restarts of two steps; the loss of class 0 rises with the margin.
    #[test]
    fn every_image_keeps_its_best_restart_by_its_own_loss() {
        // Start, first step, last step; of the other restart too.
        let script = vec![[0.0, 0.0], [0.0, 9.0], [5.0, 1.0], [0.0, 0.0], [9.0, 0.0], [3.0, 4.0]];
        for (keep, passes) in [("last", [2, 5]), ("best", [4, 1])] {
            let model = Scripted(script.clone(), RefCell::default());
            let x = Tensor::full([2, 1, 3, 4], 0.5, (tch::Kind::Double, tch::Device::Cpu));
            let options = [
                ("restarts", Value::Int(2)),
                ("steps", Value::Int(2)),
                ("eps", Value::Float(0.3)),
                ("step_size", Value::Float(0.1)),
                ("random_start", "ball".into()),
                ("keep", keep.into()),
            ];
            let batch = (x, Tensor::from_slice(&[0i64, 0]));
            let found = run(&attacker("pgd", &options), &model, &batch, 0).adversarial;
            let seen = model.1.borrow();
            assert_eq!(seen.len(), 6, "{keep}");
            for (image, pass) in passes.into_iter().enumerate() {
                let row = |of: &Tensor| of.get(image as i64);
                assert_eq!(row(&found), row(&seen[pass]), "{keep}: image {image}");
                let others = (0..6).filter(|other| *other != pass);
                assert!(others.into_iter().all(|other| row(&seen[other]) != row(&found)));
            }
        }
    }

    #[test]
    fn schedules_start_at_the_full_step_and_fall() {
        for schedule in [Schedule::Linear, Schedule::Cosine] {
            let factors: Vec<f64> = (0..5).map(|step| -schedule.factor(step, 5)).collect();
            assert!(factors.is_sorted() && factors[0] == -1.0 && factors[4] < 0.0, "{factors:?}");
        }
    }
}
