//! One published number, and all of them.

use crate::error::{Error, Result};
use std::sync::OnceLock;

/// The columns that say what a number is, in the order of the file.
pub(super) const COLUMNS: [&str; 7] =
    ["study", "arch", "threat", "eps", "dataset", "mode", "metric"];

/// One published number.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    fields: [String; 7],
    /// The number as its source printed it.
    pub printed: String,
    /// The number.
    pub value: f64,
    /// Where it was printed: a file at a commit, or a picture of a table.
    pub source: String,
}

impl Row {
    /// What the number is in a column: study, arch, threat, eps, dataset, mode or metric.
    pub fn field(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }

    /// Whether the number is a percentage; rates of learning and shares of variance are not.
    pub fn is_percent(&self) -> bool {
        !matches!(self.field(6), "best_lr" | "R2")
    }
}

/// All published numbers, in the order of the file.
///
/// # Errors
/// Internal: the embedded file is damaged.
pub fn all() -> Result<&'static [Row]> {
    static ALL: OnceLock<std::result::Result<Vec<Row>, String>> = OnceLock::new();
    let read = || read(include_str!("results.csv"), include_str!("sources.csv"));
    match ALL.get_or_init(read) {
        Ok(rows) => Ok(rows),
        Err(damage) => Err(Error::internal(format!("published: {damage}"))),
    }
}

/// Some numbers as CSV, each with its whole source: the form that they were copied from.
///
/// # Errors
/// Internal, where the writer fails.
pub fn expanded(rows: &[&Row]) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("published: {error}"));
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let header = COLUMNS.iter().chain(&["value", "source"]);
    writer.write_record(header).map_err(|error| failed(&error))?;
    for row in rows {
        let fields = row.fields.iter().chain([&row.printed, &row.source]);
        writer.write_record(fields).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn read(results: &str, sources: &str) -> std::result::Result<Vec<Row>, String> {
    let lines = |text: &str| -> std::result::Result<Vec<Vec<String>>, String> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let line = |line: csv::Result<csv::StringRecord>| match line {
            Ok(fields) => Ok(fields.iter().map(str::to_owned).collect()),
            Err(error) => Err(error.to_string()),
        };
        reader.records().map(line).collect()
    };
    let sources = lines(sources)?;
    let row = |line: Vec<String>| {
        let damaged = || format!("expected a number with its source, found {}", line.join(","));
        let [fields @ .., printed, source] = line.as_slice() else { return Err(damaged()) };
        let place = source.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let source = place.and_then(|place| sources.get(place)?.get(1)).ok_or_else(damaged)?;
        Ok(Row {
            fields: fields.to_vec().try_into().map_err(|_| damaged())?,
            printed: printed.clone(),
            value: printed.parse().map_err(|_| damaged())?,
            source: source.clone(),
        })
    };
    lines(results)?.into_iter().map(row).collect()
}

/// The number that a text says: `0.5`, `8/255`.
pub(super) fn number(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((above, below)) => Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::sha256_hex;
    use std::collections::BTreeSet;

    /// How many of the numbers, and the hash of the one file that these were copied from.
    const COPIED: usize = 3272;
    const ORIGINAL: &str = "ae1ecc3d5de904aeef26003a4c4f28b8f62bb661df654dc3796b32aebe7db3af";

    #[test]
    fn the_two_files_begin_with_the_one_they_were_copied_from() {
        let rows: Vec<&Row> = all().unwrap().iter().take(COPIED).collect();
        assert_eq!(rows.len(), COPIED);
        assert_eq!(sha256_hex(expanded(&rows).unwrap().as_bytes()), ORIGINAL);
    }

    #[test]
    fn no_source_gives_a_number_twice() {
        let rows = all().unwrap();
        let keys: BTreeSet<_> = rows.iter().map(|row| (&row.fields, &row.source)).collect();
        assert_eq!(keys.len(), rows.len());
    }

    #[test]
    fn the_readme_tells_of_every_study() {
        let told = include_str!("README.md");
        let studies: BTreeSet<&str> = all().unwrap().iter().map(|row| row.field(0)).collect();
        for study in studies {
            let name = if study.starts_with("utrera_") { "utrera_N_images" } else { study };
            assert!(told.contains(&format!("`{name}`")), "{study}");
        }
    }

    #[test]
    fn radii_are_numbers_in_pixels() {
        assert_eq!(number("8/255"), Some(8.0 / 255.0));
        assert_eq!((number("0.05"), number("best")), (Some(0.05), None));
    }

    #[test]
    fn a_damaged_line_is_told() {
        let sources = "number,source\n1,a\n";
        let good = "study,arch,threat,eps,dataset,mode,metric,value,source\na,b,c,0,d,e,f,1.50,1\n";
        assert_eq!(read(good, sources).unwrap()[0].value, 1.5);
        let unsourced = good.replace("1.50,1", "1.50,2");
        assert!(read(&unsourced, sources).unwrap_err().starts_with("expected a number with"));
    }
}
