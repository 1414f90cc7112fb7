//! Laws of norm balls.

use super::*;
use tch::{Device, Kind};

fn noise(seed: i64) -> Tensor {
    let like = Tensor::zeros([4, 3, 5, 5], (Kind::Float, Device::Cpu));
    normals(&like, &[0, 1, 2, 3], Stream::new(seed, "test")).unwrap()
}

#[test]
fn projection_is_idempotent_and_leaves_the_inside_alone() {
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        let ball = NormBall { norm, eps: 0.3 };
        let centre = noise(0) * 0.05 + 0.5;
        let once = ball.project(&(&centre + noise(1)), &centre).unwrap();
        let twice = ball.project(&once, &centre).unwrap();
        assert!((&once - twice).abs().max().double_value(&[]) < 1e-7);
        let inside = &centre + noise(2) * 1e-3;
        let same = ball.project(&inside, &centre).unwrap();
        assert!((same - inside).abs().max().double_value(&[]) < 1e-7);
    }
}

#[test]
fn l2_projection_keeps_the_direction() {
    let ball = NormBall { norm: Norm::L2, eps: 0.3 };
    let centre = Tensor::full([4, 3, 5, 5], 0.5, (Kind::Float, Device::Cpu));
    let away = noise(1);
    let found = ball.project(&(&centre + &away), &centre).unwrap() - &centre;
    let expected = &away / away.norm_scalaropt_dim(2.0, [1, 2, 3], true) * 0.3;
    assert!((found - expected).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn a_random_start_lies_on_the_sphere_or_in_the_box() {
    let x = Tensor::full([4, 3, 5, 5], 0.5, (Kind::Float, Device::Cpu));
    let lengths = |norm, start| {
        let ball = NormBall { norm, eps: 0.2 };
        let stream = Stream::new(0, "test");
        let at = ball.around(None).unwrap().start(&x, start, &[0, 1, 2, 3], stream).unwrap();
        ball.norms(&(at - &x)).unwrap()
    };
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        let found = lengths(norm, Start::Sphere);
        assert!((found - 0.2).abs().max().double_value(&[]) < 1e-5, "{norm:?}");
        let found = lengths(norm, Start::Ball);
        assert!(found.max().double_value(&[]) <= 0.2 + 1e-6, "{norm:?}");
        assert!(found.min().double_value(&[]) > 0.15, "{norm:?}");
    }
}

#[test]
fn ids_that_do_not_fit_the_batch_are_refused() {
    let x = Tensor::zeros([2, 1, 2, 2], (Kind::Float, Device::Cpu));
    assert!(normals(&x, &[0], Stream::new(0, "test")).is_err());
}

/// In a ball of d dimensions the radius to the power d is uniform: Kolmogorov-Smirnov.
#[test]
fn a_start_in_the_ball_is_uniform() {
    let x = Tensor::full([2000, 1, 1, 3], 0.5, (Kind::Float, Device::Cpu));
    let ids: Vec<u64> = (0..2000).collect();
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        let ball = NormBall { norm, eps: 0.4 };
        let stream = Stream::new(1, "test");
        let at = ball.around(None).unwrap().start(&x, Start::Ball, &ids, stream).unwrap();
        let radii = ball.norms(&(at - &x)).unwrap() / 0.4;
        let mut levels =
            Vec::<f64>::try_from(radii.to_kind(Kind::Double).pow_tensor_scalar(3)).unwrap();
        levels.sort_by(f64::total_cmp);
        let apart = levels.iter().enumerate().map(|(i, u)| (u - (i as f64 + 0.5) / 2000.0).abs());
        let apart = apart.fold(0.0, f64::max);
        assert!(apart < 1.63 / 2000f64.sqrt(), "{norm:?}: {apart}");
    }
}

/// The nearest point of a convex set: no point of the set lies on the far side of it.
#[test]
fn the_l1_projection_is_the_nearest_point_of_ball_and_range() {
    let ball = NormBall { norm: Norm::L1, eps: 2.0 };
    let centre = (noise(0) * 0.3 + 0.5).clamp(0.0, 1.0).to_kind(Kind::Double);
    let from = &centre + noise(1).to_kind(Kind::Double);
    let found = ball.project(&from, &centre).unwrap();
    let lengths = ball.norms(&(&found - &centre)).unwrap();
    assert!((lengths - 2.0).abs().max().double_value(&[]) < 1e-12);
    for seed in 2..40 {
        let other = ball.project(&(&centre + noise(seed).to_kind(Kind::Double)), &centre).unwrap();
        let angle = ((&from - &found) * (other - &found)).sum_dim_intlist(
            [1i64, 2, 3].as_slice(),
            false,
            Kind::Double,
        );
        assert!(angle.max().double_value(&[]) < 1e-12);
    }
}

#[test]
fn one_radius_for_each_image_equals_one_image_at_a_time() {
    let (centre, from) = (noise(0) * 0.1 + 0.5, noise(1) * 0.3 + 0.5);
    let radii = [0.1, 0.2, 0.4, 0.8];
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        let each = Tensor::from_slice(&radii);
        let all = NormBall { norm, eps: 0.0 }.around(Some(&each)).unwrap();
        let all = all.project(&from, &centre).unwrap();
        for (i, eps) in radii.into_iter().enumerate() {
            let row = |x: &Tensor| x.narrow(0, i as i64, 1);
            let one = NormBall { norm, eps }.project(&row(&from), &row(&centre)).unwrap();
            assert!((row(&all) - one).abs().max().double_value(&[]) < 1e-6, "{norm:?}");
        }
    }
}
