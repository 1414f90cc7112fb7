//! Compiles the C++ shim, checks that libtorch is the version tch was written for, and sets the
//! run path so that the built program needs no environment variables.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a build script speaks to cargo through its environment and its failure"
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

const LIBTORCH_VERSION: &str = "2.13.0";
const SOURCES: [&str; 9] =
    ["amx", "amx_pixels", "amx_weights", "convolution", "norm", "pool", "shim", "stem", "winograd"];
const HEADERS: [&str; 9] = [
    "amx",
    "amx_kernel",
    "amx_layout",
    "amx_run",
    "avx512",
    "guarded",
    "stem",
    "winograd",
    "winograd_kernel",
];

fn main() {
    let lib =
        PathBuf::from(env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys tells its libtorch"));
    let root = lib.parent().expect("lib lies in libtorch").to_path_buf();
    check_version(&root);
    let sources = SOURCES.map(|name| format!("src/torch/{name}.cpp"));
    for file in sources.iter().cloned().chain(HEADERS.map(|name| format!("src/torch/{name}.h"))) {
        println!("cargo:rerun-if-changed={file}");
    }
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .define("NDEBUG", None)
        // Without it at::parallel_for, a template of libtorch's headers, runs on one thread.
        .flag("-fopenmp")
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .files(&sources)
        .compile("rtscript_shim");
    println!("cargo:rustc-link-search=native={}", lib.display());
    for library in ["torch_cpu", "torch", "c10"] {
        println!("cargo:rustc-link-lib={library}");
    }
    println!("cargo:rustc-link-arg={}", openmp(&lib).display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
}

/// libtorch's own OpenMP runtime: a second one would bring a second pool of threads.
fn openmp(lib: &Path) -> PathBuf {
    let names = fs::read_dir(lib).expect("libtorch's lib can be read").flatten();
    let mut found = names.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libgomp"))
    });
    found.next().unwrap_or_else(|| panic!("libtorch: no libgomp in {}", lib.display()))
}

/// The version that the wheel (`version.py`) or the C++ archive (`build-version`) states.
fn stated_version(root: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = fs::read_to_string(root.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    line.split(['\'', '"']).nth(1).map(str::to_owned)
}

fn check_version(root: &Path) {
    // Cargo takes a file that is not there for a changed one.
    for file in ["build-version", "version.py"].map(|name| root.join(name)) {
        if file.exists() {
            println!("cargo:rerun-if-changed={}", file.display());
        }
    }
    let Some(found) = stated_version(root) else {
        panic!("libtorch: no version file in {}, expected {LIBTORCH_VERSION}", root.display());
    };
    if found.split('+').next() != Some(LIBTORCH_VERSION) {
        panic!("libtorch: expected {LIBTORCH_VERSION}, found {found} in {}", root.display());
    }
}
