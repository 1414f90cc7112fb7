//! The perturbations of another attack, put on the wrong images.

use super::partners::Within;
use super::{ATTACK, Clean, Composed, Derivation, RENORM};
use crate::attack::{Attack, Build, Perturbation, of_images};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;
use tch::{Device, Tensor};

/// `attack::shuffled`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "shuffled",
        home: Home::Namespace("attack"),
        doc: "Gives every image the perturbation that another attack made for another image \
              of its batch. Each is given once. With within \"any\" or \"class\" the permutation \
              of all, or of a class, is uniformly random without fixed points; with \
              \"other_class\" a random permutation is mended by random swaps. Images without a \
              partner stay unperturbed: one that is alone in its batch or class, and those of a \
              class of more than half of the batch that find none outside. Norm and structure of \
              the perturbations stay, their relation to the image goes; that to its class stays \
              with \"class\".",
        inputs: &[ATTACK],
        params: &[
            Param::choice(
                "within",
                &["any", "class", "other_class"],
                "Whose: any other image's, one's of the same class, or one's of another class.",
            ),
            RENORM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::shuffled(attack::pgd(#{ eps: 0.5 }))",
            shows: "shuffled(pgd): l2 eps 0.5",
        },
        cite: "",
        version: 2,
    },
    build,
};

/// Gives every perturbation to the partner of its image.
pub(super) struct Shuffled {
    pub(super) within: Within,
    pub(super) renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let within = match args.text("within")? {
        "class" => Within::Class,
        "other_class" => Within::OtherClass,
        _ => Within::Any,
    };
    Composed::of(args, Shuffled { within, renorm: args.bool("renorm")? })
}

impl Derivation for Shuffled {
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation> {
        let classes = Vec::<i64>::try_from(clean.y.f_to_device(Device::Cpu)?)
            .map_err(|_| Error::internal("shuffled: classes of a batch"))?;
        let stream = clean.ids.iter().fold(clean.stream, |stream, id| stream.at(*id));
        let partners = self.within.partners(&classes, stream);
        let places: Vec<i64> = partners.iter().map(|partner| *partner as i64).collect();
        let has_one: Vec<bool> = partners.iter().enumerate().map(|(at, to)| at != *to).collect();
        let device = clean.x.device();
        let places = Tensor::f_from_slice(&places)?.f_to_device(device)?;
        let has_one = Tensor::f_from_slice(&has_one)?.f_to_device(device)?;
        let norms = given.norms.f_index_select(0, &places)?.f_mul(&has_one)?;
        let delta = given.delta.f_index_select(0, &places)?.f_mul(&of_images(&has_one)?)?;
        clean.put(&delta, self.renorm.then_some(&norms))
    }

    fn per_example(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::derive;
    use crate::threat_model::Norm;
    use tch::Kind;

    /// Classes are 0, 1, 2, 0, ...: of seven images class 0 has three, the others two.
    #[test]
    fn every_perturbation_comes_from_the_partner_it_should() {
        for (name, same, other) in
            [("shuffled", true, true), ("within_class", true, false), ("other_class", false, true)]
        {
            let (_, given, found) = derive(name, 7, Norm::L2);
            // Norms tell the donors apart, and stay.
            let apart = (found.norms.unsqueeze(1) - given.norms.unsqueeze(0)).abs();
            let donors = Vec::<i64>::try_from(apart.argmin(1, false)).unwrap();
            assert!(apart.amin([1], false).max().double_value(&[]) < 1e-9, "{name}");
            for (image, donor) in donors.into_iter().enumerate() {
                let donor = donor as usize;
                assert_ne!(image, donor, "{name}");
                assert!(if image % 3 == donor % 3 { same } else { other }, "{name}");
            }
        }
    }

    #[test]
    fn an_image_without_a_partner_stays_as_it_is() {
        let (_, _, found) = derive("within_class", 4, Norm::L2);
        let moved = found.norms.gt(0.0).to_kind(Kind::Int64);
        assert_eq!(Vec::<i64>::try_from(moved).unwrap(), [1, 0, 0, 1]);
        for name in ["shuffled", "within_class", "other_class"] {
            let (x, _, found) = derive(name, 1, Norm::L2);
            assert_eq!(found.adversarial, x, "{name}");
        }
    }
}
