//! AutoAttack: a fixed ensemble without settings.

use super::apgd::Apgd;
use super::fab::Fab;
use super::losses::Loss;
use super::square::Square;
use super::{Attack, Build, Cost, Part, Perturbation, Target, correct, of_images};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, Start};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::auto_attack`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "auto_attack",
        home: Home::Namespace("attack"),
        doc: "AutoAttack: a fixed ensemble of attacks, the usual measure of robust accuracy. \
              Version \"standard\" runs APGD on cross-entropy, targeted APGD on DLR, targeted FAB \
              (nine classes each) and Square (5000 queries); in l1, APGD runs from five starts \
              towards five classes. Version \"rand\", for networks that draw at random, runs APGD \
              on cross-entropy and on DLR with the mean of 20 gradients. Each attack sees only \
              the images that still stand; those that stand to the end stay unperturbed. With \
              fewer than four classes the margin takes DLR's place. In l1 the source also \
              shrinks eps in three stages, which is not done here.",
        inputs: &[],
        params: &[
            Param::choice("norm", &["linf", "l2", "l1"], NormBall::NORM.doc),
            NormBall::EPS,
            Param::choice("version", &["standard", "rand"], "Which ensemble."),
            Param::int("steps", 100, 1, "Steps of a run; another number is not AutoAttack."),
            Param::int("queries", 5000, 0, "Queries of Square; another number is not AutoAttack."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::auto_attack(#{ norm: \"linf\", eps: 8.0 / 255.0 }).name",
            shows: "auto_attack",
        },
        cite: "Croce and Hein 2020, arXiv 2003.01690; fra31/auto-attack autoattack.py",
        version: 1,
    },
    build,
};

struct AutoAttack {
    ball: NormBall,
    random: bool,
    steps: i64,
    queries: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(AutoAttack {
        ball: NormBall::from_args(args)?,
        random: args.text("version")? == "rand",
        steps: args.int("steps")?,
        queries: args.int("queries")?,
    }))
}

impl AutoAttack {
    fn stages(&self, classes: i64) -> Vec<Box<dyn Attack>> {
        let ball = self.ball;
        let few = ball.norm == Norm::L1;
        let dlr = if classes < 4 { Loss::Margin } else { Loss::Dlr };
        let apgd = |loss, targets| Apgd {
            ball,
            steps: self.steps,
            restarts: if few && targets == 0 && !self.random { 5 } else { 1 },
            start: Start::Sphere,
            loss,
            targets,
            eot: if self.random { 20 } else { 1 },
        };
        if self.random {
            return vec![Box::new(apgd(Loss::CrossEntropy, 0)), Box::new(apgd(dlr, 0))];
        }
        let targets = if few { 5 } else { 9 };
        vec![
            Box::new(apgd(Loss::CrossEntropy, 0)),
            Box::new(apgd(dlr, targets)),
            Box::new(Fab { ball, steps: self.steps, targets: 9, restarts: 1 }),
            Box::new(Square { ball, queries: self.queries, share: 0.8, rescale: false }),
        ]
    }
}

impl Attack for AutoAttack {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut x = centre.shallow_clone();
        let (mut standing, classes) = {
            let _guard = no_grad_guard();
            let logits = target.logits("auto_attack", &centre)?;
            (correct(&logits, target.y)?, logits.size().last().copied().unwrap_or(0))
        };
        for (place, stage) in self.stages(classes).iter().enumerate() {
            let Some(part) = Part::of(target, &standing)? else { break };
            let inner = part.target(target.model, target.stream.at(place as u64));
            let found = stage.perturb(&inner)?;
            let _guard = no_grad_guard();
            let stands = correct(&target.logits("auto_attack", &found.adversarial)?, &part.y)?;
            let kept = part.x.f_where_self(&of_images(&stands)?, &found.adversarial)?;
            x = part.put(&x, &kept)?;
            standing = part.put(&standing, &stands)?;
        }
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self) -> Cost {
        let mut cost = Cost { forwards: 1, backwards: 0 };
        for stage in self.stages(i64::MAX) {
            let stage = stage.cost();
            cost.forwards += 1 + stage.forwards;
            cost.backwards += stage.backwards;
        }
        cost
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
