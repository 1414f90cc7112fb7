//! The largest value of each window (`pool.cpp`).

use super::tensor;
use crate::error::Result;
use std::ffi::c_char;
use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rt_max_pool(
        x: *const C_tensor,
        kernel: i64,
        stride: i64,
        padding: i64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// The largest value of each window of `kernel` by `kernel`, `stride` pixels from the next, of `x`,
/// shape (N, C, H, W), with `padding` pixels on each side that are never the largest. Differentiable,
/// also twice. On CPUs with AVX-512 bf16 has an algorithm of its own.
///
/// # Errors
/// The windows do not fit.
pub fn max_pool(x: &Tensor, kernel: i64, stride: i64, padding: i64) -> Result<Tensor> {
    tensor(|out| unsafe { rt_max_pool(x.as_ptr(), kernel, stride, padding, out) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::torch::tests::has_bf16;
    use tch::Kind;

    #[test]
    fn bf16_equals_libtorchs_pool_of_the_same_numbers_in_values_and_gradients() {
        for [n, channels, height, width, kernel, stride, padding] in
            [[2, 16, 9, 8, 3, 2, 1], [3, 48, 12, 7, 2, 2, 0], [1, 32, 5, 6, 3, 1, 1]]
        {
            let mut generator = Stream::new(1, "test").generator();
            let mut draw = |shape: &[i64]| {
                let count = shape.iter().product::<i64>();
                let values: Vec<f32> = (0..count).map(|_| generator.normal()).collect();
                // Of bf16, and with ties, as after a rectifier.
                Tensor::from_slice(&values).view(shape).to_kind(Kind::BFloat16)
            };
            let x = draw(&[n, channels, height, width]).relu();
            let _ = x.get(0).get(0).get(2).get(3).fill_(f64::NAN);
            let leaf = |kind| x.to_kind(kind).detach().copy().set_requires_grad(true);
            let (ours, theirs) = (leaf(Kind::BFloat16), leaf(Kind::Double));
            let found = max_pool(&ours, kernel, stride, padding).unwrap();
            let expected = theirs.max_pool2d([kernel; 2], [stride; 2], [padding; 2], [1, 1], false);
            let wide = |x: &Tensor| x.to_kind(Kind::Double).nan_to_num(7.0, None, None);
            assert_eq!(wide(&found), wide(&expected));
            let towards = draw(&expected.size());
            let gradient = |y: &Tensor, x: &Tensor| {
                let loss = (wide(y) * wide(&towards)).sum(Kind::Double);
                Tensor::run_backward(&[loss], &[x], false, false).remove(0)
            };
            let found = gradient(&found, &ours);
            let expected = gradient(&expected, &theirs);
            // libtorch's own algorithm rounds after each window that chose a pixel.
            if has_bf16() {
                assert_eq!(found, expected.to_kind(Kind::BFloat16));
            } else {
                let off = (wide(&found) - &expected).abs().max().double_value(&[]);
                let windows = (kernel as f64 / stride as f64).ceil().powi(2);
                let largest = expected.abs().max().double_value(&[]);
                assert!(off <= windows / 256.0 * largest, "{off} of {largest}");
            }
        }
    }

    #[test]
    fn the_second_derivative_is_that_of_libtorch() {
        let values: Vec<f32> = (0..16 * 36).map(|i| ((i * 37) % 101) as f32 / 64.0).collect();
        let x = Tensor::from_slice(&values).view([1, 16, 6, 6]).to_kind(Kind::BFloat16);
        let second = |pooled: &dyn Fn(&Tensor) -> Tensor| {
            let x = x.copy().set_requires_grad(true);
            let loss = pooled(&x).square().sum(Kind::Float);
            let first = Tensor::run_backward(&[loss], &[&x], true, true).remove(0);
            Tensor::run_backward(&[first.square().sum(Kind::Float)], &[&x], false, false).remove(0)
        };
        let ours = second(&|x| max_pool(x, 3, 2, 1).unwrap());
        assert_eq!(ours, second(&|x| x.max_pool2d([3; 2], [2; 2], [1; 2], [1, 1], false)));
    }
}
