//! Batch normalisation by the statistics of the batch, with what follows it (`norm.cpp`).

use super::{pointer, tensor};
use crate::error::Result;
use std::ffi::c_char;
use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rt_batch_norm(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        running_mean: *const C_tensor,
        running_variance: *const C_tensor,
        shortcut: *const C_tensor,
        momentum: f64,
        eps: f64,
        relu: bool,
        rounded: bool,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// A layer of batch normalisation; all tensors of shape (C), f32.
#[derive(Clone, Copy)]
pub struct Norm<'a> {
    /// What the normalised values are scaled by.
    pub weight: &'a Tensor,
    /// What is then added.
    pub bias: &'a Tensor,
    /// Running mean and unbiased variance, which follow those of the batch.
    pub running: (&'a Tensor, &'a Tensor),
    /// How fast they do.
    pub momentum: f64,
    /// What is added to the variance.
    pub eps: f64,
}

/// The values `x`, shape (N, C, H, W), each channel normalised by its mean and variance in the batch,
/// scaled and moved, plus `shortcut` if there is one, then rectified if `relu`; to bf16 if `rounded`.
/// Differentiable, also twice, in `x`, weight, bias and shortcut. On CPUs with AVX-512 it takes one
/// operation to bf16 that rounds once.
///
/// # Errors
/// Shapes or types do not fit.
pub fn batch_norm(
    x: &Tensor,
    norm: &Norm<'_>,
    shortcut: Option<&Tensor>,
    relu: bool,
    rounded: bool,
) -> Result<Tensor> {
    tensor(|out| unsafe {
        rt_batch_norm(
            x.as_ptr(),
            norm.weight.as_ptr(),
            norm.bias.as_ptr(),
            norm.running.0.as_ptr(),
            norm.running.1.as_ptr(),
            pointer(shortcut),
            norm.momentum,
            norm.eps,
            relu,
            rounded,
            out,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::torch::tests::has_bf16;
    use tch::Kind;

    const EPS: f64 = 1e-5;

    struct Case {
        x: Tensor,
        shortcut: Option<Tensor>,
        weight: Tensor,
        bias: Tensor,
        towards: Tensor,
        relu: bool,
    }

    fn draw(stream: u64, shape: &[i64]) -> Tensor {
        let mut generator = Stream::new(1, "test").at(stream).generator();
        let count = shape.iter().product::<i64>();
        let values: Vec<f32> = (0..count).map(|_| generator.normal()).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// Values far from zero, where squares cancel; enough for several blocks with a rest.
    fn case(kind: Kind, channels: i64, relu: bool, added: bool) -> Case {
        let shape = [3, channels, 29, 31];
        let half = |x: Tensor| x.to_kind(Kind::BFloat16);
        let centres: Tensor = draw(1, &[1, channels, 1, 1]) * 20.0;
        Case {
            x: (centres + draw(0, &shape) * 0.5).to_kind(kind),
            shortcut: added.then(|| half(draw(2, &shape))),
            weight: draw(3, &[channels]),
            bias: draw(4, &[channels]),
            towards: half(draw(5, &shape)),
            relu,
        }
    }

    /// Result, running mean and variance, and gradients in x, weight, bias and shortcut.
    fn found(case: &Case) -> Vec<Tensor> {
        let leaf = |x: &Tensor| x.copy().set_requires_grad(true);
        let (x, weight, bias) = (leaf(&case.x), leaf(&case.weight), leaf(&case.bias));
        let shortcut = case.shortcut.as_ref().map(leaf);
        let (mean, variance) = (case.bias.zeros_like(), case.bias.ones_like());
        let running = (&mean, &variance);
        let norm = Norm { weight: &weight, bias: &bias, running, momentum: 0.1, eps: EPS };
        let y = batch_norm(&x, &norm, shortcut.as_ref(), case.relu, true).unwrap();
        let leaves: Vec<&Tensor> = [&x, &weight, &bias].into_iter().chain(&shortcut).collect();
        let loss = (&y * &case.towards).sum(Kind::Float);
        let gradients: Vec<Tensor> = Tensor::run_backward(&[loss], &leaves, false, false);
        [y.detach(), mean, variance].into_iter().chain(gradients).collect()
    }

    /// The same by the formulas, in f64, the rectifier cut where `y` is.
    fn expected(case: &Case, y: &Tensor) -> Vec<Tensor> {
        let wide = |x: &Tensor| x.to_kind(Kind::Double);
        let (x, count) = (wide(&case.x), case.x.numel() as f64 / case.weight.numel() as f64);
        let over = [0, 2, 3];
        let each = |x: &Tensor| wide(x).view([1, -1, 1, 1]);
        let sum = |x: &Tensor| x.sum_dim_intlist(over.as_slice(), true, Kind::Double);
        let mean = sum(&x) / count;
        let off = &x - &mean;
        let variance = sum(&off.square()) / count;
        let deviation = (&variance + EPS).sqrt();
        let normal = &off / &deviation;
        let mut result = &normal * each(&case.weight) + each(&case.bias);
        if let Some(shortcut) = &case.shortcut {
            result += wide(shortcut);
        }
        let mut g = wide(&case.towards);
        if case.relu {
            result = result.relu();
            g *= wide(y).gt(0.0);
        }
        let (total, product) = (sum(&g), sum(&(&g * &normal)));
        let of_x =
            (&g - &total / count - &normal * &product / count) * each(&case.weight) / deviation;
        let unbiased = variance * (count / (count - 1.0));
        let running = [mean * 0.1, unbiased * 0.1 + 0.9];
        let mut all = vec![result];
        all.extend(running.into_iter().map(|x| x.flatten(0, -1)));
        all.extend([of_x, product.flatten(0, -1), total.flatten(0, -1)]);
        all.extend(case.shortcut.is_some().then_some(g));
        all
    }

    #[test]
    fn values_statistics_and_gradients_follow_the_formulas() {
        for kind in [Kind::BFloat16, Kind::Float] {
            for channels in [16, 80, 24] {
                for (relu, added) in [(true, true), (true, false), (false, true), (false, false)] {
                    let case = case(kind, channels, relu, added);
                    let found = found(&case);
                    let expected = expected(&case, &found[0]);
                    assert_eq!(found.len(), expected.len());
                    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        // A bf16 number has 8 bits, one rounding; libtorch's own path has three.
                        let rounded = found.kind() == Kind::BFloat16;
                        let once = has_bf16() && channels % 16 == 0;
                        let within = match (rounded, once) {
                            (true, false) => 2e-2,
                            (true, true) => 4.1e-3,
                            (false, _) => 2e-5,
                        };
                        let scale = expected.abs().max().double_value(&[]);
                        let off = (found.to_kind(Kind::Double) - expected).abs().max();
                        let off = off.double_value(&[]) / scale;
                        assert!(off < within, "{kind:?}, {channels}, {relu}, {added}: {i}: {off}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_second_derivative_is_that_of_libtorch() {
        let case = case(Kind::Float, 16, true, true);
        let second = |by: &dyn Fn(&Tensor) -> Tensor| {
            let x = case.x.copy().set_requires_grad(true);
            let loss = by(&x).square().sum(Kind::Float);
            let first = Tensor::run_backward(&[loss], &[&x], true, true).remove(0);
            Tensor::run_backward(&[first.square().sum(Kind::Float)], &[&x], false, false).remove(0)
        };
        let (mean, variance) = (case.bias.zeros_like(), case.bias.ones_like());
        let (weight, bias, running) = (&case.weight, &case.bias, (&mean, &variance));
        let norm = Norm { weight, bias, running, momentum: 0.1, eps: EPS };
        let of = |rounded| {
            second(&|x| batch_norm(x, &norm, case.shortcut.as_ref(), true, rounded).unwrap())
        };
        let (ours, theirs) = (of(true), of(false));
        let off = (&ours - &theirs).norm().double_value(&[]) / theirs.norm().double_value(&[]);
        assert!(off < 2e-2, "{off}");
    }
}
