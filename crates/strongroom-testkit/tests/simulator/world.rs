//! One seed's world: a disk, a clock, two organizations, and the runs of the server one after another.

use std::sync::Arc;

use strongroom_crypto::RootKeys;
use strongroom_engine::{Clock, Engine, EngineState, Failure, Settings};
use strongroom_testkit::books::php;
use strongroom_testkit::clock::FakeClock;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::faulty::{Disk, Fault};
use strongroom_testkit::reference::{Op, Reference, Reply};
use strongroom_testkit::script::Script;
use strongroom_types::mode::{INSTALLATION, Mode, Scope};
use strongroom_worker::SandboxAcquirer;
use tokio::runtime::Runtime;

use crate::clients::{Answer, Flying, PAUSE, Sent, body, envelope, fingerprint};
use crate::gate::{Gate, Reached, gate};
use crate::reads;

const FAULTS: [Fault; 4] = [
    Fault::Full,
    Fault::Locked,
    Fault::LostBefore,
    Fault::LostAfter,
];
/// Refusals that a retry may see turn out otherwise are pinned; these are not.
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
    reference: Reference,
    sent: Vec<Sent>,
}

struct Launched {
    tenant: usize,
    sent: usize,
    op: Op,
    /// Whether another request under its key was on its way.
    busy: bool,
    flying: Flying,
}

pub struct World {
    dice: Dice,
    disk: Disk,
    clock: Arc<FakeClock>,
    /// Whether the log may be ahead of the clock: it was set back, or a restart went on after the last entry.
    ahead: bool,
    recovery: String,
    runtime: Runtime,
    engine: Engine,
    gate: Option<Gate>,
    tenants: Vec<Tenant>,
}

fn start(dice: &mut Dice, disk: &Disk, clock: &Arc<FakeClock>, recovery: &str) -> Engine {
    let settings = Settings {
        // Small limits must change nothing that a client can see.
        cache_limit: if dice.one_in(2) { 3 } else { 200_000 },
        batch_limit: if dice.one_in(4) { 3 } else { 1_000 },
        refusals_per_second: u32::MAX,
        readers: 1,
        ..Settings::default()
    };
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(clock);
    let root = RootKeys::from_recovery_text(recovery).unwrap();
    let started = Engine::start(&disk.open(), root, clock, settings, None);
    started.unwrap_or_else(|error| panic!("the engine does not start: {error}"))
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut dice = Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let disk = Disk::default();
        let clock = Arc::new(FakeClock::default());
        let recovery = RootKeys::generate().recovery_text().to_string();
        let engine = start(&mut dice, &disk, &clock, &recovery);
        let found = |name: &str| {
            let organization = engine.create_organization(name, php()).unwrap();
            let scope = engine.scope_of(organization, Mode::Test).unwrap();
            Tenant {
                scope,
                reference: Reference::new("PHP", PAUSE),
                sent: Vec::new(),
            }
        };
        let tenants = vec![found("One"), found("Two")];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        World {
            dice,
            disk,
            clock,
            ahead: false,
            recovery,
            runtime,
            engine,
            gate: None,
            tenants,
        }
    }

    /// Lives through some rounds, then is verified.
    pub fn live(mut self, rounds: usize) {
        for round in 0..rounds {
            self.round();
            if round % 3 == 2 {
                self.rest(false);
            }
        }
        self.rest(true);
        self.engine.stop();
        self.verify();
    }

    /// Some clients send at once, in one batch or two, and something may go wrong at any point.
    fn round(&mut self) {
        self.jump();
        self.pass();
        let durable = self.disk.applied();
        let mut launched = self.launch();
        if self.dice.one_in(4) {
            let fault = *self.dice.pick(&FAULTS).unwrap();
            self.disk
                .arm(u32::try_from(self.dice.below(7)).unwrap(), fault);
        }
        self.pass();
        if self.dice.one_in(2) {
            launched.extend(self.launch());
        }
        let cut = self.dice.one_in(12);
        if cut {
            self.disk.cut_power();
        }
        self.pass();
        self.pass();
        let struck = self.disk.disarm();
        if self.engine.state() != EngineState::Running {
            // Its thread answers what is left, then ends; it may still stand at a gate.
            if let Some(gate) = self.gate.take() {
                gate.open();
            }
            self.engine.stop();
        }
        let unknown = self.land(launched, struck, cut);
        if cut || self.engine.state() != EngineState::Running {
            let lost = self.disk.applied() == durable;
            self.crash();
            self.resolve(unknown, lost);
        }
    }

    /// Lets the commit thread go on to the next gate, behind everything that is queued.
    fn pass(&mut self) {
        while self.engine.state() == EngineState::Running {
            let (wait, next) = gate();
            drop(Flying::of(&self.engine, self.tenants[0].scope, wait));
            if let Some(gate) = self.gate.take() {
                gate.open();
            }
            if next.reached() == Reached::Waiting {
                self.gate = Some(next);
                return;
            }
        }
    }

    fn jump(&mut self) {
        const HOUR: i64 = 3_600_000;
        let by = match self.dice.below(20) {
            0..8 => 0,
            8..16 => self.dice.between(1, 3_000),
            16 | 17 => self.dice.between(1, 30) * HOUR,
            18 => self.dice.between(1, 40) * 24 * HOUR,
            _ => -self.dice.between(1, HOUR),
        };
        self.ahead |= by < 0;
        self.clock.advance(by);
    }

    fn launch(&mut self) -> Vec<Launched> {
        let count = 1 + self.dice.below(6);
        (0..count).map(|_| self.launch_one()).collect()
    }

    fn launch_one(&mut self) -> Launched {
        let tenant = self.dice.below(self.tenants.len());
        let now = Clock::now(&*self.clock).0;
        let known = self.tenants[tenant].sent.len();
        let roll = self.dice.below(12);
        let reach = if roll == 2 { known } else { known.min(20) };
        let earlier = known.checked_sub(1 + self.dice.below(reach));
        let earlier = earlier.filter(|n| now - self.tenants[tenant].sent[*n].when < KEPT);
        let (sent, op) = match (roll, earlier) {
            // Sent again, or its key used for something else.
            (0 | 1, Some(n)) => (n, self.tenants[tenant].sent[n].op.clone()),
            (2, Some(n)) if self.tenants[tenant].sent[n].answer.is_some() => (n, self.op(tenant)),
            _ => (known, self.fresh(tenant)),
        };
        let Tenant {
            scope,
            reference,
            sent: all,
        } = &mut self.tenants[tenant];
        let one = &mut all[sent];
        let busy = one.flying;
        one.flying = true;
        if one.answer.is_none() {
            one.when = now;
        }
        let flying = Flying::start(
            &self.engine,
            *scope,
            reference,
            &op,
            envelope(one.key, fingerprint(&op)),
        );
        Launched {
            tenant,
            sent,
            op,
            busy,
            flying,
        }
    }

    /// A request that was never sent, under a key that was never used.
    fn fresh(&mut self, tenant: usize) -> Op {
        let op = self.op(tenant);
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.dice.next_u64().to_be_bytes());
        let sent = Sent {
            op: op.clone(),
            key,
            answer: None,
            when: 0,
            flying: false,
        };
        self.tenants[tenant].sent.push(sent);
        op
    }

    fn op(&mut self, tenant: usize) -> Op {
        let other = &self.tenants[1 - tenant].reference;
        let foreign: Vec<String> = ["wallet", "payout"]
            .iter()
            .filter_map(|kind| other.names.id(kind, 0).map(str::to_owned))
            .collect();
        let reference = &self.tenants[tenant].reference;
        Script {
            dice: &mut self.dice,
            reference,
            foreign: &foreign,
            rail: true,
            cards: false,
        }
        .op()
    }

    /// Takes the answers in the order of sending, which is the order of the log. Gives what nobody can know.
    fn land(
        &mut self,
        launched: Vec<Launched>,
        struck: Option<Fault>,
        cut: bool,
    ) -> Vec<(usize, usize)> {
        let mut unknown = Vec::new();
        for Launched {
            tenant,
            sent,
            op,
            busy,
            flying,
        } in launched
        {
            let ending = flying.land();
            let one = &mut self.tenants[tenant].sent[sent];
            one.flying = false;
            let reused = op != one.op;
            match (&ending, one.answer.clone()) {
                (Err(Failure::KeyInUse), _) => {
                    assert!(busy, "no other request was on its way: {op:?}")
                }
                (Err(Failure::StorageFull), _) => {
                    assert_eq!(struck, Some(Fault::Full), "no disk was full")
                }
                (Err(Failure::Overloaded), _) => {
                    assert_eq!(struck, Some(Fault::Locked), "nobody held the store")
                }
                (Err(Failure::Halted), answer) => {
                    let fault = struck.is_some_and(|fault| fault != Fault::Locked);
                    assert!(fault || cut, "halted without a reason");
                    if answer.is_none() && !unknown.contains(&(tenant, sent)) {
                        unknown.push((tenant, sent));
                    }
                }
                (Err(Failure::KeyReused), Some(_)) if reused => {}
                (_, Some(answer)) => {
                    assert_eq!(
                        again(&ending),
                        Some(answer).filter(|_| !reused),
                        "a retry is answered anew: {:?}",
                        ending.as_ref().map(|c| (c.replayed(), c.sequence()))
                    );
                }
                (_, None) => self.judge(tenant, sent, &ending),
            }
        }
        unknown
    }

    /// Holds a first answer against the reference, and keeps it for retries.
    fn judge(
        &mut self,
        tenant: usize,
        sent: usize,
        ending: &Result<strongroom_engine::Committed, Failure>,
    ) {
        let Tenant {
            reference,
            sent: all,
            ..
        } = &mut self.tenants[tenant];
        let one = &mut all[sent];
        let outcome = match ending {
            Ok(committed) => {
                one.answer = Some(Answer::Done(committed.body()));
                let at = committed.time().0;
                let now = Clock::now(&*self.clock).0;
                let timely = committed.replayed() || at == now || (self.ahead && at > now);
                assert!(timely, "the log's time is {at}, not {now}");
                reference.judge(&one.op, Some(at), Reply::Done(&body(committed)))
            }
            Err(Failure::Rejected { rejection, .. }) => {
                let code = rejection.code.as_str();
                one.answer = (!UNPINNED.contains(&code)).then(|| Answer::Refused(code.to_owned()));
                reference.judge(&one.op, None, Reply::Refused(code))
            }
            Err(failure) => Err(format!("failed with {failure:?}")),
        };
        if let Err(difference) = outcome {
            panic!("{difference}\n  after {:?}", one.op);
        }
    }

    /// The power fails: what is not durable is gone. Then the server starts again and says so.
    fn crash(&mut self) {
        self.disk.cut_power();
        if let Some(gate) = self.gate.take() {
            gate.open();
        }
        self.engine.stop();
        self.start_again(true);
    }

    fn start_again(&mut self, crashed: bool) {
        self.ahead = true;
        self.engine = start(&mut self.dice, &self.disk, &self.clock, &self.recovery);
        let scopes = self.engine.scopes();
        let installation = scopes
            .iter()
            .find(|scope| scope.number == INSTALLATION)
            .unwrap();
        let acts = reads::newest_acts(&self.engine, &self.runtime, *installation, 2);
        assert_eq!(acts[0]["action"], "server_started");
        let last = if crashed {
            "unclean_restart"
        } else {
            "server_stopped"
        };
        assert_eq!(
            acts[1]["action"], last,
            "a restart does not say what it found"
        );
        if crashed {
            let scope = self.tenants[0].scope;
            let newest = reads::newest_acts(&self.engine, &self.runtime, scope, 1);
            let told = &acts[1]["details"][format!("log_{}", scope.number)];
            assert_eq!(
                *told,
                newest[0]["sequence"].to_string(),
                "the last sequence is another"
            );
        }
    }

    /// Every client whose answer was lost sends again, in any order, and each act is there once.
    fn resolve(&mut self, unknown: Vec<(usize, usize)>, lost: bool) {
        let mut order: Vec<usize> = (0..unknown.len()).collect();
        self.dice.shuffle(&mut order);
        let mut endings = Vec::new();
        for at in order {
            let (tenant, sent) = unknown[at];
            let Tenant {
                scope,
                reference,
                sent: all,
            } = &self.tenants[tenant];
            let one = &all[sent];
            let envelope = envelope(one.key, fingerprint(&one.op));
            let flying = Flying::start(&self.engine, *scope, reference, &one.op, envelope);
            self.pass();
            self.pass();
            let ending = flying.land();
            let durable = is_replay(&ending);
            assert!(
                !(durable && lost),
                "nothing was durable, and yet there is an answer"
            );
            endings.push((
                !durable,
                if durable { at } else { endings.len() },
                tenant,
                sent,
                ending,
            ));
        }
        // What was durable was decided first, in the order of sending; the rest just now.
        endings.sort_by_key(|(fresh, at, ..)| (*fresh, *at));
        for (_, _, tenant, sent, ending) in endings {
            self.judge(tenant, sent, &ending);
        }
    }

    /// No client is at work: the rail moves, checkpoints are signed, everything is read, the server may restart.
    fn rest(&mut self, everything: bool) {
        if let Some(gate) = self.gate.take() {
            gate.open();
        }
        self.rail();
        if self.dice.one_in(2) {
            self.runtime.block_on(self.engine.checkpoint()).unwrap();
        }
        for Tenant {
            scope, reference, ..
        } in &mut self.tenants
        {
            reads::agree(
                &self.engine,
                &self.runtime,
                *scope,
                reference,
                &mut self.dice,
                everything,
            );
        }
        if self.dice.one_in(4) {
            self.engine.stop();
            self.start_again(false);
        }
    }

    fn rail(&mut self) {
        let now = Clock::now(&*self.clock).0;
        let due: Vec<Vec<usize>> = self
            .tenants
            .iter()
            .map(|tenant| tenant.reference.payouts_due(now))
            .collect();
        let count = self
            .runtime
            .block_on(strongroom_worker::advance_due(
                &self.engine,
                &SandboxAcquirer::default(),
                PAUSE,
            ))
            .unwrap();
        assert_eq!(
            count,
            due.iter().map(Vec::len).sum::<usize>(),
            "other jobs were due"
        );
        for (
            Tenant {
                scope, reference, ..
            },
            due,
        ) in self.tenants.iter_mut().zip(due)
        {
            for n in due {
                let id = reference.names.id("payout", n).unwrap().to_owned();
                let shown = reads::payout(&self.engine, &self.runtime, *scope, &id);
                let at = reads::last_act_on(&self.engine, &self.runtime, *scope, &id);
                assert!(
                    at == now || (self.ahead && at > now),
                    "the rail's step is dated {at}, not {now}"
                );
                if let Err(difference) =
                    reference.judge(&Op::Advance(id), Some(at), Reply::Done(&shown))
                {
                    panic!("after a step of the rail: {difference}");
                }
            }
        }
    }

    fn verify(&self) {
        let root = RootKeys::from_recovery_text(&self.recovery).unwrap();
        let report = strongroom_engine::verify::verify(&self.disk.open(), root, 1).unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

fn is_replay(ending: &Result<strongroom_engine::Committed, Failure>) -> bool {
    match ending {
        Ok(committed) => committed.replayed(),
        Err(Failure::Rejected { replayed, .. }) => *replayed,
        Err(_) => false,
    }
}

/// A repeated answer, if it says that it is one.
fn again(ending: &Result<strongroom_engine::Committed, Failure>) -> Option<Answer> {
    match ending {
        Ok(committed) if committed.replayed() => Some(Answer::Done(committed.body())),
        Err(Failure::Rejected {
            rejection,
            replayed: true,
            ..
        }) => Some(Answer::Refused(rejection.code.as_str().to_owned())),
        _ => None,
    }
}
