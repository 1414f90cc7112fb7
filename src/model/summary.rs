//! What a network consists of, as a table: `m.summary()`.

use super::ModelSpec;
use super::graph::shape::{self, Cost};
use crate::error::{Error, Result};
use crate::registry::{Example, Home, Spec};
use crate::table::{Column, Table};

/// `m.summary()`.
pub const SUMMARY: Spec = Spec {
    name: "summary",
    home: Home::Method("model"),
    doc: "A table of the model's stages with their parameters and FLOPs for one image. It also \
          tells how many blocks they have and what they give. A FLOP is a multiplication with its \
          addition in a convolution or a linear layer, as papers count; the blocks are those that \
          partial transfer counts.",
    inputs: &[],
    params: &[],
    returns: "table",
    example: Example {
        code: "let table = model::resnet8(#{ width: 4, size: 8 }).summary();\n\
               table.to_string().contains(\"5,142\")",
        shows: "true",
    },
    cite: "",
    version: 1,
};

/// The table of a model.
///
/// # Errors
/// Internal: the images are too small, which the constructor refuses.
pub fn summary(spec: &ModelSpec) -> Result<Table> {
    let architecture = &*spec.architecture;
    let graph = &architecture.graph;
    let costs = shape::costs(graph, architecture.size)
        .map_err(|_| Error::internal(format!("{}: the images are too small", architecture.name)))?;
    let columns = vec![
        Column::words("stage"),
        Column::numbers("blocks"),
        Column::words("gives"),
        Column::numbers("parameters"),
        Column::numbers("MFLOPs"),
    ];
    let mut table = Table::new(spec.summary(), columns);
    let mut rows: Vec<(&str, usize, Cost)> = Vec::new();
    for (block, cost) in graph.blocks().iter().zip(costs) {
        match rows.last_mut() {
            Some((stage, blocks, sum)) if *stage == block.stage => {
                *blocks += 1;
                *sum = sum.then(&cost);
            }
            _ => rows.push((&block.stage, 1, cost)),
        }
    }
    rows.push((architecture.head, 0, head(spec)));
    let nothing = Cost { parameters: 0, multiplications: 0, ..head(spec) };
    let total = rows.iter().fold(nothing, |sum, (_, _, cost)| sum.then(cost));
    // Three digits of the largest number suffice to compare stages.
    let decimals = if total.multiplications < 100_000_000 { 3 } else { 1 };
    rows.push(("total", 0, total));
    for (stage, blocks, cost) in rows {
        let shape::Shape { channels, size } = cost.shape;
        let gives = match (stage, size) {
            ("total", _) => String::new(),
            (_, 1) => channels.to_string(),
            _ => format!("{channels}x{size}x{size}"),
        };
        let millions = cost.multiplications as f64 / 1e6;
        table.rows.push(vec![
            stage.to_owned(),
            if blocks == 0 { String::new() } else { blocks.to_string() },
            gives,
            grouped(cost.parameters),
            format!("{millions:.decimals$}"),
        ]);
    }
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let normaliser = &architecture.normaliser;
    table.notes.push(format!(
        "pixels in [0,1] are normalised first: mean {}, std {}",
        list(&normaliser.mean),
        list(&normaliser.std)
    ));
    Ok(table)
}

/// What the linear layer on the features gives and costs.
fn head(spec: &ModelSpec) -> Cost {
    let head = spec.architecture.head(spec.classes);
    Cost {
        shape: shape::Shape { channels: spec.classes, size: 1 },
        parameters: head.parameters(),
        multiplications: head.multiplications(1),
    }
}

/// A number with a comma before every three digits.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

    #[test]
    fn resnet50_is_that_of_the_papers() {
        let table = summary(&spec("resnet50", &[])).unwrap();
        let text = table.to_string();
        assert_eq!(table.rows.last().unwrap()[3], "25,557,032");
        assert_eq!(table.rows.last().unwrap()[4], "4089.2");
        assert!(text.contains("layer3") && text.contains("1024x14x14"), "{text}");
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        let found = [0, 999, 1000, 25_557_032].map(grouped);
        assert_eq!(found, ["0", "999", "1,000", "25,557,032"]);
    }
}
