//! What a dataset consists of, as a table: `data.describe()`.

use super::facts::UNCHANGED;
use super::split::{Dataset, Split};
use super::storage::Storage;
use crate::error::Result;
use crate::registry::{Example, Handle, Home, Spec};
use crate::table::{Column, Table};

/// `data.describe()`.
pub const DESCRIBE: Spec = Spec {
    name: "describe",
    home: Home::Method("dataset"),
    doc: "A table of the splits: images, classes, stored sizes, and the smallest and the largest \
          class. Notes tell the classes, the metric, and where counts are not the official ones.",
    inputs: &[],
    params: &[],
    returns: "table",
    example: Example {
        code: "dataset::digits().describe().to_string().contains(\"8x8\")",
        shows: "true",
    },
    cite: "",
    version: 1,
};

/// How many images of a split are looked at for their sizes.
const LOOKED_AT: usize = 32;
/// How many classes are named.
const NAMED: usize = 12;

/// The table of a dataset.
///
/// # Errors
/// Data: a damaged image among those that are looked at.
pub fn describe(data: &Dataset) -> Result<Table> {
    let columns = vec![
        Column::words("split"),
        Column::numbers("images"),
        Column::numbers("classes"),
        Column::words("sizes"),
        Column::numbers("smallest class"),
        Column::numbers("largest class"),
    ];
    let mut table = Table::new(data.summary(), columns);
    for (name, split) in [("train", &data.train), ("val", &data.val), ("test", &data.test)] {
        let mut counts = vec![0_usize; split.classes() as usize];
        for label in split.labels()? {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        let present = counts.iter().filter(|count| **count > 0);
        table.rows.push(vec![
            name.to_owned(),
            split.len().to_string(),
            present.count().to_string(),
            sizes(split)?,
            counts.iter().min().copied().unwrap_or(0).to_string(),
            counts.iter().max().copied().unwrap_or(0).to_string(),
        ]);
    }
    let facts = data.facts();
    let names = data.class_names();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    table.notes.push(format!("classes: {}{more}", first.join(", ")));
    let list = |values: [f64; 3]| values.map(|value| value.to_string()).join(", ");
    let [mean, std] = facts.normalisation;
    table.notes.push(format!("results are given as {}", facts.metric.text()));
    table.notes.push(match facts.normalisation == UNCHANGED {
        true => "pixels are used as they are, in [0,1]".to_owned(),
        false => format!("pixels are normalised by mean {}, std {}", list(mean), list(std)),
    });
    let found = [data.train.len() + data.val.len(), data.test.len()];
    if let Some([train, test]) = facts.counts
        && found != [train, test]
    {
        table.notes.push(format!(
            "the whole dataset has {train} images in train and val together, and {test} in test"
        ));
    }
    let storage = data.train.storage();
    if let Storage::Mapped(pack) = &*storage {
        table.notes.push(format!("pictures are packed: {}", pack.shrinking()));
    }
    if !matches!(*storage, Storage::Packed(_)) {
        table.notes.push(format!("sizes are those of at most {LOOKED_AT} images of each split"));
    }
    Ok(table)
}

/// `8x8`, or `180x240 to 500x500` by the number of pixels; height first.
fn sizes(split: &Split) -> Result<String> {
    let step = split.len().div_ceil(LOOKED_AT).max(1);
    let mut found = Vec::new();
    for index in (0..split.len()).step_by(step) {
        let raster = split.raster(index)?;
        let (height, width) = (raster.height(), raster.width());
        found.push((height * width, height, width));
    }
    let (smallest, largest) = (found.iter().min(), found.iter().max());
    Ok(match (smallest, largest) {
        (Some((_, h, w)), Some((_, height, width))) if [h, w] == [height, width] => {
            format!("{h}x{w}")
        }
        (Some((_, h, w)), Some((_, height, width))) => format!("{h}x{w} to {height}x{width}"),
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::digits;
    use super::super::laws::built;
    use super::*;
    use crate::registry::Value;

    #[test]
    fn the_table_counts_images_and_classes() {
        let options = [("classes", Value::Ints(vec![8, 1])), ("limit", Value::Int(31))];
        let table = describe(&built(&digits::ENTRY, &options).unwrap()).unwrap();
        assert_eq!(table.rows[0], ["train", "27", "2", "8x8", "13", "14"]);
        assert_eq!(table.rows[1][..2], ["val", "4"]);
        assert!(table.notes[0].ends_with("classes: 8, 1"), "{:?}", table.notes);
        assert!(table.notes[3].contains("1198 images"), "{:?}", table.notes);
    }
}
