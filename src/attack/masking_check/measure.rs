//! What a masking check counts, batch by batch.

use super::{MaskingCheck, STEPS};
use crate::attack::losses::{Goal, Loss};
use crate::attack::pgd::{Pgd, Schedule, StepSize};
use crate::attack::square::Square;
use crate::attack::{Attack, Part, Target, correct};
use crate::error::Result;
use crate::threat_model::Start;
use tch::{Kind, Tensor, no_grad_guard};

/// What was counted so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    n: i64,
    zero: i64,
    bad: i64,
    clean: i64,
    under_attack: i64,
    under_both: i64,
    losses: [f64; 1 + STEPS.len()],
    difference: f64,
    no_probabilities: bool,
}

const NAME: &str = "masking_check";

fn count(of: &Tensor) -> Result<i64> {
    Ok(of.f_sum(Kind::Int64)?.f_int64_value(&[])?)
}

fn sum(of: &Tensor) -> Result<f64> {
    Ok(of.f_sum(Kind::Double)?.f_double_value(&[])?)
}

fn stands(target: &Target<'_>, x: &Tensor) -> Result<Tensor> {
    let _guard = no_grad_guard();
    correct(&target.logits(NAME, x)?, target.y)
}

/// Whether each row lies in [0,1] and sums to one.
fn are_probabilities(logits: &Tensor) -> Result<bool> {
    let within = logits.f_ge(0.0)?.f_logical_and(&logits.f_le(1.0)?)?.f_all_dim(1, false)?;
    let off = logits.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?.f_sub_scalar(1)?;
    let all = within.f_logical_and(&off.f_abs()?.f_lt(1e-4)?)?;
    Ok(count(&all.f_logical_not()?)? == 0)
}

/// PGD in the ball of `attack` that keeps its last iterate, so that its loss may fall.
fn steps_of_pgd(attack: &dyn Attack, steps: i64) -> Pgd {
    Pgd {
        name: NAME,
        ball: attack.ball(),
        steps,
        step_size: StepSize::OfEps(2.5 / steps as f64),
        schedule: Schedule::Constant,
        start: Start::None,
        restarts: 1,
        loss: Loss::CrossEntropy,
        goal: Goal::Untargeted,
        keep_best: false,
    }
}

impl Sums {
    /// Measures a batch.
    pub(super) fn add(
        &mut self,
        target: &Target<'_>,
        attack: &dyn Attack,
        queries: i64,
    ) -> Result<()> {
        let pass = target.climb(NAME, target.x, Loss::CrossEntropy, None, false)?;
        let gradient = pass.gradient.f_flatten(1, -1)?;
        let finite = gradient.f_isfinite()?.f_all_dim(1, false)?;
        let zero = gradient.f_eq(0.0)?.f_all_dim(1, false)?;
        self.n += target.x.size().first().copied().unwrap_or(0);
        self.zero += count(&zero)?;
        self.bad += count(&finite.f_logical_not()?)?;
        let mut standing = {
            let _guard = no_grad_guard();
            let logits = target.logits(NAME, target.x)?;
            let again = target.logits(NAME, target.x)?;
            let apart = logits.f_sub(&again)?.f_abs()?.f_max()?.f_double_value(&[])?;
            self.difference = self.difference.max(apart);
            self.no_probabilities |= !are_probabilities(&logits)?;
            correct(&logits, target.y)?
        };
        self.clean += count(&standing)?;
        if let Some(part) = Part::of(target, &finite)? {
            let inner = part.target(target.model, target.stream);
            let found = attack.perturb(&inner)?.adversarial;
            let stands = stands(&inner, &found)?;
            standing = standing.f_logical_and(&part.put(&standing, &stands)?)?;
            self.losses[0] += sum(&pass.losses.f_index_select(0, &part.rows)?)?;
            for (steps, total) in STEPS.iter().zip(self.losses.iter_mut().skip(1)) {
                let found = steps_of_pgd(attack, *steps).perturb(&inner)?.adversarial;
                let _guard = no_grad_guard();
                *total += sum(&inner.losses(NAME, &found)?)?;
            }
        }
        self.under_attack += count(&standing)?;
        if let Some(part) = Part::of(target, &standing)? {
            let inner = part.target(target.model, target.stream);
            let square = Square { ball: attack.ball(), queries, share: 0.8, rescale: false };
            let found = square.perturb(&inner)?.adversarial;
            self.under_both += count(&stands(&inner, &found)?)?;
        }
        Ok(())
    }

    /// What the batches amount to.
    pub(super) fn check(&self) -> MaskingCheck {
        let share = |of: i64| of as f64 / self.n as f64;
        let finite = self.n - self.bad;
        let losses = self.losses.iter().map(|sum| sum / finite as f64);
        MaskingCheck {
            n: self.n,
            zero_gradients: share(self.zero),
            bad_gradients: share(self.bad),
            clean_accuracy: share(self.clean),
            attack_accuracy: share(self.under_attack),
            square_accuracy: share(self.under_both),
            losses: if finite > 0 { losses.collect() } else { Vec::new() },
            difference: self.difference,
            probabilities: !self.no_probabilities,
        }
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

    /// Three classes whose logits are a function of the score w . x, twice, and of the pass.
    struct Made<F>(Tensor, F, Cell<i64>);

    impl<F: Fn(Tensor, i64) -> Tensor> Victim for Made<F> {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            self.2.set(self.2.get() + 1);
            let score = x.f_sub_scalar(0.5)?.f_flatten(1, -1)?.f_matmul(&self.0)?;
            let half = &score * 0.5;
            Ok((self.1)(Tensor::f_stack(&[&score.f_neg()?, &score, &half], 1)?, self.2.get()))
        }
    }

    fn sums(parts: &[i64], logits: impl Fn(Tensor, i64) -> Tensor) -> Sums {
        let mut generator = Stream::new(3, "masking").generator();
        let mut drawn =
            |count: usize| -> Vec<f32> { (0..count).map(|_| generator.normal()).collect() };
        let weights = Tensor::from_slice(&drawn(12));
        let x = Tensor::from_slice(&drawn(240)).view([20, 1, 3, 4]) * 0.05 + 0.5;
        let model = Made(weights, logits, Cell::new(0));
        let y = model.logits(&x).unwrap().nan_to_num(0.0, None, None).argmax(1, false);
        let options = [("eps", Value::Float(0.3)), ("steps", Value::Int(10))];
        let pgd = attacker("pgd", &options);
        let (mut sums, mut from) = (Sums::default(), 0);
        for length in parts {
            let row = |of: &Tensor| of.narrow(0, from, *length);
            let ids: Vec<u64> = (from..from + length).map(|id| id as u64).collect();
            let stream = Stream::new(0, "masking");
            let (x, y) = (row(&x), row(&y));
            let target = Target { model: &model, x: &x, y: &y, ids: &ids, stream, eps: None };
            sums.add(&target, &*pgd.attack, 200).unwrap();
            from += length;
        }
        sums
    }

    fn checked(logits: impl Fn(Tensor, i64) -> Tensor) -> MaskingCheck {
        sums(&[20], logits).check()
    }

    #[test]
    fn an_honest_model_gives_no_warning_and_is_measured_alike_in_parts() {
        let whole = checked(|z, _| z);
        assert_eq!(whole.warnings(), [""; 0]);
        assert_eq!((whole.n, whole.clean_accuracy, whole.attack_accuracy), (20, 1.0, 0.0));
        assert!(whole.losses.len() == 4 && whole.losses[1] > whole.losses[0], "{whole:?}");
        let parts = sums(&[3, 17], |z, _| z).check();
        let apart = parts.losses.iter().zip(&whole.losses).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-6);
        assert_eq!(MaskingCheck { losses: whole.losses.clone(), ..parts }, whole);
    }

    #[test]
    fn saturated_and_rounded_logits_have_zero_gradients_and_fall_to_square() {
        for masked in [checked(|z, _| z * 1e5), checked(|z, _| (z * 20.0).round() / 20.0)] {
            assert!(masked.zero_gradients > 0.9 && masked.attack_accuracy > 0.9, "{masked:?}");
            let warnings = masked.warnings();
            assert!(warnings[0].ends_with("of the images is zero in every pixel"), "{warnings:?}");
            assert!(warnings[1].starts_with("Square, without gradients, fools"), "{warnings:?}");
        }
    }

    #[test]
    fn gradients_that_are_not_finite_are_left_to_square() {
        // The derivative of the root of 0 is infinite, and times 0 it is no number.
        let masked = checked(|z, _| &z + (&z * 0.0).sqrt());
        assert_eq!((masked.bad_gradients, masked.attack_accuracy), (1.0, 1.0));
        assert!(masked.square_accuracy < 1.0 && masked.losses.is_empty(), "{masked:?}");
        assert!(masked.warnings()[0].contains("100.0% of the images is not finite"));
        let text = serde_json::to_string(&masked).unwrap();
        assert_eq!(serde_json::from_str::<MaskingCheck>(&text).unwrap(), masked);
    }

    #[test]
    fn a_bump_that_stops_small_steps_is_told_by_the_loss() {
        let masked = checked(|z, _| &z + (&z * 12.0).sin() * 0.5);
        let told =
            masked.warnings().iter().any(|text| text.starts_with("the mean loss falls from"));
        assert!(told, "{masked:?}");
    }

    /// The gradient of the score, or none, of logits that no pixel moves.
    #[test]
    fn a_flat_loss_is_told_whatever_the_gradients() {
        let logits = || Tensor::from_slice(&[0.3f32, 0.1, 0.0]);
        let flat = checked(|z, _| &z - z.detach() + logits());
        assert_eq!(
            (flat.zero_gradients, flat.attack_accuracy, flat.square_accuracy),
            (0.0, 1.0, 1.0)
        );
        let loss = (0.3f64.exp() + 0.1f64.exp() + 1.0).ln() - 0.3;
        assert!(flat.losses.iter().all(|found| (found - loss).abs() < 1e-6), "{flat:?}");
        let told = format!(
            "the mean loss does not rise: {loss:.4} before and {loss:.4} after 20 steps of PGD"
        );
        assert_eq!(flat.warnings(), std::slice::from_ref(&told));
        let dead = checked(|z, _| z * 0.0 + logits());
        let zero = "the gradient of 100.0% of the images is zero in every pixel";
        assert_eq!(dead.warnings(), [zero, &told]);
        // Where the first step is the best, more steps need not raise the loss.
        let losses = vec![1.0, 1.5, 1.5, 1.5];
        assert_eq!(MaskingCheck { losses, ..flat }.warnings(), [""; 0]);
    }

    #[test]
    fn random_outputs_and_probabilities_are_told() {
        let random = checked(|z, pass| z + Tensor::from_slice(&[0.0, 0.0, 0.01 * pass as f32]));
        assert!((random.difference - 0.01).abs() < 1e-5, "{random:?}");
        assert!(random.warnings()[0].starts_with("the logits of two passes differ by 1.0e-2"));
        let squeezed = checked(|z, _| z.softmax(1, Kind::Float));
        assert!(squeezed.probabilities);
        assert!(squeezed.warnings().iter().any(|text| text.contains("are probabilities")));
    }
}
