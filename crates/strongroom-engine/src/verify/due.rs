//! When a job must be due, and whether it is.

use strongroom_crypto::{MacKey, equal};
use strongroom_store::JobRow;
use strongroom_types::time::DAY;

use crate::accept::job_mark;

/// When a job must be due.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// Within a day of the record's last change.
    Soon(Changed),
    /// Within a day of one of its changes: the later ones left the job as it was.
    SinceAny(Changed),
    At(i64),
}

/// When a record was changed. A clock that was set back may have shown its latest time before its last.
#[derive(Clone, Copy, Default)]
pub(super) struct Changed {
    pub last: i64,
    pub earliest: i64,
    pub latest: i64,
}

impl Changed {
    /// With one more change after those `before`.
    pub fn again(before: Option<Changed>, time: i64) -> Changed {
        let before = before.unwrap_or(Changed {
            last: time,
            earliest: time,
            latest: time,
        });
        Changed {
            last: time,
            earliest: before.earliest.min(time),
            latest: before.latest.max(time),
        }
    }
}

/// A job is due when it must be, counts no attempts and carries the mark of its due time.
pub(super) fn is_plausible(row: &JobRow, due: Due, marks: Option<&MacKey>) -> bool {
    let mark = marks.map(|mac| job_mark(mac, (row.scope, row.kind, row.id), row.due));
    let within = |from: i64, to: i64| (from..=to.saturating_add(DAY)).contains(&row.due);
    let in_time = match due {
        Due::Soon(changed) => within(changed.last, changed.last),
        Due::SinceAny(changed) => within(changed.earliest, changed.latest),
        Due::At(time) => row.due == time,
    };
    in_time && row.attempt == 0 && mark.is_some_and(|mark| equal(&row.body, &mark))
}
