//! What is in a file, as a report to read.

mod text;
mod values;
mod tensors;
mod symbols;

use super::container::{Container, Format};
use super::file::File;
use super::manifest::{KEY, Manifest};
use super::tensor_meta::TensorMeta;
use super::walk;
use crate::error::Result;
use std::collections::BTreeSet;
use text::{bytes, counted, grouped, printable};

/// How a report is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The columns that a line may take.
    pub width: usize,
    /// Whether long lists are written out.
    pub all: bool,
}

/// A report on a file: how it is made, its plain values, its tensors, and what it names of Python.
///
/// # Errors
/// [`crate::error::Kind::Data`]: it holds more values than can be listed.
pub fn listing(file: &File, style: Style) -> Result<String> {
    let tensors = walk::tensors(file.root())?;
    let tensors: Vec<Named> =
        tensors.into_iter().map(|(path, meta)| (as_in_state_dict(&path), meta)).collect();
    let mut report = head(file, &tensors);
    let values = values::lines(file.root(), style);
    if !values.is_empty() {
        report.push_str(&format!("\nvalues\n{values}"));
    }
    report.push_str(&tensors::lines(file, &tensors, style));
    report.push_str(&symbols::lines(file, style));
    Ok(report)
}

/// The path that a tensor of a whole module would have in its state dict:
/// `net/_modules/conv/_parameters/weight` is `net/conv.weight`.
fn as_in_state_dict(path: &str) -> String {
    let mut shown = String::with_capacity(path.len());
    let mut inside = false;
    let mut joint = "/";
    let mut steps = path.split('/').peekable();
    while let Some(step) = steps.next() {
        if matches!(step, "_modules" | "_parameters" | "_buffers") && steps.peek().is_some() {
            joint = if inside { "." } else { "/" };
            inside |= step == "_modules";
            continue;
        }
        shown.push_str(if shown.is_empty() { "" } else { joint });
        shown.push_str(step);
        joint = "/";
    }
    shown
}

/// A tensor and its path.
type Named<'a> = (String, &'a TensorMeta);

fn head(file: &File, tensors: &[Named]) -> String {
    let container = file.container();
    let mut rows = vec![("format", made_by(container))];
    rows.push(("size", bytes(container.bytes)));
    rows.push(("tensors", sum(file, tensors)));
    let devices: BTreeSet<&str> = tensors
        .iter()
        .filter_map(|(_, meta)| file.storage(meta.storage))
        .map(|storage| storage.location.as_str())
        .filter(|device| !matches!(*device, "cpu" | "numpy"))
        .collect();
    if !devices.is_empty() {
        let devices: Vec<&str> = devices.into_iter().collect();
        rows.push(("saved on", printable(&devices.join(", "), 60)));
    }
    match Manifest::of(container) {
        Ok(Some(saved)) => rows.extend(of_manifest(&saved)),
        Ok(None) => {}
        Err(error) => rows.push(("saved by", printable(&error.to_string(), 200))),
    }
    for (key, value) in container.metadata.iter().filter(|(key, _)| key != KEY) {
        rows.push(("metadata", format!("{} = {}", printable(key, 30), printable(value, 60))));
    }
    let mut head = format!("{}\n", file.name());
    for (name, value) in rows {
        head.push_str(&format!("  {name:<10} {value}\n"));
    }
    head
}

/// What rtscript said when it saved the file.
fn of_manifest(saved: &Manifest) -> [(&'static str, String); 6] {
    let Manifest { program, arch, size, mean, std, address, .. } = saved;
    let verb = saved.lineage["verb"].as_str().unwrap_or("?");
    [
        ("saved by", printable(&format!("rtscript {program}"), 60)),
        ("model", printable(&format!("{arch}, images of {size}x{size}"), 60)),
        ("normalised", format!("mean {mean:?}, std {std:?}")),
        ("made by", printable(verb, 60)),
        ("address", printable(address, 64)),
        ("sha256", printable(&saved.sha256, 64)),
    ]
}

fn made_by(container: &Container) -> String {
    let made = match container.format {
        Format::Zip if container.torchscript => "TorchScript",
        Format::Zip => "PyTorch, zip container (since 1.6)",
        Format::Legacy => "PyTorch, legacy container (before 1.6)",
        Format::Pickle => "bare pickle",
        Format::Safetensors => "safetensors",
    };
    let mut made = made.to_owned();
    match container.protocol {
        // Only later protocols write their number down.
        Some(0) => made.push_str(", pickle protocol 0 or 1"),
        Some(protocol) => made.push_str(&format!(", pickle protocol {protocol}")),
        None => {}
    }
    if container.dill {
        made.push_str(", with dill");
    }
    if container.big_endian {
        made.push_str(", big-endian");
    }
    made
}

/// How many tensors there are, and what is in them: memory that several share counts once.
fn sum(file: &File, tensors: &[Named]) -> String {
    if tensors.is_empty() {
        return "none".to_owned();
    }
    let views: BTreeSet<_> = tensors
        .iter()
        .map(|(_, meta)| (meta.storage, meta.offset, &meta.shape, &meta.strides))
        .collect();
    let numbers: u64 =
        views.iter().map(|view| view.2.iter().product::<i64>() as u64).fold(0, u64::saturating_add);
    let storages: BTreeSet<_> = tensors.iter().map(|(_, meta)| meta.storage).collect();
    let stored = storages.iter().filter_map(|&id| file.storage(id)).map(|s| s.bytes());
    let stored = bytes(stored.fold(0, u64::saturating_add));
    let mut sum = counted(tensors.len(), "tensor");
    let again = tensors.len() - views.len();
    if again > 0 {
        sum.push_str(&format!(" ({} listed again)", grouped(again as u64)));
    }
    format!("{sum}, {}, {stored} of memory", counted(numbers as usize, "number"))
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::super::parity::fixture;
    use super::*;

    fn report(name: &str, all: bool) -> String {
        listing(&open(&fixture(name)).unwrap(), Style { width: 80, all }).unwrap()
    }

    #[test]
    fn a_checkpoint_of_robustness_is_told_on_one_screen() {
        let report = report("robustness.pt", false);
        for said in [
            "PyTorch, legacy container (before 1.6), pickle protocol 2",
            "146 tensors (58 listed again), 10,612 numbers, 42.5 kB of memory",
            "  epoch      150\n",
            "        lr              0.1\n",
            "        params          [0, 1, 2, 3, …] of 29\n",
            "model: 116 tensors (58 listed again), 5,397 numbers, 21.6 kB of memory",
            "  module.model.conv1.weight         4 x 3 x 3 x 3    108  float32\n",
            "  module.attacker.model.fc.*        2 tensors        170  float32   again\n",
            "  (again: the memory of a tensor listed before)\n",
            "  */momentum_buffer  29 tensors  5,214  float32\n",
            "  nat_prec1  scalar  1  float32  57.25\n",
        ] {
            assert!(report.contains(said), "{said}\n{report}");
        }
        assert!(!report.contains("Python objects"), "{report}");
        assert!(report.lines().count() < 70, "{report}");
        assert!(self::report("robustness.pt", true).lines().count() > 170);
    }

    #[test]
    fn a_whole_module_is_listed_by_the_names_of_its_state_dict() {
        assert_eq!(as_in_state_dict("_modules/conv/_parameters/weight"), "conv.weight");
        assert_eq!(as_in_state_dict("net/_modules/0/_modules/1/_buffers/n"), "net/0.1.n");
        assert_eq!(as_in_state_dict("model/conv1.weight"), "model/conv1.weight");
        assert_eq!(as_in_state_dict("_parameters"), "_parameters");
        assert!(report("module.pt", false).contains("  norm.num_batches_tracked  scalar"));
    }

    #[test]
    fn layouts_and_sharing_are_marked() {
        let report = report("layouts.pt", false);
        let rows = [
            ("matrix", "in memory 0, strided, from 10"),
            ("channels_last", "channels_last"),
            ("again", "= parameter, parameter"),
            ("scalar", "2.5"),
        ];
        for (name, note) in rows {
            let start = format!("  {name} ");
            let row = report.lines().find(|line| line.starts_with(&start)).unwrap();
            assert!(row.ends_with(note), "{row}");
        }
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for name in ["robustness.pt", "dill.pt", "zip_4.pt", "unsupported.pt", "trained.pt"] {
            for line in report(name, false).lines().skip(1) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    }
}
