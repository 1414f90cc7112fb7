//! What a dataset consists of: a table, a picture, and statistics of its images; another made of it.

use super::ScriptTable;
use super::plots::ScriptPlot;
use crate::context::Context;
use crate::dataset::{
    CORRELATION, DESCRIBE, Dataset, EFFECTIVE_RESOLUTION, FEW_SHOT, HF_SWAP, PACK, SPECTRUM,
    correlation, describe, effective_resolution, few_shot, hf_swap, pack, spectrum,
};
use crate::error::{Error, Result};
use crate::plot::{PICTURES, Plot};
use crate::registry::{Args, Example, Handle, Home, Param, Spec, Value};
use crate::script::binding::{Binder, Call};
use crate::tensor::Constant;
use rhai::{Array, Dynamic};
use std::rc::Rc;
use tch::Device;

const SHOW: Spec = Spec {
    name: "show",
    home: Home::Method("dataset"),
    doc: "A picture of the dataset: a row for each class with its first images.\n\nIts `save` \
          writes a PNG.",
    inputs: &[],
    params: &[
        Param::choice("split", &["train", "val", "test"], "Whose images are shown."),
        Param::int("columns", 8, 1, "Images of each class.").up_to(50.0),
        Param::int("rows", 10, 1, "The most classes, from the first on.").up_to(50.0),
    ],
    returns: "plot",
    example: Example {
        code: "dataset::digits().show(#{ rows: 3 })",
        shows: "images: 3 rows of 8 images of 8x8",
    },
    cite: "",
    version: 1,
};

/// Binds them.
pub fn bind(binder: &mut Binder, context: &Context) {
    let packing = context.clone();
    binder.method::<Dataset>(&PACK, move |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(pack(&packing, &data, &call.args)).map(Dynamic::from)
    });
    binder.method::<Dataset>(&DESCRIBE, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(describe(&data)).map(|table| Dynamic::from(ScriptTable::new(table)))
    });
    binder.method::<Dataset>(&CORRELATION, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(correlation(&data, &call.args)).map(list)
    });
    binder.method::<Dataset>(&SPECTRUM, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(spectrum(&data, &call.args)).map(list)
    });
    binder.method::<Dataset>(&EFFECTIVE_RESOLUTION, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(effective_resolution(&data, &call.args)).map(Dynamic::from)
    });
    binder.method::<Dataset>(&HF_SWAP, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(hf_swap(&data, &call.args)).map(Dynamic::from)
    });
    binder.method::<Dataset>(&FEW_SHOT, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(few_shot(&data, &call.args)).map(Dynamic::from)
    });
    binder.method::<Dataset>(&SHOW, |call: Call| {
        let data: Dataset = call.receiver()?;
        call.at(show(&data, &call.args)).map(|plot| Dynamic::from(ScriptPlot::new(plot)))
    });
}

fn list(numbers: Vec<f64>) -> Dynamic {
    Dynamic::from(numbers.into_iter().map(Dynamic::from).collect::<Array>())
}

fn show(data: &Dataset, args: &Args) -> Result<Plot> {
    let split = match args.text("split")? {
        "val" => &data.val,
        "test" => &data.test,
        _ => &data.train,
    };
    let (columns, rows) = (args.int("columns")? as usize, args.int("rows")?);
    let labels = split.labels()?;
    let mut images = Vec::new();
    let mut titles = Vec::new();
    for (label, class) in (0..rows).zip(data.class_names()) {
        let of_class = (0..labels.len()).filter(|index| labels[*index] == label);
        let first: Vec<usize> = of_class.take(columns).collect();
        if first.is_empty() {
            continue;
        }
        let x = split.batch(&first, Device::Cpu)?.x;
        let tensor: Rc<dyn Handle> = Rc::new(Constant::new(x));
        images.push(Value::Handle(tensor));
        titles.push(Value::Text(class.clone()));
    }
    let Some(entry) = PICTURES.iter().find(|entry| entry.spec.name == "images") else {
        return Err(Error::internal("show: there is no plot of images"));
    };
    let options = vec![("row_titles".to_owned(), Value::List(titles))];
    (entry.build)(&Args::resolve(&entry.spec, vec![Value::List(images)], options)?)
        .map_err(|error| error.within("show"))
}
