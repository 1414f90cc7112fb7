//! Tensors in scripts: small values read out of handles, always copies.

use crate::error::{Error, Result};
use crate::registry::{Example, Handle, Home, Kind, Param, Spec};
use crate::script::binding::{Binder, Call};
use crate::script::failure::raise;
use crate::tensor::{broadcast, elements};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, NativeCallContext};
use tch::Tensor;

/// The most elements that become a script array.
const MOST: usize = 10_000;

/// A tensor as a script holds it.
pub use crate::tensor::Constant as ScriptTensor;

const FULL: Spec = Spec {
    name: "full",
    home: Home::Namespace("tensor"),
    doc: "A tensor of one value.",
    inputs: &[
        Param::input("shape", Kind::Ints, "The sizes."),
        Param::input("value", Kind::Float { min: f64::MIN, max: f64::MAX }, "The value."),
    ],
    params: &[],
    returns: "tensor",
    example: Example { code: "tensor::full([2, 3], 1.5).sum", shows: "9.0" },
    cite: "",
    version: 1,
};

const TO_ARRAY: Spec = Spec {
    name: "to_array",
    home: Home::Method("tensor"),
    doc: "The elements as a flat list of numbers, rows first; at most 10,000.",
    inputs: &[],
    params: &[],
    returns: "list",
    example: Example {
        code: "tensor::full([2, 2], 0.5).to_array()",
        shows: "[0.5, 0.5, 0.5, 0.5]",
    },
    cite: "",
    version: 1,
};
const SHAPE: Spec = Spec::property(
    "tensor",
    "shape",
    "list",
    "The sizes.",
    Example { code: "tensor::full([2, 3], 0.0).shape", shows: "[2, 3]" },
);
const MEAN: Spec = Spec::property(
    "tensor",
    "mean",
    "number",
    "The mean of all elements.",
    Example { code: "tensor::full([2, 3], 1.5).mean", shows: "1.5" },
);
const SUM: Spec = Spec::property(
    "tensor",
    "sum",
    "number",
    "The sum of all elements.",
    Example { code: "tensor::full([2, 3], 1.5).sum", shows: "9.0" },
);

/// Binds construction, getters and arithmetic.
pub fn bind(binder: &mut Binder) {
    binder.function(&FULL, |call: Call| {
        let full = || {
            let shape = call.args.ints("shape")?.unwrap_or(&[]);
            let value = call.args.float("value")?;
            elements(shape).map_err(|error| error.within("full"))?;
            let options = (tch::Kind::Float, tch::Device::Cpu);
            Ok(ScriptTensor::new(Tensor::f_full(shape, value, options)?))
        };
        call.at(full()).map(Dynamic::from)
    });
    binder.method::<ScriptTensor>(&TO_ARRAY, |call: Call| {
        let tensor: ScriptTensor = call.receiver()?;
        call.at(values(tensor.tensor())).map(Dynamic::from)
    });
    binder.property(&SHAPE, |t: &mut ScriptTensor| -> Array {
        t.tensor().size().into_iter().map(Dynamic::from).collect()
    });
    binder.fallible_property(&MEAN, |t: &ScriptTensor| {
        Ok(t.tensor().f_mean(tch::Kind::Double)?.f_double_value(&[])?)
    });
    binder.fallible_property(&SUM, |t: &ScriptTensor| {
        Ok(t.tensor().f_sum(tch::Kind::Double)?.f_double_value(&[])?)
    });
    let engine = binder.engine();
    engine.register_type_with_name::<ScriptTensor>("tensor");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |t: &mut ScriptTensor| ImmutableString::from(t.summary()));
    }
    type Operation = fn(&Tensor, &Tensor) -> std::result::Result<Tensor, tch::TchError>;
    let operations: [(&'static str, Operation); 4] =
        [("+", Tensor::f_add), ("-", Tensor::f_sub), ("*", Tensor::f_mul), ("/", Tensor::f_div)];
    for (name, operation) in operations {
        engine.register_fn(
            name,
            move |context: NativeCallContext, a: ScriptTensor, b: ScriptTensor| {
                let (left, right) = (a.tensor().size(), b.tensor().size());
                let fits = elements(&broadcast(&left, &right));
                let result = fits.map_err(|error| error.within(name)).and_then(|_| {
                    operation(a.tensor(), b.tensor()).map(ScriptTensor::new).map_err(|_| {
                        Error::usage(format!(
                            "{name}: shapes {left:?} and {right:?} do not go together"
                        ))
                    })
                });
                result.map_err(|error| raise(error, context.call_position()))
            },
        );
        engine.register_fn(name, move |a: ScriptTensor, b: f64| {
            or_raise(
                operation(a.tensor(), &Tensor::from(b)).map(ScriptTensor::new).map_err(Error::from),
            )
        });
        engine.register_fn(name, move |a: ScriptTensor, b: i64| {
            or_raise(
                operation(a.tensor(), &Tensor::from(b as f64))
                    .map(ScriptTensor::new)
                    .map_err(Error::from),
            )
        });
    }
    for name in ["+", "+="] {
        engine.register_fn(
            name,
            |context: NativeCallContext, _: ScriptTensor, b: ImmutableString| {
                let error =
                    Error::usage(format!("+: expected a tensor or a number, found \"{b}\""))
                        .hint("`${t}` puts a tensor into a text");
                Err::<Dynamic, _>(raise(error, context.call_position()))
            },
        );
    }
}

/// The elements as numbers, rows first.
fn values(tensor: &Tensor) -> Result<Array> {
    if tensor.numel() > MOST {
        let found = tensor.numel();
        return Err(Error::usage(format!(
            "to_array: expected at most {MOST} elements, found {found}"
        ))
        .hint("reduce the tensor first: .mean, .sum"));
    }
    let flat = tensor.f_to_kind(tch::Kind::Double)?.f_contiguous()?.f_view([-1])?;
    Ok(Vec::<f64>::try_from(&flat)?.into_iter().map(Dynamic::from).collect())
}

/// A result whose position the call fills in.
fn or_raise<T>(result: Result<T>) -> std::result::Result<T, Box<EvalAltResult>> {
    result.map_err(|error| raise(error, rhai::Position::NONE))
}
