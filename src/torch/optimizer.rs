//! Stochastic gradient descent over one flat parameter tensor.

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
    if flat.size() != gradient.size() || flat.size() != buffer.size() {
        return Err(Error::internal(format!(
            "sgd: expected three tensors of one shape, found {:?}, {:?} and {:?}",
            flat.size(),
            gradient.size(),
            buffer.size()
        )));
    }
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
