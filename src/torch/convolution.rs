//! Convolutions with what follows them in a residual network, as one operation.
//!
//! On a CPU with AVX2 or AVX-512, 3x3 convolutions of stride 1 over multiples of 16 channels use
//! Winograd's algorithm (`winograd.cpp`); all others are libtorch's.

use super::{checked, cpu_capability, tensor};
use crate::error::Result;
use once_cell::sync::OnceCell;
use std::ffi::c_char;
use std::ptr::null;
use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rt_convolution(
        x: *const C_tensor,
        weight: *const C_tensor,
        shortcut: *const C_tensor,
        bias: *const C_tensor,
        transformed: *const C_tensor,
        flipped: *const C_tensor,
        stride: i64,
        padding: i64,
        groups: i64,
        relu: bool,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn rt_transform(
        weight: *const C_tensor,
        stride: i64,
        padding: i64,
        flipped: bool,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// The kernel of a convolution.
#[derive(Clone, Copy)]
pub struct Kernel<'a> {
    /// Of shape (out, in, height, width).
    pub weight: &'a Tensor,
    /// Of shape (out); a constant without gradient.
    pub bias: Option<&'a Tensor>,
    /// The weights prepared for many uses; without it each use prepares them.
    pub prepared: Option<&'a Prepared>,
    /// Step in pixels.
    pub stride: i64,
    /// Zeros on each side.
    pub padding: i64,
    /// Into how many independent parts the channels fall; the weight has in / groups channels in.
    pub groups: i64,
}

/// Weights transformed for the fast algorithm, for both directions; empty where it does not apply.
pub struct Prepared {
    forward: Option<Tensor>,
    backward: Option<Tensor>,
}

impl Prepared {
    /// Prepares weights of shape (out, in, height, width).
    ///
    /// # Errors
    /// Memory is short.
    pub fn new(weight: &Tensor, stride: i64, padding: i64) -> Result<Self> {
        let transformed = |flipped| -> Result<Option<Tensor>> {
            let mut out = std::ptr::null_mut();
            checked(unsafe { rt_transform(weight.as_ptr(), stride, padding, flipped, &mut out) })?;
            // Safety: the shim wrote null or a tensor that it allocated for us.
            Ok((!out.is_null()).then(|| unsafe { Tensor::from_ptr(out) }))
        };
        Ok(Self { forward: transformed(false)?, backward: transformed(true)? })
    }
}

fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(null(), Tensor::as_ptr)
}

/// The convolution of `x`, shape (N, in, H, W), plus bias, plus `shortcut` if there is one, then
/// rectified if `relu`. Differentiable, also twice, in `x`, the weight and the shortcut.
///
/// # Errors
/// Shapes or types do not fit.
pub fn convolution(
    x: &Tensor,
    kernel: &Kernel<'_>,
    shortcut: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    if x.f_kind()? == Kind::BFloat16 && x.device() == Device::Cpu && !has_avx512() {
        return widened(x, kernel, shortcut, relu);
    }
    let prepared = kernel.prepared;
    tensor(|out| unsafe {
        rt_convolution(
            x.as_ptr(),
            kernel.weight.as_ptr(),
            pointer(shortcut),
            pointer(kernel.bias),
            pointer(prepared.and_then(|p| p.forward.as_ref())),
            pointer(prepared.and_then(|p| p.backward.as_ref())),
            kernel.stride,
            kernel.padding,
            kernel.groups,
            relu,
            out,
        )
    })
}

/// Whether the CPU has AVX-512. Without it oneDNN has no bf16, and libtorch's own convolution of
/// bf16 takes 15 times as long as that of f32.
fn has_avx512() -> bool {
    static KNOWN: OnceCell<bool> = OnceCell::new();
    *KNOWN.get_or_init(|| cpu_capability().is_ok_and(|name| name.starts_with("AVX512")))
}

/// The convolution of bf16 in f32: sums are f32 on CPUs with bf16 too.
fn widened(
    x: &Tensor,
    kernel: &Kernel<'_>,
    shortcut: Option<&Tensor>,
    relu: bool,
) -> Result<Tensor> {
    let wide = |tensor: &Tensor| tensor.f_to_kind(Kind::Float);
    let bias = kernel.bias.map(wide).transpose()?;
    let shortcut = shortcut.map(wide).transpose()?;
    let weight = wide(kernel.weight)?;
    let kernel = Kernel { weight: &weight, bias: bias.as_ref(), prepared: None, ..*kernel };
    let y = convolution(&wide(x)?, &kernel, shortcut.as_ref(), relu)?;
    Ok(y.f_to_kind(Kind::BFloat16)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    fn random(shape: &[i64], seed: i64) -> Tensor {
        let mut generator = Stream::new(seed, "test").generator();
        let values: Vec<f32> =
            (0..shape.iter().product::<i64>()).map(|_| generator.normal()).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// The same by libtorch's own operations.
    fn reference(x: &Tensor, k: &Kernel<'_>, shortcut: Option<&Tensor>, relu: bool) -> Tensor {
        let mut y = x.conv2d(k.weight, k.bias, [k.stride; 2], [k.padding; 2], [1, 1], 1);
        if let Some(shortcut) = shortcut {
            y += shortcut;
        }
        if relu { y.relu() } else { y }
    }

    fn difference(a: &Tensor, b: &Tensor) -> f64 {
        let scale = b.abs().max().double_value(&[]).max(1e-30);
        (a - b).abs().max().double_value(&[]) / scale
    }

    /// (batch, in, out, height, width, kernel, stride)
    const SHAPES: [[i64; 7]; 8] = [
        [2, 16, 16, 8, 8, 3, 1],
        [3, 48, 32, 26, 23, 3, 1],
        [3, 32, 48, 7, 5, 3, 1],
        [1, 112, 64, 1, 1, 3, 1],
        [2, 16, 80, 9, 12, 3, 1],
        [2, 3, 16, 8, 8, 3, 1],
        [2, 16, 32, 8, 8, 3, 2],
        [2, 16, 32, 8, 8, 1, 2],
    ];

    #[test]
    fn values_and_gradients_equal_those_of_libtorch() {
        for [batch, input, output, height, width, size, stride] in SHAPES {
            let x = random(&[batch, input, height, width], 1).set_requires_grad(true);
            let weight = random(&[output, input, size, size], 2).set_requires_grad(true);
            let bias = random(&[output], 3);
            let (prepared, padding) = (Prepared::new(&weight, stride, size / 2).unwrap(), size / 2);
            for with in [0, 1, 2, 3] {
                let prepared = (with % 2 == 1).then_some(&prepared);
                let kernel = Kernel {
                    weight: &weight,
                    bias: Some(&bias),
                    prepared,
                    stride,
                    padding,
                    groups: 1,
                };
                let shape = reference(&x, &kernel, None, false).size();
                let shortcut = random(&shape, 4).set_requires_grad(true);
                let shortcut = (with >= 2).then_some(&shortcut);
                let towards = random(&shape, 5);
                let mut inputs = vec![&x, &weight];
                inputs.extend(shortcut);
                let expected = reference(&x, &kernel, shortcut, with > 0);
                let found = convolution(&x, &kernel, shortcut, with > 0).unwrap();
                assert!(difference(&found, &expected) < 3e-6);
                let gradients = |y: &Tensor| {
                    Tensor::run_backward(&[(y * &towards).sum(Kind::Float)], &inputs, false, false)
                };
                for (found, expected) in gradients(&found).iter().zip(gradients(&expected)) {
                    assert!(difference(found, &expected) < 3e-6, "{input} to {output}");
                }
            }
        }
    }

    #[test]
    fn bf16_is_rounded_once() {
        let short = |x: Tensor| x.to_kind(Kind::BFloat16);
        let (x, weight) = (short(random(&[2, 16, 9, 9], 1)), short(random(&[32, 16, 3, 3], 2)));
        let bias = short(random(&[32], 3));
        let kernel = Kernel {
            weight: &weight,
            bias: Some(&bias),
            prepared: None,
            stride: 1,
            padding: 1,
            groups: 1,
        };
        let found = convolution(&x, &kernel, None, false).unwrap();
        assert_eq!(found.kind(), Kind::BFloat16);
        let wide = |x: &Tensor| x.to_kind(Kind::Double);
        let (weight, bias) = (wide(&weight), wide(&bias));
        let exact = wide(&x).conv2d(&weight, Some(&bias), [1; 2], [1; 2], [1, 1], 1);
        // Half a unit in the last of eight bits, and what f32 sums lose.
        let off = ((wide(&found) - &exact).abs() / (exact.abs() + 1e-2)).max().double_value(&[]);
        assert!(off < 1.0 / 256.0, "{off}");
    }

    #[test]
    fn it_rounds_no_worse_than_libtorch() {
        let wide = |t: &Tensor| t.to_kind(Kind::Double);
        let (x, weight) = (random(&[9, 128, 11, 12], 1), random(&[128, 128, 3, 3], 2));
        let towards = random(&[9, 128, 11, 12], 3);
        let all = |x: &Tensor, weight: &Tensor, towards: &Tensor, ours: bool| {
            let inputs = [x, weight].map(|t| t.detach().set_requires_grad(true));
            let [x, weight] = &inputs;
            let kernel =
                Kernel { weight, bias: None, prepared: None, stride: 1, padding: 1, groups: 1 };
            let y = match ours {
                true => convolution(x, &kernel, None, false).unwrap(),
                false => reference(x, &kernel, None, false),
            };
            let loss = (&y * towards).sum(y.kind());
            let mut found = Tensor::run_backward(&[loss], &inputs, false, false);
            found.push(y.detach());
            found
        };
        let exact = all(&wide(&x), &wide(&weight), &wide(&towards), false);
        let direct = all(&x, &weight, &towards, false);
        let ours = all(&x, &weight, &towards, true);
        for ((exact, direct), ours) in exact.iter().zip(&direct).zip(&ours) {
            let [direct, ours] = [direct, ours].map(|t| difference(&wide(t), exact));
            assert!(ours <= direct.max(1e-6), "ours {ours:e}, libtorch {direct:e}");
        }
    }

    #[test]
    fn an_image_does_not_depend_on_its_batch_or_on_threads() {
        let (x, weight) = (random(&[5, 32, 9, 9], 1), random(&[32, 32, 3, 3], 2));
        let kernel = Kernel {
            weight: &weight,
            bias: None,
            prepared: None,
            stride: 1,
            padding: 1,
            groups: 1,
        };
        let whole = convolution(&x, &kernel, None, true).unwrap();
        for image in 0..5 {
            let alone = convolution(&x.narrow(0, image, 1), &kernel, None, true).unwrap();
            let together = whole.narrow(0, image, 1);
            // Winograd's algorithm gives the same bits; libtorch rounds by the shape of the batch.
            match cpu_capability().unwrap().as_str() {
                "DEFAULT" => assert!(difference(&alone, &together) < 1e-6),
                _ => assert_eq!(alone, together),
            }
        }
    }

    #[test]
    fn the_second_derivative_is_that_of_libtorch() {
        let x = random(&[1, 16, 6, 6], 1).set_requires_grad(true);
        let weight = random(&[16, 16, 3, 3], 2).set_requires_grad(true);
        let kernel = Kernel {
            weight: &weight,
            bias: None,
            prepared: None,
            stride: 1,
            padding: 1,
            groups: 1,
        };
        let twice = |y: Tensor| {
            let loss = y.pow_tensor_scalar(3).sum(Kind::Float);
            let first = Tensor::run_backward(&[loss], &[&x], true, true);
            let length = first[0].pow_tensor_scalar(2).sum(Kind::Float);
            Tensor::run_backward(&[length], &[&weight], false, false).remove(0)
        };
        let found = twice(convolution(&x, &kernel, None, true).unwrap());
        assert!(difference(&found, &twice(reference(&x, &kernel, None, true))) < 1e-5);
    }

    #[test]
    fn a_number_that_is_no_number_is_not_rectified_away() {
        let x = Tensor::full([1, 16, 4, 4], f64::NAN, (Kind::Float, tch::Device::Cpu));
        let weight = random(&[16, 16, 3, 3], 2);
        let kernel = Kernel {
            weight: &weight,
            bias: None,
            prepared: None,
            stride: 1,
            padding: 1,
            groups: 1,
        };
        let y = convolution(&x, &kernel, None, true).unwrap();
        assert_eq!(y.isnan().all().int64_value(&[]), 1);
    }
}
