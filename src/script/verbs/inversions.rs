//! What shows the features of a model: inversions, and gradients in the pixels.

use super::results::{property, result_type};
use super::tensors::ScriptTensor;
use crate::attack::{self, CurvePoint, INPUT_GRADIENT, INVERT, Inversion};
use crate::context::Context;
use crate::error::Result;
use crate::lineage::Derived;
use crate::registry::{Example, Spec};
use crate::script::binding::{Binder, Call};
use rhai::{Array, Dynamic, Map};
use tch::Tensor;

type Inverted = Derived<Inversion>;

macro_rules! inverted {
    ($read:literal) => {
        concat!(
            "let data = dataset::digits();\n",
            "let m = model::resnet8(#{ width: 4, size: 8 });\n",
            "let r = attack::invert(m, data.test.images(0..3), #{ steps: 20 });\n",
            $read
        )
    };
}

/// Binds both, and the properties of an inversion.
pub fn bind(binder: &mut Binder, context: &Context) {
    let under = context.clone();
    binder.function(&INVERT, move |call: Call| {
        call.at(attack::invert(&under, &call.args)).map(Dynamic::from)
    });
    let under = context.clone();
    binder.function(&INPUT_GRADIENT, move |call: Call| {
        call.at(attack::input_gradient(&under, &call.args)).map(Dynamic::from)
    });
    result_type::<Inverted>(binder.engine(), "inversion", |inversion| {
        let distances = &inversion.value.distances;
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        format!(
            "inversion: {} images, distance {:.4} at the start, {:.4} now",
            distances.after.len(),
            mean(&distances.before),
            mean(&distances.after)
        )
    });
    binder.property(
        property!(
            "inversion",
            "images",
            "tensor",
            "The images that were found, (N, C, H, W) with pixels in [0,1].",
            inverted!("r.images.shape"),
            "[3, 1, 8, 8]"
        ),
        |r: &mut Inverted| r.value.images.clone(),
    );
    binder.fallible_property(
        property!(
            "inversion",
            "before",
            "tensor",
            "The distance of each image's features at the start, relative to their length.",
            inverted!("r.before.shape"),
            "[3]"
        ),
        |r: &Inverted| numbers(&r.value.distances.before),
    );
    binder.fallible_property(
        property!(
            "inversion",
            "after",
            "tensor",
            "The distance of each image's features at the end, relative to their length.",
            inverted!("r.after.mean < r.before.mean"),
            "true"
        ),
        |r: &Inverted| numbers(&r.value.distances.after),
    );
    binder.property(
        property!(
            "inversion",
            "curve",
            "list",
            "The mean distance at up to 101 steps, as maps: step, distance.",
            inverted!("[r.curve.len, r.curve[20].step]"),
            "[21, 20]"
        ),
        |r: &mut Inverted| -> Array {
            r.value.distances.curve.iter().map(|point| Dynamic::from(point_map(point))).collect()
        },
    );
}

fn numbers(values: &[f64]) -> Result<ScriptTensor> {
    Ok(ScriptTensor::new(Tensor::f_from_slice(values)?))
}

fn point_map(point: &CurvePoint) -> Map {
    Map::from([
        ("step".into(), Dynamic::from(point.step)),
        ("distance".into(), Dynamic::from(point.distance)),
    ])
}
