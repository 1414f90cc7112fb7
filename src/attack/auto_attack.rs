//! AutoAttack: a fixed ensemble without settings.

use super::apgd::Apgd;
use super::fab::Fab;
use super::losses::Loss;
use super::square::Square;
use super::stage::Stage;
use super::{Attack, Build, Cost, Part, Perturbation, Target, correct, of_images};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, Start, ThreatModel};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::auto_attack`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "auto_attack",
        home: Home::Namespace("attack"),
        doc: "AutoAttack: a fixed ensemble of attacks, the usual measure of robust accuracy. \
              Version \"standard\" runs APGD on cross-entropy, targeted APGD on DLR, targeted FAB \
              (nine classes each) and Square (5000 queries); in l1, APGD shrinks its balls from 3 \
              eps and runs from five starts and towards five classes. \"plus\", in L2 and linf, \
              runs APGD on cross-entropy and on DLR and untargeted FAB (to the nearest of nine \
              classes) from five starts each, Square, and targeted APGD and FAB. \"rand\", for \
              networks that draw at random, runs APGD on cross-entropy and on DLR with the mean \
              of 20 gradients. Each attack sees only the images that still stand; those that \
              stand to the end stay unperturbed. With fewer than four classes the margin takes \
              DLR's place.",
        inputs: &[],
        params: &[
            Param::choice("norm", &["linf", "l2", "l1"], NormBall::NORM.doc),
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::choice("version", &["standard", "plus", "rand"], "Which ensemble."),
            Param::int("steps", 100, 1, "Steps of a run; another number is not AutoAttack."),
            Param::int("queries", 5000, 0, "Queries of Square; another number is not AutoAttack."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::auto_attack(#{ norm: \"linf\", eps: 8.0 / 255.0 }).name",
            shows: "auto_attack",
        },
        cite: "Croce and Hein 2020, arXiv 2003.01690; l1: Croce and Hein 2021, arXiv 2103.01208; \
               fra31/auto-attack autoattack.py",
        version: 2,
    },
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Standard,
    Plus,
    Rand,
}

struct AutoAttack {
    ball: NormBall,
    version: Version,
    steps: i64,
    queries: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let ball = NormBall::from_args(args)?;
    let version = match args.text("version")? {
        "plus" => Version::Plus,
        "rand" => Version::Rand,
        _ => Version::Standard,
    };
    if version == Version::Plus && ball.norm == Norm::L1 {
        return Err(Error::usage("auto_attack: version \"plus\" expected l2 or linf, found l1")
            .at_key("version")
            .hint("version: \"standard\""));
    }
    let (steps, queries) = (args.int("steps")?, args.int("queries")?);
    Ok(Rc::new(AutoAttack { ball, version, steps, queries }))
}

impl AutoAttack {
    fn stages(&self, classes: i64) -> Vec<Box<dyn Stage>> {
        let (ball, steps) = (self.ball, self.steps);
        let l1 = ball.norm == Norm::L1;
        let dlr = if classes < 4 { Loss::Margin } else { Loss::Dlr };
        let apgd = |loss, restarts, targets| -> Box<dyn Stage> {
            let random = self.version == Version::Rand;
            Box::new(Apgd {
                ball,
                steps,
                restarts,
                start: Start::Sphere,
                loss,
                targets,
                eot: if random { 20 } else { 1 },
                shrink: l1 && !random,
            })
        };
        let fab = |targeted, restarts| -> Box<dyn Stage> {
            Box::new(Fab { ball, steps, targeted, targets: 9, restarts })
        };
        let square = Box::new(Square { ball, queries: self.queries, share: 0.8, rescale: false });
        let entropy = Loss::CrossEntropy;
        match self.version {
            Version::Standard => {
                let (starts, targets) = if l1 { (5, 5) } else { (1, 9) };
                vec![apgd(entropy, starts, 0), apgd(dlr, 1, targets), fab(true, 1), square]
            }
            Version::Plus => vec![
                apgd(entropy, 5, 0),
                apgd(dlr, 5, 0),
                fab(false, 5),
                square,
                apgd(dlr, 1, 9),
                fab(true, 1),
            ],
            Version::Rand => vec![apgd(entropy, 1, 0), apgd(dlr, 1, 0)],
        }
    }
}

impl Attack for AutoAttack {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut x = centre.shallow_clone();
        let (mut standing, logits) = {
            let _guard = no_grad_guard();
            let logits = target.logits("auto_attack", &centre)?;
            (correct(&logits, target.y)?, logits)
        };
        let classes = logits.size().last().copied().unwrap_or(0);
        for (place, stage) in self.stages(classes).iter().enumerate() {
            let Some(part) = Part::of(target, &standing)? else { break };
            let inner = part.target(target.model, target.stream.at(place as u64));
            let known = logits.f_index_select(0, &part.rows)?;
            let found = stage.perturb_known(&inner, &known)?;
            let _guard = no_grad_guard();
            let stands = correct(&target.logits("auto_attack", &found.adversarial)?, &part.y)?;
            let kept = part.x.f_where_self(&of_images(&stands)?, &found.adversarial)?;
            x = part.put(&x, &kept)?;
            standing = part.put(&standing, &stands)?;
        }
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self, classes: i64) -> Cost {
        let mut cost = Cost::of(1, 0);
        for stage in self.stages(classes) {
            let stage = stage.cost(classes);
            // One pass less, and one to check what was found.
            cost.forwards += stage.forwards;
            cost.backwards += stage.backwards;
        }
        cost
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::laws::attacker;
    use crate::registry::Value;
    use crate::seed::Stream;
    use std::cell::Cell;
    use tch::{Device, Kind, Tensor};

    /// Classes that no pixel changes, so many; counts passes, and those with a graph for backward.
    struct Deaf(i64, Cell<(i64, i64)>);

    impl Victim for Deaf {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            let (forwards, graphs) = self.1.get();
            self.1.set((forwards + 1, graphs + i64::from(x.requires_grad())));
            let nothing = x.f_flatten(1, -1)?.f_narrow(1, 0, 1)? * 0.0;
            Ok(nothing + Tensor::arange(self.0, (Kind::Float, Device::Cpu)))
        }
    }

    #[test]
    fn an_image_that_stands_to_the_end_costs_what_is_said() {
        let x = Tensor::full([1, 1, 4, 4], 0.5, (Kind::Float, Device::Cpu));
        let stream = Stream::new(0, "attack");
        for (norm, version) in
            [("l2", "standard"), ("l1", "standard"), ("linf", "plus"), ("l2", "rand")]
        {
            let options = [
                ("norm", norm.into()),
                ("version", version.into()),
                ("steps", Value::Int(4)),
                ("queries", Value::Int(7)),
            ];
            // Nine targets, or all wrong classes where they are fewer.
            for classes in [2, 3, 5, 10, 20] {
                let model = Deaf(classes, Cell::new((0, 0)));
                let y = Tensor::from_slice(&[classes - 1]);
                let target = Target { model: &model, x: &x, y: &y, ids: &[0], stream, eps: None };
                let attack = attacker("auto_attack", &options).attack;
                assert_eq!(attack.perturb(&target).unwrap().adversarial, x);
                let ((forwards, graphs), said) = (model.1.get(), attack.cost(classes));
                assert_eq!(forwards, said.forwards, "{norm} {version} {classes}");
                // The untargeted runs of "plus" differentiate a pass once for each boundary.
                if version != "plus" {
                    assert_eq!(graphs, said.backwards, "{norm} {version} {classes}");
                }
            }
        }
    }

    #[test]
    fn plus_is_not_for_l1() {
        let options = [("norm", "l1"), ("version", "plus")];
        let options = options.map(|(key, value)| (key.to_owned(), value.into()));
        let args = Args::resolve(&ENTRY.spec, vec![], options.to_vec()).unwrap();
        assert_eq!(build(&args).err().unwrap().key(), Some("version"));
    }
}
