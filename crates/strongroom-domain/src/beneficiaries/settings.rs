//! What an organization bounds its payouts by, in one mode: how long a beneficiary's account cools off.

use minicbor::{Decode, Encode};
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_auth::permission::ManagePayoutSettings;
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, Kind, PayoutSettingsId, RawId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::time::{DAY, SECOND, Timestamp};

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::view;

/// The longest cooling-off period, in milliseconds.
pub const LONGEST_COOLING_OFF: i64 = 30 * DAY;

/// The key of the record: there is one per scope.
pub fn payout_settings_key() -> AnyId {
    AnyId {
        kind: Kind::PayoutSettings,
        raw: RawId::ZERO,
    }
}

/// The settings of an organization in one mode.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutSettings {
    /// How long a new account cools off, in milliseconds.
    #[n(0)]
    #[class(operational)]
    pub cooling_off: i64,
    /// A shorter period that takes its place.
    #[n(1)]
    #[class(operational)]
    pub upcoming: Option<Upcoming>,
    #[n(2)]
    #[class(operational)]
    pub updated_at: Option<Timestamp>,
}

/// A period, and when it begins to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Upcoming {
    #[n(0)]
    pub cooling_off: i64,
    #[n(1)]
    pub from: Timestamp,
}

impl Default for PayoutSettings {
    /// A day, as banks have it.
    fn default() -> PayoutSettings {
        PayoutSettings {
            cooling_off: DAY,
            upcoming: None,
            updated_at: None,
        }
    }
}

impl PayoutSettings {
    /// The period in force, in milliseconds.
    pub fn cooling_off(&self, now: Timestamp) -> i64 {
        let begun = self.upcoming.filter(|upcoming| upcoming.from <= now);
        begun.map_or(self.cooling_off, |upcoming| upcoming.cooling_off)
    }

    /// SECURITY: in live mode a shorter period begins once the one in force is over. Else whoever may change it would
    /// make the accounts of his own payable at once.
    fn with(&self, wanted: i64, moment: &Moment) -> PayoutSettings {
        let current = self.cooling_off(moment.now);
        let waits = wanted < current && moment.scope.mode == Mode::Live;
        PayoutSettings {
            cooling_off: if waits { current } else { wanted },
            upcoming: waits.then(|| Upcoming {
                cooling_off: wanted,
                from: moment.now.plus(current),
            }),
            updated_at: Some(moment.now),
        }
    }
}

/// `PATCH /v1/payout-settings`.
#[derive(Clone, Copy, Encode, Decode)]
pub struct ChangePayoutSettings {
    /// In milliseconds.
    #[n(0)]
    pub cooling_off: Option<i64>,
}

impl Command for ChangePayoutSettings {
    type Permission = ManagePayoutSettings;

    fn action(&self) -> Action {
        Action::PayoutSettingsUpdated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::BeneficiaryChange)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::PayoutSettings(*self))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(payout_settings_key())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = facts.payout_settings().copied().unwrap_or_default();

        // From here it must succeed.
        let next = match self.cooling_off {
            Some(wanted) => old.with(wanted, moment),
            None => old,
        };
        let (id, action) = (payout_settings_key(), Action::PayoutSettingsUpdated);
        let events = vec![EventFact::new(EventType::PayoutSettingsUpdated, id)];
        let seconds = |period: i64| (period / SECOND).to_string();
        let decision = Decision::new(facts, action, id, Movement::none(), events);
        let decision = match self.cooling_off {
            Some(wanted) => decision
                .detail("from", seconds(old.cooling_off(moment.now)))
                .detail("beneficiary_cooling_off", seconds(wanted)),
            None => decision,
        };
        let shown = view::json(&PayoutSettingsView::new(&next, moment.now));
        Ok(decision
            .reply(Reply::Stored(shown))
            .change(id, Record::PayoutSettings(next)))
    }
}

impl ChangePayoutSettings {
    /// As others see it who are to agree.
    pub(crate) fn asked(self) -> Value {
        let period = self.cooling_off.map(|period| period / SECOND);
        json!({ "change": "settings", "beneficiary_cooling_off": period })
    }
}

/// The settings on the wire; periods in seconds.
#[derive(Serialize)]
pub struct PayoutSettingsView {
    pub id: PayoutSettingsId,
    pub object: &'static str,
    pub beneficiary_cooling_off: i64,
    pub upcoming: Option<UpcomingView>,
    pub updated_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub struct UpcomingView {
    pub beneficiary_cooling_off: i64,
    pub from: Timestamp,
}

impl PayoutSettingsView {
    pub fn new(settings: &PayoutSettings, now: Timestamp) -> PayoutSettingsView {
        let upcoming = settings.upcoming.filter(|upcoming| upcoming.from > now);
        PayoutSettingsView {
            id: PayoutSettingsId(RawId::ZERO),
            object: "payout_settings",
            beneficiary_cooling_off: settings.cooling_off(now) / SECOND,
            upcoming: upcoming.map(|upcoming| UpcomingView {
                beneficiary_cooling_off: upcoming.cooling_off / SECOND,
                from: upcoming.from,
            }),
            updated_at: settings.updated_at,
        }
    }
}
