//! The tensors, a table for each group; what stands for many is folded into one row.

use super::super::file::File;
use super::super::tensor_meta::TensorMeta;
use super::text::{columns, counted, grouped, shortened};
use super::{Named, Style, sum};
use std::collections::{BTreeMap, BTreeSet};
use tch::Kind;

/// The most rows of a table, if its names can be folded.
const MAX_ROWS: usize = 24;

/// The most steps of a name that a table is folded at.
const MAX_STEPS: usize = 32;

/// The most bytes of a storage that is read to show its one number.
const SMALL: u64 = 4096;

/// What makes two tensors one.
type View<'a> = (u32, i64, &'a [i64], &'a [i64]);

fn view(meta: &TensorMeta) -> View<'_> {
    (meta.storage.0, meta.offset, &meta.shape, &meta.strides)
}

/// A shape: `64 x 3 x 7 x 7`, or `scalar`.
pub fn shape(lengths: &[i64]) -> String {
    if lengths.is_empty() {
        return "scalar".to_owned();
    }
    lengths.iter().map(i64::to_string).collect::<Vec<_>>().join(" x ")
}

/// All tables.
pub fn lines(file: &File, tensors: &[Named], style: Style) -> String {
    let mut groups: Vec<(&str, Vec<(&str, &TensorMeta)>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, meta) in tensors {
        let (group, name) = divided(path);
        let place = *places.entry(group).or_insert(groups.len());
        if place == groups.len() {
            groups.push((group, Vec::new()));
        }
        groups[place].1.push((name, meta));
    }
    let mut firsts = BTreeMap::new();
    for (path, meta) in tensors {
        if meta.numel() > 0 {
            firsts.entry(view(meta)).or_insert(path.as_str());
        }
    }
    let storages = shared_storages(tensors);
    let mut text = String::new();
    for (group, members) in &groups {
        let owned: Vec<Named> =
            members.iter().map(|(name, meta)| ((*name).to_owned(), *meta)).collect();
        let title = if group.is_empty() { "tensors" } else { group };
        text.push_str(&format!("\n{}: {}\n", shortened(title, style.width / 2), sum(file, &owned)));
        let table = Table { file, group, firsts: &firsts, storages: &storages, style };
        text.push_str(&table.rows(members));
    }
    text
}

/// The dictionary that a tensor is listed in, and its name there. Numbered parts, such as those
/// of an optimizer's state, are listed with the whole.
fn divided(path: &str) -> (&str, &str) {
    let mut end = 0;
    for (place, _) in path.match_indices('/') {
        let step = &path[if end == 0 { 0 } else { end + 1 }..place];
        if step.parse::<u64>().is_ok() || step.starts_with('(') {
            break;
        }
        end = place;
    }
    match end {
        0 if path.starts_with('/') || !path.contains('/') => ("", path),
        0 => ("", path),
        end => (&path[..end], &path[end + 1..]),
    }
}

/// Storages that different views lie in.
fn shared_storages(tensors: &[Named]) -> BTreeSet<u32> {
    let mut views: BTreeMap<u32, BTreeSet<View>> = BTreeMap::new();
    for (_, meta) in tensors.iter().filter(|(_, meta)| meta.numel() > 0) {
        views.entry(meta.storage.0).or_default().insert(view(meta));
    }
    views.into_iter().filter(|(_, views)| views.len() > 1).map(|(id, _)| id).collect()
}

struct Table<'a> {
    file: &'a File,
    group: &'a str,
    firsts: &'a BTreeMap<View<'a>, &'a str>,
    storages: &'a BTreeSet<u32>,
    style: Style,
}

impl Table<'_> {
    fn rows(&self, members: &[(&str, &TensorMeta)]) -> String {
        let folding = if self.style.all { Folding::None } else { Folding::of(members) };
        let mut rows: Vec<(String, Vec<(&str, &TensorMeta)>)> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (name, meta) in members {
            let label = folding.label(name);
            let place = *places.entry(label.clone()).or_insert(rows.len());
            if place == rows.len() {
                rows.push((label, Vec::new()));
            }
            rows[place].1.push((name, meta));
        }
        let left = rows.len().saturating_sub(if self.style.all { rows.len() } else { MAX_ROWS });
        let most = rows.len() - left;
        let room = self.style.width * 2 / 5;
        let mut cells: Vec<Vec<String>> = rows[..most]
            .iter()
            .map(|(label, members)| match &members[..] {
                [(name, meta)] => self.single(&shortened(name, room), name, meta),
                many => self.folded(&shortened(label, room - 2), label, many),
            })
            .collect();
        let narrow =
            columns(&cells, &[2], usize::MAX).lines().any(|l| l.chars().count() > self.style.width);
        let mut again = false;
        for note in cells.iter_mut().filter(|_| narrow).filter_map(|row| row.last_mut()) {
            if note.starts_with("= ") {
                "again".clone_into(note);
                again = true;
            }
        }
        let mut text = columns(&cells, &[2], self.style.width);
        if again {
            text.push_str("  (again: the memory of a tensor listed before)\n");
        }
        if left > 0 {
            text.push_str(&format!("  … {left} more (--all)\n"));
        }
        if folding != Folding::None {
            text.push_str("  (--all lists each tensor)\n");
        }
        text
    }

    /// Name, shape, numbers, type, notes.
    fn single(&self, shown: &str, name: &str, meta: &TensorMeta) -> Vec<String> {
        let numbers = grouped(meta.numel() as u64);
        let mut notes = Vec::new();
        let path = self.path(name);
        let first = self.firsts.get(&view(meta)).filter(|first| **first != path);
        match first {
            Some(first) => notes.push(format!("= {}", self.near(first))),
            None if self.storages.contains(&meta.storage.0) => {
                notes.push(format!("in memory {}", meta.storage.0));
            }
            None => {}
        }
        if let Some(number) = self.number(meta) {
            notes.push(number);
        }
        if meta.is_channels_last() {
            notes.push("channels_last".to_owned());
        } else if !meta.is_contiguous() {
            notes.push("strided".to_owned());
        }
        if meta.offset > 0 {
            notes.push(format!("from {}", meta.offset));
        }
        if meta.is_parameter {
            notes.push("parameter".to_owned());
        }
        let shape = shape(&meta.shape);
        vec![shown.to_owned(), shape, numbers, meta.dtype.name().to_owned(), notes.join(", ")]
    }

    /// The name with `.*`, the number of tensors, numbers, types, notes.
    fn folded(&self, shown: &str, label: &str, many: &[(&str, &TensorMeta)]) -> Vec<String> {
        let numbers = many.iter().map(|(_, meta)| meta.numel() as u64).sum();
        let types: BTreeSet<&str> = many.iter().map(|(_, meta)| meta.dtype.name()).collect();
        let main = many.iter().max_by_key(|(_, meta)| meta.numel());
        let main = main.map_or("", |(_, meta)| meta.dtype.name());
        let mut note = String::new();
        let again = |(name, meta): &&(&str, &TensorMeta)| {
            self.firsts.get(&view(meta)).is_some_and(|first| *first != self.path(name))
        };
        let repeated = many.iter().filter(again).count();
        if repeated == many.len() {
            let names = many.iter().map(|(name, meta)| (*name, self.firsts.get(&view(meta))));
            note = match origin(label, names) {
                Some(origin) => format!("= {}.*", self.near(&origin)),
                None => "all listed elsewhere".to_owned(),
            };
        } else if repeated > 0 {
            note = format!("{repeated} listed elsewhere");
        }
        let numbered = label.starts_with("*/");
        vec![
            if numbered { shown.to_owned() } else { format!("{shown}.*") },
            counted(many.len(), "tensor"),
            grouped(numbers),
            format!("{main}{}", if types.len() > 1 { "+" } else { "" }),
            note,
        ]
    }

    /// A path as it is seen from this group.
    fn near<'p>(&self, path: &'p str) -> &'p str {
        let within = path.strip_prefix(self.group).and_then(|rest| rest.strip_prefix('/'));
        within.unwrap_or(path)
    }

    /// The number in a tensor of one, such as an accuracy, if it is quickly read.
    fn number(&self, meta: &TensorMeta) -> Option<String> {
        let small = self.file.storage(meta.storage)?.bytes() <= SMALL;
        if meta.numel() != 1 || !small {
            return None;
        }
        let tensor = self.file.tensor(meta).ok()?;
        let kind = tensor.f_kind().ok()?;
        let whole = !matches!(kind, Kind::Double | Kind::Float | Kind::Half | Kind::BFloat16);
        let tensor = tensor.f_view([1]).ok()?;
        Some(if whole {
            tensor.f_int64_value(&[0]).ok()?.to_string()
        } else {
            format!("{}", tensor.f_double_value(&[0]).ok()? as f32)
        })
    }

    fn path(&self, name: &str) -> String {
        match self.group {
            "" => name.to_owned(),
            group => format!("{group}/{name}"),
        }
    }
}

/// What the names of other tensors start with in place of `label`, if it is the same for all.
fn origin<'a>(
    label: &str,
    names: impl Iterator<Item = (&'a str, Option<&'a &'a str>)>,
) -> Option<String> {
    let origins: BTreeSet<Option<&str>> =
        names.map(|(name, first)| first?.strip_suffix(name.strip_prefix(label)?)).collect();
    let mut origins = origins.into_iter();
    match (origins.next(), origins.next()) {
        (Some(Some(origin)), None) if !origin.is_empty() => Some(origin.to_owned()),
        _ => None,
    }
}

/// Which tensors share a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folding {
    /// None.
    None,
    /// Those whose first steps are the same.
    Prefix(usize),
    /// Those of the same name in numbered parts.
    Numbered,
}

impl Folding {
    /// The folding that leaves a short table with the most rows.
    fn of(members: &[(&str, &TensorMeta)]) -> Self {
        if members.len() <= MAX_ROWS {
            return Self::None;
        }
        if members.iter().all(|(name, _)| numbered(name).is_some()) {
            return Self::Numbered;
        }
        let rows = |depth: usize| {
            members.iter().map(|(name, _)| prefix(name, depth)).collect::<BTreeSet<_>>().len()
        };
        let deepest = members.iter().map(|(name, _)| name.split(STEPS).count()).max();
        let depths = 1..deepest.unwrap_or(1).min(MAX_STEPS);
        let depth = depths.rev().find(|&depth| rows(depth) <= MAX_ROWS);
        depth.map_or(Self::None, Self::Prefix)
    }

    fn label(self, name: &str) -> String {
        match self {
            Self::None => name.to_owned(),
            Self::Prefix(depth) => prefix(name, depth).to_owned(),
            Self::Numbered => format!("*/{}", numbered(name).unwrap_or(name)),
        }
    }
}

/// What follows the number of a part.
fn numbered(name: &str) -> Option<&str> {
    let (number, rest) = name.split_once('/')?;
    number.parse::<u64>().is_ok().then_some(rest)
}

/// What divides a name into steps.
const STEPS: [char; 2] = ['.', '/'];

/// The first `depth` steps of a name.
fn prefix(name: &str, depth: usize) -> &str {
    name.match_indices(STEPS).nth(depth - 1).map_or(name, |(place, _)| &name[..place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_divided_at_their_dictionary() {
        assert_eq!(divided("weight"), ("", "weight"));
        assert_eq!(divided("model/conv1.weight"), ("model", "conv1.weight"));
        assert_eq!(divided("optimizer/state/0/exp_avg"), ("optimizer/state", "0/exp_avg"));
        assert_eq!(divided("0/a"), ("", "0/a"));
        assert_eq!(prefix("layer1.0.conv1", 1), "layer1");
        assert_eq!(prefix("layer1.0.conv1", 2), "layer1.0");
        assert_eq!(prefix("fc", 2), "fc");
    }
}
