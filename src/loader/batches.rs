//! The batches of one pass over a split, as indices.

use crate::seed::Stream;
use std::collections::BTreeMap;

/// The batches of one epoch over `len` samples.
///
/// With an order, the samples are shuffled by its generator (derive one stream per epoch) and the
/// pass is for training: a last batch of a single sample joins the batch before it, because
/// batch normalisation cannot be trained on one sample. Without an order they come as stored, for
/// evaluation, and every batch but the last is full. Every sample comes exactly once.
///
/// A `batch_size` of 0 counts as 1.
pub fn batches(len: usize, batch_size: usize, order: Option<Stream>) -> Vec<Vec<usize>> {
    let batch_size = batch_size.max(1);
    let mut indices: Vec<usize> = (0..len).collect();
    if let Some(order) = order {
        order.generator().shuffle(&mut indices);
    }
    let mut batches: Vec<Vec<usize>> = indices.chunks(batch_size).map(<[usize]>::to_vec).collect();
    if order.is_some() && batch_size > 1 {
        join_lonely(&mut batches);
    }
    batches
}

/// The batches of one epoch of training in which no sample is the only one of its class, so that
/// every image has a partner of its class. `labels` are the classes of the samples.
///
/// The samples of each class are shuffled by the generator of `order` (derive one stream per epoch)
/// and divided into groups of two, one of three where their number is odd; then the groups are
/// shuffled. A group goes where its middle lies, so that a batch ends within one sample of where a
/// batch of [`batches`] does, and there are as many. Every sample comes exactly once. Only the one
/// sample of a class that has no other is alone; if it were a batch by itself, it joins the one
/// before.
///
/// A `batch_size` below 4, which not all groups fit, counts as 4.
pub fn paired_batches(labels: &[i64], batch_size: usize, order: Stream) -> Vec<Vec<usize>> {
    let batch_size = batch_size.max(4);
    let mut generator = order.generator();
    let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, label) in labels.iter().enumerate() {
        classes.entry(*label).or_default().push(index);
    }
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(labels.len() / 2);
    for mut samples in classes.into_values() {
        generator.shuffle(&mut samples);
        let odd = if samples.len() % 2 == 1 { samples.len().min(3) } else { 0 };
        let (first, pairs) = samples.split_at(odd);
        groups.extend([first].into_iter().chain(pairs.chunks(2)).map(<[usize]>::to_vec));
    }
    groups.retain(|group| !group.is_empty());
    generator.shuffle(&mut groups);
    let count = labels.len().div_ceil(batch_size);
    let count = count - usize::from(count > 1 && labels.len() % batch_size == 1);
    let mut batches = vec![Vec::new(); count];
    let mut taken = 0;
    for group in groups {
        let place = (2 * taken + group.len()) / (2 * batch_size);
        taken += group.len();
        if let Some(batch) = batches.get_mut(place.min(count - 1)) {
            batch.extend(group);
        }
    }
    join_lonely(&mut batches);
    batches
}

/// Puts a single sample at the end into the batch before.
fn join_lonely(batches: &mut Vec<Vec<usize>>) {
    if batches.len() > 1
        && let Some(last) = batches.pop_if(|last| last.len() == 1)
        && let Some(before) = batches.last_mut()
    {
        before.extend(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_sample_comes_exactly_once(
            len in 0usize..300, batch_size in 1usize..40, seed in 0i64..9, shuffled: bool,
        ) {
            let order = shuffled.then(|| Stream::new(seed, "order"));
            let batches = batches(len, batch_size, order);
            let mut all = batches.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..len).collect::<Vec<_>>());
            prop_assert!(batches.iter().all(|batch| (1..=batch_size + 1).contains(&batch.len())));
            if shuffled && batch_size > 1 && len > 1 {
                prop_assert!(batches.iter().all(|batch| batch.len() > 1));
            }
        }
    }

    fn drawn(len: usize, classes: i64, seed: i64) -> Vec<i64> {
        let mut generator = Stream::new(seed, "labels").generator();
        (0..len).map(|_| generator.below(classes as usize) as i64).collect()
    }

    proptest! {
        #[test]
        fn no_sample_of_a_paired_batch_is_alone_in_its_class(
            len in 0usize..300, batch_size in 0usize..40, classes in 1i64..60, seed in 0i64..99,
        ) {
            let labels = drawn(len, classes, seed);
            let found = paired_batches(&labels, batch_size, Stream::new(seed, "order"));
            let mut all = found.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..len).collect::<Vec<_>>());
            let of = |within: &[i64], class: i64| within.iter().filter(|l| **l == class).count();
            for batch in &found {
                let within: Vec<i64> = batch.iter().map(|index| labels[*index]).collect();
                for class in &within {
                    prop_assert!(of(&within, *class) > 1 || of(&labels, *class) == 1);
                }
                prop_assert!(batch.len() > 1 || len == 1);
            }
            let usual = batches(len, batch_size.max(4), Some(Stream::new(seed, "order")));
            let ends = |batches: &[Vec<usize>]| -> Vec<usize> {
                batches.iter().scan(0, |end, batch| { *end += batch.len(); Some(*end) }).collect()
            };
            let (found, usual) = (ends(&found), ends(&usual));
            // A class of one sample may end the epoch one batch earlier.
            prop_assert!(found.len() == usual.len() || found.len() + 1 == usual.len());
            let near = |(a, b): (&usize, &usize)| a.abs_diff(*b) <= 1;
            let all_but_last = found.len().saturating_sub(1);
            prop_assert!(found[..all_but_last].iter().zip(&usual).all(near));
        }
    }

    #[test]
    fn partners_and_paired_batches_differ_between_epochs() {
        let labels: Vec<i64> = (0..60).map(|index| index % 3).collect();
        let order = Stream::new(0, "order");
        let first = paired_batches(&labels, 8, order.at(0));
        assert_eq!(first, paired_batches(&labels, 8, order.at(0)));
        assert_ne!(first, paired_batches(&labels, 8, order.at(1)));
        assert!(first.iter().all(|batch| batch.len() == 8 || batch.len() == 4));
        // Each sample meets each other of its class in some epoch.
        let meets = |a: usize, b: usize| {
            (0..200).any(|epoch| {
                let found = paired_batches(&labels, 4, order.at(epoch));
                found.iter().any(|batch| batch.contains(&a) && batch.contains(&b))
            })
        };
        assert!((1..20).all(|other| meets(0, 3 * other)));
    }

    #[test]
    fn evaluation_keeps_the_order_and_the_short_batch() {
        assert_eq!(batches(5, 2, None), [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn epochs_differ_and_repeat() {
        let order = Stream::new(0, "order");
        assert_eq!(batches(50, 8, Some(order.at(0))), batches(50, 8, Some(order.at(0))));
        assert_ne!(batches(50, 8, Some(order.at(0))), batches(50, 8, Some(order.at(1))));
    }
}
