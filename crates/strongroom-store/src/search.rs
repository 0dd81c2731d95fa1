//! Finding an entry by something that never falls along a log, without an index.
//!
//! Works over any engine that can answer "the entry at or below this number".

use crate::StoreError;

/// Greatest sequence number up to `last` whose entry `holds`, where every entry before one that
/// holds does too.
///
/// `floor` gives the number of the entry at or below its argument and whether that one holds.
pub(crate) fn last_that_holds(
    last: u64,
    mut floor: impl FnMut(u64) -> Result<Option<(u64, bool)>, StoreError>,
) -> Result<Option<u64>, StoreError> {
    let mut best = None;
    let (mut low, mut high) = (1, last);
    while low <= high {
        let middle = low + (high - low) / 2;
        match floor(middle)? {
            Some((seq, true)) => {
                best = best.max(Some(seq));
                low = middle + 1;
            }
            Some((seq, false)) => high = seq.saturating_sub(1),
            None => low = middle + 1,
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::last_that_holds;

    #[test]
    fn agrees_with_a_plain_scan() {
        for sparse in [1u64, 2, 7] {
            let entries: Vec<u64> = (1..60).filter(|n| n % sparse == 0).collect();
            for border in 0..62 {
                let found = last_that_holds(100, |n| {
                    let floor = entries.iter().copied().filter(|e| *e <= n).max();
                    Ok(floor.map(|e| (e, e <= border)))
                });
                let expected = entries.iter().copied().filter(|e| *e <= border).max();
                assert_eq!(found.unwrap(), expected, "step {sparse}, border {border}");
            }
        }
    }

    #[test]
    fn an_empty_log_has_none() {
        assert_eq!(last_that_holds(0, |_| Ok(None)).unwrap(), None);
        assert_eq!(last_that_holds(5, |_| Ok(None)).unwrap(), None);
    }
}
