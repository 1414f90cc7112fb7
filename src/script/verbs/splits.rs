//! Images and labels out of a split.

use super::tensors::ScriptTensor;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Example, Home, Kind, Param, Spec};
use crate::script::binding::{Binder, Call};
use crate::script::limits::LIST;
use crate::tensor::elements;
use rhai::{Array, Dynamic};
use tch::Device;

const INDICES: Param = Param {
    name: "indices",
    kind: Kind::Ints,
    default: Default::Unset,
    doc: "Positions in the split, counted from 0, in any order; all if left out.",
    label: false,
};

const IMAGES: Spec = Spec {
    name: "images",
    home: Home::Method("split"),
    doc: "Some images of the split, as a tensor (N, C, H, W) of pixels in [0,1].",
    inputs: &[INDICES],
    params: &[],
    returns: "tensor",
    example: Example {
        code: "dataset::digits().test.images([0, 5, 7]).shape",
        shows: "[3, 1, 8, 8]",
    },
    cite: "",
    version: 1,
};

const LABELS: Spec = Spec {
    name: "labels",
    home: Home::Method("split"),
    doc: "The classes of some images of the split.",
    inputs: &[INDICES],
    params: &[],
    returns: "list",
    example: Example { code: "dataset::digits().test.labels(0..5)", shows: "[0, 2, 3, 8, 9]" },
    cite: "",
    version: 1,
};

/// Binds both.
pub fn bind(binder: &mut Binder) {
    binder.method::<Split>(&IMAGES, |call: Call| {
        let split: Split = call.receiver()?;
        call.at(images(&split, &call.args)).map(Dynamic::from)
    });
    binder.method::<Split>(&LABELS, |call: Call| {
        let split: Split = call.receiver()?;
        call.at(labels(&split, &call.args)).map(Dynamic::from)
    });
}

fn images(split: &Split, args: &Args) -> Result<ScriptTensor> {
    let indices = indices(split, args)?;
    let [channels, height, width] = split.shape();
    elements(&[indices.len() as i64, channels, height, width])
        .map_err(|error| error.within("images").hint("choose fewer images"))?;
    Ok(ScriptTensor::new(split.batch(&indices, Device::Cpu)?.x))
}

fn labels(split: &Split, args: &Args) -> Result<Array> {
    let (indices, labels) = (indices(split, args)?, split.labels()?);
    if indices.len() > LIST {
        let found = indices.len();
        return Err(Error::usage(format!("labels: a list may have {LIST} elements, not {found}"))
            .hint("choose fewer: labels(0..1000)"));
    }
    let chosen = indices.into_iter().filter_map(|index| labels.get(index));
    Ok(chosen.map(|label| Dynamic::from(*label)).collect())
}

/// The positions that were asked for, each below the length of the split.
fn indices(split: &Split, args: &Args) -> Result<Vec<usize>> {
    let Some(given) = args.ints("indices")? else { return Ok((0..split.len()).collect()) };
    let checked = |index: &i64| {
        usize::try_from(*index).ok().filter(|index| *index < split.len()).ok_or_else(|| {
            Error::usage(format!(
                "{}: {} has {} images, found index {index}",
                args.spec().name,
                split.name(),
                split.len()
            ))
            .hint("indices count from 0")
        })
    };
    given.iter().map(checked).collect()
}
