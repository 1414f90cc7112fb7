//! What an attack made of images, as a script value.

use super::results::{property, result_type};
use crate::attack::{self, ManipulationCheck, PERTURB, Perturbed};
use crate::context::Context;
use crate::lineage::Derived;
use crate::registry::{Example, Spec};
use crate::script::binding::{Binder, Call};
use rhai::{Array, Dynamic, Map};

type Made = Derived<Perturbed>;

macro_rules! perturbed {
    ($read:literal) => {
        concat!(
            "let test = dataset::digits(#{ test_limit: 20 }).test;\n",
            "let m = model::resnet8(#{ width: 4, size: 8 });\n",
            "let p = attack::perturb(attack::pgd(#{ eps: 0.5 }), m, test);\n",
            $read
        )
    };
}

/// Binds the verb and the properties of a perturbation.
pub fn bind(binder: &mut Binder, context: &Context) {
    let under = context.clone();
    binder.function(&PERTURB, move |call: Call| {
        call.at(attack::perturb(&under, &call.args)).map(Dynamic::from)
    });
    result_type::<Made>(binder.engine(), "perturbation", |made| {
        let Perturbed { attack, norm, norms, check, .. } = &made.value;
        format!(
            "perturbation: {attack} on {} images, mean {norm} norm {:.4}, loss {:+.4} [{}]",
            norms.len(),
            check.norm,
            check.loss_increase,
            made.lineage.address().short()
        )
    });
    binder.property(
        property!(
            "perturbation",
            "images",
            "tensor",
            "The perturbed images, (N, C, H, W), with pixels in [0,1] unless `gaussian` noise is \
             not clamped.",
            perturbed!("p.images.shape"),
            "[20, 1, 8, 8]"
        ),
        |p: &mut Made| p.value.images.clone(),
    );
    binder.property(
        property!(
            "perturbation",
            "delta",
            "tensor",
            "What was really added, (N, C, H, W); `plot::images` draws it with `signed`.",
            perturbed!("(p.images - p.delta - test.images(0..20)).sum.abs() < 1e-3"),
            "true"
        ),
        |p: &mut Made| p.value.delta.clone(),
    );
    binder.property(
        property!(
            "perturbation",
            "norms",
            "list",
            "The norm of what was added to each image, in the norm of the attack.",
            perturbed!("p.norms.len()"),
            "20"
        ),
        |p: &mut Made| -> Array { array(&p.value.norms) },
    );
    binder.property(
        property!("perturbation", "n", "number", "The number of images.", perturbed!("p.n"), "20"),
        |p: &mut Made| p.value.norms.len() as i64,
    );
    binder.property(
        property!(
            "perturbation",
            "check",
            "map",
            "What the perturbations do, as means over the images.\n\nNorm is that of what was \
             added, nominal the radius that was asked for, or nothing where there is none; \
             loss_increase is that of the cross-entropy; cosine is that of perturbation and \
             gradient of the loss; zero is the share of images that stay as they are; spectrum \
             has the shares of energy in eight bands of frequency, each 1/16 cycle per pixel wide \
             and the last with the corners beyond. Cosine and spectrum are of images that are \
             perturbed.",
            perturbed!("[p.check.cosine > 0.5, p.check.loss_increase > 0.0, p.check.zero]"),
            "[true, true, 0.0]"
        ),
        |p: &mut Made| -> Map { check_map(&p.value.check) },
    );
}

fn array(values: &[f64]) -> Array {
    values.iter().copied().map(Dynamic::from).collect()
}

pub(super) fn check_map(check: &ManipulationCheck) -> Map {
    Map::from([
        ("norm".into(), Dynamic::from(check.norm)),
        ("nominal".into(), check.nominal.map_or(Dynamic::UNIT, Dynamic::from)),
        ("loss_increase".into(), Dynamic::from(check.loss_increase)),
        ("cosine".into(), Dynamic::from(check.cosine)),
        ("spectrum".into(), Dynamic::from(array(&check.spectrum))),
        ("zero".into(), Dynamic::from(check.zero)),
    ])
}
