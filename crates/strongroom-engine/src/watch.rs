//! Alerts raised beside the commands: what they are raised for, and how often at most.
//!
//! A happening is seen where its command ended, so its alert is an entry of the same batch: one transaction holds both.
//! What repeats is counted in memory and written once in [`PAUSE`] per rule and subject, so a flood of refusals costs one
//! small entry in ten seconds. Subjects are the organization's own keys and endpoints; the memory is bounded besides.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use strongroom_auth::SystemActor;
use strongroom_domain::action::Action;
use strongroom_domain::alerts::{Happening, RaiseAlert, Rule};
use strongroom_domain::event::EventType;
use strongroom_domain::rejection::Code;
use strongroom_types::id::{AnyId, Kind, RawId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use tokio::sync::oneshot;

use crate::commit::Commit;
use crate::draft::Draft;
use crate::edge::{Who, actor_line};
use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::item::{Item, Outcome, Pending};
use crate::scopes::installation;

/// Milliseconds between two entries about one rule and subject.
const PAUSE: i64 = 10_000;

/// So many refusals for rights that a key lacks, within the window, are no slip of its owner's.
const PROBES: u32 = 10;
const WINDOW: i64 = 60_000;

/// The sixth failed login on an account is told (CONTRACT 6), if the first was no longer ago than an hour.
const MOST_FAILED_LOGINS: u32 = 5;
const LOGIN_WINDOW: i64 = 3_600_000;

/// Rules and subjects remembered at once; beyond them the quiet ones are forgotten, then all.
const MOST_REMEMBERED: usize = 10_000;

/// What was noticed outside of any command.
pub(crate) struct Noticed {
    pub scope: Scope,
    pub happening: Happening,
    pub request: Option<RequestId>,
}

/// What happened lately, in memory.
#[derive(Default)]
pub(crate) struct Watch {
    seen: HashMap<(u32, Happening), Seen>,
    /// When each key's window began, and its refusals since.
    denials: HashMap<(u32, AnyId), (i64, u32)>,
    /// What was given out for the batch that is being made.
    given: Vec<((u32, Happening), u64)>,
    /// The same for failed logins on each account, since the last that did not fail.
    logins: HashMap<(u32, AnyId), (i64, u32)>,
}

/// What was told of a happening, and what waits to be.
struct Seen {
    scope: Scope,
    next: i64,
    waiting: u64,
    first: Timestamp,
    last: Timestamp,
    request: Option<RequestId>,
}

impl Watch {
    /// Counts a happening; the alert to raise, if it is time for one.
    pub fn notice(&mut self, noticed: &Noticed, now: Timestamp) -> Option<(Scope, RaiseAlert)> {
        self.make_room(now);
        let key = (noticed.scope.number, noticed.happening);
        let seen = self.seen.entry(key).or_insert(Seen {
            scope: noticed.scope,
            next: now.0,
            waiting: 0,
            first: now,
            last: now,
            request: None,
        });
        if seen.waiting == 0 {
            seen.first = now;
        }
        seen.waiting = seen.waiting.saturating_add(1);
        seen.last = now;
        seen.request = noticed.request.or(seen.request);
        let told = seen.take(noticed.happening, now);
        self.given
            .extend(told.iter().map(|(_, alert)| (key, alert.count)));
        told
    }

    /// What was counted and is not told yet, though its pause is over.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<(Scope, RaiseAlert)> {
        let due = |((number, happening), seen): (&(u32, Happening), &mut Seen)| {
            let told = (seen.waiting > 0).then(|| seen.take(*happening, now))??;
            Some(((*number, *happening), told))
        };
        let due: Vec<_> = self.seen.iter_mut().filter_map(due).collect();
        self.given
            .extend(due.iter().map(|(key, (_, alert))| (*key, alert.count)));
        due.into_iter().map(|(_, told)| told).collect()
    }

    /// Ends a batch. What the store did not take is to be told again, with the next.
    pub fn settle(&mut self, is_stored: bool) {
        for (key, count) in self.given.drain(..) {
            if let Some(seen) = self.seen.get_mut(&key).filter(|_| !is_stored) {
                seen.waiting = seen.waiting.saturating_add(count);
                seen.next = i64::MIN;
            }
        }
    }

    /// Whether this refusal is one too many.
    fn probes(&mut self, key: (u32, AnyId), now: Timestamp) -> bool {
        counted(&mut self.denials, key, now, WINDOW) >= PROBES
    }

    /// Whether this failed login is one too many.
    fn guesses(&mut self, account: (u32, AnyId), now: Timestamp) -> bool {
        counted(&mut self.logins, account, now, LOGIN_WINDOW) > MOST_FAILED_LOGINS
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.seen.len() < MOST_REMEMBERED {
            return;
        }
        self.seen
            .retain(|_, seen| seen.waiting > 0 || seen.next > now.0);
        if self.seen.len() >= MOST_REMEMBERED {
            self.seen.clear();
        }
    }
}

/// Counts one more within the window that began with the first.
fn counted(
    all: &mut HashMap<(u32, AnyId), (i64, u32)>,
    key: (u32, AnyId),
    now: Timestamp,
    window: i64,
) -> u32 {
    if all.len() >= MOST_REMEMBERED {
        all.clear();
    }
    let (since, count) = all.entry(key).or_insert((now.0, 0));
    if now.0.saturating_sub(*since) >= window {
        (*since, *count) = (now.0, 0);
    }
    *count = count.saturating_add(1);
    *count
}

impl Seen {
    fn take(&mut self, happening: Happening, now: Timestamp) -> Option<(Scope, RaiseAlert)> {
        // A clock set back must not silence it.
        let far = self.next.saturating_sub(now.0) > PAUSE;
        if now.0 < self.next && !far {
            return None;
        }
        self.next = now.0.saturating_add(PAUSE);
        let alert = RaiseAlert {
            happening,
            count: std::mem::take(&mut self.waiting),
            first: self.first,
            last: self.last,
            request: self.request,
        };
        Some((self.scope, alert))
    }
}

impl Commit {
    /// Raises what the end of a command calls for, in the same batch.
    pub(crate) fn watch(&mut self, draft: &mut Draft, pending: &Pending, outcome: &Outcome) {
        let Some(happening) = self.happening(draft, pending, outcome) else {
            return;
        };
        let request = pending.envelope.request;
        let noticed = Noticed {
            scope: pending.scope,
            happening,
            request: (request.0 != RawId::ZERO).then_some(request),
        };
        self.noticed(draft, &noticed);
    }

    pub(crate) fn noticed(&mut self, draft: &mut Draft, noticed: &Noticed) {
        if let Some((scope, alert)) = self.watch.notice(noticed, draft.now) {
            self.raise(draft, scope, alert);
        }
    }

    /// Tells what was counted only.
    pub(crate) fn raise_overdue(&mut self, draft: &mut Draft) {
        for (scope, alert) in self.watch.overdue(draft.now) {
            self.raise(draft, scope, alert);
        }
    }

    fn happening(
        &mut self,
        draft: &Draft,
        pending: &Pending,
        outcome: &Outcome,
    ) -> Option<Happening> {
        let about = |rule, subject| Some(Happening { rule, subject });
        let (action, code) = match outcome {
            Ok(committed) if committed.replayed => return None,
            Ok(committed) => {
                let subject = committed.facts.resource?;
                let told = |event| committed.facts.events.iter().any(|e| e.event == event);
                if let (Action::UserSignedIn, Some(user)) =
                    (committed.facts.action, pending.actor.credential)
                {
                    self.watch.logins.remove(&(pending.scope.number, user));
                }
                return match (committed.facts.action, subject.kind) {
                    (Action::ApiKeyLeaked, Kind::ApiKey) => about(Rule::LeakedKey, subject),
                    (Action::UserPasswordResetStarted | Action::UserPasswordReset, _) => {
                        about(Rule::PasswordReset, subject)
                    }
                    (Action::BeneficiaryAccountChanged, _) => {
                        about(Rule::BeneficiaryAccountChanged, subject)
                    }
                    (Action::PaymentCaptureRefused, _) => {
                        let payment = committed.facts.payment.as_ref()?;
                        about(Rule::CaptureRefused, payment.wallet.any())
                    }
                    (Action::WebhookDisabled, _) if told(EventType::WebhookDisabled) => {
                        about(Rule::WebhookDisabled, subject)
                    }
                    _ => None,
                };
            }
            Err(Failure::SignatureReplayed) => {
                return about(Rule::ReplayedSignature, pending.actor.credential?);
            }
            Err(Failure::Rejected {
                rejection,
                replayed: false,
                ..
            }) => (pending.command.action(), rejection.code),
            Err(_) => return None,
        };
        let key = pending.actor.credential?;
        match (action, code) {
            (Action::SignatureRefused, Code::SignatureInvalid) => about(Rule::ForgedSignature, key),
            (Action::SecretKeyInBrowser, _) => about(Rule::SecretKeyInBrowser, key),
            (Action::AddressRefused, _) => about(Rule::AddressRefused, key),
            (Action::CertificateRefused, _) => about(Rule::CertificateRefused, key),
            (Action::CardNumberRefused, _) => about(Rule::CardNumberInField, key),
            (Action::UserSignedIn, Code::LoginRefused | Code::SecondFactorInvalid) => {
                let guesses = self.watch.guesses((pending.scope.number, key), draft.now);
                guesses.then_some(Happening {
                    rule: Rule::FailedLogins,
                    subject: key,
                })
            }
            (_, Code::PermissionDenied | Code::PermissionNotHeld) => {
                let probes = self.watch.probes((pending.scope.number, key), draft.now);
                probes.then_some(Happening {
                    rule: Rule::PrivilegeProbing,
                    subject: key,
                })
            }
            _ => None,
        }
    }

    /// Decides and writes it like any command; when it is refused, nothing is.
    fn raise(&mut self, draft: &mut Draft, scope: Scope, alert: RaiseAlert) {
        // What fails outside of any organization has nobody to tell.
        if scope.number == installation().number {
            return;
        }
        let (answer, _) = oneshot::channel();
        let (actor, envelope) = (SystemActor::Watch.as_str(), Envelope::internal());
        let pending = Pending {
            command: Box::new(alert),
            scope,
            actor: actor_line(&Who::server(actor), actor, &envelope),
            envelope,
            answer,
        };
        let facts = match self.facts(draft, &pending) {
            Ok(Some(facts)) => facts,
            Ok(None) => return drop(self.panicked(&pending)),
            Err(error) => return drop(self.failed(&error)),
        };
        let Some((mut moment, base)) = self.moment(draft, scope) else {
            return;
        };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            pending.command.decide(&facts, &mut moment)
        }));
        match decided {
            Ok(Ok(decision)) => drop(self.accept(draft, &pending, decision, base)),
            Ok(Err(_)) => {}
            Err(_) => drop(self.panicked(&pending)),
        }
    }
}

impl Engine {
    /// Says that something happened which no command tells. Never waits, and is dropped where the queue is full: what is
    /// told is counted in memory first.
    pub fn notice(&self, scope: Scope, rule: Rule, subject: AnyId, request: Option<RequestId>) {
        let happening = Happening { rule, subject };
        let noticed = Noticed {
            scope,
            happening,
            request,
        };
        self.inner.shared.queue.offer(Item::Noticed(Some(noticed)));
    }

    /// Writes down what was only counted; asked for once a minute.
    pub fn flush_alerts(&self) {
        self.inner.shared.queue.offer(Item::Noticed(None));
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::{ApiKeyId, OrganizationId};
    use strongroom_types::mode::Mode;

    use super::*;

    fn noticed(n: u8) -> Noticed {
        let scope = Scope {
            number: 2,
            organization: OrganizationId(RawId([1; 12])),
            mode: Mode::Test,
        };
        let happening = Happening {
            rule: Rule::ForgedSignature,
            subject: ApiKeyId(RawId([n; 12])).any(),
        };
        Noticed {
            scope,
            happening,
            request: None,
        }
    }

    fn counts(alerts: &[(Scope, RaiseAlert)]) -> Vec<u64> {
        alerts.iter().map(|(_, alert)| alert.count).collect()
    }

    #[test]
    fn a_flood_is_told_at_once_then_in_sums() {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for n in 0..25_000 {
            told.extend(watch.notice(&noticed(1), Timestamp(n)));
        }
        assert_eq!(counts(&told), [1, 10_000, 10_000]);
        assert!(watch.overdue(Timestamp(25_000)).is_empty());
        let rest = watch.overdue(Timestamp(30_000));
        assert_eq!(counts(&rest), [4_999]);
        assert_eq!(rest[0].1.last, Timestamp(24_999));
        assert!(watch.overdue(Timestamp(90_000)).is_empty());
    }

    #[test]
    fn what_the_store_did_not_take_is_told_again() {
        let mut watch = Watch::default();
        assert_eq!(
            counts(&Vec::from_iter(watch.notice(&noticed(1), Timestamp(5)))),
            [1]
        );
        watch.settle(false);
        assert_eq!(counts(&watch.overdue(Timestamp(6))), [1]);
        watch.settle(true);
        assert!(watch.overdue(Timestamp(90_000)).is_empty());
    }

    #[test]
    fn a_clock_set_back_silences_nothing() {
        let mut watch = Watch::default();
        assert!(watch.notice(&noticed(1), Timestamp(900_000)).is_some());
        assert!(watch.notice(&noticed(1), Timestamp(1_000)).is_some());
    }

    #[test]
    fn the_tenth_denial_in_a_minute_is_probing() {
        let mut watch = Watch::default();
        let key = (2, noticed(1).happening.subject);
        let probes = |watch: &mut Watch, from: i64| {
            (0..12)
                .filter(|n| watch.probes(key, Timestamp(from + n)))
                .count()
        };
        assert_eq!(probes(&mut watch, 0), 3);
        assert_eq!(probes(&mut watch, 60_000), 3);
        let slow = (0..50).filter(|n| watch.probes((3, key.1), Timestamp(n * 7_000)));
        assert_eq!(slow.count(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut watch = Watch::default();
        for n in 0..30_000_u64 {
            let mut one = noticed(0);
            one.happening.subject.raw = RawId::from_parts(n, n);
            watch.notice(&one, Timestamp(0));
            watch.probes((2, one.happening.subject), Timestamp(0));
        }
        assert!(watch.seen.len() <= MOST_REMEMBERED);
        assert!(watch.denials.len() <= MOST_REMEMBERED);
    }
}
