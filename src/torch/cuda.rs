//! CUDA on demand: a build without CUDA libraries can use a GPU where the full libtorch lies.

use crate::error::{Error, Result};
use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

unsafe extern "C" {
    fn rt_library_path(out: *mut *mut c_char) -> *mut c_char;
}

const HINT: &str = "make study CUDA=1 installs libtorch with its CUDA libraries";

/// Loads libtorch's CUDA half, so that CUDA devices exist; without effect when it is loaded.
/// Call it before anything asks libtorch for CUDA.
///
/// # Errors
/// The library or one it needs is missing (the loader's own words), or there is no usable GPU.
pub fn load_cuda() -> Result<()> {
    let cpu = super::text(|out| unsafe { rt_library_path(out) })?;
    let path = Path::new(&cpu).with_file_name("libtorch_cuda.so");
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::internal("cuda: the path of libtorch holds a zero byte"))?;
    // Safety: `name` is a C string; loading runs the initialisers of libtorch's own library.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if handle.is_null() {
        return Err(Error::usage(format!("cuda: {}", loader_error())).hint(HINT));
    }
    if !tch::Cuda::is_available() {
        return Err(Error::usage("cuda: libtorch finds no usable GPU")
            .hint("nvidia-smi shows the GPUs and the driver; --device cpu needs neither"));
    }
    Ok(())
}

fn loader_error() -> String {
    // Safety: dlerror returns null or a text that lives until the next call of this thread.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "libtorch_cuda.so cannot be loaded".to_owned()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}
