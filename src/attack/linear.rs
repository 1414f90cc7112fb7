//! Closed forms on linear models.

use super::apgd::Apgd;
use super::laws::{attacker, run};
use super::losses::Loss;
use super::{Attacker, Target, Victim};
use crate::error::Result;
use crate::registry::Value;
use crate::seed::Stream;
use crate::threat_model::{Norm, NormBall, Start};
use std::cell::Cell;
use tch::{Device, Kind, Tensor};

/// Two classes with logits 0 and w . x.
pub(super) struct Linear(pub(super) Tensor);

impl Victim for Linear {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let score = x.f_flatten(1, -1)?.f_matmul(&self.0)?;
        Ok(Tensor::f_stack(&[&score.f_zeros_like()?, &score], 1)?)
    }
}

pub(super) fn linear() -> (Linear, (Tensor, Tensor)) {
    let mut generator = Stream::new(5, "linear").generator();
    let weights: Vec<f32> = (0..12).map(|_| generator.normal()).collect();
    let x = Tensor::full([2, 1, 3, 4], 0.5, (Kind::Float, Device::Cpu));
    (Linear(Tensor::from_slice(&weights)), (x, Tensor::from_slice(&[0i64, 1])))
}

#[test]
fn pgd_reaches_the_optimum_of_a_linear_model() {
    let (model, batch) = linear();
    let signs = Tensor::from_slice(&[1f32, -1.0]).view([2, 1, 1, 1]);
    let largest = model.0.abs().argmax(0, false).one_hot(12).view([12]) * model.0.sign();
    let directions = [("l2", &model.0 / model.0.norm()), ("linf", model.0.sign()), ("l1", largest)];
    for (norm, direction) in directions {
        let options = [("norm", Value::Text(norm.to_owned())), ("eps", Value::Float(0.3))];
        let found = run(&attacker("pgd", &options), &model, &batch, 0);
        let optimum = &batch.0 + direction.view([1, 1, 3, 4]) * &signs * 0.3;
        assert!((found.adversarial - optimum).abs().max().double_value(&[]) < 1e-6, "{norm}");
    }
}

#[test]
fn one_step_of_pgd_has_the_length_of_its_step() {
    let (model, batch) = linear();
    let options = [("steps", Value::Int(1)), ("eps", Value::Float(0.3))];
    let norms = run(&attacker("pgd", &options), &model, &batch, 0).norms;
    assert!((norms - 0.2).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn noise_has_the_norm_it_is_asked_for_unless_clipped() {
    let (model, batch) = linear();
    let norms = run(&attacker("gaussian_noise", &[("eps", Value::Float(0.3))]), &model, &batch, 0);
    assert!((norms.norms - 0.3).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn more_tries_give_no_lower_loss() {
    let (model, batch) = linear();
    let score = |tries| {
        let options = [("tries", Value::Int(tries)), ("eps", Value::Float(0.3))];
        let x = run(&attacker("worst_of_noise", &options), &model, &batch, 0).adversarial;
        model.logits(&x).unwrap().narrow(1, 1, 1).narrow(0, 0, 1).double_value(&[0, 0])
    };
    let scores: Vec<f64> = [1, 2, 4, 16].into_iter().map(score).collect();
    assert!(scores.is_sorted(), "{scores:?}");
    assert!(scores[3] > scores[0], "{scores:?}");
}

/// Half of the margin that a perturbation of eps can win.
fn gain(norm: Norm, weights: &Tensor) -> f64 {
    norm.dual(&weights.view([1, 1, 3, 4])).unwrap().double_value(&[0, 0, 0, 0])
}

#[test]
fn fgsm_and_apgd_reach_the_optimum_of_a_linear_model() {
    let (model, batch) = near();
    for (name, norm) in [("l1", Norm::L1), ("l2", Norm::L2), ("linf", Norm::Linf)] {
        // Not far enough to be misclassified, where apgd stops.
        let eps = 0.8 * distance(norm, &model.0);
        let options = [("norm", name.into()), ("eps", Value::Float(eps))];
        for attack in ["fgsm", "apgd"] {
            let found = run(&attacker(attack, &options), &model, &batch, 0).adversarial;
            let moved = model.logits(&found).unwrap() - model.logits(&batch.0).unwrap();
            let moved = moved.abs().amax([1], false);
            let best = eps * gain(norm, &model.0);
            let short = (moved - best).abs().max().double_value(&[]) / best;
            // Sparse steps end near the one pixel that is best.
            let tolerance = if (attack, norm) == ("apgd", Norm::L1) { 0.05 } else { 1e-3 };
            assert!(short < tolerance, "{attack} {name}: {short}");
        }
    }
}

/// A linear model and images on both sides of its boundary, each close to it and classified well.
fn near() -> (Linear, (Tensor, Tensor)) {
    let (Linear(weights), (x, _)) = linear();
    let weights = &weights - weights.mean(Kind::Float);
    let toward = (&weights / weights.norm()).view([1, 1, 3, 4]);
    let offsets = Tensor::from_slice(&[-NEAR as f32, NEAR as f32]).view([2, 1, 1, 1]);
    (Linear(weights), (x + toward * offsets, Tensor::from_slice(&[0i64, 1])))
}

const NEAR: f64 = 0.1;

/// How far the images of [`near`] are from the boundary.
fn distance(norm: Norm, weights: &Tensor) -> f64 {
    NEAR * gain(Norm::L2, weights) / gain(norm, weights)
}

#[test]
fn attacks_of_minimal_norm_find_the_distance_to_the_plane() {
    let (model, batch) = near();
    let found = |attacker: &Attacker| run(attacker, &model, &batch, 0);
    for (name, norm) in [("l1", Norm::L1), ("l2", Norm::L2), ("linf", Norm::Linf)] {
        let expected = distance(norm, &model.0);
        let options = [
            ("norm", name.into()),
            ("eps", Value::Float(4.0 * expected)),
            ("steps", Value::Int(400)),
        ];
        let untargeted = [options.as_slice(), &[("target", "none".into())]].concat();
        let mut attackers =
            vec![(attacker("fab", &options), 0.03), (attacker("fab", &untargeted), 0.03)];
        if norm != Norm::L1 {
            attackers.push((attacker("deepfool", &options), 0.025));
        }
        if norm == Norm::L2 {
            attackers.push((attacker("carlini_wagner", &options), 0.02));
        }
        let pgd = [options[0].clone(), options[1].clone()];
        attackers.push((attacker("minimal_eps", &pgd), 0.005));
        for (attacker, over) in attackers {
            let norms = found(&attacker).norms / expected;
            let (least, most) = (norms.min().double_value(&[]), norms.max().double_value(&[]));
            let label = crate::registry::Handle::label(&attacker);
            assert!(least > 1.0 - 1e-3 && most < 1.0 + over, "{label} {name}: {least} to {most}");
        }
    }
}

#[test]
fn square_and_auto_attack_fool_beyond_the_distance_only() {
    let (model, batch) = near();
    for (name, norm) in [("l1", Norm::L1), ("l2", Norm::L2), ("linf", Norm::Linf)] {
        for (times, fools) in [(0.9, false), (1.1, true), (3.0, true)] {
            let eps = ("eps", Value::Float(times * distance(norm, &model.0)));
            let options = [("norm", name.into()), eps, ("queries", Value::Int(300))];
            for attack in ["auto_attack", "apgd", "square"] {
                // Random search does not come that close.
                if attack == "square" && times < 2.0 && fools {
                    continue;
                }
                let found = run(&attacker(attack, &options), &model, &batch, 0).adversarial;
                let classes = model.logits(&found).unwrap().argmax(1, false);
                let stand = Vec::<bool>::try_from(classes.eq_tensor(&batch.1)).unwrap();
                assert_eq!(stand, [!fools; 2], "{attack} {name} {times}");
            }
        }
    }
}

/// Three classes with logits W (m x), where pass k draws the pixels' factors m.
struct Random(Tensor, Cell<i64>);

impl Random {
    /// The factors of pass `k`, shape (12).
    fn factors(k: i64) -> Tensor {
        let mut generator = Stream::new(k, "factors").generator();
        let factors: Vec<f32> = (0..12).map(|_| 1.0 + 0.5 * generator.normal()).collect();
        Tensor::from_slice(&factors)
    }

    fn at(&self, x: &Tensor, k: i64) -> Tensor {
        (x.flatten(1, -1) * Self::factors(k)).matmul(&self.0.tr())
    }
}

impl Victim for Random {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let k = self.1.replace(self.1.get() + 1);
        Ok(self.at(x, k))
    }
}

/// Of each draw the gradient is m W^T (softmax(W (m x)) - e_y), by the textbook.
#[test]
fn eot_steps_along_the_mean_of_the_gradients_of_as_many_draws() {
    let (Linear(row), (x, y)) = linear();
    let weights = Tensor::stack(&[&row, &row.flip([0]), &(&row * -0.5)], 0);
    let stream = Stream::new(0, "attack");
    for eot in [1, 2, 7] {
        let model = Random(weights.copy(), Cell::new(0));
        let target = Target { model: &model, x: &x, y: &y, ids: &[0, 1], stream, eps: None };
        let apgd = Apgd {
            ball: NormBall { norm: Norm::L2, eps: 0.3 },
            steps: 1,
            restarts: 1,
            start: Start::None,
            loss: Loss::CrossEntropy,
            targets: 0,
            eot,
            shrink: false,
        };
        let found = apgd.pass(&target, &x, None).unwrap();
        let truth = y.one_hot(3).to_kind(Kind::Float);
        let gradient = |k| {
            let wrong = model.at(&x, k).softmax(1, Kind::Float) - &truth;
            (wrong.matmul(&weights) * Random::factors(k)).view([2, 1, 3, 4])
        };
        let mean = (0..eot).map(gradient).sum::<Tensor>() / eot as f64;
        let apart = (found.gradient - &mean).abs().max().double_value(&[]);
        assert!(apart < 1e-6 && model.1.get() == eot, "{eot}: {apart:e}");
        // The source compares the losses of the last draw.
        assert_eq!(found.logits, model.at(&x, eot - 1));
        let single = (gradient(0) - mean).abs().max().double_value(&[]);
        assert!(eot == 1 || single > 0.01, "{eot}: {single}");
    }
}
