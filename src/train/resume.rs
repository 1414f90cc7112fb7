//! A training that is stopped and goes on gives the bits of one that is not.

use super::laws::{Lab, Trainee};
use super::optimizer;
use crate::error::Kind;
use crate::registry::Value;

/// Batches after which a training of three epochs of five batches is stopped: inside and at the
/// end of its first and its second epoch, and around its last batches.
const CUTS: [u64; 6] = [1, 4, 5, 8, 10, 14];

fn options(more: &[(&str, Value)]) -> Vec<(String, Value)> {
    let base = [
        ("epochs", Value::Int(3)),
        ("batch_size", Value::Int(12)),
        ("lr", Value::Float(0.01)),
        ("ema", Value::Float(0.5)),
    ];
    let all = base.iter().chain(more);
    all.map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// Stops a training after each of the cuts and lets it go on, in a store of its own each time.
fn cut(trainees: &dyn Fn() -> Vec<Trainee>, options: &[(String, Value)], cuts: &[u64]) {
    let lab = Lab::new();
    let whole = lab.train(&trainees(), options).unwrap();
    assert!(whole.iter().all(|report| !report.interrupted && report.trained.curve.len() == 3));
    let expected = lab.everything();
    for &after in cuts {
        let lab = Lab::new();
        lab.stop_after(after);
        let stopped = lab.train(&trainees(), options).unwrap();
        assert!(stopped.iter().all(|report| report.interrupted), "not stopped after {after}");
        assert!(lab.everything().is_empty(), "a stopped training left a result");
        let resumed = lab.train(&trainees(), options).unwrap();
        for (found, expected) in resumed.iter().zip(&whole) {
            assert_eq!(found.trained, expected.trained, "stopped after {after}");
        }
        assert!(lab.everything() == expected, "other bits when stopped after {after}");
    }
}

fn with_both_optimizers(trainees: &dyn Fn() -> Vec<Trainee>, cuts: &[u64]) {
    for name in optimizer::NAMES {
        cut(trainees, &options(&[("optimizer", Value::Text((*name).to_owned()))]), cuts);
    }
}

fn alone(objective: &'static str) -> impl Fn() -> Vec<Trainee> {
    move || vec![Trainee::new(0, objective)]
}

#[test]
fn clean_training_resumes_bit_for_bit() {
    with_both_optimizers(&alone("clean"), &CUTS);
}

#[test]
fn training_on_pgd_resumes_bit_for_bit() {
    with_both_optimizers(&alone("perturbed"), &CUTS);
}

/// Each batch is used four times in a row, so that cuts fall between these too.
#[test]
fn free_training_resumes_bit_for_bit() {
    for name in optimizer::NAMES {
        let more = [("epochs", Value::Int(12)), ("optimizer", Value::Text((*name).to_owned()))];
        cut(&alone("free"), &options(&more), &[1, 20, 33, 59]);
    }
}

#[test]
fn a_lockstep_resumes_bit_for_bit() {
    let trainees = || {
        let followers = ["same", "random_sign", "noise"].map(|change| Trainee::yoked(1, change));
        [Trainee::new(0, "perturbed")].into_iter().chain(followers).collect()
    };
    // Inside an epoch, at the end of one, and before the last batch.
    with_both_optimizers(&trainees, &[4, 10, 14]);
}

#[test]
fn accumulated_gradients_resume_bit_for_bit() {
    cut(&alone("clean"), &options(&[("accumulate", Value::Int(2))]), &[1, 3, 5, 6, 9, 14]);
}

#[test]
fn evaluations_on_the_way_resume_with_the_same_curve() {
    let every = [("eval_every", Value::Int(1)), ("eval_attack", Trainee::pgd())];
    cut(&alone("perturbed"), &options(&every), &[2, 5, 12]);
}

#[test]
fn a_checkpoint_of_another_number_of_models_is_refused() {
    let lab = Lab::new();
    lab.stop_after(2);
    let pair = || vec![Trainee::new(0, "perturbed"), Trainee::yoked(1, "same")];
    lab.train(&pair(), &options(&[])).unwrap();
    lab.forget_a_member();
    let error = lab.train(&pair(), &options(&[])).err().unwrap();
    assert_eq!(error.kind(), Kind::Data);
}
