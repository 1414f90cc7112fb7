//! Numbers that describe the features of a model.

use super::results::{property, result_type};
use crate::context::Context;
use crate::lineage::Derived;
use crate::metric::FeatureDiagnostics;
use crate::model::Model;
use crate::registry::{Example, Spec};
use crate::script::binding::{Binder, Call};
use crate::transfer::{FEATURE_DIAGNOSTICS, feature_diagnostics};
use rhai::Dynamic;

type Described = Derived<FeatureDiagnostics>;

macro_rules! described {
    ($read:literal) => {
        concat!(
            "let m = model::resnet8(#{ width: 4, size: 8 });\n",
            "let r = m.feature_diagnostics(dataset::digits().test);\n",
            $read
        )
    };
}

/// Binds the verb and its properties.
pub fn bind(binder: &mut Binder, context: &Context) {
    let under = context.clone();
    binder.method::<Model>(&FEATURE_DIAGNOSTICS, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(feature_diagnostics(&under, &model, &call.args)).map(Dynamic::from)
    });
    result_type::<Described>(binder.engine(), "feature_diagnostics", |described| {
        let found = &described.value;
        let text = |number: Option<f64>| {
            number.map_or_else(|| "undefined".to_owned(), |number| format!("{number:.4}"))
        };
        format!(
            "feature diagnostics: class separation R2 {}, NC1 {}, effective rank {} of {} ({} \
             images, {} classes)",
            text(found.class_separation_r2),
            text(found.nc1),
            text(found.effective_rank),
            found.length,
            found.images,
            found.classes
        )
    });
    binder.property(
        property!(
            "feature_diagnostics",
            "class_separation_r2",
            "number",
            "How much closer features of one class are than others: 1 for points, 0 for no \
             difference.\n\nIt is 1 - within / overall, with the mean cosine distance of two images \
             within a class (an image and itself included) and of any two. Classes count once, \
             however many images they have. Nothing where all features point the same way.",
            described!("r.class_separation_r2 < 0.5"),
            "true",
            "Kornblith et al. 2021, arXiv 2010.16402"
        ),
        |r: &mut Described| number(r.value.class_separation_r2),
    );
    binder.property(
        property!(
            "feature_diagnostics",
            "nc1",
            "number",
            "How much features vary within classes, relative to the classes' means: 0 for \
             points.\n\nIt is tr(W pinv(B)) / C, with the covariance W within classes, where every \
             class counts once, and B of the means of the C classes. Nothing where the means are \
             equal.",
            described!("r.nc1 > 0.1"),
            "true",
            "Papyan et al. 2020, arXiv 2008.08186"
        ),
        |r: &mut Described| number(r.value.nc1),
    );
    binder.property(
        property!(
            "feature_diagnostics",
            "effective_rank",
            "number",
            "How many directions the features use, from 1 to their length.\n\nIt is exp of the \
             entropy of the singular values of the centred features, divided by their sum. Nothing \
             where all images have the same features.",
            described!("r.effective_rank > 1.0 && r.effective_rank < 16.0"),
            "true",
            "Roy and Vetterli 2007, \"The effective rank: a measure of effective dimensionality\""
        ),
        |r: &mut Described| number(r.value.effective_rank),
    );
    binder.property(
        property!(
            "feature_diagnostics",
            "n",
            "number",
            "The number of images.",
            described!("r.n"),
            "599"
        ),
        |r: &mut Described| r.value.images as i64,
    );
}

fn number(found: Option<f64>) -> Dynamic {
    found.map_or(Dynamic::UNIT, Dynamic::from)
}
