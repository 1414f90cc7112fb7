//! What attacks climb: functions of the logits, one number for each image.

use super::Target;
use crate::error::{Error, Result};
use crate::registry::{Args, Param};
use tch::{Kind, Reduction, Tensor};

/// A loss that an attack raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// -log p of the true class; with a target, log p of the target.
    CrossEntropy,
    /// The difference of logits ratio: of [`Loss::Margin`] to the spread of the largest logits, so
    /// that scaling all logits changes nothing. Croce and Hein 2020, section 4.1.
    Dlr,
    /// The largest other logit less that of the true class; with a target, the target's less the
    /// largest other. Carlini and Wagner 2017, f6.
    Margin,
    /// The logit of the target less that of the true class; without a target the margin.
    Gap,
}

impl Loss {
    /// The option `loss` of attackers.
    pub const PARAM: Param = Param::choice(
        "loss",
        &["cross_entropy", "dlr", "margin"],
        "What is raised: cross-entropy, difference of logits ratio, or margin of the logits.",
    );

    /// Reads [`Self::PARAM`].
    ///
    /// # Errors
    /// The entry lacks it.
    pub fn from_args(args: &Args) -> Result<Self> {
        Ok(match args.text(Self::PARAM.name)? {
            "dlr" => Self::Dlr,
            "margin" => Self::Margin,
            _ => Self::CrossEntropy,
        })
    }

    /// The loss of each image, shape (N), of `logits` (N, classes) and classes `y`; `towards` are
    /// target classes, which the loss then rises to.
    ///
    /// # Errors
    /// Too few classes: DLR needs three, with a target four.
    pub fn of(self, logits: &Tensor, y: &Tensor, towards: Option<&Tensor>) -> Result<Tensor> {
        match (self, towards) {
            (Self::CrossEntropy, None) => cross_entropy(logits, y),
            (Self::CrossEntropy, Some(to)) => Ok(cross_entropy(logits, to)?.f_neg()?),
            (Self::Margin | Self::Gap, None) => Ok(others(logits, y)?.f_sub(&at(logits, y)?)?),
            (Self::Margin, Some(to)) => Ok(at(logits, to)?.f_sub(&others(logits, to)?)?),
            (Self::Gap, Some(to)) => Ok(at(logits, to)?.f_sub(&at(logits, y)?)?),
            (Self::Dlr, None) => {
                let sorted = largest(logits, 3)?;
                let spread = sorted.f_select(1, 0)?.f_sub(&sorted.f_select(1, 2)?)?;
                let margin = others(logits, y)?.f_sub(&at(logits, y)?)?;
                Ok(margin.f_div(&spread.f_add_scalar(1e-12)?)?)
            }
            (Self::Dlr, Some(to)) => {
                let sorted = largest(logits, 4)?;
                let low = sorted.f_narrow(1, 2, 2)?.f_sum_dim_intlist(
                    [1i64].as_slice(),
                    false,
                    None::<Kind>,
                )?;
                let spread = sorted.f_select(1, 0)?.f_sub(&low.f_mul_scalar(0.5)?)?;
                let margin = at(logits, to)?.f_sub(&at(logits, y)?)?;
                Ok(margin.f_div(&spread.f_add_scalar(1e-12)?)?)
            }
        }
    }
}

fn cross_entropy(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss(y, None::<&Tensor>, Reduction::None, -100, 0.0)?)
}

/// The logit of class `y`, shape (N).
pub(super) fn at(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok(logits.f_gather(1, &y.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?)
}

/// The largest logit of another class than `y`, shape (N).
pub(super) fn others(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    let hidden = logits.f_scatter_value(1, &y.f_unsqueeze(1)?, f64::NEG_INFINITY)?;
    Ok(hidden.f_max_dim(1, false)?.0)
}

fn largest(logits: &Tensor, count: i64) -> Result<Tensor> {
    let classes = logits.size().last().copied().unwrap_or(0);
    if classes < count {
        return Err(Error::usage(format!(
            "loss: dlr expected at least {count} classes, found {classes}"
        ))
        .at_key("loss")
        .hint("loss: \"margin\" needs two"));
    }
    Ok(logits.f_topk(count, 1, true, true)?.0)
}

/// The class that an attack of each image is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Any other.
    Untargeted,
    /// A wrong class drawn per image.
    Random,
    /// The wrong class of the k-th largest logit of the image as it is; 0 is the nearest.
    Rank(i64),
    /// The wrong class of the smallest logit of the image as it is.
    LeastLikely,
}

impl Goal {
    /// The option `target` of attackers.
    pub const PARAM: Param = Param::choice(
        "target",
        &["none", "random", "second", "least_likely"],
        "Class to reach: any other, one drawn per image, or the wrong one of largest or of \
         smallest logit.",
    );

    /// Reads [`Self::PARAM`].
    ///
    /// # Errors
    /// The entry lacks it.
    pub fn from_args(args: &Args) -> Result<Self> {
        Ok(match args.text(Self::PARAM.name)? {
            "random" => Self::Random,
            "second" => Self::Rank(0),
            "least_likely" => Self::LeastLikely,
            _ => Self::Untargeted,
        })
    }

    /// Forward passes that [`Self::classes`] needs.
    pub fn forwards(self) -> i64 {
        i64::from(self != Self::Untargeted)
    }

    /// The target of each image, i64 of shape (N), if there is one; one forward pass.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn classes(self, attack: &str, target: &Target<'_>) -> Result<Option<Tensor>> {
        if self == Self::Untargeted {
            return Ok(None);
        }
        let _guard = tch::no_grad_guard();
        Ok(Some(self.among(&target.logits(attack, target.x)?, target)?))
    }

    /// The targets by the logits of the images as they are.
    ///
    /// # Errors
    /// There is one class only.
    pub(super) fn among(self, logits: &Tensor, target: &Target<'_>) -> Result<Tensor> {
        let classes = logits.size().last().copied().unwrap_or(0);
        if classes < 2 {
            return Err(
                Error::usage("target: expected at least 2 classes, found 1").at_key("target")
            );
        }
        let y = target.y.f_unsqueeze(1)?;
        let hide = |with| logits.f_scatter_value(1, &y, with);
        Ok(match self {
            Self::LeastLikely => hide(f64::INFINITY)?.f_argmin(1, false)?,
            Self::Rank(rank) => {
                let order = hide(f64::NEG_INFINITY)?.f_argsort(1, true)?;
                order.f_select(1, rank.clamp(0, classes - 2))?
            }
            Self::Random | Self::Untargeted => {
                let draw = |id: &u64| {
                    let mut generator = target.stream.at(*id).at(2).generator();
                    1 + generator.below((classes - 1) as usize) as i64
                };
                let shifts: Vec<i64> = target.ids.iter().map(draw).collect();
                let shifts = Tensor::f_from_slice(&shifts)?.f_to_device(logits.device())?;
                target.y.f_add(&shifts)?.f_remainder(classes)?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits() -> (Tensor, Tensor) {
        let logits = [4.0f64, 1.0, 3.0, -1.0, 0.5, 2.0, 0.0, 6.0];
        (Tensor::from_slice(&logits).view([2, 4]), Tensor::from_slice(&[0i64, 1]))
    }

    fn values(found: Tensor) -> Vec<f64> {
        Vec::try_from(found).unwrap()
    }

    #[test]
    fn losses_are_those_of_their_formulas() {
        let (z, y) = logits();
        let to = Tensor::from_slice(&[1i64, 3]);
        assert_eq!(values(Loss::Margin.of(&z, &y, None).unwrap()), [-1.0, 4.0]);
        assert_eq!(values(Loss::Margin.of(&z, &y, Some(&to)).unwrap()), [-3.0, 4.0]);
        let dlr = values(Loss::Dlr.of(&z, &y, None).unwrap());
        assert!((dlr[0] + 1.0 / 3.0).abs() < 1e-9 && (dlr[1] - 4.0 / 5.5).abs() < 1e-9, "{dlr:?}");
        let dlr = values(Loss::Dlr.of(&z, &y, Some(&to)).unwrap());
        assert!((dlr[0] + 3.0 / 4.0).abs() < 1e-9 && (dlr[1] - 4.0 / 5.75).abs() < 1e-9, "{dlr:?}");
        let sum: f64 = [4.0f64, 1.0, 3.0, -1.0].into_iter().map(f64::exp).sum();
        let found = values(Loss::CrossEntropy.of(&z, &y, None).unwrap());
        assert!((found[0] - (sum.ln() - 4.0)).abs() < 1e-12);
        let found = values(Loss::CrossEntropy.of(&z, &y, Some(&to)).unwrap());
        assert!((found[0] - (1.0 - sum.ln())).abs() < 1e-12);
    }

    #[test]
    fn dlr_wants_three_classes() {
        let (z, y) = logits();
        let error = Loss::Dlr.of(&z.narrow(1, 0, 2), &y, None).err().unwrap();
        assert_eq!(error.to_string(), "loss: dlr expected at least 3 classes, found 2");
    }
}
