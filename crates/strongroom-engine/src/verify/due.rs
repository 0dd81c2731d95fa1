//! When a job must be due, and whether it is.

use strongroom_crypto::{MacKey, equal};
use strongroom_store::JobRow;
use strongroom_types::time::DAY;

use crate::accept::job_mark;

/// When a job must be due.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// After this time, within a day.
    Soon(i64),
    At(i64),
}

/// A job is due when it must be, counts no attempts and carries the mark of its due time.
pub(super) fn is_plausible(row: &JobRow, due: Due, marks: Option<&MacKey>) -> bool {
    let mark = marks.map(|mac| job_mark(mac, (row.scope, row.kind, row.id), row.due));
    let in_time = match due {
        Due::Soon(changed) => (changed..=changed.saturating_add(DAY)).contains(&row.due),
        Due::At(time) => row.due == time,
    };
    in_time && row.attempt == 0 && mark.is_some_and(|mark| equal(&row.body, &mark))
}
