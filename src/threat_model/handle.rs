//! Threat models as scripts hold them: `threat_model::l2(0.5)`.

use super::{Norm, NormBall};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec, Value};
use std::any::Any;
use std::rc::Rc;

/// The functions that make threat models: one for each norm, named after it.
pub const THREAT_MODELS: &[Spec] = &[
    spec(
        "l2",
        "All images within an L2 distance. An attack takes it in the place of norm and eps.",
        Example {
            code: "attack::pgd(#{ threat_model: threat_model::l2(0.5) })",
            shows: "pgd: l2 eps 0.5",
        },
    ),
    spec(
        "linf",
        "All images in which no pixel differs by more than a distance. An attack takes it in the \
         place of norm and eps, and has the address that they give.",
        Example {
            code: "let ball = threat_model::linf(8.0 / 255.0);\n\
                   let pgd = attack::pgd(#{ norm: \"linf\", eps: 8.0 / 255.0 });\n\
                   attack::pgd(#{ threat_model: ball }).address == pgd.address",
            shows: "true",
        },
    ),
    spec(
        "l1",
        "All images within a sum of absolute differences. An attack takes it in the place of norm \
         and eps.",
        Example { code: "threat_model::l1(12).name", shows: "l1 eps 12" },
    ),
];

const RADIUS: Param = Param::input(
    NormBall::EPS.name,
    Kind::Float { min: 0.0, max: f64::INFINITY },
    "The radius in pixels of [0,1].",
);

const fn spec(name: &'static str, doc: &'static str, example: Example) -> Spec {
    Spec {
        name,
        home: Home::Namespace("threat_model"),
        doc,
        inputs: &[RADIUS],
        params: &[],
        returns: "threat_model",
        example,
        cite: "",
        version: 1,
    }
}

/// A norm and a radius in one value.
#[derive(Debug, Clone)]
pub struct ThreatModel {
    /// The images that an attacker may reach.
    pub ball: NormBall,
    lineage: Rc<Lineage>,
}

impl ThreatModel {
    /// The option of attacks that take one in the place of norm and eps. It is no part of the
    /// address: norm and eps are, as [`ThreatModel::written_out`] sets them.
    pub const PARAM: Param = Param {
        label: true,
        ..Param::optional(
            "threat_model",
            Kind::Handle("threat_model"),
            "A norm and a radius in one value, in the place of norm and eps.",
        )
    };

    /// The threat model that a call of one of [`THREAT_MODELS`] asks for.
    ///
    /// # Errors
    /// Internal: the entry has no eps.
    pub fn build(args: &Args) -> Result<Self> {
        let norm = Norm::named(args.spec().name);
        let ball = NormBall { norm, eps: args.float(NormBall::EPS.name)? };
        Ok(Self { ball, lineage: args.lineage(&[], &[]) })
    }

    /// The threat model that an attack's options hold, if any.
    fn given(args: &Args) -> Result<Option<Self>> {
        match args.spec().params.iter().any(|param| param.name == Self::PARAM.name) {
            true => args.optional_handle(Self::PARAM.name),
            false => Ok(None),
        }
    }

    /// `args` of an attack with the threat model that they hold, if any, as its norm and eps.
    ///
    /// # Errors
    /// Usage: norm or eps are given too; the attack has no such norm.
    pub fn written_out(args: &Args) -> Result<Args> {
        let Some(Self { ball, .. }) = Self::given(args)? else { return Ok(args.clone()) };
        let spec = args.spec();
        let option = |name: &str| spec.params.iter().find(|param| param.name == name);
        let (norm, eps) = (NormBall::NORM.name, NormBall::EPS.name);
        let beside = |name: &&str| option(name).is_some() && !args.is_defaulted(name);
        if let Some(other) = [norm, eps].into_iter().find(beside) {
            return Err(Error::usage(format!(
                "{}: expected threat_model or norm and eps, found threat_model and {other}",
                spec.name
            ))
            .at_key(other)
            .hint(format!("leave {other} out: the threat model says it")));
        }
        let args = args.with(eps, Value::Float(ball.eps))?;
        match option(norm).map(|param| param.kind) {
            Some(Kind::Choice(words)) if !words.contains(&ball.norm.name()) => {
                Err(refused(&args, &words.join(" or "), ball.norm))
            }
            Some(_) => args.with(norm, Value::Text(ball.norm.name().to_owned())),
            None => Ok(args),
        }
    }

    /// Refuses a threat model of another norm than `norm`, the one that the attack measures in.
    ///
    /// # Errors
    /// Usage.
    pub fn expect(args: &Args, norm: Norm) -> Result<()> {
        match Self::given(args)? {
            Some(given) if given.ball.norm != norm => {
                Err(refused(args, norm.name(), given.ball.norm))
            }
            _ => Ok(()),
        }
    }
}

fn refused(args: &Args, expected: &str, found: Norm) -> Error {
    let (attack, found) = (args.spec().name, found.name());
    Error::usage(format!("{attack}: threat_model expected {expected}, found {found}"))
        .at_key(ThreatModel::PARAM.name)
        .hint(format!("{attack} does not measure in {found}"))
}

impl Handle for ThreatModel {
    fn kind(&self) -> &'static str {
        "threat_model"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn summary(&self) -> String {
        format!("{} eps {}", self.ball.norm.name(), self.ball.eps)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
