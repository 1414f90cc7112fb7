//! What tch 0.26 lacks of libtorch: memory format, settings of the process, CUDA on demand.
//!
//! The C++ side is `shim.cpp`; each of its functions catches every exception and returns the
//! message, which becomes an [`Error`] here.

mod bytes;
mod convolution;
mod cuda;
mod gradient;
mod norm;
pub mod optimizer;
mod pool;

pub use bytes::from_bytes;
pub use convolution::{Kernel, Prepared, convolution, passing_convolution};
pub use cuda::load_cuda;
pub use gradient::gradients;
pub use norm::{Norm, batch_norm};
pub use pool::max_pool;

use crate::error::{Error, Result};
use std::ffi::{CStr, c_char};
use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn rt_channels_last(x: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
    fn rt_start() -> *mut c_char;
    fn rt_cpu_capability(out: *mut *mut c_char) -> *mut c_char;
    fn rt_version(out: *mut *mut c_char) -> *mut c_char;
}

/// Takes over a text that the shim allocated; `None` for null.
fn taken(text: *mut c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // Safety: the shim returns null or a text from strdup, which nobody else frees.
    unsafe {
        let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast());
        Some(owned)
    }
}

/// The result of a shim function.
fn checked(message: *mut c_char) -> Result<()> {
    match taken(message) {
        None => Ok(()),
        Some(text) => Err(Error::from(tch::TchError::Torch(text))),
    }
}

/// What the shim takes for a tensor that may be missing.
fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(std::ptr::null(), Tensor::as_ptr)
}

/// A tensor that a shim function wrote.
fn tensor(call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    checked(call(&mut out))?;
    // Safety: a call without a message has written a tensor that it allocated for us.
    Ok(unsafe { Tensor::from_ptr(out) })
}

/// A text that a shim function wrote.
fn text(call: impl FnOnce(*mut *mut c_char) -> *mut c_char) -> Result<String> {
    let mut out = std::ptr::null_mut();
    checked(call(&mut out))?;
    Ok(taken(out).unwrap_or_default())
}

/// Turns gradients on again for this thread, after a panic that left them off.
pub fn restore_grad_mode() {
    // Safety: it sets a flag of this thread.
    unsafe {
        torch_sys::at_grad_set_enabled(1);
    }
}

/// The same values in channels-last memory order, shape (N, C, H, W) unchanged; differentiable.
///
/// # Errors
/// The tensor does not have four dimensions.
pub fn channels_last(x: &Tensor) -> Result<Tensor> {
    tensor(|out| unsafe { rt_channels_last(x.as_ptr(), out) })
}

/// Sets up libtorch for this process: `threads` CPU threads (all cores if `None`), deterministic
/// algorithms, no denormal numbers, freed memory up to 1 GiB kept for the next tensors. Call it once,
/// before the first tensor.
///
/// # Errors
/// `threads` is 0 or too large; libtorch refuses a setting.
pub fn start(threads: Option<usize>) -> Result<()> {
    checked(unsafe { rt_start() })?;
    if let Some(threads) = threads {
        set_threads(threads)?;
    }
    Ok(())
}

/// Sets the number of CPU threads that one operation uses. Bits of results depend on it.
///
/// # Errors
/// `threads` is 0 or above 4096.
pub fn set_threads(threads: usize) -> Result<()> {
    match i32::try_from(threads) {
        Ok(count @ 1..=4096) => {
            tch::set_num_threads(count);
            Ok(())
        }
        _ => Err(Error::usage(format!("threads must be from 1 to 4096, found {threads}"))),
    }
}

/// The number of CPU threads that one operation uses.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// The instruction set that libtorch chose, for example `AVX512`. Bits of results depend on it.
///
/// # Errors
/// libtorch fails to say.
pub fn cpu_capability() -> Result<String> {
    text(|out| unsafe { rt_cpu_capability(out) })
}

/// The version of libtorch, for example `2.13.0`.
///
/// # Errors
/// libtorch fails to say.
pub fn version() -> Result<String> {
    text(|out| unsafe { rt_version(out) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// Whether operations of our own round bf16 once here (`avx512.h`).
    pub fn has_bf16() -> bool {
        #[cfg(target_arch = "x86_64")]
        let known = is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16");
        #[cfg(not(target_arch = "x86_64"))]
        let known = false;
        known
    }

    #[test]
    fn channels_last_keeps_values_and_moves_channels_inward() {
        let x = Tensor::arange(48, (Kind::Float, Device::Cpu)).reshape([2, 3, 2, 4]);
        let y = channels_last(&x).unwrap();
        assert_eq!(y.stride(), [24, 1, 12, 3]);
        assert_eq!(x, y);
    }

    #[test]
    fn an_exception_becomes_an_error_without_the_stack() {
        let x = Tensor::zeros([3], (Kind::Float, Device::Cpu));
        let message = channels_last(&x).unwrap_err().to_string();
        assert!(message.starts_with("libtorch: "), "{message}");
        assert!(!message.contains("Exception raised from"), "{message}");
    }

    #[test]
    fn the_version_is_the_one_tch_was_written_for() {
        assert!(version().unwrap().starts_with("2.13.0"));
        assert!(!cpu_capability().unwrap().is_empty());
    }

    #[test]
    fn no_threads_are_refused() {
        assert!(set_threads(0).is_err());
        assert!(set_threads(5000).is_err());
    }
}
