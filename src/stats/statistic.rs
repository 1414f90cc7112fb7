//! Statistics of lists and of cells: what they take, and the named values that they give.

use super::records::Records;
use crate::error::{Error, Result};
use crate::registry::{Args, Kind, Param, Value};
use crate::table::Table;
use std::collections::BTreeMap;

/// Computes a statistic of lists of numbers.
pub type Statistic = fn(&Args) -> Result<Value>;

/// Tabulates a statistic of the cells of a sweep.
pub type Tabulate = fn(&Records, &Args) -> Result<Table>;

/// Named values, built one after another.
#[derive(Debug, Default)]
pub struct Finding(BTreeMap<String, Value>);

impl Finding {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number; one that is not finite, and none, is nothing.
    #[must_use]
    pub fn number(mut self, name: &str, number: impl Into<Option<f64>>) -> Self {
        let number = number.into().filter(|number| number.is_finite());
        self.0.insert(name.to_owned(), number.map_or(Value::Unit, Value::Float));
        self
    }

    /// Adds a count.
    #[must_use]
    pub fn count(mut self, name: &str, count: usize) -> Self {
        self.0.insert(name.to_owned(), Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), Value::Text(text.into()));
        self
    }

    /// Adds a truth value.
    #[must_use]
    pub fn truth(mut self, name: &str, truth: bool) -> Self {
        self.0.insert(name.to_owned(), Value::Bool(truth));
        self
    }
}

impl From<Finding> for Value {
    fn from(finding: Finding) -> Self {
        Self::Map(finding.0)
    }
}

/// Any finite numbers.
pub(super) const NUMBERS: Kind = Kind::Floats { min: f64::NEG_INFINITY, max: f64::INFINITY };

/// The values of a paired statistic.
pub(super) const PAIRED: [Param; 2] = [
    Param::input("values", NUMBERS, "Differences, or one value per pair if `baseline` is given."),
    Param::optional("baseline", NUMBERS, "The other value of each pair, which is subtracted."),
];

/// The coverage of an interval.
pub(super) const LEVEL: Param =
    Param::float("level", 0.95, 0.5, "Coverage of the interval.").up_to(0.9999);

/// Reads [`PAIRED`]: value minus baseline, pair by pair.
///
/// # Errors
/// Usage: lists of different lengths, no values.
pub(super) fn differences(args: &Args) -> Result<Vec<f64>> {
    let values = args.floats("values")?;
    if values.is_empty() {
        return Err(too_few(args, "values", 1, 0));
    }
    match args.value("baseline")? {
        Value::Unit => Ok(values),
        _ => {
            let baseline = args.floats("baseline")?;
            same_length(args, ("values", &values), ("baseline", &baseline))?;
            Ok(values.iter().zip(&baseline).map(|(value, base)| value - base).collect())
        }
    }
}

/// Of the greatest number of [`PAIRED`], what is below this is rounding: decimals such as 0.1 are no
/// binary fractions, and their differences are off by some 1e-16 of them.
const ROUNDING: f64 = 1e-9;

/// How near differences of [`PAIRED`] must be to count as equal, and to zero to count as none.
///
/// # Errors
/// Internal only.
pub(super) fn tolerance(args: &Args) -> Result<f64> {
    let mut numbers = args.floats("values")?;
    if !matches!(args.value("baseline")?, Value::Unit) {
        numbers.extend(args.floats("baseline")?);
    }
    Ok(ROUNDING * numbers.iter().fold(0.0, |greatest: f64, number| greatest.max(number.abs())))
}

/// Checks that two lists can be paired.
///
/// # Errors
/// Usage: different lengths.
pub(super) fn same_length(args: &Args, a: (&str, &[f64]), b: (&str, &[f64])) -> Result<()> {
    if a.1.len() == b.1.len() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{}: expected as many {} as {}, found {} and {}",
        args.spec().name,
        b.0,
        a.0,
        b.1.len(),
        a.1.len()
    ))
    .at_key(b.0))
}

/// The error of a list that is too short.
pub(super) fn too_few(args: &Args, key: &str, least: usize, found: usize) -> Error {
    let name = args.spec().name;
    Error::usage(format!("{name}: expected at least {least} {key}, found {found}")).at_key(key)
}

/// What a reader must know of a p-value that so few pairs cannot bring below 0.05; empty where they
/// can.
pub(super) fn unreachable(pairs: usize, smallest: f64) -> String {
    if smallest < 0.05 {
        return String::new();
    }
    let plural = if pairs == 1 { "" } else { "s" };
    format!("p < 0.05 is unreachable with {pairs} pair{plural} (smallest possible {smallest})")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::registry::{Default, Entry, Spec};
    use crate::stats::STATISTICS;

    /// Calls a statistic with lists of numbers and options.
    pub(in crate::stats) fn call(
        entry: &'static Entry<Statistic>,
        lists: &[&[f64]],
        options: &[(&str, Value)],
    ) -> Result<BTreeMap<String, Value>> {
        let inputs = lists.iter().map(|list| Value::Floats(list.to_vec())).collect();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&entry.spec, inputs, options.collect())?;
        match (entry.build)(&args)? {
            Value::Map(found) => Ok(found),
            other => Ok(BTreeMap::from([("value".to_owned(), other)])),
        }
    }

    /// One number of what a statistic found.
    pub(in crate::stats) fn number(found: &BTreeMap<String, Value>, name: &str) -> f64 {
        match &found[name] {
            Value::Float(number) => *number,
            Value::Int(number) => *number as f64,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Inputs of a statistic: lists of `count` numbers that differ from each other.
    fn inputs(spec: &Spec, count: usize) -> Vec<Value> {
        let list = |shift: usize| -> Vec<f64> {
            (0..count).map(|i| [0.2, 0.9, 0.4, 0.6, 0.7, 0.1, 1.0, 0.0][(i + shift) % 8]).collect()
        };
        let input = |(place, input): (usize, &Param)| match input.kind {
            Kind::Floats { .. } => Value::Floats(list(3 * place)),
            _ => Value::Float(0.5),
        };
        spec.inputs.iter().enumerate().map(input).collect()
    }

    /// The options that must be given.
    fn required(spec: &Spec) -> Vec<(String, Value)> {
        let required = spec.params.iter().filter(|param| param.default == Default::Required);
        let value = |param: &Param| match param.kind {
            Kind::Int { .. } => Value::Int(3),
            _ => Value::Float(0.5),
        };
        required.map(|param| (param.name.to_owned(), value(param))).collect()
    }

    fn build(entry: &'static Entry<Statistic>, inputs: Vec<Value>) -> Result<Value> {
        (entry.build)(&Args::resolve(&entry.spec, inputs, required(&entry.spec))?)
    }

    #[test]
    fn the_documentation_of_each_statistic_names_all_that_it_gives() {
        for entry in STATISTICS.iter().filter(|entry| entry.spec.returns == "map") {
            let Value::Map(found) = build(entry, inputs(&entry.spec, 8)).unwrap() else {
                panic!("{}: no map", entry.spec.name);
            };
            let doc = entry.spec.doc;
            let named = doc.split_once("#{").and_then(|(_, rest)| rest.split_once('}'));
            let mut named: Vec<&str> = named.unwrap().0.split(", ").collect();
            named.sort_unstable();
            let given: Vec<&str> = found.keys().map(String::as_str).collect();
            assert_eq!(given, named, "{}", entry.spec.name);
        }
    }

    #[test]
    fn lists_that_do_not_pair_and_empty_lists_are_refused() {
        for entry in STATISTICS.iter().filter(|entry| entry.spec.returns == "map") {
            let name = entry.spec.name;
            let mut given = inputs(&entry.spec, 8);
            let mut empty = Vec::new();
            let mut lists = 0;
            for value in &mut given {
                let is_list = matches!(value, Value::Floats(_));
                empty.push(if is_list { Value::Floats(Vec::new()) } else { value.clone() });
                lists += usize::from(is_list);
            }
            if lists == 0 {
                continue;
            }
            let error = build(entry, empty).unwrap_err().to_string();
            assert!(error.contains("at least"), "{name}: {error}");
            if let Some(Value::Floats(second)) = given.get_mut(1) {
                second.pop();
                let error = build(entry, given).unwrap_err().to_string();
                assert!(error.contains("as many"), "{name}: {error}");
            }
        }
    }
}
