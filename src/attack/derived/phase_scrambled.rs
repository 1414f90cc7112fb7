//! Perturbations of which only the amplitudes of frequencies are left.

use super::{ATTACK, Clean, Composed, Derivation, RENORM};
use crate::attack::{Attack, Build, Perturbation, of_images};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::normals;
use std::rc::Rc;
use tch::Tensor;

/// `attack::phase_scrambled`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "phase_scrambled",
        home: Home::Namespace("attack"),
        doc: "Keeps the spectrum of another attack's perturbations and scrambles their phases. To \
              the phase of each frequency of the image's two-dimensional Fourier transform a \
              random one is added, that of white noise and the same in all channels, whose \
              relative phases stay. Norm and spectrum stay, every structure in space goes. In \
              linf and l1, where that changes the norm, the whole is scaled to the norm it had.",
        inputs: &[ATTACK],
        params: &[RENORM, Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::phase_scrambled(attack::pgd(#{ eps: 0.5 }))",
            shows: "phase_scrambled(pgd): l2 eps 0.5",
        },
        cite: "Prichard and Theiler 1994, Physical Review Letters 73, 951",
        version: 1,
    },
    build,
};

/// Adds random phases.
pub(super) struct PhaseScrambled {
    pub(super) renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Composed::of(args, PhaseScrambled { renorm: args.bool("renorm")? })
}

/// `delta` with other phases; its amplitudes are the same.
fn scrambled(delta: &Tensor, clean: &Clean<'_>) -> Result<Tensor> {
    const IMAGE: [i64; 2] = [2, 3];
    let one_channel = normals(&delta.f_narrow(1, 0, 1)?, clean.ids, clean.stream)?;
    // A real image, so that opposite frequencies have opposite phases.
    let noise = one_channel.f_fft_rfft2(None::<&[i64]>, IMAGE, "backward")?;
    let turns = noise.f_div(&noise.f_abs()?.f_clamp_min(1e-30)?)?;
    let spectrum = delta.f_fft_rfft2(None::<&[i64]>, IMAGE, "backward")?.f_mul(&turns)?;
    Ok(spectrum.f_fft_irfft2(delta.size().get(2..), IMAGE, "backward")?)
}

impl Derivation for PhaseScrambled {
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation> {
        let delta = scrambled(&given.delta, clean)?;
        if self.renorm {
            return clean.put(&delta, Some(&given.norms));
        }
        let lengths = clean.ball.norm.of(&delta)?.f_clamp_min(1e-30)?;
        clean.put(&delta.f_mul(&of_images(&given.norms)?.f_div(&lengths)?)?, None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_the_middle;
    use tch::{Kind, Tensor};

    fn spectrum(delta: &Tensor) -> Tensor {
        delta.fft_fft2(None::<&[i64]>, [2, 3], "backward")
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn amplitudes_and_the_relative_phases_of_channels_stay() {
        let (given, found) = in_the_middle("phase_scrambled", 20);
        let (before, after) = (spectrum(&given.delta), spectrum(&found.delta));
        let amplitudes = before.abs();
        let change = (after.abs() - &amplitudes) / &amplitudes;
        assert!(largest(&change) < 1e-9, "{:e}", largest(&change));
        // F_1 times the conjugate of F_0 has their relative phase.
        let relative = |of: &Tensor| of.narrow(1, 1, 2) * of.narrow(1, 0, 1).conj();
        let change = (relative(&after) - relative(&before)).abs() / relative(&before).abs();
        assert!(largest(&change) < 1e-9, "{:e}", largest(&change));
    }

    #[test]
    fn phases_are_uniform_and_where_things_are_goes() {
        let (given, found) = in_the_middle("phase_scrambled", 2000);
        let turns = spectrum(&found.delta) / spectrum(&given.delta);
        // Without the frequencies that are their own opposites, which turn by 0 or 180 degrees.
        let turns = turns.narrow(1, 0, 1).narrow(3, 1, 2);
        for power in [1.0, 2.0, 3.0] {
            let mean = turns.pow_tensor_scalar(power).mean_dim([0i64].as_slice(), false, None);
            assert!(largest(&mean.abs()) < 0.09, "{power}: {}", largest(&mean.abs()));
        }
        let dims: &[i64] = &[1, 2, 3];
        let product = (&given.delta * &found.delta).sum_dim_intlist(dims, false, Kind::Double);
        let cosine = (product / &given.norms / &found.norms).mean(Kind::Double);
        assert!(cosine.double_value(&[]).abs() < 0.02, "{}", cosine.double_value(&[]));
    }
}
