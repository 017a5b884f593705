//! Which texts go through the model together.

use std::collections::VecDeque;

/// Groups texts of these lengths in tokens, the short ones first, so that little is padding: each group's rows, filled up to
/// its longest, have at most `tokens` tokens, or it is a single text. The groups hold places in `lengths`.
pub(crate) fn plan(lengths: &[usize], tokens: usize) -> VecDeque<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|place| lengths[*place]);
    let mut batches: VecDeque<Vec<usize>> = VecDeque::new();
    for place in order {
        // In this order the text at hand is the longest of its group.
        match batches.back_mut().filter(|batch| (batch.len() + 1) * lengths[place] <= tokens) {
            Some(batch) => batch.push(place),
            None => batches.push_back(vec![place]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::plan;

    #[test]
    fn every_text_is_in_one_batch_and_no_batch_is_too_large() {
        let lengths: Vec<usize> = (0..500_usize).map(|i| 1 + (i * 7919) % 130).collect();
        for tokens in [1, 64, 130, 512, 4096, 1_000_000] {
            let batches = plan(&lengths, tokens);
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..500).collect::<Vec<_>>());
            for batch in &batches {
                let longest = batch.iter().map(|place| lengths[*place]).max().unwrap();
                assert!(batch.len() == 1 || batch.len() * longest <= tokens, "{batch:?} of {tokens}");
            }
        }
    }

    #[test]
    fn texts_of_a_length_go_together() {
        assert_eq!(plan(&[9, 2, 9, 2, 9, 2], 20), [vec![1, 3, 5], vec![0, 2], vec![4]]);
    }

    #[test]
    fn a_text_above_the_bound_goes_alone() {
        assert_eq!(plan(&[3, 100, 3], 8), [vec![0, 2], vec![1]]);
        assert!(plan(&[], 8).is_empty());
    }
}
