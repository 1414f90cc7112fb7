//! One step of a pipeline: what it does, to bytes or to numbers, and how it is written.

use super::frame::{Frame, Size};
use crate::error::{Error, Result};
use crate::registry::{self, Args, Kind, Param, Value};
use crate::seed::Stream;
use std::sync::Arc;

/// A step on bytes.
pub trait ByteStep: Send + Sync {
    /// The picture after the step. What is random is drawn from `stream` alone.
    ///
    /// # Errors
    /// Data: a picture that the step cannot work on.
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>>;
    /// The size after the step, where it is known.
    fn size(&self, input: Option<Size>) -> Option<Size> {
        input
    }
    /// Whether it draws.
    fn is_random(&self) -> bool {
        false
    }
}

/// An image as numbers, `[channels, height, width]`.
pub struct Planes<'a> {
    /// The numbers.
    pub values: &'a mut [f32],
    /// 1 or 3.
    pub channels: usize,
    /// Width and height.
    pub size: Size,
}

/// A step on numbers; it keeps the size.
pub trait FloatStep: Send + Sync {
    /// Changes the image in place. What is random is drawn from `stream` alone.
    ///
    /// # Errors
    /// Data: an image that the step cannot work on.
    fn apply(&self, image: &mut Planes<'_>, stream: Stream) -> Result<()>;
    /// Whether it draws.
    fn is_random(&self) -> bool {
        false
    }
    /// Whether numbers of [0,1] stay there.
    fn keeps_pixels(&self) -> bool {
        true
    }
}

/// What a step does.
#[derive(Clone)]
pub enum Action {
    /// To bytes.
    Bytes(Arc<dyn ByteStep>),
    /// To numbers.
    Floats(Arc<dyn FloatStep>),
}

/// A step with its name and its options.
#[derive(Clone)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The entry's name.
    pub name: &'static str,
    /// The step as a pipeline shows it: `resize(256, filter: bicubic)`.
    pub text: String,
}

impl Step {
    /// A step on bytes, as `args` ask for it.
    pub fn bytes(args: &Args, step: impl ByteStep + 'static) -> Self {
        Self::new(args, Action::Bytes(Arc::new(step)))
    }

    /// A step on numbers, as `args` ask for it.
    pub fn floats(args: &Args, step: impl FloatStep + 'static) -> Self {
        Self::new(args, Action::Floats(Arc::new(step)))
    }

    fn new(args: &Args, action: Action) -> Self {
        Self { action, name: args.spec().name, text: text(args) }
    }

    /// Whether it draws.
    pub fn is_random(&self) -> bool {
        match &self.action {
            Action::Bytes(step) => step.is_random(),
            Action::Floats(step) => step.is_random(),
        }
    }
}

/// A call as people read it: the first option unless another one takes its place, the others where
/// they are not the default.
pub(super) fn text(args: &Args) -> String {
    let spec = args.spec();
    let mut parts = Vec::new();
    let given = |param: &Param| !matches!(args.value(param.name), Ok(Value::Unit) | Err(_));
    let replaced =
        spec.params.iter().any(|param| param.default == registry::Default::Unset && given(param));
    for (place, param) in spec.params.iter().enumerate() {
        let Ok(value) = args.value(param.name) else { continue };
        let value = shown(value);
        if place == 0 && !value.is_empty() && !replaced {
            parts.push(value);
        } else if value != shown(&Value::from(param.default)) {
            parts.push(format!("{}: {value}", param.name));
        }
    }
    format!("{}({})", spec.name, parts.join(", "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Unit => String::new(),
        Value::Text(text) => text.clone(),
        Value::Floats(values) => format!("{values:?}"),
        Value::Ints(values) if values.len() > 2 && values.windows(2).all(|w| w[0] + 1 == w[1]) => {
            format!("{}..={}", values[0], values[values.len() - 1])
        }
        other => other.found(),
    }
}

/// The option `size` of a step: one side of a square, or height and width.
pub(super) const fn size_param(default: f64, doc: &'static str) -> Param {
    Param {
        name: "size",
        kind: Kind::Floats { min: 1.0, max: MOST_SIDE },
        default: registry::Default::Float(default),
        doc,
        label: false,
    }
}

/// The longest side that a step makes, in pixels.
pub(super) const MOST_SIDE: f64 = 4096.0;

/// The option `key`, one or two whole numbers of pixels.
///
/// # Errors
/// Usage: no whole numbers, or more than two.
pub(super) fn lengths(args: &Args, key: &str) -> Result<Vec<usize>> {
    let lengths = args.floats(key)?;
    let whole = lengths.iter().all(|length| length.fract() == 0.0);
    if !whole || !matches!(lengths.len(), 1 | 2) {
        return Err(Error::usage(format!(
            "{}: {key} expected a whole number or [height, width], found {}",
            args.spec().name,
            args.value(key)?.found()
        ))
        .at_key(key));
    }
    Ok(lengths.into_iter().map(|length| length as usize).collect())
}

/// The option `size` as width and height; one number is a square.
///
/// # Errors
/// Usage, as [`lengths`].
pub(super) fn box_size(args: &Args) -> Result<Size> {
    let lengths = lengths(args, "size")?;
    let height = lengths[0];
    Ok(Size::new(lengths.get(1).copied().unwrap_or(height), height))
}

/// The option `key` as a range: two numbers in order.
///
/// # Errors
/// Usage: another number of numbers, or the greater first.
pub(super) fn range(args: &Args, key: &str) -> Result<(f64, f64)> {
    match args.floats(key)?.as_slice() {
        &[low, high] if low <= high => Ok((low, high)),
        _ => Err(Error::usage(format!(
            "{}: {key} expected [lowest, highest], found {}",
            args.spec().name,
            args.value(key)?.found()
        ))
        .at_key(key)),
    }
}
