//! Closed forms of noise, and statistics with bounds of a few deviations.

use crate::attack::laws::{attacker, run, with};
use crate::attack::{Attacker, Perturbation, Target, Victim, frequency, linear};
use crate::error::Result;
use crate::registry::Value;
use crate::seed::Stream;
use crate::threat_model::Norm;
use tch::{Device, Kind, Tensor};

/// A model that no noise asks.
struct Unasked;

impl Victim for Unasked {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_flatten(1, -1)?.f_narrow(1, 0, 2)?)
    }
}

/// What `attacker` makes of images of one grey.
fn of_grey(attacker: &Attacker, shape: [i64; 4], grey: f64) -> Perturbation {
    let x = Tensor::full(shape, grey, (Kind::Double, Device::Cpu));
    let y = Tensor::zeros([shape[0]], (Kind::Int64, Device::Cpu));
    run(attacker, &Unasked, &(x, y), 0)
}

fn of(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The largest distance of the distribution of `values` from the uniform one on [0, 1] does not
/// exceed the bound of Kolmogorov and Smirnov at a probability of 1 %.
fn assert_uniform(mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let apart = values.iter().enumerate().map(|(i, u)| (u - (i as f64 + 0.5) / n).abs());
    let apart = apart.fold(0.0, f64::max);
    assert!(apart < 1.63 / n.sqrt(), "{apart}");
}

#[test]
fn gaussian_has_its_sigma_and_clamps_only_if_asked() {
    let free = of_grey(&attacker("gaussian", &[("sigma", 0.25.into())]), [50, 3, 16, 16], 0.5);
    let values = of(&free.delta);
    let deviation = mean(&values.iter().map(|v| v * v).collect::<Vec<_>>()).sqrt();
    // Of 38400 draws: mean 0.25 / 196, deviation 0.25 / 277, share beyond two deviations 0.0455.
    assert!(mean(&values).abs() < 5.0 * 0.25 / 196.0);
    assert!((deviation - 0.25).abs() < 5.0 * 0.25 / 277.0, "{deviation}");
    let beyond = values.iter().filter(|v| v.abs() > 0.5).count() as f64 / 38400.0;
    assert!((beyond - 0.0455).abs() < 5.0 * 0.00106, "{beyond}");
    let options = [("sigma", 0.25.into()), ("clamp", Value::Bool(true))];
    let kept = of_grey(&attacker("gaussian", &options), [50, 3, 16, 16], 0.5);
    assert_eq!(kept.adversarial, free.adversarial.clamp(0.0, 1.0));
}

#[test]
fn the_radius_of_ball_l2_to_the_power_of_its_dimension_is_uniform() {
    for (side, d) in [(1, 1.0), (2, 4.0), (8, 64.0)] {
        let shape = [2000, 1, side, side];
        let radii = of(&of_grey(&attacker("ball_l2", &[("eps", 0.4.into())]), shape, 0.5).norms);
        let shares: Vec<f64> = radii.iter().map(|r| r / 0.4).collect();
        let deviation = (d / (d + 2.0) - (d / (d + 1.0_f64)).powi(2)).sqrt() / 2000f64.sqrt();
        assert!((mean(&shares) - d / (d + 1.0)).abs() < 5.0 * deviation, "{d}");
        assert_uniform(shares.iter().map(|share| share.powf(d)).collect());
    }
}

#[test]
fn uniform_linf_is_uniform_and_rademacher_linf_takes_both_ends() {
    let options = [("eps", 0.25.into())];
    let values = of(&of_grey(&attacker("uniform_linf", &options), [10, 3, 8, 8], 0.5).delta);
    assert_uniform(values.iter().map(|v| 2.0 * v + 0.5).collect());
    let found = of_grey(&attacker("rademacher_linf", &options), [40, 3, 8, 8], 0.5);
    let values = of(&found.delta);
    assert!(values.iter().all(|v| v.abs() == 0.25));
    // 7680 fair draws.
    let up = values.iter().filter(|v| **v > 0.0).count() as f64;
    assert!((up - 3840.0).abs() < 5.0 * 1920f64.sqrt(), "{up}");
    // Where it clips, what is left is the room.
    let clipped = of_grey(&attacker("rademacher_linf", &options), [40, 3, 8, 8], 0.875);
    assert_eq!(clipped.delta, found.delta.clamp(-1.0, 0.125));
}

#[test]
fn salt_pepper_changes_its_fraction_of_pixels_in_all_channels() {
    for fraction in [0.0, 0.1, 0.6, 1.0] {
        let options = [("fraction", fraction.into())];
        let found = of_grey(&attacker("salt_pepper", &options), [20, 3, 16, 16], 0.25).adversarial;
        let channels = found.split(1, 1);
        assert_eq!(channels[0], channels[1]);
        assert_eq!(channels[0], channels[2]);
        let values = of(&channels[0]);
        assert!(values.iter().all(|v| [0.0, 0.25, 1.0].contains(v)));
        for end in [0.0, 1.0] {
            let (p, n): (f64, f64) = (fraction / 2.0, 5120.0);
            let count = values.iter().filter(|v| **v == end).count() as f64;
            let deviation = (n * p * (1.0 - p)).sqrt();
            assert!((count - n * p).abs() <= 5.0 * deviation, "{fraction} {end}: {count}");
        }
        let kept = values.iter().filter(|v| **v == 0.25).count();
        assert_eq!(kept == 0, fraction == 1.0);
        assert_eq!(kept == 5120, fraction == 0.0);
    }
}

#[test]
fn low_frequency_has_no_energy_above_its_cutoff() {
    for (norm, measure) in [("l1", Norm::L1), ("l2", Norm::L2), ("linf", Norm::Linf)] {
        let options = [("norm", norm.into()), ("eps", 0.3.into()), ("cutoff", 0.125.into())];
        let delta = of_grey(&attacker("low_frequency", &options), [4, 3, 16, 12], 0.5).delta;
        let waves = delta.fft_fft2(None::<&[i64]>, [2, 3], "ortho").abs();
        let above = frequency::radial(&delta).unwrap().gt(0.125 + 1e-9);
        let (energy, gone) = (waves.square(), waves.square() * above.to_kind(Kind::Double));
        let share = gone.sum(Kind::Double) / energy.sum(Kind::Double);
        assert!(share.double_value(&[]) < 1e-20, "{norm}");
        // Every wave below it is there, in each channel.
        let least = waves.masked_fill(&above, 1.0).min().double_value(&[]);
        assert!(least > 1e-6, "{norm}: {least}");
        let off = (measure.of(&delta).unwrap() - 0.3).abs().max().double_value(&[]);
        assert!(off < 1e-8, "{norm}: {off}");
    }
}

#[test]
fn band_noise_is_the_part_of_its_frequencies_alone() {
    let bands = [(0.0, 0.0625), (0.0625, 0.25), (0.25, 1.0)];
    for (low, high) in bands {
        let options = [("eps", 0.3.into()), ("low", low.into()), ("high", high.into())];
        let delta = of_grey(&attacker("band_noise", &options), [4, 3, 16, 16], 0.5).delta;
        let waves = delta.fft_fft2(None::<&[i64]>, [2, 3], "ortho").abs();
        let radial = frequency::radial(&delta).unwrap();
        // Of 16 pixels the frequency 1/16 is the first of the second band, not the last of this.
        let inside = radial.ge(low - 1e-12).logical_and(&radial.lt(high - 1e-12));
        let outside = waves.masked_fill(&inside, 0.0).max().double_value(&[]);
        let least = waves.masked_fill(&inside.logical_not(), 1.0).min().double_value(&[]);
        assert!(outside < 1e-12 && least > 1e-6, "{low}: {outside} {least}");
        let off = (Norm::L2.of(&delta).unwrap() - 0.3).abs().max().double_value(&[]);
        assert!(off < 1e-8, "{low}: {off}");
    }
    // All bands together are the noise itself.
    let whole = of_grey(&attacker("gaussian_noise", &[("eps", 0.3.into())]), [2, 1, 8, 8], 0.5);
    let one = of_grey(&attacker("band_noise", &[("eps", 0.3.into())]), [2, 1, 8, 8], 0.5);
    let off = (whole.delta - one.delta).abs().max().double_value(&[]);
    assert!(off < 1e-12, "{off}");
}

#[test]
fn a_band_without_waves_is_refused() {
    let (model, (x, y)) = linear::linear();
    let options = [("low", 0.01.into()), ("high", 0.02.into())];
    let target = Target {
        model: &model,
        x: &x,
        y: &y,
        ids: &[0, 1],
        stream: Stream::new(0, "attack"),
        eps: None,
    };
    let error = attacker("band_noise", &options).attack.perturb(&target).err().unwrap();
    assert!(error.to_string().contains("found none in images of"), "{error}");
}

#[test]
fn renorm_reaches_the_norm_that_clamping_takes_away() {
    for name in ["gaussian_noise", "low_frequency", "band_noise", "ball_l2"] {
        let norms = if name == "ball_l2" { &["l2"][..] } else { &["l1", "l2", "linf"] };
        for norm in norms {
            let eps = if *norm == "l1" { 20.0 } else { 0.8 };
            let all = |renorm| {
                let options = [
                    ("norm", (*norm).into()),
                    ("eps", eps.into()),
                    ("renorm", Value::Bool(renorm)),
                ];
                of_grey(&attacker(name, &options), [6, 3, 8, 8], 0.02)
            };
            let asked = match name {
                "ball_l2" => {
                    of_grey(&attacker(name, &[("eps", eps.into())]), [6, 3, 8, 8], 0.5).norms
                }
                _ => Tensor::full([6], eps, (Kind::Double, Device::Cpu)),
            };
            let (short, full) = (all(false), all(true));
            let off = (&full.norms - &asked).abs().max().double_value(&[]);
            assert!(off < 1e-8, "{name} {norm}: {off}");
            if *norm != "linf" {
                let kept = (&short.norms / &asked).mean(Kind::Double).double_value(&[]);
                assert!(kept < 0.9, "{name} {norm} keeps {kept}");
            }
            // The direction stays: no value changes its sign.
            assert!((full.delta * short.delta).min().double_value(&[]) >= 0.0, "{name} {norm}");
        }
    }
}

#[test]
fn the_worst_of_a_noise_is_its_draw_of_highest_loss() {
    let (model, batch) = linear::linear();
    let noise = attacker("salt_pepper", &[("fraction", 0.3.into())]);
    let worst = with("worst_of_noise", &noise, &[("tries", Value::Int(5))]);
    let found = run(&worst, &model, &batch, 0).adversarial;
    let stream = Stream::new(0, "attack");
    let ids = [100, 107];
    let losses = |x: &Tensor| {
        let logits = model.logits(x).unwrap();
        of(&logits.cross_entropy_loss(&batch.1, None::<&Tensor>, tch::Reduction::None, -100, 0.0))
    };
    let mut highest = [f64::MIN; 2];
    for attempt in 0..5 {
        let (x, y, stream) = (&batch.0, &batch.1, stream.at(attempt));
        let target = Target { model: &model, x, y, ids: &ids, stream, eps: None };
        let drawn = noise.attack.perturb(&target).unwrap().adversarial;
        for (highest, loss) in highest.iter_mut().zip(losses(&drawn)) {
            *highest = highest.max(loss);
        }
    }
    assert_eq!(losses(&found), highest);
    assert_eq!(worst.attack.cost(2).forwards, 5);
}

#[test]
fn what_is_no_radius_refuses_one() {
    let (model, (x, y)) = linear::linear();
    for (name, strength) in [("gaussian", "sigma"), ("salt_pepper", "fraction")] {
        let (stream, eps) = (Stream::new(0, "attack"), Some(Tensor::from_slice(&[0.1, 0.2])));
        let target = Target { model: &model, x: &x, y: &y, ids: &[0, 1], stream, eps };
        let error = attacker(name, &[]).attack.perturb(&target).err().unwrap();
        assert_eq!(error.to_string(), format!("{name}: expected no eps, found one for each image"));
        assert_eq!(error.hints(), [format!("its strength is {strength}")]);
    }
}
