//! What a pickle names of Python, and what Python's loader would have done with it.

use super::dtype::Dtype;

/// The index of a symbol in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(pub(super) u32);

/// A class or a function that a pickle names. It is never looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Where Python would have imported it from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What naming it means.
    pub trust: Trust,
    /// How many objects of the file Python's loader would have made by calling it; they are opaque.
    pub called: usize,
    /// Whether a pickle names it at all.
    pub(super) named: bool,
    /// Whether the reader did itself what naming it asks for.
    pub(super) understood: bool,
}

/// What it means that a pickle names a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// It makes a value that is understood here, or one that cannot act.
    Plain,
    /// It belongs to a library or to the program that wrote the file.
    Foreign,
    /// It makes functions or classes from code that the file holds, as dill does.
    BuildsCode,
    /// It can run commands, import modules or reach files: no checkpoint needs it.
    Suspicious,
}

/// Modules and packages of which no checkpoint needs anything.
const SUSPICIOUS_MODULES: &[&str] = &[
    "_io",
    "_pickle",
    "_posixsubprocess",
    "_winapi",
    "asyncio",
    "bdb",
    "cProfile",
    "cgitb",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "distutils",
    "doctest",
    "ensurepip",
    "fileinput",
    "ftplib",
    "http",
    "httplib",
    "idlelib",
    "imaplib",
    "importlib",
    "inspect",
    "io",
    "lib2to3",
    "linecache",
    "marshal",
    "mmap",
    "multiprocessing",
    "nntplib",
    "nt",
    "ntpath",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.lib.npyio",
    "numpy.testing",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "popen2",
    "poplib",
    "posix",
    "posixpath",
    "profile",
    "pty",
    "pydoc",
    "requests",
    "rlcompleter",
    "runpy",
    "shelve",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "sys",
    "sysconfig",
    "tarfile",
    "telnetlib",
    "tempfile",
    "threading",
    "timeit",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.rpc",
    "torch.fx",
    "torch.hub",
    "torch.serialization",
    "torch.utils.collect_env",
    "torch.utils.cpp_extension",
    "trace",
    "tty",
    "urllib",
    "urllib2",
    "venv",
    "webbrowser",
    "xmlrpc",
    "zipfile",
    "zipimport",
];

/// Single symbols of modules that are needed otherwise.
const SUSPICIOUS: &[(&str, &[&str])] = &[
    (
        "builtins",
        &[
            "__build_class__",
            "__import__",
            "apply",
            "breakpoint",
            "compile",
            "delattr",
            "eval",
            "exec",
            "execfile",
            "exit",
            "file",
            "filter",
            "getattr",
            "globals",
            "help",
            "input",
            "locals",
            "map",
            "open",
            "quit",
            "reduce",
            "setattr",
            "vars",
        ],
    ),
    ("_operator", &["attrgetter", "call", "itemgetter", "methodcaller"]),
    ("cloudpickle.cloudpickle", &["dynamic_subimport", "subimport"]),
    ("dill._dill", &["_eval_repr", "_get_attr", "_getattribute", "_import_module", "_setattr"]),
    ("functools", &["partial", "partialmethod", "reduce"]),
    ("logging.config", &["dictConfig", "fileConfig", "listen"]),
    ("numpy", &["fromfile", "genfromtxt", "load", "loadtxt", "memmap"]),
    ("operator", &["attrgetter", "call", "itemgetter", "methodcaller"]),
    ("torch", &["compile", "load", "save"]),
    ("torch.jit", &["load", "script"]),
    ("torch.storage", &["_load_from_bytes"]),
];

/// Modules that other modules import, so that they are reached through any of these.
const REACHING: &[&str] = &["builtins", "importlib", "nt", "os", "posix", "subprocess", "sys"];

/// What makes functions and classes from stored code.
const BUILDS_CODE: &[&str] = &["cloudpickle", "dill", "types.CodeType", "types.FunctionType"];

/// Values that cannot act, beside those that the reader interprets.
const PLAIN: &[(&str, &[&str])] = &[
    ("argparse", &["Namespace"]),
    (
        "builtins",
        &[
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
            "type",
            "xrange",
        ],
    ),
    ("collections", &["Counter", "OrderedDict", "defaultdict", "deque"]),
    ("datetime", &["date", "datetime", "time", "timedelta", "timezone"]),
    ("decimal", &["Decimal"]),
    ("fractions", &["Fraction"]),
    (
        "numpy",
        &[
            "bool_", "dtype", "float16", "float32", "float64", "int16", "int32", "int64", "int8",
            "ndarray", "uint8",
        ],
    ),
    ("pathlib", &["Path", "PosixPath", "PurePath", "PurePosixPath", "WindowsPath"]),
    (
        "torch",
        &[
            "Generator",
            "Size",
            "Tensor",
            "channels_last",
            "contiguous_format",
            "device",
            "per_channel_affine",
            "per_tensor_affine",
            "preserve_format",
            "sparse_coo",
            "strided",
        ],
    ),
    ("torch.serialization", &["_get_layout"]),
    ("torch.nn.parameter", &["Buffer", "Parameter"]),
    ("types", &["SimpleNamespace"]),
];

impl Symbol {
    /// A symbol as a pickle writes it; names of Python 2 become those of Python 3.
    pub(super) fn new(module: &str, name: &str) -> Self {
        let module = match module {
            "__builtin__" => "builtins",
            "copy_reg" => "copyreg",
            other => other,
        };
        let trust = trust(module, name);
        Self {
            module: module.to_owned(),
            name: name.to_owned(),
            trust,
            called: 0,
            named: false,
            understood: false,
        }
    }
}

fn lists(table: &[(&str, &[&str])], module: &str, name: &str) -> bool {
    table.iter().any(|(known, names)| *known == module && names.contains(&name))
}

/// Whether `path` is `package` or below it.
fn below(path: &str, package: &str) -> bool {
    path.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn trust(module: &str, name: &str) -> Trust {
    if lists(PLAIN, module, name) || (module == "torch" && Dtype::of_torch(name).is_some()) {
        return Trust::Plain;
    }
    // A dotted name walks through attributes, so that any of its steps may be a module.
    let full = format!("{module}.{name}");
    let (parent, last) = full.rsplit_once('.').unwrap_or(("", &full));
    let within = |path: &str| SUSPICIOUS_MODULES.iter().any(|known| below(path, known));
    let mut steps = name.split('.').rev().skip(1);
    if within(module)
        || REACHING.contains(&last)
        || lists(SUSPICIOUS, parent, last)
        || steps.any(|step| step.starts_with("__") || within(step))
    {
        return Trust::Suspicious;
    }
    if BUILDS_CODE.iter().any(|known| below(&full, known)) {
        return Trust::BuildsCode;
    }
    Trust::Foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_run_commands_is_told_from_what_cannot() {
        let trusts = [
            ("os", "system", Trust::Suspicious),
            ("os.path", "join", Trust::Suspicious),
            ("__builtin__", "eval", Trust::Suspicious),
            ("builtins", "__import__", Trust::Suspicious),
            ("torch.nn.modules", "conv.os.system", Trust::Suspicious),
            ("numpy", "load", Trust::Suspicious),
            ("torch.nn.modules.conv", "Conv2d", Trust::Foreign),
            ("torch.nn.functional", "sys", Trust::Suspicious),
            ("osmosis", "Model", Trust::Foreign),
            ("dill._dill", "_create_code", Trust::BuildsCode),
            ("dill._dill", "_import_module", Trust::Suspicious),
            ("types", "FunctionType", Trust::BuildsCode),
            ("argparse", "Namespace", Trust::Plain),
            ("", "", Trust::Foreign),
        ];
        for (module, name, trust) in trusts {
            assert_eq!(Symbol::new(module, name).trust, trust, "{module} {name}");
        }
    }
}
