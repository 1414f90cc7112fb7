//! Fixed-feature transfer: a linear classifier on frozen features.

use super::factors::Factors;
use super::features::{Extraction, View, labels};
use super::logistic::{self, Descent, Fit, Options, Problem};
use super::{Build, Method, Transferred};
use crate::context::{Context, Interrupt};
use crate::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::metric::{Answers, Correctness};
use crate::model::{Model, Precision};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::Tensor;

struct FixedFeature {
    solver: Solver,
    /// Random views of each training image, beside the plain one.
    views: u64,
    factors: Factors,
    precision: Precision,
}

#[derive(Clone, Copy)]
enum Solver {
    Lbfgs,
    Sgd(Descent),
}

impl Method for FixedFeature {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        _: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let _guard = tch::no_grad_guard();
        let target = self.target(target)?;
        let extraction = Extraction::new(context, model, &target, self.factors, self.precision);
        let (x, y) = self.seen(&extraction, &target.train, seed)?;
        let (x_val, y_val) = (extraction.of(&target.val, None)?, labels(&target.val)?);
        let (x_test, y_test) = (extraction.of(&target.test, None)?, labels(&target.test)?);
        let scale = Scale::of(&x)?;
        let (x, x_val, x_test) = (scale.apply(&x)?, scale.apply(&x_val)?, scale.apply(&x_test)?);
        let classes = target.classes();
        let solver = self.solver.seeded(seed);
        let best = solver.select((&x, &y), (&x_val, &y_val), classes, &context.interrupt)?;

        let (mut all_x, mut all_y) = (vec![x], vec![y]);
        if target.refits_on_val() {
            let (x, y) = self.seen(&extraction, &target.val, seed)?;
            all_x.push(scale.apply(&x)?);
            all_y.push(y);
        }
        let (all_x, all_y) = (Tensor::f_cat(&all_x, 0)?, Tensor::f_cat(&all_y, 0)?);
        let lambdas = logistic::grid(all_y.numel());
        let lambda = lambdas[best];
        let refit = solver.fit((&all_x, &all_y), classes, &[lambda], &context.interrupt)?;
        let refit = refit.first().ok_or_else(|| Error::internal("fixed_feature: no refit"))?;
        let mut answers = Answers::new(target.test.metric());
        answers.extend(&logistic::logits(refit, &x_test)?, &y_test)?;
        let mut notes = Vec::new();
        if best == 0 || best + 1 == lambdas.len() {
            notes.push("lambda lies at the edge of its grid".to_owned());
        }
        if !refit.converged {
            notes.push("the solver stopped before its gradient vanished".to_owned());
        }
        let selected = BTreeMap::from([("lambda".to_owned(), lambda)]);
        Ok(Transferred { answers, selected, notes })
    }
}

impl FixedFeature {
    /// The target as views are drawn of it.
    ///
    /// # Errors
    /// Usage: views are asked for of a dataset that has none, or two kinds of them.
    fn target(&self, target: &Dataset) -> Result<Dataset> {
        let own = target.has_train_transform();
        if self.views > 0 && !own && !self.factors.random_crops {
            return Err(Error::usage(format!(
                "fixed_feature: views expected crop \"random\" or a dataset with a \
                 train_transform, found {}",
                target.name()
            ))
            .at_key("views")
            .hint("crop: \"random\", or leave views out"));
        }
        self.factors.target(target).map_err(|error| match own {
            true => error.hint("crop: \"plain\", views: 4 keeps features of 4 draws of it"),
            false => error,
        })
    }

    /// Features and labels of all that training sees of a split.
    fn seen(&self, extraction: &Extraction, split: &Split, seed: i64) -> Result<(Tensor, Tensor)> {
        let mut x = vec![extraction.of(split, None)?];
        for number in 0..self.views {
            x.push(extraction.of(split, Some(View { number, seed }))?);
        }
        let y = labels(split)?.f_repeat([x.len() as i64])?;
        Ok((Tensor::f_cat(&x, 0)?, y))
    }
}

impl Solver {
    /// With the seed of the transfer.
    fn seeded(self, seed: i64) -> Self {
        match self {
            Self::Lbfgs => self,
            Self::Sgd(descent) => Self::Sgd(Descent { seed, ..descent }),
        }
    }

    /// The index of the lambda that [`most_accurate`] takes.
    fn select(
        self,
        (x, y): (&Tensor, &Tensor),
        val: (&Tensor, &Tensor),
        classes: i64,
        interrupt: &Interrupt,
    ) -> Result<usize> {
        let fits = self.fit((x, y), classes, &logistic::grid(y.numel()), interrupt)?;
        most_accurate(&fits, val)
    }

    fn fit(
        self,
        (x, y): (&Tensor, &Tensor),
        classes: i64,
        lambdas: &[f64],
        interrupt: &Interrupt,
    ) -> Result<Vec<Fit>> {
        let problem = Problem { x, y, classes };
        let fits = match self {
            Self::Lbfgs => logistic::fit(problem, lambdas, Options::default(), interrupt),
            Self::Sgd(descent) => logistic::descend(problem, lambdas, descent, interrupt),
        };
        fits.map_err(|error| error.within("fixed_feature"))
    }
}

/// The index of the fit with the best validation accuracy; of equals the one that penalises most.
///
/// # Errors
/// Data: features of another number.
pub fn most_accurate(fits: &[Fit], (x_val, y_val): (&Tensor, &Tensor)) -> Result<usize> {
    let (mut best, mut highest) = (0, -1.0);
    for (index, fit) in fits.iter().enumerate() {
        let mut correct = Correctness::default();
        correct.extend(&logistic::logits(fit, x_val)?, y_val)?;
        if correct.accuracy() >= highest {
            (best, highest) = (index, correct.accuracy());
        }
    }
    Ok(best)
}

/// Mean and standard deviation of each feature over the target's training images.
pub struct Scale {
    mean: Tensor,
    deviation: Tensor,
}

impl Scale {
    /// Of features [N, D].
    ///
    /// # Errors
    /// Memory is short.
    pub fn of(x: &Tensor) -> Result<Self> {
        let mean = x.f_mean_dim(Some([0i64].as_slice()), true, tch::Kind::Float)?;
        let deviation = x.f_std_dim(Some([0i64].as_slice()), false, true)?;
        // A feature that does not vary is only centred, as by scikit-learn's StandardScaler: other
        // images may well have it.
        let rounding = mean.f_abs()?.f_mul_scalar(1e-6)?.f_clamp_min(1e-12)?;
        let constant = deviation.f_le_tensor(&rounding)?;
        let deviation = deviation.f_masked_fill(&constant, 1.0)?;
        Ok(Self { mean, deviation })
    }

    /// Features z-scored by it.
    ///
    /// # Errors
    /// Another number of features.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_sub(&self.mean)?.f_div(&self.deviation)?)
    }
}

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    let solver = match args.text("solver")? {
        "sgd" => Solver::Sgd(Descent {
            epochs: args.int("epochs")?,
            batch_size: args.int("batch_size")?,
            lr: args.float("lr")?,
            seed: 0,
        }),
        _ => Solver::Lbfgs,
    };
    for key in ["epochs", "batch_size", "lr"] {
        if matches!(solver, Solver::Lbfgs) && !args.is_defaulted(key) {
            return Err(Error::usage(format!("fixed_feature: {key} belongs to solver \"sgd\""))
                .at_key(key)
                .hint(format!("solver: \"sgd\", or leave {key} out")));
        }
    }
    let factors = Factors::read(args)?;
    let views = match (args.optional_int("views")?, factors.random_crops) {
        (None, true) => 4,
        (None, false) => 0,
        (Some(views), _) => views,
    };
    let precision = Precision::of(args)?;
    Ok(Rc::new(FixedFeature { solver, views: views as u64, factors, precision }))
}

const PARAMS: [Param; 9] = {
    let [batch_norm, crop, normaliser] = Factors::EVAL;
    [
        Param::choice("solver", &["lbfgs", "sgd"], "What minimises the loss of the head."),
        Param::int("epochs", 100, 1, "Passes of \"sgd\" over the features."),
        Param::int("batch_size", 256, 2, "Features per update of \"sgd\"."),
        Param::float(
            "lr",
            0.5,
            0.0,
            "Peak step of \"sgd\", in units of one over the largest curvature of the loss.",
        ),
        Param::optional(
            "views",
            Kind::Int { min: 1, max: 1000 },
            "Random views of each training image beside the image itself, whose features are kept: with \
             crop \"random\" such crops (4 if left out), else draws of the dataset's train_transform.",
        ),
        batch_norm,
        crop,
        normaliser,
        Precision::PARAM,
    ]
};

/// `transfer::fixed_feature`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fixed_feature",
        home: Home::Namespace("transfer"),
        doc: "Multinomial logistic regression on the features of the frozen network. The network \
              is in eval mode with its batch norms folded; its features are z-scored on \
              target.train. The L2 penalty lambda, which spares the bias, is chosen on target.val \
              from 45 values (log-spaced from 1e-6 to 1e5 of the summed loss); the head is then \
              refitted on train and val together (on few-shot data on train alone) and measured once on \
              target.test. A lambda at the \
              edge of the grid is noted. With batch_norm \"adapt\" the network first gets the \
              running statistics of target.train, as by `bn_recalibrate`. With precision \"bf16\" the \
              network computes features so; they are kept, and the head is fitted, as in f32. Solver \"sgd\" minimises \
              the same loss by steps with momentum 0.9 that end as a half cosine, for all lambdas \
              at once; solver \"lbfgs\" finds its minimum.",
        inputs: &[],
        params: &PARAMS,
        returns: "protocol",
        example: Example { code: "transfer::fixed_feature().name", shows: "fixed_feature" },
        cite: "Kornblith et al. 2019, arXiv 1805.08974, appendix A.1",
        version: 3,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::super::factors::Behind;
    use super::*;
    use crate::dataset::laws::{built_named, context};
    use crate::model::Statistics;
    use crate::model::tests::spec;
    use crate::registry::Value;
    use crate::transform::{TRANSFORMS, Transform};
    use tch::Kind as Type;

    fn transform(name: &str, options: &[(&str, Value)]) -> Value {
        let entry = TRANSFORMS.iter().find(|entry| entry.spec.name == name).unwrap();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap();
        Value::Handle(Rc::new(Transform::build(entry, &args).unwrap()))
    }

    #[test]
    fn a_feature_that_does_not_vary_in_training_is_only_centred() {
        let x = Tensor::from_slice2(&[[0.0f32, 2.0], [0.0, 4.0], [0.0, 6.0]]);
        let other = Tensor::from_slice2(&[[3.0f32, 4.0]]);
        let scaled = Scale::of(&x).unwrap().apply(&other).unwrap();
        assert_eq!(scaled, Tensor::from_slice2(&[[3.0f32, 0.0]]));
    }

    #[test]
    fn views_are_draws_of_the_datasets_own_train_transform() {
        let (context, _folder) = context(None);
        let options = [("width", 4), ("size", 8), ("channels", 1)];
        let model =
            Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))));
        let padded = [("size", Value::Int(8)), ("padding", Value::Int(2))];
        let own =
            [("limit", Value::Int(40)), ("train_transform", transform("random_crop", &padded))];
        let (own, plain) =
            (built_named("digits", &own).unwrap(), built_named("digits", &own[..1]).unwrap());
        let of = |crop: &str, views: i64| FixedFeature {
            solver: Solver::Lbfgs,
            views: views as u64,
            factors: Factors {
                statistics: Statistics::Running,
                random_crops: crop == "random",
                normaliser: Behind::Source,
            },
            precision: Precision::F32,
        };
        let seen = |method: &FixedFeature, target: &Dataset| -> Result<Tensor> {
            let target = method.target(target)?;
            let extraction =
                Extraction::new(&context, &model, &target, method.factors, method.precision);
            Ok(method.seen(&extraction, &target.train, 0)?.0)
        };
        let alone = seen(&of("plain", 0), &own).unwrap();
        let count = alone.size()[0];
        let with_views = seen(&of("plain", 2), &own).unwrap();
        assert_eq!(with_views.size()[0], 3 * count);
        let part = |place: i64| with_views.narrow(0, place * count, count);
        assert_eq!(part(0), alone);
        assert!(part(1) != alone && part(1) != part(2));
        // Features without views know nothing of the transform.
        assert_eq!(seen(&of("plain", 0), &plain).unwrap(), alone);
        let refused = |crop, target| seen(&of(crop, 2), target).unwrap_err();
        assert_eq!(refused("plain", &plain).key(), Some("views"));
        let twice = refused("random", &own);
        assert_eq!((twice.key(), twice.hints().len()), (Some("crop"), 2));
    }

    /// Features of photographs of ten classes that a trained network never saw, in two sizes of the
    /// training set: one that a linear head cannot separate, and one that it can.
    #[test]
    fn the_whole_grid_on_real_features_equals_scikit_learns() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parity/logistic_features.safetensors");
        let fixture: BTreeMap<_, _> = Tensor::read_safetensors(path).unwrap().into_iter().collect();
        let at = |name: &str| fixture[name].shallow_clone();
        let (x, y, y_test) = (at("train.x"), at("train.y"), at("test.y"));
        for (name, each) in [("whole", 60), ("few", 10)] {
            let number = Tensor::arange(y.size()[0], (Type::Int64, tch::Device::Cpu));
            let chosen = number.remainder(60).lt(each).nonzero().view([-1]);
            let (x, y) = (x.index_select(0, &chosen), y.index_select(0, &chosen));
            let scale = Scale::of(&x).unwrap();
            let (x, x_test) = (scale.apply(&x).unwrap(), scale.apply(&at("test.x")).unwrap());
            let lambdas = logistic::grid(y.numel());
            let fits = Solver::Lbfgs.fit((&x, &y), 10, &lambdas, &Interrupt::default()).unwrap();
            let losses = Vec::<f64>::try_from(at(&format!("{name}.loss"))).unwrap();
            let right = at(&format!("{name}.predictions")).eq_tensor(&y_test);
            let right = Vec::<i64>::try_from(right.sum_dim_intlist(1, false, Type::Int64)).unwrap();
            assert_eq!((fits.len(), losses.len(), right.len()), (45, 45, 45));
            for ((fit, loss), right) in fits.iter().zip(losses).zip(right) {
                assert!(fit.converged, "{name}: stopped at {:e}", fit.lambda);
                let off = (fit.loss - loss).abs() / loss;
                assert!(off < 1e-5, "{name}: loss differs by {off:e} at {:e}", fit.lambda);
                let ours = logistic::logits(fit, &x_test).unwrap().argmax(1, false);
                let ours = ours.eq_tensor(&y_test).sum(Type::Int64).int64_value(&[]);
                assert!(
                    (ours - right).abs() <= 1,
                    "{name}: {ours} right, {right} at {:e}",
                    fit.lambda
                );
            }
        }
    }
}
