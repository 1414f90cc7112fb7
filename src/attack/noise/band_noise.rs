//! Noise of one band of frequencies and a given norm.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, RENORM, Target, as_long_as};
use crate::attack::frequency;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{NormBall, ThreatModel, normals};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::band_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "band_noise",
        home: Home::Namespace("attack"),
        doc: "Gaussian noise of one band of frequencies, of a given norm. Of a standard normal \
              image only the waves of `low` up to, without, `high` cycles per pixel stay, in all \
              directions alike, channel by channel and wrapped around the edges. What is left is \
              scaled to norm eps, added and clamped to [0,1], which brings some other \
              frequencies in where it clips.\n\nAccuracy under noise of each band tells which \
              frequencies a network uses.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::float("low", 0.0, 0.0, "The lowest frequency, in cycles per pixel.").up_to(1.0),
            Param::float(
                "high",
                1.0,
                0.0,
                "Below which frequencies end: 0.5 is the finest wave along a row or a column, \
                 and 0.71 along a diagonal.",
            )
            .up_to(1.0),
            RENORM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::band_noise(#{ eps: 0.5, low: 0.25, high: 0.375 })",
            shows: "band_noise: l2 eps 0.5",
        },
        cite: "Yin et al. 2019, https://arxiv.org/abs/1906.08988",
        version: 1,
    },
    build,
};

struct BandNoise {
    ball: NormBall,
    low: f64,
    high: f64,
    renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let (low, high) = (args.float("low")?, args.float("high")?);
    if low >= high {
        return Err(Error::usage(format!("expected low < high, found {low} and {high}"))
            .at_key("low")
            .hint("frequencies are in cycles per pixel, 0.5 being the finest along a row"));
    }
    let renorm = args.bool("renorm")?;
    Ok(Rc::new(BandNoise { ball: NormBall::from_args(args)?, low, high, renorm }))
}

impl Attack for BandNoise {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let radial = frequency::radial(&x)?;
        // A frequency k / n that equals an end may miss it by its rounding.
        let (low, high) = (self.low - 1e-9, self.high - 1e-9);
        let kept = radial.f_ge(low)?.f_logical_and(&radial.f_lt(high)?)?;
        if kept.f_any()?.f_int64_value(&[])? == 0 {
            let (_, _, height, width) = x.size4()?;
            return Err(Error::usage(format!(
                "band_noise: expected waves from {} up to {} cycles per pixel, found none in \
                 images of {height}x{width}",
                self.low, self.high
            ))
            .hint(format!("frequencies are multiples of 1/{height} and 1/{width}")));
        }
        let noise = frequency::only(&normals(&x, target.ids, target.stream)?, &kept)?;
        as_long_as(&self.ball, target, &x, &noise, self.renorm)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
