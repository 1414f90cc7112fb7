//! The batches of one pass over a split, as indices.

use crate::seed::Stream;

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
    let lonely = order.is_some() && batch_size > 1 && batches.len() > 1 && len % batch_size == 1;
    if lonely
        && let Some(last) = batches.pop()
        && let Some(before) = batches.last_mut()
    {
        before.extend(last);
    }
    batches
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
