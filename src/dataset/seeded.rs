//! Splits that a seed chooses, for data sets without an official one.

use super::files::{File, Gathered};
use super::selection::ranked;
use super::split::Sample;
use crate::seed::Stream;

/// Train and test of labelled pictures: of each class, those whose rank in a random order
/// `is_train`, given with the size of the class, are train.
pub fn seeded(
    all: Vec<(File, usize)>,
    classes: Vec<String>,
    stream: Stream,
    is_train: impl Fn(usize, usize) -> bool,
) -> Gathered {
    let mut sizes = vec![0; classes.len()];
    all.iter().for_each(|(_, label)| sizes[*label] += 1);
    let sample =
        |(id, (_, label)): (usize, &(File, usize))| Sample { id: id as u64, label: *label as i64 };
    let samples: Vec<Sample> = all.iter().enumerate().map(sample).collect();
    let mut trains = vec![false; all.len()];
    for (rank, sample) in ranked(&samples, stream) {
        trains[sample.id as usize] = is_train(rank, sizes[sample.label as usize]);
    }
    parted(all, classes, &trains)
}

/// Train and test of labelled pictures: the first `most` of each class, in their order, are train.
pub fn first_of_each(all: Vec<(File, usize)>, classes: Vec<String>, most: usize) -> Gathered {
    let mut counts = vec![0; classes.len()];
    let first = |(_, label): &(File, usize)| {
        counts[*label] += 1;
        counts[*label] <= most
    };
    let trains: Vec<bool> = all.iter().map(first).collect();
    parted(all, classes, &trains)
}

fn parted(all: Vec<(File, usize)>, classes: Vec<String>, trains: &[bool]) -> Gathered {
    let (train, test): (Vec<_>, Vec<_>) =
        all.into_iter().zip(trains).partition(|(_, train)| **train);
    let plain =
        |part: Vec<((File, usize), &bool)>| part.into_iter().map(|(file, _)| file).collect();
    Gathered { classes, train: plain(train), test: plain(test) }
}
