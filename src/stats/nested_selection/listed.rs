//! The gains of nested selection as lists of numbers, for a script to go on with.

use super::gains::Gains;
use super::{ACROSS, SELECT};
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Home, Spec, Value};
use crate::stats::arms::{BASELINE, BY, METRIC, REPLICATES};
use crate::stats::records::Records;
use std::collections::BTreeMap;

/// `cells.nested_gains(options)`.
pub const NESTED_GAINS: Spec = Spec {
    name: "nested_gains",
    home: Home::Method("cells"),
    doc: "The gains that `stats::nested_selection` averages, one per replicate.\n\nFor tests that the \
          table does not make. Gives #{naive, nested, replicates}: lists of numbers, in the unit of \
          the metric, and the names of the replicates that they belong to; those that lack a cell are \
          left out.",
    inputs: &[],
    params: &[BASELINE, BY, SELECT, ACROSS, METRIC, REPLICATES],
    returns: "map",
    example: Example {
        code: "let cells = sweep::grid(#{ eps: [0, 1, 3], arch: [\"a\", \"b\"], seed: 0..2 }, |c| #{ \
               accuracy: if c.eps == 3 && c.arch == \"a\" { 0.5 } else { 0.5 + 0.125 * c.eps } });\n\
               let gains = cells.nested_gains(#{ by: \"eps\", baseline: \"0\", across: \"arch\" });\n\
               [gains.naive, gains.nested]",
        shows: "[[0.25, 0.25], [0.0625, 0.0625]]",
    },
    cite: "",
    version: 1,
};

/// The gains of `stats::nested_selection` at the only place that the other axes have.
///
/// # Errors
/// As of the table; usage where a further axis has levels to tell apart.
pub fn nested_gains(records: &Records, args: &Args) -> Result<Value> {
    let all = Gains::read(records, args)?;
    let places = records.places(&all.rest);
    let [place] = places.as_slice() else {
        let axes = all.rest.iter().map(|axis| records.axis_name(*axis));
        return Err(Error::usage(format!(
            "nested_gains: expected one level of every other axis, found {} of {}",
            places.len(),
            axes.collect::<Vec<_>>().join(" x ")
        ))
        .hint("stats::nested_selection has a row for each"));
    };
    let (mut naive, mut nested, mut replicates) = (Vec::new(), Vec::new(), Vec::new());
    for one in records.places(&[all.arms.replicate]).concat() {
        if let Some(gain) = all.of(place, one) {
            naive.push(gain.naive);
            nested.push(gain.nested);
            replicates.push(Value::Text(records.level_name(all.arms.replicate, one).to_owned()));
        }
    }
    Ok(Value::Map(BTreeMap::from([
        ("naive".to_owned(), Value::Floats(naive)),
        ("nested".to_owned(), Value::Floats(nested)),
        ("replicates".to_owned(), Value::List(replicates)),
    ])))
}
