//! A server, two organizations, one client, and what the client remembers.

use serde_json::Value;
use strongroom_auth::Role;
use strongroom_engine::Settings;
use strongroom_store::Store;
use strongroom_testkit::books::Books;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::reference::{Due, Op, Reference, Reply as Outcome, Rule};
use strongroom_testkit::script::Script;
use strongroom_testkit::server::{RAIL_STEP, ServerSettings, TestServer};
use strongroom_types::mode::Scope;

use crate::ask::Ask;
use crate::reads::Reading;

/// Refusals that no retry could see turn out otherwise: they pin no key.
const UNPINNED: [&str; 4] = [
    "currency_mismatch",
    "same_wallet",
    "no_default_wallet",
    "parent_invalid",
];

/// How long a key is surely known, in milliseconds (CONTRACT 2).
const KEPT: i64 = 24 * 3_600_000;

struct Tenant {
    scope: Scope,
    key: String,
    reference: Reference,
    sent: Vec<Sent>,
}

struct Sent {
    ask: Ask,
    op: Op,
    key: String,
    answer: Option<(u16, Vec<u8>)>,
    /// When it was first answered; once the clock has been a day further its key may be forgotten.
    when: i64,
}

pub struct World {
    server: Option<TestServer>,
    tenants: Vec<Tenant>,
    dice: Dice,
    began: i64,
    /// The log's clock: the time of the last batch, and of the last entry.
    last: i64,
    entered: i64,
    /// The latest time that the server's clock has shown, which may be set back.
    latest: i64,
    /// Whether a log has outgrown its checkpoint.
    grown: bool,
}

fn settings() -> ServerSettings {
    // The clock stands still most of the time, so a budget of refusals per second would be one for the whole run.
    let engine = Settings {
        refusals_per_second: u32::MAX,
        ..Settings::default()
    };
    ServerSettings {
        engine,
        ..ServerSettings::default()
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let server = TestServer::start(settings());
        let found = |name: &str| {
            let books = Books::found_in(server.engine.clone(), name);
            let key = books.key(Role::Owner).text;
            Tenant {
                scope: books.scope,
                key,
                reference: Reference::new("PHP", RAIL_STEP),
                sent: Vec::new(),
            }
        };
        let mut tenants = vec![found("One"), found("Two")];
        for tenant in &mut tenants {
            tenant.reference.other_event("api_key.created");
        }
        charged(&server, &mut tenants[1]);
        let now = server.engine.now().0;
        let server = Some(server);
        World {
            server,
            tenants,
            dice: Dice::new(seed),
            began: now,
            last: now,
            entered: now,
            latest: now,
            grown: true,
        }
    }

    fn server(&self) -> &TestServer {
        self.server.as_ref().unwrap()
    }

    fn now(&self) -> i64 {
        self.server().engine.now().0
    }

    /// The time of the next batch.
    fn tick(&mut self, entry: bool) -> i64 {
        let wall = self.now();
        self.last = if wall < self.last {
            self.last + 1
        } else {
            wall
        };
        if entry {
            self.entered = self.last;
        }
        self.last
    }

    /// One operation of the client, or something that happens to the server.
    pub fn step(&mut self) {
        let tenant = self.dice.below(2);
        match self.dice.below(100) {
            0..30 => self.read(tenant),
            30..42 => self.again(tenant),
            42..46 => self.otherwise(tenant),
            46..52 => self.rail(),
            52..60 => self.jump(),
            60 if self.dice.one_in(3) => self.restart(),
            61 => self.checkpoint(),
            _ => self.new_request(tenant),
        }
    }

    /// Reads everything to its end and lets the stopped store be verified.
    pub fn end(&mut self) {
        for tenant in 0..2 {
            self.reading(tenant, |reading| reading.everything());
        }
        for tenant in 0..2 {
            self.reports(tenant);
        }
        let mut server = self.server.take().unwrap();
        server.halt();
        let verify = |store: &dyn Store| {
            strongroom_engine::verify::verify(store, server.root_keys(), 2).unwrap()
        };
        let report = server.look(verify);
        assert!(report.is_clean(), "{report}");
    }

    /// Every report over all there was, and over a part of it, says what the reference adds up.
    fn reports(&mut self, tenant: usize) {
        let (began, now) = (self.began, self.last + 1);
        let middle = began + (now - began) / 2;
        for kind in ["sales", "fees", "payouts", "balances"] {
            for period in [(began, now), (middle, now), (began, middle)] {
                let reference = &self.tenants[tenant].reference;
                let content = self.report(tenant, kind, period);
                let lines = content["lines"].as_array().unwrap();
                let mut found: Vec<String> = lines
                    .iter()
                    .map(|line| reference.named(line).to_string())
                    .collect();
                let wanted = reference.report(kind, period);
                let mut wanted: Vec<String> = wanted.iter().map(Value::to_string).collect();
                found.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(found, wanted, "{kind} of {period:?}");
            }
        }
        let checked = self.report(tenant, "reconciliation", (began, now));
        let lines = checked["lines"].as_array().unwrap();
        // What an acquirer has told is held against nothing.
        for line in lines.iter().filter(|line| line["check"] != "acquirer") {
            assert_eq!(line["status"], "matches", "{line}");
        }
    }

    fn report(&self, tenant: usize, kind: &str, (from, to): (i64, i64)) -> Value {
        let time = |at| strongroom_types::time::Timestamp(at).to_string();
        let body = serde_json::json!({ "type": kind, "from": time(from), "to": time(to) });
        let server = self.server();
        let request = server.request("POST", "/v1/reports");
        let request = request.bearer(&self.tenants[tenant].key).json(&body);
        let id = request.send().expect(202).id();
        server.attend(self.tenants[tenant].scope, &id);
        let path = format!("/v1/reports/{id}/content");
        self.get(tenant, &path).expect(200).json()
    }

    fn reading(&mut self, tenant: usize, work: impl FnOnce(&mut Reading<'_>)) {
        let server = self.server.as_ref().unwrap();
        let Tenant { key, reference, .. } = &mut self.tenants[tenant];
        let get = |target: &str| server.request("GET", target).bearer(key).send();
        let span = (self.began, server.engine.now().0);
        reference.now = span.1;
        work(&mut Reading {
            reference,
            dice: &mut self.dice,
            get: &get,
            span,
        });
    }

    fn read(&mut self, tenant: usize) {
        self.reading(tenant, |reading| reading.one_of_many());
    }

    fn send(&self, tenant: usize, ask: &Ask, key: Option<&str>) -> Reply {
        let mut request = self
            .server()
            .request(ask.method, &ask.path)
            .bearer(&self.tenants[tenant].key);
        if let Some(key) = key {
            request = request.idempotent(key);
        }
        if let Some(body) = &ask.body {
            request = request.body(body);
        }
        request.send()
    }

    fn new_request(&mut self, tenant: usize) {
        let other = &self.tenants[1 - tenant].reference;
        let foreign: Vec<String> = ["wallet", "payout", "tok", "pay"]
            .iter()
            .filter_map(|kind| other.names.id(kind, 0).map(str::to_owned))
            .collect();
        let reference = &self.tenants[tenant].reference;
        let op = Script {
            dice: &mut self.dice,
            reference,
            foreign: &foreign,
            rail: false,
            cards: true,
        }
        .op();
        let ask = Ask::of(&op, reference, &mut self.dice).unwrap();
        // Both organizations use the same keys, and one key serves several endpoints.
        let key = format!("key-{}", self.dice.below(400));
        let taken = self.tenants[tenant]
            .sent
            .iter()
            .any(|sent| sent.key == key && sent.ask.endpoint() == ask.endpoint());
        let keyed = !taken && (ask.money || self.dice.one_in(2));
        let key = match (keyed, ask.money) {
            (true, _) => Some(key),
            (false, true) => Some(format!("{key}-x{:x}x", self.dice.next_u64())),
            (false, false) => None,
        };
        let reply = self.send(tenant, &ask, key.as_deref());
        let answer = self.judge(tenant, &op, &ask, &reply);
        if let Some(key) = key {
            let when = self.now();
            self.tenants[tenant].sent.push(Sent {
                ask,
                op,
                key,
                answer,
                when,
            });
        }
    }

    /// Holds a first answer against the reference; gives what a retry must get.
    fn judge(
        &mut self,
        tenant: usize,
        op: &Op,
        ask: &Ask,
        reply: &Reply,
    ) -> Option<(u16, Vec<u8>)> {
        let at = self.tick(true);
        self.grown = true;
        assert_eq!(reply.header("idempotent-replayed"), None, "{ask:?}");
        let body = reply.json();
        let code = reply.code();
        let outcome = if reply.status < 300 {
            Outcome::Done(&body)
        } else {
            Outcome::Refused(&code)
        };
        if let Err(difference) = self.tenants[tenant].reference.judge(op, Some(at), outcome) {
            panic!("{difference}\n  after {ask:?}");
        }
        let status = if code.is_empty() {
            ask.success
        } else {
            status_of(&code)
        };
        assert_eq!(reply.status, status, "{ask:?}");
        (!UNPINNED.contains(&code.as_str())).then(|| (reply.status, reply.body.clone()))
    }

    /// The same request under the same key: the same answer, byte for byte.
    fn again(&mut self, tenant: usize) {
        let count = self.tenants[tenant].sent.len();
        let Some(n) = count.checked_sub(1 + self.dice.below(count.min(60))) else {
            return;
        };
        let now = self.now();
        let Sent {
            ask,
            op,
            key,
            answer,
            when,
        } = &self.tenants[tenant].sent[n];
        if self.latest - when >= KEPT {
            return;
        }
        let (ask, op, answer) = (ask.clone(), op.clone(), answer.clone());
        let reply = self.send(tenant, &ask, Some(&key.clone()));
        let Some((status, body)) = answer else {
            let answer = self.judge(tenant, &op, &ask, &reply);
            self.tenants[tenant].sent[n].answer = answer;
            self.tenants[tenant].sent[n].when = now;
            return;
        };
        self.tick(false);
        assert_eq!(
            reply.header("idempotent-replayed"),
            Some("true"),
            "{ask:?}: {}",
            reply.text()
        );
        assert_eq!(
            (reply.status, reply.text()),
            (status, String::from_utf8(body).unwrap()),
            "{ask:?}"
        );
    }

    /// Another request under a key that was used.
    fn otherwise(&mut self, tenant: usize) {
        let sent = self
            .dice
            .pick(&self.tenants[tenant].sent)
            .filter(|sent| sent.answer.is_some() && self.latest - sent.when < KEPT);
        let Some((ask, key)) =
            sent.and_then(|sent| Some((sent.ask.otherwise()?, sent.key.clone())))
        else {
            return;
        };
        self.send(tenant, &ask, Some(&key))
            .refused(409, "idempotency_key_reused");
        self.tick(false);
    }

    /// Everything that is due moves one step.
    fn rail(&mut self) {
        let now = self.now();
        let mut jobs: Vec<(i64, usize, u8, usize, Due)> = Vec::new();
        for (tenant, of) in self.tenants.iter().enumerate() {
            let due = of.reference.due(now).into_iter().enumerate();
            jobs.extend(due.map(|(place, (due, job))| (due, tenant, kind(job), place, job)));
        }
        // The longest waiting first; of one time, by organization, by kind, and within a kind as the reference has them.
        jobs.sort_unstable();
        let sandbox = strongroom_worker::SandboxAcquirer::default();
        let step = strongroom_worker::advance_due(&self.server().engine, &sandbox, RAIL_STEP);
        let count = self.server().wait(step).unwrap();
        assert_eq!(count, jobs.len(), "other jobs were due: {jobs:?}");
        for (_, tenant, _, _, job) in jobs {
            self.grown = true;
            self.happened(tenant, job);
        }
    }

    /// Takes over one thing that the server did by itself.
    fn happened(&mut self, tenant: usize, job: Due) {
        let ticks = match job {
            Due::Rail(_) | Due::Token(_) => 1,
            Due::Payment(n) if !self.tenants[tenant].reference.is_asked(n) => 1,
            Due::Payment(_) | Due::Refund(_) => 2,
        };
        let times: Vec<i64> = (0..ticks).map(|_| self.tick(true)).collect();
        let mut times = times.into_iter();
        let mut tick = || times.next();
        let reference = &mut self.tenants[tenant].reference;
        match job {
            Due::Rail(n) => self.railed(tenant, n, tick()),
            Due::Token(n) => reference.expire_token(n, tick()),
            Due::Payment(n) => reference.step_payment(n, tick),
            Due::Refund(n) => reference.step_refund(n, tick),
        }
    }

    fn railed(&mut self, tenant: usize, n: usize, at: Option<i64>) {
        let id = self.tenants[tenant].reference.names.id("payout", n);
        let id = id.unwrap().to_owned();
        let shown: Value = self
            .get(tenant, &format!("/v1/payouts/{id}"))
            .expect(200)
            .json();
        let judged =
            self.tenants[tenant]
                .reference
                .judge(&Op::Advance(id), at, Outcome::Done(&shown));
        if let Err(difference) = judged {
            panic!("after a step of the rail: {difference}");
        }
    }

    fn get(&self, tenant: usize, target: &str) -> Reply {
        self.server()
            .request("GET", target)
            .bearer(&self.tenants[tenant].key)
            .send()
    }

    fn jump(&mut self) {
        const HOUR: i64 = 3_600_000;
        let by = match self.dice.below(30) {
            0 => -self.dice.between(1, HOUR),
            1 => self.dice.between(1, 20) * HOUR,
            _ => self.dice.between(1, 3_000),
        };
        self.server().clock.advance(by);
        self.latest = self.latest.max(self.now());
    }

    fn restart(&mut self) {
        // The stop is put on record, then the start, behind everything there was.
        self.tick(true);
        let server = self.server.take().unwrap();
        self.server = Some(server.restart(settings()));
        self.last = self.entered + 1;
        self.tick(true);
    }

    fn checkpoint(&mut self) {
        self.server().checkpoint();
        if self.grown {
            self.tick(true);
            self.grown = false;
        }
    }
}

/// One of the two organizations charges fees, from the beginning on.
fn charged(server: &TestServer, tenant: &mut Tenant) {
    let rule = |bps, fixed, least, most, returned| Rule {
        bps,
        fixed,
        least,
        most,
        returned,
    };
    let (payments, payouts) = (rule(290, 30, 35, 5_000, true), rule(125, 7, 0, 400, false));
    for (on, rule) in [("payments", payments), ("payouts", payouts)] {
        let mut amounts = serde_json::json!({
            "currency": "PHP", "fixed": rule.fixed, "maximum": rule.most,
        });
        if rule.least > 0 {
            amounts["minimum"] = serde_json::json!(rule.least);
        }
        let body = serde_json::json!({
            "applies_to": on, "percent_bps": rule.bps, "amounts": [amounts],
            "refunds": if rule.returned { "returned" } else { "kept" },
        });
        let request = server.request("POST", "/v1/fee-schedules");
        let request = request.bearer(&tenant.key).json(&body);
        request.send().expect(201);
        tenant.reference.other_event("fee_schedule.created");
    }
    tenant.reference.charge(payments, payouts);
}

/// In which order the server takes jobs of one time.
fn kind(job: Due) -> u8 {
    match job {
        Due::Rail(_) => 1,
        Due::Token(_) => 4,
        Due::Payment(_) => 5,
        Due::Refund(_) => 6,
    }
}

/// The HTTP status of a refusal (CONTRACT 4).
fn status_of(code: &str) -> u16 {
    match code {
        "not_found" | "wallet_not_found" | "token_not_found" | "payment_not_found" => 404,
        "reference_id_taken" | "invalid_state" => 409,
        _ => 422,
    }
}
