//! The numbers that a network computes with.

use crate::error::Result;
use crate::registry::{Args, Param};
use tch::Kind;

/// The type of the values between layers.
///
/// Parameters, running statistics, pixels, their normalisation, the first convolution and the head
/// are f32 always: bf16 has 8 bits, too few for a perturbation of 1/255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Exact.
    F32,
    /// Half as large and, on CPUs and GPUs with bf16 arithmetic, faster.
    Bf16,
}

impl Precision {
    /// The option of verbs that run networks.
    pub const PARAM: Param = Param::choice(
        "precision",
        &["f32", "bf16"],
        "Numbers between layers; with bf16, pixels, the first convolution, norms, the head and \
         the parameters stay f32.",
    );

    /// What [`Self::PARAM`] was given.
    ///
    /// # Errors
    /// Internal: the entry has no such option.
    pub fn of(args: &Args) -> Result<Self> {
        Ok(if args.text(Self::PARAM.name)? == "bf16" { Self::Bf16 } else { Self::F32 })
    }

    /// The type of a tensor.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }

    /// The name in options and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}
