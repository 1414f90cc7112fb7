//! Parity in f64 with foolbox and torchattacks, `tests/parity/attacks.py`, and with the robustness
//! library, `tests/parity/robustness.py`.

use super::apgd::Apgd;
use super::laws::attacker;
use super::losses::{Goal, Loss};
use super::parity::hashed;
use super::pgd;
use super::{Target, Victim};
use crate::checkpoint;
use crate::error::Result;
use crate::registry::{Args, Value};
use crate::seed::Stream;
use crate::threat_model::{Norm, NormBall, Start};
use tch::{Kind, Tensor};

/// The network of the script: two linear maps around a tanh.
struct Tanh(Tensor, Tensor);

impl Victim for Tanh {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.f_sub_scalar(0.5)?.f_flatten(1, -1)?;
        Ok(x.f_matmul(&self.0)?.f_tanh()?.f_matmul(&self.1)?)
    }
}

fn wide(index: u64, shape: &[i64]) -> Tensor {
    hashed(index, shape).to_kind(Kind::Double)
}

fn network() -> Tanh {
    Tanh((wide(0, &[192, 16]) - 0.5) * 0.5, (wide(1, &[16, 5]) - 0.5) * 4.0)
}

fn images(count: i64, index: u64) -> (Tensor, Tensor) {
    let x = wide(index, &[count, 3, 8, 8]) * 0.8 + 0.1;
    let y = network().logits(&x).unwrap().argmax(1, false);
    (x, y)
}

fn expected(name: &str) -> Tensor {
    kept(include_bytes!("../../tests/parity/attacks.safetensors"), name)
}

fn kept(bytes: &[u8], name: &str) -> Tensor {
    let found = checkpoint::decode(bytes).unwrap().into_iter().find(|(known, _)| known == name);
    found.unwrap().1
}

fn adversarial(name: &str, options: &[(&str, Value)], (x, y): &(Tensor, Tensor)) -> Tensor {
    let ids: Vec<u64> = (0..x.size()[0] as u64).collect();
    let stream = Stream::new(0, "attack");
    let target = Target { model: &network(), x, y, ids: &ids, stream, eps: None };
    attacker(name, options).attack.perturb(&target).unwrap().adversarial
}

fn close(found: &Tensor, name: &str, tolerance: f64) {
    let apart = (found - expected(name)).abs().max().double_value(&[]);
    assert!(apart < tolerance, "{name}: {apart:e}");
}

#[test]
fn logits_equal_the_scripts() {
    let (x, y) = images(6, 2);
    close(&network().logits(&x).unwrap(), "logits", 1e-12);
    assert_eq!(y, expected("y"));
}

#[test]
fn steps_with_projection_equal_torchattacks_and_foolbox() {
    let batch = images(6, 2);
    let options = |norm: &str, eps: f64, step: f64, steps| {
        [
            ("norm", norm.into()),
            ("eps", Value::Float(eps)),
            ("step_size", Value::Float(step)),
            ("steps", Value::Int(steps)),
            ("keep", "last".into()),
        ]
    };
    close(&adversarial("fgsm", &[("eps", Value::Float(0.03))], &batch), "fgsm.linf", 1e-8);
    close(&adversarial("pgd", &options("linf", 0.03, 0.01, 7), &batch), "pgd.linf", 1e-8);
    // The peer projects to eps, `renorm` of libtorch to eps / (1 + 1e-7 / norm).
    close(&adversarial("pgd", &options("l2", 0.4, 0.15, 7), &batch), "pgd.l2", 1e-7);
    close(&adversarial("pgd", &options("l1", 0.8, 0.3, 4), &batch), "pgd.l1", 1e-8);
}

/// Every iterate from the same start, and the best of them, of the preset.
#[test]
fn preset_robustness_equals_its_library_step_for_step() {
    let peer = |name: &str| kept(include_bytes!("../../tests/parity/robustness.safetensors"), name);
    let (x, y, model) = (peer("x"), peer("y"), network());
    let stream = Stream::new(0, "attack");
    let target = Target { model: &model, x: &x, y: &y, ids: &[0, 1], stream, eps: None };
    let noise = wide(5, &[2, 3, 8, 8]);
    let wide_start = (&noise * 2.0 - 1.0) * 0.06;
    let normal = (&noise - 0.5) / (Norm::L2.of(&(&noise - 0.5)).unwrap() + 1e-10);
    for (norm, eps, step_size, moved, random) in
        [("l2", 1.5, 1.2, normal * 1.5, "sphere"), ("linf", 0.06, 0.05, wide_start, "ball")]
    {
        for (goal, class) in [("untargeted", "none"), ("targeted", "least_likely")] {
            for (start, from) in [("none", "none"), ("random", random)] {
                let name = format!("{norm}.{goal}.{start}");
                let iterates = peer(&format!("{name}.iterates"));
                let run = |steps: i64, keep: &str| {
                    let options = [
                        ("preset", "robustness".into()),
                        ("norm", norm.into()),
                        ("eps", Value::Float(eps)),
                        ("step_size", Value::Float(step_size)),
                        ("steps", Value::Int(steps)),
                        ("random_start", from.into()),
                        ("target", class.into()),
                        ("keep", keep.into()),
                    ];
                    let options = options.map(|(key, value)| (key.to_owned(), value)).to_vec();
                    let args = Args::resolve(&pgd::ENTRY.spec, vec![], options).unwrap();
                    let pgd = pgd::from_args(&args).unwrap();
                    let towards = pgd.goal.classes("pgd", &target).unwrap();
                    assert!(towards.as_ref().is_none_or(|to| *to == peer("target")), "{name}");
                    let start = match start {
                        "none" => x.copy(),
                        _ => (&x + &moved).clamp(0.0, 1.0),
                    };
                    pgd.climb(&target, towards.as_ref(), start).unwrap().x
                };
                let count = iterates.size()[0];
                for steps in 0..count {
                    let apart = (run(steps, "last") - iterates.get(steps)).abs().max();
                    assert!(apart.double_value(&[]) < 1e-8, "{name} after {steps}: {apart}");
                }
                let apart = (run(count - 1, "best") - peer(&format!("{name}.best"))).abs().max();
                assert!(apart.double_value(&[]) < 1e-8, "{name} best: {apart}");
            }
        }
    }
}

#[test]
fn a_run_of_apgd_equals_torchattacks_from_the_same_start() {
    let (x, y) = images(6, 2);
    let ids: Vec<u64> = (0..6).collect();
    let noise = wide(3, &[6, 3, 8, 8]);
    let stream = Stream::new(0, "attack");
    let model = network();
    let target = Target { model: &model, x: &x, y: &y, ids: &ids, stream, eps: None };
    for (norm, name, eps) in
        [(Norm::Linf, "Linf", 0.02), (Norm::L2, "L2", 0.2), (Norm::L1, "L1", 2.0)]
    {
        let start = match norm {
            Norm::L1 => expected("apgd.L1.start"),
            Norm::L2 => {
                (&x + &noise * eps / (Norm::L2.of(&noise).unwrap() + 1e-12)).clamp(0.0, 1.0)
            }
            Norm::Linf => {
                let signed = &noise * 2.0 - 1.0;
                (&x + &signed * eps / Norm::Linf.of(&signed).unwrap()).clamp(0.0, 1.0)
            }
        };
        for (loss, what) in [(Loss::CrossEntropy, "ce"), (Loss::Dlr, "dlr"), (Loss::Dlr, "target")]
        {
            if norm == Norm::L1 && loss == Loss::Dlr {
                continue;
            }
            let apgd = Apgd {
                ball: NormBall { norm, eps },
                steps: 50,
                restarts: 1,
                start: Start::None,
                loss,
                targets: 0,
                eot: 1,
                shrink: false,
            };
            let logits = model.logits(&x).unwrap();
            let towards =
                (what == "target").then(|| Goal::Rank(1).among(&logits, &target).unwrap());
            let run = apgd.run(&target, towards.as_ref(), start.copy()).unwrap();
            close(&run.best.losses, &format!("apgd.{name}.{what}.losses"), 1e-8);
            // Where DLR has reached its upper end 1, gradients are rounding.
            let open = run.best.losses.lt(if loss == Loss::Dlr { 1.0 - 1e-9 } else { 1e9 });
            let rows = open.nonzero().flatten(0, -1);
            let row = |of: &Tensor| of.index_select(0, &rows);
            let apart = row(&run.best.x) - row(&expected(&format!("apgd.{name}.{what}")));
            let apart = apart.abs().max().double_value(&[]);
            assert!(rows.numel() >= 2 && apart < 1e-8, "apgd {name} {what}: {apart:e}");
        }
    }
}

#[test]
fn a_run_through_shrinking_balls_equals_the_sources() {
    let (x, y) = images(6, 2);
    let ids: Vec<u64> = (0..6).collect();
    let (model, stream) = (network(), Stream::new(0, "attack"));
    let target = Target { model: &model, x: &x, y: &y, ids: &ids, stream, eps: None };
    let apgd = Apgd {
        ball: NormBall { norm: Norm::L1, eps: 3.0 },
        steps: 50,
        restarts: 1,
        start: Start::None,
        loss: Loss::CrossEntropy,
        targets: 0,
        eot: 1,
        shrink: true,
    };
    let run = apgd.run(&target, None, &x + wide(3, &[6, 3, 8, 8]) - 0.5).unwrap();
    close(&run.best.losses, "apgd.L1.shrink.losses", 1e-8);
    close(&run.best.x, "apgd.L1.shrink", 1e-8);
}

#[test]
fn the_nearest_images_of_deepfool_and_carlini_wagner_equal_foolboxs() {
    let batch = images(6, 2);
    for norm in ["l2", "linf"] {
        let found = adversarial("deepfool", &[("norm", norm.into())], &batch);
        close(&found, &format!("deepfool.{norm}"), 1e-8);
    }
    let options = [
        ("steps", Value::Int(60)),
        ("searches", Value::Int(4)),
        ("initial_const", Value::Float(0.015625)),
    ];
    close(&adversarial("carlini_wagner", &options, &batch), "carlini_wagner", 1e-8);
}

/// The peer computes in f32.
#[test]
fn fab_finds_the_distances_of_torchattacks() {
    let batch = images(6, 2);
    for (norm, name) in [(Norm::Linf, "Linf"), (Norm::L2, "L2"), (Norm::L1, "L1")] {
        for (target, targets, suffix) in [("each", 1, ""), ("none", 9, ".nearest")] {
            let options = [
                ("norm", norm.name().into()),
                ("eps", Value::Float(1e3)),
                ("target", target.into()),
                ("targets", Value::Int(targets)),
                ("steps", Value::Int(50)),
            ];
            let delta = adversarial("fab", &options, &batch) - &batch.0;
            let found = norm.of(&delta).unwrap().view([6]);
            let peer = expected(&format!("fab.{name}{suffix}"));
            let apart = (found / peer - 1.0).abs().max().double_value(&[]);
            assert!(apart < 2e-3, "{name} {target}: {apart}");
        }
    }
}

/// Draws differ; the peer's is the mean of ten seeds, which spread over 0.05.
#[test]
fn square_fools_as_many_as_torchattacks() {
    let (x, y) = images(64, 4);
    for (norm, name, eps) in [("linf", "Linf", 0.02), ("l2", "L2", 0.25)] {
        let options =
            [("norm", norm.into()), ("eps", Value::Float(eps)), ("queries", Value::Int(300))];
        let batch = (x.shallow_clone(), y.shallow_clone());
        let found = adversarial("square", &options, &batch);
        let wrong = network().logits(&found).unwrap().argmax(1, false).ne_tensor(&y);
        let share = wrong.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        let peer = expected(&format!("square.{name}")).mean(Kind::Double).double_value(&[]);
        assert!((share - peer).abs() < 0.1, "{name}: {share}, torchattacks {peer}");
    }
}
