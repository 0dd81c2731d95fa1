//! What is planned: references, the jobs of what waits for its time, and that each number of a schedule made one payout.

use std::collections::{HashMap, HashSet};

use strongroom_domain::action::Action;
use strongroom_domain::entry::EntryFacts;
use strongroom_domain::facts::Field;
use strongroom_domain::payout_schedules::{PayoutSchedule, PayoutScheduleBody};
use strongroom_domain::payouts::Payout;
use strongroom_domain::record::Record;
use strongroom_types::id::{AnyId, PayoutScheduleId};

use crate::jobs::{PAYOUT_SCHEDULE_JOB, SCHEDULED_PAYOUT_JOB};
use crate::verify::due::Due;
use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// The index row that a record claims by its reference id.
pub(super) fn claims(record: &Record) -> Option<(Field, String, AnyId)> {
    match record {
        Record::Beneficiary(found) => {
            let reference = found.body.reference_id.as_ref()?;
            let (field, text) = (Field::BeneficiaryReference, reference.as_str());
            Some((field, text.to_owned(), found.body.id.any()))
        }
        Record::PayoutSchedule(schedule) => {
            let reference = schedule.body.reference_id.as_ref()?;
            let (field, text) = (Field::PayoutScheduleReference, reference.as_str());
            Some((field, text.to_owned(), schedule.body.id.any()))
        }
        _ => None,
    }
}

/// Scope, kind and number of a job.
type JobKey = (u32, u8, [u8; 12]);

/// The job of a payout that is for later.
pub(super) fn payout_job(scope: u32, payout: &Payout) -> Option<(JobKey, Due)> {
    let at = payout.body.waits_until()?;
    let key = (scope, SCHEDULED_PAYOUT_JOB, payout.body.id.0.0);
    Some((key, Due::At(at.0)))
}

/// The job of a schedule that has something to come.
pub(super) fn schedule_job(scope: u32, schedule: &PayoutSchedule) -> Option<(JobKey, Due)> {
    let at = schedule.body.waits_until()?;
    let key = (scope, PAYOUT_SCHEDULE_JOB, schedule.body.id.0.0);
    Some((key, Due::At(at.0)))
}

/// Schedules, and the numbers that payouts say they are.
#[derive(Default)]
pub(super) struct Planned {
    made: HashMap<(u32, PayoutScheduleId), HashSet<u32>>,
    twice: Vec<(u32, AnyId)>,
    schedules: Vec<(u32, PayoutScheduleBody)>,
}

impl Planned {
    /// Takes in the payout that an entry makes.
    pub fn fold(&mut self, log: u32, facts: &EntryFacts) {
        let payout = facts.payout.as_ref();
        let made = payout.filter(|_| facts.action == Action::PayoutCreated);
        let Some((payout, of)) = made.and_then(|payout| Some((payout, payout.occurrence?))) else {
            return;
        };
        let numbers = self.made.entry((log, of.schedule)).or_default();
        if !numbers.insert(of.number) {
            self.twice.push((log, payout.id.any()));
        }
    }

    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, record: &Record) {
        if let Record::PayoutSchedule(schedule) = record {
            self.schedules.push((log, schedule.body.clone()));
        }
    }

    /// INVARIANT(one-occurrence): no two payouts name one number, none names one that is still to come, and there are as
    /// many as the schedule says.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        for (log, payout) in &self.twice {
            damages.note(format!(
                "`{payout}` of log {log}: its schedule has made it before"
            ));
        }
        let none = HashSet::new();
        for (log, schedule) in self.schedules.iter().filter(|(log, _)| !unread.any(*log)) {
            let made = self.made.get(&(*log, schedule.id)).unwrap_or(&none);
            let counted = u32::try_from(made.len()) == Ok(schedule.made);
            let next = schedule.next.map_or(u32::MAX, |next| next.number);
            let passed = made.iter().all(|number| *number < next);
            if !(counted && passed) {
                damages.note(format!(
                    "`{}` of log {log}: the payouts that name it are not what it says",
                    schedule.id
                ));
            }
        }
        let known: HashSet<_> = self.schedules.iter().map(|(log, s)| (*log, s.id)).collect();
        let strange = self.made.keys().filter(|key| !known.contains(key));
        for (log, id) in strange.filter(|(log, _)| !unread.any(*log)) {
            damages.note(format!(
                "`{id}` of log {log}: payouts name it, and it is not there"
            ));
        }
    }
}
