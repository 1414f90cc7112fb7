//! How features lie by class: separation, collapse, and how many directions they use.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tch::{Kind, Tensor};

/// Numbers that describe the features of labelled images. Classes without images do not count, and
/// all others count once, however many images they have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDiagnostics {
    /// 1 - (mean cosine distance of two images of a class) / (that of any two images), an image
    /// being paired with itself, too: 1 where classes are points, 0 where they do not differ
    /// (Kornblith et al. 2021, arXiv 2010.16402). None where all features point the same way;
    /// features that are zero have a cosine of 0 with everything.
    pub class_separation_r2: Option<f64>,
    /// tr(W pinv(B)) / C, with the covariance W within classes and B of the C means of classes: 0
    /// where classes are points (Papyan et al. 2020, arXiv 2008.08186). None where the means are
    /// equal.
    pub nc1: Option<f64>,
    /// exp of the entropy of the singular values of the centred features, divided by their sum:
    /// from 1 to the length of the features (Roy & Vetterli 2007). None where all images have the
    /// same features.
    pub effective_rank: Option<f64>,
    /// The number of images.
    pub images: usize,
    /// The number of classes that have images.
    pub classes: usize,
    /// The length of the features.
    pub length: usize,
}

impl FeatureDiagnostics {
    /// Of features `x` `[N, D]` of any float type, and the class of each image; in f64.
    ///
    /// # Errors
    /// Usage: images of fewer than two classes. Internal: other shapes.
    pub fn of(x: &Tensor, labels: &[i64]) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let (images, length) = match x.size().as_slice() {
            &[images, length] if images as usize == labels.len() => (labels.len(), length as usize),
            other => {
                return Err(Error::internal(format!(
                    "features: expected {} images, found {other:?}",
                    labels.len()
                )));
            }
        };
        let x = x.f_to_kind(Kind::Double)?;
        let groups = Groups::of(labels, &x)?;
        Ok(Self {
            class_separation_r2: class_separation_r2(&x, &groups)?,
            nc1: nc1(&x, &groups)?,
            effective_rank: effective_rank(&x)?,
            images,
            classes: groups.classes as usize,
            length,
        })
    }
}

/// Which images belong together.
struct Groups {
    classes: i64,
    /// The class of each image `[N]`, counted through those that have images.
    places: Tensor,
    /// The number of images of each class `[C, 1]`.
    counts: Tensor,
}

impl Groups {
    fn of(labels: &[i64], x: &Tensor) -> Result<Self> {
        let known: Vec<i64> = labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if known.len() < 2 {
            let found = known.len();
            return Err(Error::usage(format!(
                "expected images of at least two classes, found {found}"
            )));
        }
        let place = |label: &i64| known.partition_point(|other| other < label) as i64;
        let places: Vec<i64> = labels.iter().map(place).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(x.device())?;
        let classes = known.len() as i64;
        let ones = x.f_ones_like()?.f_narrow(1, 0, 1)?;
        let counts = x.f_new_zeros([classes, 1], (x.kind(), x.device()))?;
        let counts = counts.f_index_add(0, &places, &ones)?;
        Ok(Self { classes, places, counts })
    }

    /// The mean of each class `[C, D]`.
    fn means(&self, x: &Tensor) -> Result<Tensor> {
        let sums = x.f_new_zeros([self.classes, x.size()[1]], (x.kind(), x.device()))?;
        Ok(sums.f_index_add(0, &self.places, x)?.f_div(&self.counts)?)
    }

    /// What an image has of its class.
    fn of_images(&self, values: &Tensor) -> Result<Tensor> {
        Ok(values.f_index_select(0, &self.places)?)
    }
}

/// The mean of all pairs of two sets of unit vectors is the product of the sets' means, so that no
/// pair has to be formed.
fn class_separation_r2(x: &Tensor, groups: &Groups) -> Result<Option<f64>> {
    let lengths = x.f_norm_scalaropt_dim(2, [1i64].as_slice(), true)?;
    let means = groups.means(&x.f_div(&lengths.f_clamp_min(f64::MIN_POSITIVE)?)?)?;
    let squares = means.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?;
    let within = 1.0 - squares / groups.classes as f64;
    let overall = 1.0 - norm(&mean(&means)?)?.powi(2);
    // Rounding alone leaves some 1e-16 of distance.
    Ok((overall > 1e-12).then(|| 1.0 - within / overall))
}

/// W is only wanted in the few directions in which B is not zero, so that neither matrix has to be
/// formed.
fn nc1(x: &Tensor, groups: &Groups) -> Result<Option<f64>> {
    let means = groups.means(x)?;
    let (_, values, directions) = means.f_sub(&mean(&means)?)?.f_svd(true, true)?;
    let kept = above_rounding(&values, &means)?;
    if kept == 0 {
        return Ok(None);
    }
    let scaled = directions.f_narrow(1, 0, kept)?.f_div(&values.f_narrow(0, 0, kept)?)?;
    let apart = x.f_sub(&groups.of_images(&means)?)?.f_matmul(&scaled)?;
    let shares = apart.f_square()?.f_div(&groups.of_images(&groups.counts)?)?;
    Ok(Some(shares.f_sum(Kind::Double)?.f_double_value(&[])? / groups.classes as f64))
}

fn effective_rank(x: &Tensor) -> Result<Option<f64>> {
    let centred = x.f_sub(&mean(x)?)?;
    // The triangular factor has the same singular values, and is small.
    let (_, factor) = Tensor::f_linalg_qr(&centred, "r")?;
    let (_, values, _) = factor.f_svd(true, false)?;
    let kept = above_rounding(&values, x)?;
    if kept == 0 {
        return Ok(None);
    }
    let values = values.f_narrow(0, 0, kept)?;
    let shares = values.f_div(&values.f_sum(Kind::Double)?)?;
    let entropy = shares.f_mul(&shares.f_log()?)?.f_sum(Kind::Double)?.f_double_value(&[])?;
    Ok(Some((-entropy).exp()))
}

/// How many singular values, from the greatest on, are more than what rounding leaves of a matrix
/// like `of` from which a mean was subtracted.
fn above_rounding(values: &Tensor, of: &Tensor) -> Result<i64> {
    let longer = of.size().into_iter().max().unwrap_or(0);
    let least = longer as f64 * f64::EPSILON * norm(of)?;
    Ok(values.f_gt(least)?.f_sum(Kind::Int64)?.f_int64_value(&[])?)
}

/// The mean of the rows `[1, D]`.
fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_mean_dim(Some([0i64].as_slice()), true, Kind::Double)?)
}

fn norm(x: &Tensor) -> Result<f64> {
    Ok(x.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use tch::Device;

    fn near(found: Option<f64>, expected: f64, what: &str) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-9, "{what}: expected {expected}, found {found}");
    }

    /// `images` of every class, which lie at the rows of `means`.
    fn collapsed(means: &Tensor, images: i64) -> (Tensor, Vec<i64>) {
        let places = Tensor::arange(means.size()[0] * images, (Kind::Int64, Device::Cpu));
        let places = places.remainder(means.size()[0]);
        (means.index_select(0, &places), Vec::try_from(&places).unwrap())
    }

    fn drawn(images: i64, length: i64) -> Tensor {
        let mut generator = Stream::new(3, "features").generator();
        let numbers: Vec<f32> = (0..images * length).map(|_| generator.normal()).collect();
        Tensor::from_slice(&numbers).view([images, length])
    }

    #[test]
    fn classes_that_are_points_are_separate_and_collapsed() {
        let (x, y) = collapsed(&Tensor::eye(6, (Kind::Float, Device::Cpu)).narrow(0, 0, 4), 5);
        let found = FeatureDiagnostics::of(&x, &y).unwrap();
        near(found.class_separation_r2, 1.0, "R2");
        near(found.nc1, 0.0, "NC1");
        // The means form a simplex, whose C - 1 directions are equal.
        near(found.effective_rank, 3.0, "effective rank");
        assert_eq!((found.images, found.classes, found.length), (20, 4, 6));
    }

    #[test]
    fn numbers_on_a_line_have_the_closed_form() {
        let x = Tensor::from_slice(&[1.0, 3.0, -1.0, -3.0]).view([4, 1]);
        let found = FeatureDiagnostics::of(&x, &[7, 7, 2, 2]).unwrap();
        near(found.class_separation_r2, 1.0, "R2");
        // Means at 2 and -2 (variance 4), variance 1 within.
        near(found.nc1, 1.0 / 4.0 / 2.0, "NC1");
        near(found.effective_rank, 1.0, "effective rank");
    }

    #[test]
    fn classes_that_do_not_differ_have_no_separation() {
        let x = drawn(10, 5).repeat([2, 1]);
        let y: Vec<i64> = (0..20).map(|image| image / 10).collect();
        let found = FeatureDiagnostics::of(&x, &y).unwrap();
        near(found.class_separation_r2, 0.0, "R2");
        assert_eq!(found.nc1, None);
    }

    #[test]
    fn directions_and_scale_do_not_matter() {
        let (x, y) =
            (drawn(40, 6).to_kind(Kind::Double), (0..40).map(|i| i % 3).collect::<Vec<_>>());
        let found = FeatureDiagnostics::of(&x, &y).unwrap();
        let (turn, _) = Tensor::linalg_qr(&drawn(6, 6).to_kind(Kind::Double), "reduced");
        let turned = FeatureDiagnostics::of(&(x.matmul(&turn) * 8.0), &y).unwrap();
        near(turned.class_separation_r2, found.class_separation_r2.unwrap(), "R2");
        near(turned.nc1, found.nc1.unwrap(), "NC1");
        near(turned.effective_rank, found.effective_rank.unwrap(), "effective rank");
    }

    #[test]
    fn what_is_not_defined_is_nothing_and_one_class_is_refused() {
        let same = Tensor::full([6, 3], 0.1, (Kind::Float, Device::Cpu));
        let found = FeatureDiagnostics::of(&same, &[0, 0, 0, 1, 1, 2]).unwrap();
        assert_eq!(
            (found.class_separation_r2, found.nc1, found.effective_rank),
            (None, None, None)
        );
        let zero = same.zeros_like();
        let found = FeatureDiagnostics::of(&zero, &[0, 0, 0, 1, 1, 2]).unwrap();
        near(found.class_separation_r2, 0.0, "features that are zero");
        let error = FeatureDiagnostics::of(&same, &[1; 6]).unwrap_err().to_string();
        assert_eq!(error, "expected images of at least two classes, found 1");
    }
}
