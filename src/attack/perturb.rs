//! The perturbations that an attack makes of some images, as a value.

use super::input_gradient::{LABELS, labels};
use super::{Attacker, ManipulationCheck, Target, manipulation_check};
use crate::context::Context;
use crate::dataset::Images;
use crate::error::{Error, Result};
use crate::lineage::Derived;
use crate::loader;
use crate::model::Model;
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec, Value};
use crate::seed::Stream;
use crate::tensor::{Constant, expect_labels};
use serde_json::Value as Json;
use tch::{Device, Tensor};

/// `attack::perturb(attack, model, images, #{...})`.
pub const PERTURB: Spec = Spec {
    name: "perturb",
    home: Home::Namespace("attack"),
    doc: "Perturbs images, and keeps what was added and what it does to the model. With the same \
          seed and batch_size, images of a split are perturbed as `model.evaluate` perturbs them \
          when it is given the whole split. With `eps` every image has a radius of its own. The \
          check costs two forward passes and one backward beside the attack.",
    inputs: &[
        Param::input("attack", Kind::Handle("attack"), "What perturbs the images."),
        Param::input("model", Kind::Handle("model"), "Whom it attacks; stays as it is."),
        Images::PARAM,
    ],
    params: &[
        LABELS,
        Param::optional(
            "eps",
            Kind::Floats { min: 0.0, max: f64::INFINITY },
            "Radius of each image, or one for all, in pixels of [0,1], instead of the attack's.",
        ),
        Param::int("batch_size", 256, 1, "Images per pass."),
        Param::seed(),
    ],
    returns: "perturbation",
    example: Example {
        code: "let test = dataset::digits().test;\n\
               let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let options = #{ labels: test.labels(0..3), eps: [0.0, 0.1, 0.2] };\n\
               let noise = attack::gaussian_noise(#{ renorm: true });\n\
               let p = attack::perturb(noise, m, test.images(0..3), options);\n\
               p.norms.map(|norm| (norm * 1e4).round() / 1e4)",
        shows: "[0.0, 0.1, 0.2]",
    },
    cite: "",
    version: 1,
};

/// What an attack made of some images.
#[derive(Debug, Clone)]
pub struct Perturbed {
    /// The perturbed images, f32 of shape (N, C, H, W), on the CPU.
    pub images: Constant,
    /// What was really added, of the same shape.
    pub delta: Constant,
    /// The norm of each image's delta, in the attack's norm.
    pub norms: Vec<f64>,
    /// The name of that norm.
    pub norm: &'static str,
    /// The attack's label.
    pub attack: String,
    /// What the perturbations do.
    pub check: ManipulationCheck,
}

/// Perturbs images; see [`PERTURB`].
///
/// # Errors
/// Images, labels or radii that do not fit; what the attack refuses; interrupted between two
/// batches.
pub fn perturb(context: &Context, args: &Args) -> Result<Derived<Perturbed>> {
    let attacker: Attacker = args.handle("attack")?;
    let images = Images::from_args(args, context.device)?;
    let y = labels(args, &images)?.f_to_device(context.device)?;
    let eps = radii(args, images.len())?;
    let folded = args.handle::<Model>("model")?.network(context)?.folded()?;
    expect_labels(&y, images.len() as i64, folded.classes())
        .map_err(|error| error.within("perturb").at_key("labels"))?;
    let stream = Stream::new(args.int("seed")?, "evaluation");
    let (mut made, mut deltas, mut norms, mut checks) = (vec![], vec![], vec![], vec![]);
    let batches = loader::batches(images.len(), args.int("batch_size")? as usize, None);
    context.monitor.begin(&format!("perturb with {}", attacker.label()), batches.len() as u64, 0);
    for indices in batches {
        if context.interrupt.is_requested() {
            context.monitor.end();
            return Err(Error::interrupted("perturb: interrupted").hint("run it again"));
        }
        let (first, count) = (indices.first().copied().unwrap_or(0), indices.len());
        let part = |of: &Tensor| of.f_narrow(0, first as i64, count as i64);
        let (x, y) = (part(&images.x)?, part(&y)?);
        let eps = eps.as_ref().map(|eps| part(eps)?.f_to_device(context.device)).transpose()?;
        let ids = images.ids.get(first..first + count).unwrap_or(&[]);
        let target = Target { model: &folded, x: &x, y: &y, ids, stream, eps };
        let found = attacker.attack.perturb(&target)?;
        checks.push(manipulation_check(&target, &found)?);
        made.push(found.adversarial.f_to_device(Device::Cpu)?);
        deltas.push(found.delta.f_to_device(Device::Cpu)?);
        norms.push(found.norms.f_to_kind(tch::Kind::Double)?.f_to_device(Device::Cpu)?);
        context.monitor.advance("");
    }
    context.monitor.end();
    let ball = attacker.attack.ball();
    let mut check = ManipulationCheck::mean(&checks);
    check.nominal = check.nominal.or(Some(ball.eps).filter(|eps| eps.is_finite()));
    let value = Perturbed {
        images: Constant::new(Tensor::f_cat(&made, 0)?),
        delta: Constant::new(Tensor::f_cat(&deltas, 0)?),
        norms: Vec::try_from(Tensor::f_cat(&norms, 0)?)?,
        norm: ball.norm.name(),
        attack: attacker.label(),
        check,
    };
    let device = Json::from(context.device_kind());
    Ok(Derived { value, lineage: args.lineage(&[("device", device)], &[]) })
}

/// The option `eps`, f64 of shape (N).
fn radii(args: &Args, count: usize) -> Result<Option<Tensor>> {
    if matches!(args.value("eps")?, Value::Unit) {
        return Ok(None);
    }
    let given = args.floats("eps")?;
    let each = match given.as_slice() {
        [one] => vec![*one; count],
        each if each.len() == count => given,
        each => {
            let found = each.len();
            return Err(Error::usage(format!(
                "perturb: eps: expected {count} radii, one for each image, or one, found {found}"
            ))
            .at_key("eps"));
        }
    };
    Ok(Some(Tensor::f_from_slice(&each)?))
}
