//! The rates that organizations set for themselves over the API, beside those of the operator's file.
//!
//! Both are asked, the file's first: an organization makes its own bounds closer, not wider, unless the file says that it may.
//! The counters of all organizations share one table of fixed size, in which nobody's number depends on anybody else's requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::Credential;
use strongroom_domain::rate_limits::{RateLimits, Rates};
use strongroom_types::id::{ApiKeyId, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::app::App;
use crate::edge::allow;
use crate::gcra::Gcra;
use crate::problem::Problem;
use crate::route::Route;
use crate::throttle::Standing;
use crate::visit::{RATE_LIMIT_EXCEEDED, Visit};

/// What is counted: of whom, and of which kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counter {
    pub meter: Meter,
    pub owner: [u8; 16],
}

/// The limits there are, by their place in a file of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meter {
    Key,
    KeyReads,
    KeyWrites,
    KeyMoney,
    Organization,
    OrganizationReads,
    OrganizationWrites,
    OrganizationMoney,
}

impl Meter {
    pub const ALL: [Meter; 8] = [
        Meter::Key,
        Meter::KeyReads,
        Meter::KeyWrites,
        Meter::KeyMoney,
        Meter::Organization,
        Meter::OrganizationReads,
        Meter::OrganizationWrites,
        Meter::OrganizationMoney,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Meter::Key => "own_key",
            Meter::KeyReads => "own_key_reads",
            Meter::KeyWrites => "own_key_writes",
            Meter::KeyMoney => "own_key_money",
            Meter::Organization => "own_organization",
            Meter::OrganizationReads => "own_organization_reads",
            Meter::OrganizationWrites => "own_organization_writes",
            Meter::OrganizationMoney => "own_organization_money",
        }
    }

    /// Its number in the file of counters.
    pub const fn place(self) -> u8 {
        match self {
            Meter::Key => 0,
            Meter::KeyReads => 1,
            Meter::KeyWrites => 2,
            Meter::KeyMoney => 3,
            Meter::Organization => 4,
            Meter::OrganizationReads => 5,
            Meter::OrganizationWrites => 6,
            Meter::OrganizationMoney => 7,
        }
    }

    const fn is_key_s(self) -> bool {
        matches!(
            self,
            Meter::Key | Meter::KeyReads | Meter::KeyWrites | Meter::KeyMoney
        )
    }

    fn rate(self, rates: &Rates) -> Option<u32> {
        match self {
            Meter::Key | Meter::Organization => rates.per_second,
            Meter::KeyReads | Meter::OrganizationReads => rates.reads_per_second,
            Meter::KeyWrites | Meter::OrganizationWrites => rates.writes_per_second,
            Meter::KeyMoney | Meter::OrganizationMoney => rates.money_per_second,
        }
    }

    /// Whether a request of a route is counted by it.
    fn counts(self, route: &Route) -> bool {
        match self {
            Meter::Key | Meter::Organization => true,
            Meter::KeyReads | Meter::OrganizationReads => !route.is_mutating(),
            Meter::KeyWrites | Meter::OrganizationWrites => route.is_mutating(),
            Meter::KeyMoney | Meter::OrganizationMoney => route.money,
        }
    }
}

/// How often a limit was passed since the server began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub refused: u64,
    pub reported: u64,
}

/// The counters of all organizations' own limits.
pub(crate) struct OwnLimits {
    pub rates: Gcra<Counter>,
    passed: Mutex<HashMap<(u32, Meter), Passed>>,
}

/// Milliseconds that a rate "per second" is of.
const RATE_WINDOW: i64 = 1_000;

impl Default for OwnLimits {
    fn default() -> OwnLimits {
        OwnLimits {
            rates: Gcra::new("own", 1, RATE_WINDOW),
            passed: Mutex::default(),
        }
    }
}

/// One rate that is in force for somebody.
pub(crate) struct InForce {
    pub meter: Meter,
    pub counter: Counter,
    pub limit: u32,
}

/// The rates in force for a key, the narrowest first.
pub(crate) fn in_force(limits: &RateLimits, scope: &Scope, key: ApiKeyId) -> Vec<InForce> {
    let of = |meter: Meter| {
        let (rates, owner) = match meter.is_key_s() {
            true => (limits.of(key), owner(key.0, 0)),
            false => {
                let mode = 1 + u8::from(scope.mode.is_live());
                (&limits.organization, owner(scope.organization.0, mode))
            }
        };
        let limit = meter.rate(rates)?;
        let counter = Counter { meter, owner };
        Some(InForce {
            meter,
            counter,
            limit,
        })
    };
    Meter::ALL.into_iter().filter_map(of).collect()
}

/// Twelve bytes of an id, and what tells owners of one id apart.
fn owner(id: RawId, mark: u8) -> [u8; 16] {
    let mut owner = [0; 16];
    for (to, from) in owner.iter_mut().zip(id.0.into_iter().chain([mark])) {
        *to = from;
    }
    owner
}

impl OwnLimits {
    fn count(&self, rate: &InForce, weight: u32, now: Timestamp) -> Standing {
        let counter = rate.counter;
        self.rates
            .count_at(counter, (rate.meter.name(), rate.limit), weight, now)
    }

    /// Where somebody stands, without counting anything.
    pub fn standing(&self, rate: &InForce, now: Timestamp) -> Standing {
        let counter = rate.counter;
        self.rates
            .count_at(counter, (rate.meter.name(), rate.limit), 0, now)
    }

    fn passed(&self, scope: u32, meter: Meter, reported: bool) {
        let mut all = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = all.entry((scope, meter)).or_default();
        match reported {
            true => passed.reported += 1,
            false => passed.refused += 1,
        }
    }

    /// How often each limit was passed, of those that were.
    pub fn counts(&self, scope: u32) -> Vec<(Meter, Passed)> {
        let all = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |meter: Meter| Some((meter, *all.get(&(scope, meter))?));
        Meter::ALL.into_iter().filter_map(own).collect()
    }
}

/// What a request weighs by what its organization says of such.
fn weight(limits: &RateLimits, route: &Route) -> u32 {
    let kind = match (route.money, route.is_mutating()) {
        (true, _) => limits.weights.money,
        (false, true) => limits.weights.writes,
        (false, false) => limits.weights.reads,
    };
    route.weight.saturating_mul(kind)
}

impl App {
    /// The limits that the organization set for itself, where it has set any.
    pub(crate) fn limit_own(
        &self,
        visit: &mut Visit,
        credential: &Credential,
        route: &Route,
        own: &Arc<RateLimits>,
    ) -> Result<(), Problem> {
        // Whoever set them too low can take them back.
        if route.path == "/v1/rate-limits" {
            return Ok(());
        }
        let (limits, scope) = (&self.inner().own_limits, &credential.scope);
        let weight = weight(own, route);
        for rate in in_force(own, scope, credential.id) {
            if !rate.meter.counts(route) {
                continue;
            }
            let standing = limits.count(&rate, weight, visit.time);
            if standing.is_allowed() {
                visit.standing = Some(standing);
                continue;
            }
            self.inner().metrics.limited(standing.name());
            limits.passed(scope.number, rate.meter, own.report_only);
            if !own.report_only {
                return allow(visit, standing);
            }
            visit.standing = Some(standing);
            visit.warned(RATE_LIMIT_EXCEEDED);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::OrganizationId;
    use strongroom_types::mode::Mode;

    use super::*;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn scope(organization: u8, mode: Mode) -> Scope {
        Scope {
            number: u32::from(organization),
            organization: OrganizationId(RawId([organization; 12])),
            mode,
        }
    }

    fn limits(per_second: u32) -> RateLimits {
        RateLimits {
            organization: Rates {
                per_second: Some(per_second),
                ..Rates::default()
            },
            ..RateLimits::default()
        }
    }

    /// How many of so many requests pass.
    fn pass(own: &OwnLimits, limits: &RateLimits, scope: &Scope, requests: usize) -> usize {
        let key = ApiKeyId(RawId([9; 12]));
        let rates = in_force(limits, scope, key);
        let taken = |_: &usize| {
            let mut standings = rates.iter().map(|rate| own.count(rate, 1, NOW));
            standings.all(|standing| standing.is_allowed())
        };
        (0..requests).filter(taken).count()
    }

    /// However much one organization asks for, and whatever it bounds itself by, another's numbers are its own.
    #[test]
    fn no_organization_takes_anything_from_another() {
        let own = OwnLimits::default();
        let (loud, quiet) = (scope(1, Mode::Live), scope(2, Mode::Live));
        assert_eq!(pass(&own, &limits(5), &loud, 100_000), 5);
        assert_eq!(pass(&own, &limits(7), &quiet, 10), 7);
        assert_eq!(pass(&own, &limits(3), &scope(1, Mode::Test), 10), 3);
        // A second that is used up stays so when the limit is raised.
        assert_eq!(pass(&own, &limits(10), &quiet, 10), 0);
        assert_eq!(pass(&own, &limits(10), &scope(3, Mode::Live), 20), 10);
    }

    #[test]
    fn a_key_has_its_own_rates_or_those_of_all() {
        let (one, two) = (ApiKeyId(RawId([1; 12])), ApiKeyId(RawId([2; 12])));
        let rates = |per_second| Rates {
            per_second: Some(per_second),
            ..Rates::default()
        };
        let limits = RateLimits {
            key: rates(10),
            keys: vec![strongroom_domain::rate_limits::KeyRates {
                key: two,
                rates: rates(2),
            }],
            ..RateLimits::default()
        };
        let of = |key| in_force(&limits, &scope(1, Mode::Test), key);
        assert_eq!(of(one).iter().map(|r| r.limit).collect::<Vec<_>>(), [10]);
        assert_eq!(of(two).iter().map(|r| r.limit).collect::<Vec<_>>(), [2]);
    }
}
