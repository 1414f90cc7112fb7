//! Whose perturbation an image of a batch gets.

use crate::seed::Stream;
use std::collections::BTreeMap;

/// Among which images of the batch the partner is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// All others.
    Any,
    /// The others of its class.
    Class,
    /// Those of other classes.
    OtherClass,
}

impl Within {
    /// The place of each image's partner, by the classes of the batch; its own where it has none.
    pub(super) fn partners(self, classes: &[i64], stream: Stream) -> Vec<usize> {
        match self {
            Self::Any => derangement(classes.len(), stream),
            Self::Class => by_class(classes, stream),
            Self::OtherClass => across_classes(classes, stream),
        }
    }
}

/// A uniformly random permutation of 0..n that moves every element, for n >= 2: permutations are
/// drawn until one does (2.7 draws on average).
fn derangement(n: usize, stream: Stream) -> Vec<usize> {
    let mut generator = stream.generator();
    let mut order: Vec<usize> = (0..n).collect();
    while n > 1 && order.iter().enumerate().any(|(place, item)| place == *item) {
        generator.shuffle(&mut order);
    }
    order
}

fn by_class(classes: &[i64], stream: Stream) -> Vec<usize> {
    let mut members: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, class) in classes.iter().enumerate() {
        members.entry(*class).or_default().push(place);
    }
    let mut order = vec![0; classes.len()];
    for (class, members) in members {
        let partners = derangement(members.len(), stream.at(class.unsigned_abs()));
        for (place, partner) in members.iter().zip(partners) {
            order[*place] = members[partner];
        }
    }
    order
}

/// A random permutation in which each image with a partner of its own class swaps with a random
/// one of those for which both then have partners of other classes. There is one as long as no
/// class fills more than half of the batch; of such a class, as few as can be stay alone.
fn across_classes(classes: &[i64], stream: Stream) -> Vec<usize> {
    let mut generator = stream.generator();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let mut places = order.clone();
    generator.shuffle(&mut order);
    generator.shuffle(&mut places);
    for place in places {
        let own = classes[place];
        if classes[order[place]] == own {
            let fits = |other: &usize| classes[*other] != own && classes[order[*other]] != own;
            let others: Vec<usize> = (0..classes.len()).filter(fits).collect();
            if !others.is_empty() {
                order.swap(place, others[generator.below(others.len())]);
            }
        }
    }
    let alone = |(place, partner): (usize, &usize)| match classes[place] == classes[*partner] {
        true => place,
        false => *partner,
    };
    order.iter().enumerate().map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(index: u64) -> Stream {
        Stream::new(0, "test").at(index)
    }

    #[test]
    fn a_derangement_moves_everything_and_both_of_three_come_equally_often() {
        let mut cycles = 0;
        for index in 0..2000 {
            let order = Within::Any.partners(&[0, 0, 1], stream(index));
            assert!(order.iter().enumerate().all(|(place, item)| place != *item), "{order:?}");
            cycles += usize::from(order == [1, 2, 0]);
        }
        assert!((900..1100).contains(&cycles), "{cycles} of 2000");
        assert_eq!(derangement(1, stream(0)), [0]);
    }

    /// Classes of a batch: class c has `counts[c]` images, in mixed order.
    fn classes(counts: &[usize], index: u64) -> Vec<i64> {
        let of = |(class, count): (usize, &usize)| vec![class as i64; *count];
        let mut classes: Vec<i64> = counts.iter().enumerate().flat_map(of).collect();
        stream(index).generator().shuffle(&mut classes);
        classes
    }

    const BATCHES: [&[usize]; 7] =
        [&[], &[1], &[1, 1], &[2, 3, 1], &[4, 4], &[1, 1, 1, 1, 4], &[13, 12, 14, 11, 1, 20]];

    #[test]
    fn within_a_class_only_images_without_another_stay_alone() {
        for counts in BATCHES {
            for index in 0..200 {
                let classes = classes(counts, index);
                let order = Within::Class.partners(&classes, stream(index));
                for (place, partner) in order.iter().enumerate() {
                    assert_eq!(classes[place], classes[*partner]);
                    let alone = counts[classes[place] as usize] == 1;
                    assert_eq!(place == *partner, alone, "{classes:?}: {order:?}");
                }
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..order.len()), "{order:?} is no permutation");
            }
        }
    }

    #[test]
    fn across_classes_no_partner_is_of_the_same_and_as_few_as_can_be_stay_alone() {
        for counts in BATCHES.into_iter().chain([&[5, 2][..], &[9, 1, 1, 1], &[3]]) {
            for index in 0..200 {
                let classes = classes(counts, index);
                let order = Within::OtherClass.partners(&classes, stream(index));
                for (place, partner) in order.iter().enumerate() {
                    assert!(place == *partner || classes[place] != classes[*partner]);
                }
                let mut given: Vec<usize> = order
                    .iter()
                    .copied()
                    .enumerate()
                    .filter_map(|(place, partner)| (place != partner).then_some(partner))
                    .collect();
                let alone = order.len() - given.len();
                let largest = counts.iter().max().copied().unwrap_or(0);
                assert_eq!(alone, (2 * largest).saturating_sub(order.len()), "{order:?}");
                given.sort_unstable();
                given.dedup();
                assert_eq!(given.len() + alone, order.len(), "{order:?}: one comes twice");
            }
        }
    }

    #[test]
    fn across_classes_every_image_of_the_others_comes_equally_often() {
        let classes = [0, 0, 0, 1, 1, 1, 2, 2, 2];
        let mut counts = [0; 9];
        for index in 0..6000 {
            counts[Within::OtherClass.partners(&classes, stream(index))[4]] += 1;
        }
        for (count, class) in counts.iter().zip(classes) {
            assert!(if class == 1 { *count == 0 } else { (900..1100).contains(count) });
        }
    }
}
