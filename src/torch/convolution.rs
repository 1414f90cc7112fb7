//! Convolutions with what follows them in a residual network, as one operation.
//!
//! On a CPU with AVX2 or AVX-512, 3x3 convolutions of stride 1 over multiples of 16 channels use
//! Winograd's algorithm (`winograd.cpp`). On one with AMX, those of bf16 over multiples of 16 channels
//! are sums of products of tiles (`amx.cpp`), and so are gradients in f32 pixels (`amx_pixels.cpp`).
//! With AVX-512 the first convolution keeps its sums in registers (`stem.cpp`). All others are
//! libtorch's.

use super::{checked, cpu_capability, pointer, tensor};
use crate::error::Result;
use once_cell::sync::OnceCell;
use std::ffi::c_char;
use std::ptr::null_mut;
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
        rounded: bool,
        out: *mut *mut C_tensor,
        passed: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn rt_transform(
        weight: *const C_tensor,
        stride: i64,
        padding: i64,
        flipped: bool,
        rounded: bool,
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
    /// Whether the result of f32 is rounded to bf16.
    pub rounded: bool,
}

/// Weights transformed for the fast algorithm, for both directions; empty where it does not apply.
pub struct Prepared {
    forward: Option<Tensor>,
    backward: Option<Tensor>,
}

impl Prepared {
    /// Prepares weights of shape (out, in, height, width), `rounded` as in [`Kernel`].
    ///
    /// # Errors
    /// Memory is short.
    pub fn new(weight: &Tensor, stride: i64, padding: i64, rounded: bool) -> Result<Self> {
        let transformed = |flipped| -> Result<Option<Tensor>> {
            let mut out = std::ptr::null_mut();
            checked(unsafe {
                rt_transform(weight.as_ptr(), stride, padding, flipped, rounded, &mut out)
            })?;
            // Safety: the shim wrote null or a tensor that it allocated for us.
            Ok((!out.is_null()).then(|| unsafe { Tensor::from_ptr(out) }))
        };
        Ok(Self { forward: transformed(false)?, backward: transformed(true)? })
    }
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
    if is_widened(x)? {
        return widened(x, kernel, shortcut, relu);
    }
    call(x, kernel, shortcut, relu, null_mut())
}

/// [`convolution`], and `x` for those who read it next: their gradients are summed with the
/// convolution's own while that is computed.
///
/// # Errors
/// Those of [`convolution`].
pub fn passing_convolution(
    x: &Tensor,
    kernel: &Kernel<'_>,
    shortcut: Option<&Tensor>,
    relu: bool,
) -> Result<(Tensor, Tensor)> {
    if is_widened(x)? {
        return Ok((widened(x, kernel, shortcut, relu)?, x.shallow_clone()));
    }
    let mut passed = null_mut();
    let y = call(x, kernel, shortcut, relu, &mut passed)?;
    // Safety: the shim wrote a tensor that it allocated for us.
    Ok((y, unsafe { Tensor::from_ptr(passed) }))
}

fn call(
    x: &Tensor,
    kernel: &Kernel<'_>,
    shortcut: Option<&Tensor>,
    relu: bool,
    passed: *mut *mut C_tensor,
) -> Result<Tensor> {
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
            kernel.rounded,
            out,
            passed,
        )
    })
}

fn is_widened(x: &Tensor) -> Result<bool> {
    Ok(x.f_kind()? == Kind::BFloat16 && x.device() == Device::Cpu && !has_avx512())
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
mod tests;
