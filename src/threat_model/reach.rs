//! How far to go in a direction so that clamping to [0,1] leaves the norm that is asked for.

use super::{Norm, Radii};
use crate::error::Result;
use tch::{Kind, Tensor};

/// Below it a size counts as none; its square is still a number.
const TINY: f64 = 1e-100;

/// Steps that are taken before sorting, and the relative distance from eps that ends them.
const STEPS: usize = 12;
const NEAR: f64 = 1e-6;

/// Solved by steps where they are enough, and exactly by sorting the factors at which the values
/// meet the end of the range: between two of them a power of the norm is linear in that of the
/// factor. As the clipping-aware rescaling of foolbox (Rauber and Bethge 2020), here for all three
/// norms.
pub(super) fn reach(norm: Norm, eps: &Radii, x: &Tensor, direction: &Tensor) -> Result<Tensor> {
    if let Some(found) = by_steps(norm, eps, x, direction)? {
        return Ok(found);
    }
    let wide =
        |of: &Tensor| -> Result<Tensor> { Ok(of.f_to_kind(Kind::Double)?.f_flatten(1, -1)?) };
    let (centre, d) = (wide(x)?, wide(direction)?);
    let size = d.f_abs()?;
    let room = centre.f_rsub_scalar(1.0)?.f_where_self(&d.f_gt(0.0)?, &centre)?;
    let room = room.f_masked_fill(&d.f_eq(0.0)?, 0.0)?;
    let ends = room.f_div(&size.f_clamp_min(TINY)?)?;
    let factor = match norm {
        Norm::Linf => {
            let eps = eps.of(&ends.f_narrow(1, 0, 1)?)?;
            let fits = room.f_ge_tensor(&eps)?.f_to_kind(Kind::Double)?;
            eps.f_div(&size.f_mul(&fits)?.f_amax([1], true)?.f_clamp_min(TINY)?)?
        }
        Norm::L1 => by_powers(1.0, eps, &size, &room, &ends)?,
        Norm::L2 => by_powers(2.0, eps, &size, &room, &ends)?,
    };
    let factor = factor.f_minimum(&ends.f_amax([1], true)?)?;
    let found = centre.f_add(&d.f_mul(&factor)?)?.f_clamp(0.0, 1.0)?;
    Ok(found.f_view(x.size().as_slice())?.f_to_kind(x.f_kind()?)?)
}

/// Multiplies the factor by eps over the norm, which brings it closer and never too far: where
/// little is cut off, a few times are enough, at a tenth of the time of sorting. `None` where they
/// are not, and in f64.
fn by_steps(norm: Norm, eps: &Radii, x: &Tensor, direction: &Tensor) -> Result<Option<Tensor>> {
    const LEAST: f64 = 1e-30;
    if x.f_kind()? != Kind::Float || x.numel() == 0 {
        return Ok(None);
    }
    let lengths = norm.of(direction)?;
    let eps = eps.of(&lengths)?;
    let mut factor = eps.f_div(&lengths.f_clamp_min(LEAST)?)?;
    for _ in 0..STEPS {
        let found = x.f_add(&direction.f_mul(&factor)?)?.f_clamp(0.0, 1.0)?;
        let short = eps.f_div(&norm.of(&found.f_sub(x)?)?.f_clamp_min(LEAST)?)?;
        if short.f_max()?.f_double_value(&[])? <= 1.0 + NEAR {
            return Ok(Some(found));
        }
        factor = factor.f_mul(&short)?.f_clamp_max(1.0 / LEAST)?;
    }
    Ok(None)
}

/// The factor at which the sum of powers `p` of min(factor * size, room) is that of eps, shape
/// (N, 1); too large where it never is.
fn by_powers(p: f64, eps: &Radii, size: &Tensor, room: &Tensor, ends: &Tensor) -> Result<Tensor> {
    let (ends, order) = ends.f_sort(1, false)?;
    let sorted = |of: &Tensor| -> Result<Tensor> {
        Ok(of.f_gather(1, &order, false)?.f_pow_tensor_scalar(p)?)
    };
    let (size, room) = (sorted(size)?, sorted(room)?);
    // At each end: what the values that met theirs before it give, and what the others grow by.
    let full = room.f_cumsum(1, Kind::Double)?.f_sub(&room)?;
    let growing = size.f_flip([1])?.f_cumsum(1, Kind::Double)?.f_flip([1])?;
    let sums = full.f_add(&growing.f_mul(&ends.f_pow_tensor_scalar(p)?)?)?;
    let eps = eps.of(&ends.f_narrow(1, 0, 1)?)?.f_pow_tensor_scalar(p)?;
    let short = sums.f_lt_tensor(&eps)?.f_to_kind(Kind::Int64)?;
    let place = short.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?;
    let place = place.f_clamp_max(size.size()[1] - 1)?;
    let at = |of: &Tensor| -> Result<Tensor> { Ok(of.f_gather(1, &place, false)?) };
    let missing = eps.f_sub(&at(&full)?)?.f_clamp_min(0.0)?;
    Ok(missing.f_div(&at(&growing)?.f_clamp_min(TINY * TINY)?)?.f_pow_tensor_scalar(1.0 / p)?)
}

#[cfg(test)]
mod tests {
    use super::super::{NormBall, normals};
    use super::*;
    use crate::seed::Stream;
    use tch::Device;

    const NORMS: [Norm; 3] = [Norm::L1, Norm::L2, Norm::Linf];

    fn reached(norm: Norm, eps: f64, x: &Tensor, direction: &Tensor) -> Tensor {
        NormBall { norm, eps }.around(None).unwrap().reach(x, direction).unwrap()
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    /// Eight images in f64 with half of their values at an end of the range, and directions.
    fn images() -> (Tensor, Tensor) {
        let like = Tensor::zeros([8, 3, 6, 6], (Kind::Double, Device::Cpu));
        let drawn = |seed| normals(&like, &(0..8).collect::<Vec<_>>(), Stream::new(seed, "test"));
        ((drawn(0).unwrap() + 0.5).clamp(0.0, 1.0), drawn(1).unwrap())
    }

    #[test]
    fn two_pixels_reach_the_norm_by_the_textbook() {
        let x = Tensor::from_slice(&[0.9f64, 0.5]).view([1, 1, 1, 2]);
        let cases = [
            (Norm::L1, 0.1, [1.0, 1.0], [0.95, 0.55]),
            (Norm::L1, 0.5, [1.0, 1.0], [1.0, 0.9]),
            (Norm::L2, 0.5, [1.0, 1.0], [1.0, 0.5 + 0.24f64.sqrt()]),
            (Norm::L2, 0.5, [7.0, -0.01], [1.0, 0.5 - 0.24f64.sqrt()]),
            (Norm::L2, 0.5, [-3.0, 4.0], [0.6, 0.9]),
            (Norm::Linf, 0.3, [3.0, 1.0], [1.0, 0.8]),
            (Norm::Linf, 0.3, [-3.0, 1.0], [0.6, 0.6]),
            (Norm::L2, 0.2, [0.0, 5.0], [0.9, 0.7]),
        ];
        for (norm, eps, direction, expected) in cases {
            let direction = Tensor::from_slice(&direction).view([1, 1, 1, 2]);
            let found = reached(norm, eps, &x, &direction).view([2]);
            let apart = largest(&(&found - Tensor::from_slice(&expected)));
            assert!(apart < 1e-12, "{norm:?} {eps}: {found:?} is not {expected:?}");
        }
    }

    #[test]
    fn the_clipped_norm_is_eps_and_one_factor_moves_what_is_free() {
        let (x, direction) = images();
        for (norm, eps) in [(Norm::L1, 9.0), (Norm::L2, 2.0), (Norm::Linf, 0.3)] {
            let found = reached(norm, eps, &x, &direction);
            let norms = norm.of(&(&found - &x)).unwrap();
            assert!(largest(&(norms - eps)) < 1e-12, "{norm:?}");
            let free = found.gt(1e-9).logical_and(&found.lt(1.0 - 1e-9));
            let factors = ((&found - &x) / &direction).masked_fill(&free.logical_not(), f64::NAN);
            let means = factors.nanmean([1i64, 2, 3].as_slice(), true, Kind::Double);
            assert!(largest(&(&factors - &means).nan_to_num(0.0, None, None)) < 1e-9, "{norm:?}");
            assert!(means.min().double_value(&[]) > 0.0);
        }
    }

    #[test]
    fn each_image_has_its_own_radius_in_f32_too() {
        let (x, direction) = images();
        let (x, direction) = (x.to_kind(Kind::Float), direction.to_kind(Kind::Float));
        let radii = Tensor::arange(8, (Kind::Float, Device::Cpu)) * 0.04;
        for norm in NORMS {
            let balls = NormBall { norm, eps: 9.0 }.around(Some(&radii)).unwrap();
            let found = balls.reach(&x, &direction).unwrap();
            assert_eq!(found.kind(), Kind::Float);
            let norms = norm.of(&(&found - &x)).unwrap().view([8]);
            assert!(largest(&(norms - &radii)) < 1e-5, "{norm:?}");
            assert_eq!(found.get(0), x.get(0), "{norm:?}: a radius of zero");
        }
    }

    #[test]
    fn beyond_the_range_every_value_ends_at_its_end() {
        let (x, direction) = images();
        let ends = direction.gt(0.0).to_kind(Kind::Double);
        for norm in NORMS {
            assert!(largest(&(reached(norm, 1e3, &x, &direction) - &ends)) < 1e-9, "{norm:?}");
            assert_eq!(reached(norm, 0.5, &x, &direction.zeros_like()), x, "{norm:?}");
        }
    }

    #[test]
    fn steps_end_where_sorting_does() {
        let (x, direction) = images();
        let (x, direction) = (x.to_kind(Kind::Float), direction.to_kind(Kind::Float));
        for norm in NORMS {
            let mut steps = 0;
            for eps in [0.01, 0.1, 0.5, 0.9, 5.0] {
                let found = reached(norm, eps, &x, &direction);
                let (wide, along) = (x.to_kind(Kind::Double), direction.to_kind(Kind::Double));
                let sorted = reached(norm, eps, &wide, &along);
                assert!(largest(&(found - sorted)) < 1e-5, "{norm:?} {eps}");
                let short = by_steps(norm, &Radii::All(eps), &x, &direction).unwrap();
                steps += usize::from(short.is_some());
            }
            assert!((2..5).contains(&steps), "{norm:?}: {steps} by steps");
        }
    }
}
