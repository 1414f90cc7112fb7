//! Noise of the norms of perturbations.

use super::{Clean, Derivation};
use crate::attack::Perturbation;
use crate::error::Result;
use crate::threat_model::normals;

/// A normal direction for each image, as long as its perturbation.
pub(super) struct Noise;

impl Derivation for Noise {
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation> {
        let directions = normals(clean.x, clean.ids, clean.stream)?;
        clean.put(&directions, Some(&given.norms))
    }
}
