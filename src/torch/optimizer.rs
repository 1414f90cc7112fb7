//! Optimizer updates over one flat parameter tensor.

use super::checked;
use crate::error::{Error, Result};
use std::ffi::c_char;
use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rt_sgd_step(
        flat: *const C_tensor,
        gradient: *const C_tensor,
        buffer: *const C_tensor,
        lr: f64,
        momentum: f64,
        weight_decay: f64,
        nesterov: bool,
    ) -> *mut c_char;
    fn rt_adamw_step(
        flat: *const C_tensor,
        gradient: *const C_tensor,
        mean: *const C_tensor,
        square: *const C_tensor,
        step: f64,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> *mut c_char;
}

/// The settings of one SGD update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last direction stays.
    pub momentum: f64,
    /// The L2 penalty's factor.
    pub weight_decay: f64,
    /// Nesterov's look-ahead.
    pub nesterov: bool,
}

/// Updates `flat` in place as `torch.optim.SGD` (dampening 0) does: d = g + weight_decay p,
/// buffer = momentum buffer + d, p -= lr (d + momentum buffer if Nesterov, else buffer).
///
/// All three tensors are flat f32 of the same length; `buffer` starts as zeros, which gives
/// PyTorch's first step. `gradient` stays as it is.
///
/// # Errors
/// Shapes, types or devices differ.
pub fn sgd_step(flat: &Tensor, gradient: &Tensor, buffer: &Tensor, settings: &Sgd) -> Result<()> {
    alike("sgd", flat, &[gradient, buffer])?;
    checked(unsafe {
        rt_sgd_step(
            flat.as_ptr(),
            gradient.as_ptr(),
            buffer.as_ptr(),
            settings.lr,
            settings.momentum,
            settings.weight_decay,
            settings.nesterov,
        )
    })
}

/// The settings of one AdamW update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// The learning rate.
    pub lr: f64,
    /// How much of the mean of gradients stays.
    pub beta1: f64,
    /// How much of the mean of their squares stays.
    pub beta2: f64,
    /// The share of a parameter that one update with lr 1 takes away.
    pub weight_decay: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
}

/// Updates `flat` in place as `torch.optim.AdamW` does in its update `number`, counted from 1:
/// p -= lr weight_decay p, then p -= lr m / (sqrt(v) + eps) with the means of gradients and of
/// their squares, both divided by 1 - beta^number (Loshchilov and Hutter 2019, algorithm 2).
///
/// All tensors are flat f32 of the same length; `mean` and `square` start as zeros. `gradient`
/// stays as it is.
///
/// # Errors
/// Shapes, types or devices differ.
pub fn adamw_step(
    flat: &Tensor,
    gradient: &Tensor,
    (mean, square): (&Tensor, &Tensor),
    number: u64,
    settings: &AdamW,
) -> Result<()> {
    alike("adamw", flat, &[gradient, mean, square])?;
    checked(unsafe {
        rt_adamw_step(
            flat.as_ptr(),
            gradient.as_ptr(),
            mean.as_ptr(),
            square.as_ptr(),
            number as f64,
            settings.lr,
            settings.beta1,
            settings.beta2,
            settings.weight_decay,
            settings.eps,
        )
    })
}

fn alike(operation: &str, flat: &Tensor, others: &[&Tensor]) -> Result<()> {
    match others.iter().find(|other| other.size() != flat.size()) {
        None => Ok(()),
        Some(other) => Err(Error::internal(format!(
            "{operation}: expected tensors of one shape, found {:?} and {:?}",
            flat.size(),
            other.size()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// The update written out in f64, element by element.
    fn reference(p: &mut [f64], g: &[f64], buffer: &mut [f64], s: &Sgd) {
        for ((p, g), b) in p.iter_mut().zip(g).zip(buffer) {
            let d = g + s.weight_decay * *p;
            *b = s.momentum * *b + d;
            *p -= s.lr * if s.nesterov { d + s.momentum * *b } else { *b };
        }
    }

    #[test]
    fn three_steps_equal_the_formula() {
        for (momentum, nesterov) in [(0.9, false), (0.9, true), (0.0, false)] {
            let settings = Sgd { lr: 0.1, momentum, weight_decay: 0.01, nesterov };
            let (mut p, mut b) = (vec![1.0, -2.0, 0.5], vec![0.0; 3]);
            let flat = Tensor::from_slice(&[1.0f32, -2.0, 0.5]);
            let buffer = Tensor::zeros([3], (Kind::Float, Device::Cpu));
            for step in 0..3 {
                let g = [0.3 + f64::from(step), -0.1, 0.2];
                reference(&mut p, &g, &mut b, &settings);
                let gradient = Tensor::from_slice(&g).to_kind(Kind::Float);
                sgd_step(&flat, &gradient, &buffer, &settings).unwrap();
            }
            for (i, expected) in p.iter().enumerate() {
                let found = flat.double_value(&[i as i64]);
                assert!((found - expected).abs() < 1e-6, "{settings:?}: {found} != {expected}");
            }
        }
    }

    #[test]
    fn adamw_equals_the_formula() {
        let settings = AdamW { lr: 0.1, beta1: 0.9, beta2: 0.99, weight_decay: 0.05, eps: 1e-8 };
        let mut p = [1.0f64, -2.0, 0.5];
        let (mut m, mut v) = ([0.0; 3], [0.0; 3]);
        let flat = Tensor::from_slice(&[1.0f32, -2.0, 0.5]);
        let zeros = || Tensor::zeros([3], (Kind::Float, Device::Cpu));
        let (mean, square) = (zeros(), zeros());
        for number in 1..4 {
            let g = [0.3 + number as f64, -0.1, 0.2];
            for i in 0..3 {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
                let (first, second) = (1.0 - 0.9f64.powi(number), 1.0 - 0.99f64.powi(number));
                p[i] -= 0.1 * 0.05 * p[i];
                p[i] -= 0.1 * (m[i] / first) / ((v[i] / second).sqrt() + 1e-8);
            }
            let gradient = Tensor::from_slice(&g).to_kind(Kind::Float);
            adamw_step(&flat, &gradient, (&mean, &square), number as u64, &settings).unwrap();
        }
        for (i, expected) in p.iter().enumerate() {
            let found = flat.double_value(&[i as i64]);
            assert!((found - expected).abs() < 1e-6, "{found} != {expected}");
        }
    }

    #[test]
    fn an_update_reaches_the_leaves_that_alias_the_flat_tensor() {
        let flat = Tensor::zeros([4], (Kind::Float, Device::Cpu));
        let leaf = flat.narrow(0, 2, 2).detach().set_requires_grad(true);
        let ones = Tensor::ones([4], (Kind::Float, Device::Cpu));
        let buffer = Tensor::zeros([4], (Kind::Float, Device::Cpu));
        let settings = Sgd { lr: 1.0, momentum: 0.0, weight_decay: 0.0, nesterov: false };
        sgd_step(&flat, &ones, &buffer, &settings).unwrap();
        assert_eq!(leaf.double_value(&[1]), -1.0);
    }
}
