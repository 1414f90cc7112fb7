//! What changes from update to update, by closed forms.

use super::member::{Member, Place};
use super::objectives::parity::{arm, batch};
use super::parity::recipe;
use super::{Arm, Recipe};
use crate::attack::parity::network;
use crate::attack::{ATTACKS, Attacker};
use crate::registry::{Args, Value};
use crate::seed::Stream;
use std::rc::Rc;
use tch::Tensor;

/// The place of an update that is an epoch, of so many.
fn place(total: u64) -> Place {
    Place {
        stream: Stream::new(0, "perturbation"),
        total,
        first_of_epoch: true,
        last_of_epoch: true,
        new_images: true,
    }
}

fn close(found: &[f64], expected: &[f64]) {
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let apart = apart.fold(0.0, f64::max);
    assert!(found.len() == expected.len() && apart < 1e-6, "{found:?} is not {expected:?}");
}

fn pgd(eps: f64) -> Value {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == "pgd").unwrap();
    let options = [("norm", "linf".into()), ("eps", Value::Float(eps))];
    let options = options.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let args = Args::resolve(&entry.spec, Vec::new(), options).unwrap();
    Value::Handle(Rc::new(Attacker::build(entry, &args).unwrap()))
}

/// Eps rises over the first half of eight updates; a follower's is the lead's.
#[test]
fn eps_rises_linearly_and_the_check_tells_the_eps_of_its_update() {
    let warmup = [("eps_warmup", Value::Float(0.5))];
    let (recipe, batch) = (recipe(&[("lr", Value::Float(0.001))]), batch());
    let perturbed = arm("perturbed", vec![pgd(0.1)], &warmup);
    let mixed = {
        let inputs = [Arm::clean().unwrap(), arm("perturbed", vec![pgd(0.1)], &warmup)];
        let inputs = inputs.map(|arm| Value::Handle(Rc::new(arm)));
        arm("mixed", inputs.to_vec(), &[])
    };
    let expected: Vec<f64> =
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0].map(|share| 0.1 * share).to_vec();
    for lead in [perturbed, mixed] {
        let yoked = arm("yoked", vec!["same".into()], &[]);
        let start = || Member::start(network(), &recipe).unwrap();
        let (mut member, mut follower) = (start(), start());
        let (mut norms, mut nominal, mut followed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..8 {
            let done = member.step(&lead, &recipe, &batch, None, &place(8), None).unwrap().unwrap();
            norms.push(done.perturbation.norms.max().double_value(&[]));
            follower.step(&yoked, &recipe, &batch, None, &place(8), Some(&done)).unwrap();
            let told = |member: &mut Member| member.close_epoch(1).check.unwrap().nominal.unwrap();
            nominal.push(told(&mut member));
            followed.push(told(&mut follower));
        }
        close(&norms, &expected);
        close(&nominal, &expected);
        close(&followed, &expected);
    }
}

#[test]
fn a_warm_up_is_a_factor_that_rises_linearly_to_one() {
    let rates = |schedule: &str, warmup: f64| -> Vec<f64> {
        let recipe = recipe(&[
            ("epochs", Value::Int(4)),
            ("lr", Value::Float(0.8)),
            ("schedule", schedule.into()),
            ("warmup", Value::Float(warmup)),
        ]);
        (0..8).map(|step| recipe.rate(step, 8)).collect()
    };
    // Two updates an epoch: 1.5 epochs are three.
    let third = 0.8 / 3.0;
    close(&rates("constant", 1.5), &[third, 2.0 * third, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]);
    close(&rates("constant", 2.0), &[0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8]);
    close(&rates("constant", 0.0), &[0.8; 8]);
    close(&rates("step", 1.0), &[0.4, 0.8, 0.8, 0.08, 0.08, 0.08, 0.008, 0.008]);
    // Half of a cosine of eight updates, from the peak on.
    let cosine = |step: f64| 0.4 * (1.0 + (std::f64::consts::PI * step / 8.0).cos());
    let risen: Vec<f64> =
        (0..8).map(|step| cosine(f64::from(step)) * f64::from(step + 1).min(4.0) / 4.0).collect();
    close(&rates("cosine", 2.0), &risen);
}

/// After k updates d^k of the start, and (1 - d) d^(k - i) of what update i led to.
#[test]
fn averaged_weights_and_statistics_are_the_weighted_sum_of_all_before() {
    let decay: f64 = 0.6;
    let recipe = recipe(&[("ema", Value::Float(decay)), ("lr", Value::Float(0.1))]);
    let (clean, batch) = (Arm::clean().unwrap(), batch());
    let mut member = Member::start(network(), &recipe).unwrap();
    let state = |member: &Member| -> Vec<Tensor> {
        let state = member.network.state().unwrap().into_iter();
        state.map(|(_, tensor)| tensor.to_kind(tch::Kind::Double).copy()).collect()
    };
    let mut all = vec![state(&member)];
    for k in 1..=5 {
        member.step(&clean, &recipe, &batch, None, &place(5), None).unwrap();
        all.push(state(&member));
        for (at, (name, found)) in member.result().state().unwrap().into_iter().enumerate() {
            let mut expected = &all[0][at] * decay.powi(k);
            for i in 1..=k {
                expected += &all[i as usize][at] * ((1.0 - decay) * decay.powi(k - i));
            }
            let apart = (found.to_kind(tch::Kind::Double) - expected).abs().max();
            assert!(apart.double_value(&[]) < 1e-6, "{name} after {k}: {apart}");
        }
    }
    let moved = |at: usize| (&all[5][at] - &all[0][at]).abs().max().double_value(&[]);
    assert!((0..all[0].len()).all(|at| moved(at) > 1e-4));
}

#[test]
fn without_an_average_the_last_weights_are_the_result() {
    let recipe: Recipe = recipe(&[]);
    let mut member = Member::start(network(), &recipe).unwrap();
    let clean = Arm::clean().unwrap();
    member.step(&clean, &recipe, &batch(), None, &place(1), None).unwrap();
    assert_eq!(member.result().flat(), member.network.flat());
}
