//! Records as comma-separated values.

use crate::error::{Error, Result};
use crate::stats::{Metric, Records};
use crate::table::Table;
use std::collections::BTreeMap;

/// The cells as CSV: one line each, first the axes, then the metrics by name.
///
/// Numbers have all their digits. Per-image correctness `name` becomes two columns: `name`, how
/// many images were classified correctly, and `name_n`, of how many.
///
/// # Errors
/// Internal, where the writer fails.
pub fn csv(records: &Records) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("csv: {error}"));
    // Whether a metric is per-image correctness anywhere, and so needs its second column.
    let mut metrics: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, metric) in records.rows.iter().flat_map(|row| &row.metrics) {
        *metrics.entry(name).or_default() |= matches!(metric, Metric::Correct(_));
    }
    let mut header: Vec<String> = records.axes.iter().map(|axis| axis.name.clone()).collect();
    for (name, counted) in &metrics {
        header.push((*name).to_owned());
        header.extend(counted.then(|| format!("{name}_n")));
    }
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).map_err(|error| failed(&error))?;
    for row in &records.rows {
        let mut line: Vec<String> = row
            .levels
            .iter()
            .enumerate()
            .map(|(axis, level)| records.level_name(axis, *level).to_owned())
            .collect();
        for (name, counted) in &metrics {
            let (value, count) = match row.metrics.get(*name) {
                Some(Metric::Number(number)) => (number.to_string(), String::new()),
                Some(Metric::Text(text)) => (text.clone(), String::new()),
                Some(Metric::Correct(correct)) => {
                    let right = correct.iter().filter(|correct| **correct).count();
                    (right.to_string(), correct.len().to_string())
                }
                None => (String::new(), String::new()),
            };
            line.push(value);
            line.extend(counted.then_some(count));
        }
        writer.write_record(&line).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// The cells of tables as CSV, one a line: title of the table, row, column, value.
///
/// # Errors
/// Internal, where the writer fails.
pub fn tables_csv<'a>(tables: impl IntoIterator<Item = &'a Table>) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("csv: {error}"));
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["table", "row", "column", "value"]).map_err(|error| failed(&error))?;
    for table in tables {
        for (place, row) in table.rows.iter().enumerate() {
            let place = (place + 1).to_string();
            for (column, cell) in table.columns.iter().zip(row) {
                let line = [&table.title, &place, &column.name, cell];
                writer.write_record(line).map_err(|error| failed(&error))?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::grid;
    use crate::table::Column;

    #[test]
    fn csv_parses_back_to_the_same_labels_and_bits() {
        let hostile = "a \"b\",\n<script>";
        let mut records =
            grid(&[("arm", &[hostile, "pgd"]), ("seed", &["0", "1"])], "loss", |at| {
                (at[0] as f64 + 0.1) / (at[1] as f64 + 3.0)
            });
        records.rows[1].metrics.clear();
        records.rows[1].metrics.insert("status".to_owned(), Metric::Text("diverged".to_owned()));
        let correct = Metric::Correct(vec![true, false, true]);
        records.rows[3].metrics.insert("correct".to_owned(), correct);
        let text = csv(&records).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(header, ["arm", "seed", "correct", "correct_n", "loss", "status"]);
        let lines: Vec<::csv::StringRecord> = reader.records().map(|line| line.unwrap()).collect();
        assert_eq!(lines.len(), records.rows.len());
        for (line, row) in lines.iter().zip(&records.rows) {
            assert_eq!(&line[0], records.level_name(0, row.levels[0]));
            match row.metrics.get("loss") {
                Some(Metric::Number(number)) => {
                    assert_eq!(line[4].parse::<f64>().unwrap().to_bits(), number.to_bits());
                }
                _ => assert_eq!((&line[4], &line[5]), ("", "diverged")),
            }
        }
        assert_eq!((&lines[3][2], &lines[3][3]), ("2", "3"));
    }

    #[test]
    fn cells_of_tables_parse_back_with_their_row_and_column() {
        let columns = vec![Column::words("set, with a comma"), Column::numbers("gain")];
        let mut table = Table::new("gains \"at\" eps 3", columns);
        table.rows = vec![vec!["Cars".to_owned(), "+1.5".to_owned()]; 2];
        let text = tables_csv([&table, &table]).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let lines: Vec<::csv::StringRecord> = reader.records().map(|line| line.unwrap()).collect();
        assert_eq!(lines.len(), 8);
        let last: Vec<&str> = lines[7].iter().collect();
        assert_eq!(last, ["gains \"at\" eps 3", "2", "gain", "+1.5"]);
    }
}
