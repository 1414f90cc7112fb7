//! Numbers as a line of bars that fits into text.

use super::bundle::Bundle;
use super::session::{Ended, Session};
use super::verbs::{Cells, ScriptPlot, ScriptTensor};
use crate::error::Error;
use crate::plot;
use crate::registry::{Args, Value};
use rhai::{Array, Dynamic, Map};
use std::rc::Rc;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The most bars of a line; more numbers are averaged.
const WIDEST: usize = 72;

/// The numbers as bars between their least and greatest, with these and the last; what is not
/// finite is a gap.
pub fn sparkline(numbers: &[f64]) -> String {
    let chunk = numbers.len().div_ceil(WIDEST).max(1);
    let means: Vec<f64> =
        numbers.chunks(chunk).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    let finite = || means.iter().copied().filter(|number| number.is_finite());
    let (low, high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return "no finite numbers".to_owned();
    }
    let bar = |number: f64| {
        if !number.is_finite() {
            return ' ';
        }
        let share = if high > low { (number - low) / (high - low) } else { 0.5 };
        BARS[((share * 7.0).round() as usize).min(7)]
    };
    let bars: String = means.iter().map(|number| bar(*number)).collect();
    let last = numbers.last().copied().unwrap_or(f64::NAN);
    format!("{bars}  min {low:.4} max {high:.4} last {last:.4} n {}", numbers.len())
}

impl Session {
    /// Evaluates `code` and shows its value as a picture: a list of numbers or of maps of numbers
    /// as lines of bars, cells, images and plots with their PNG.
    ///
    /// # Errors
    /// What fails in the code; a value of another kind.
    pub fn plot(&mut self, code: &str) -> Result<Ended, super::Diagnostic> {
        let value = self.value(code)?;
        let shown = self.picture(&value).map_err(|error| super::Diagnostic::plain(&error))?;
        Ok(Ended::Value(Some(shown)))
    }

    fn picture(&self, value: &Dynamic) -> crate::error::Result<Bundle> {
        if let Some(cells) = value.read_lock::<Cells>() {
            let entry = plot::find("bars")?;
            let handle = Value::Handle(Rc::new(cells.clone()));
            let args = Args::resolve(&entry.spec, vec![handle], Vec::new())?;
            let plot = ScriptPlot::new((entry.build)(&cells.records, &args)?);
            return Ok(Bundle::of(&self.engine, &Dynamic::from(plot)));
        }
        if let Some(tensor) = value.read_lock::<ScriptTensor>()
            && let Some(entry) = plot::PICTURES.first()
        {
            let signed = vec![("signed".to_owned(), Value::Bool(true))];
            let images = vec![Value::Handle(Rc::new(tensor.clone()))];
            let plot = (entry.build)(&Args::resolve(&entry.spec, images, signed)?)?;
            return Ok(Bundle::of(&self.engine, &Dynamic::from(ScriptPlot::new(plot))));
        }
        if value.is::<ScriptPlot>() {
            return Ok(Bundle::of(&self.engine, value));
        }
        let unfit = || {
            Error::usage(format!("plot: cannot draw a {}", self.kind(value)))
                .hint("a list of numbers, a list of maps such as r.curve, cells, images as a tensor, or a plot")
        };
        let list = value.read_lock::<Array>().ok_or_else(unfit)?;
        let numbers: Option<Vec<f64>> = list.iter().map(number).collect();
        if let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) {
            return Ok(Bundle::text(sparkline(&numbers)));
        }
        let first = list.first().and_then(|item| item.read_lock::<Map>()).ok_or_else(unfit)?;
        let mut lines = Vec::new();
        for key in first.keys() {
            let of_key = |item: &Dynamic| number(item.read_lock::<Map>()?.get(key)?);
            if let Some(numbers) = list.iter().map(of_key).collect::<Option<Vec<f64>>>() {
                lines.push(format!("{key:<10} {}", sparkline(&numbers)));
            }
        }
        if lines.is_empty() { Err(unfit()) } else { Ok(Bundle::text(lines.join("\n"))) }
    }
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|int| int as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_the_lowest_bar_and_the_greatest_the_highest() {
        let line = sparkline(&[0.0, 1.0, f64::NAN, 0.5]);
        assert!(line.starts_with("▁█ ▅"), "{line}");
        assert!(line.ends_with("min 0.0000 max 1.0000 last 0.5000 n 4"), "{line}");
        assert!(sparkline(&[2.0, 2.0]).starts_with("▅▅"));
        assert_eq!(sparkline(&[f64::NAN]), "no finite numbers");
    }

    #[test]
    fn many_numbers_are_averaged_into_one_line() {
        let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        let line = sparkline(&numbers);
        assert!(line.split("  ").next().unwrap().chars().count() <= WIDEST);
    }
}
