//! An organization of a test's own on a [`TestServer`], with an owner's key, acting over HTTP only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_types::id::EventId;
use strongroom_types::mode::{Mode, Scope};

use crate::books::{Books, Key};
use crate::exchange::{Outgoing, Reply};
use crate::server::TestServer;

/// An organization in one mode and its owner's key.
pub struct Tenant<'s> {
    pub server: &'s TestServer,
    pub books: Books,
    pub owner: Key,
    /// The newest event that was ever seen: nobody reads the whole stream twice.
    seen: Mutex<Option<EventId>>,
}

impl<'s> Tenant<'s> {
    /// Founds an organization and makes its owner's test key, which need not sign.
    pub fn found(server: &'s TestServer) -> Tenant<'s> {
        let books = Books::found_in(server.engine.clone(), "Acme");
        let owner = books.key(Role::Owner);
        Tenant {
            server,
            books,
            owner,
            seen: Mutex::new(None),
        }
    }

    /// The same organization in live mode, with a live owner's key that need not sign.
    pub fn live(&self) -> Tenant<'s> {
        let books = self.books.in_mode(Mode::Live);
        let owner = books.key(Role::Owner);
        Tenant {
            server: self.server,
            books,
            owner,
            seen: Mutex::new(None),
        }
    }

    /// Leaves the server, that it may be restarted.
    pub fn leave(self) -> (Scope, Key) {
        (self.books.scope, self.owner)
    }

    /// Comes back to a restarted server.
    pub fn back(server: &'s TestServer, (scope, owner): (Scope, Key)) -> Tenant<'s> {
        let books = Books {
            engine: server.engine.clone(),
            organization: scope.organization,
            scope,
        };
        Tenant {
            server,
            books,
            owner,
            seen: Mutex::new(None),
        }
    }

    /// A key with a built-in role.
    pub fn key(&self, role: Role) -> Key {
        self.books.key(role)
    }

    /// A request with the owner's key.
    pub fn request(&self, method: &str, target: &str) -> Outgoing {
        self.server.request(method, target).bearer(&self.owner.text)
    }

    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    /// A change under a fresh idempotency key.
    pub fn post(&self, target: &str, body: &Value) -> Reply {
        self.request("POST", target)
            .idempotent(&fresh("key"))
            .json(body)
            .send()
    }

    /// A wallet made over the API.
    pub fn wallet(&self, wallet_type: &str) -> String {
        self.post("/v1/wallets", &json!({ "type": wallet_type }))
            .expect(201)
            .id()
    }

    /// A wallet that holds `minor` units.
    pub fn funded(&self, wallet_type: &str, minor: i64) -> String {
        let id = self.wallet(wallet_type);
        self.credit(&id, minor);
        id
    }

    pub fn credit(&self, wallet: &str, minor: i64) -> Reply {
        self.post(
            &format!("/v1/wallets/{wallet}/credit"),
            &json!({ "amount": minor }),
        )
        .expect(201)
    }

    /// A payout between two wallets.
    pub fn pay(&self, source: &str, target: &str, minor: i64) -> Reply {
        self.post("/v1/payouts", &payout(source, target, minor))
    }

    /// A payout to a bank account.
    pub fn pay_bank(&self, source: &str, minor: i64) -> Reply {
        self.post("/v1/payouts", &bank_payout(source, minor))
    }

    /// A token for a card.
    pub fn token(&self, number: &str) -> Reply {
        self.post("/v1/tokens", &card(number))
    }

    /// A payment of a test card into a wallet, answered by the acquirer: captured at once, or authorized only.
    pub fn payment(&self, wallet: &str, minor: i64, capture: bool) -> String {
        let token = self.token(VISA).expect(201).id();
        let body = json!({
            "payment_token": token, "amount": minor, "wallet_id": wallet, "capture": capture,
        });
        let id = self.post("/v1/payments", &body).expect(201).id();
        self.attend(&id);
        id
    }

    /// A payment that was captured and settled.
    pub fn paid(&self, wallet: &str, minor: i64) -> String {
        let id = self.payment(wallet, minor, true);
        self.attend(&id);
        id
    }

    /// A refund of a payment, still on its way.
    pub fn refund(&self, payment: &str, minor: i64) -> Reply {
        let body = json!({ "payment_id": payment, "amount": minor, "reason": "returned" });
        self.post("/v1/refunds", &body)
    }

    /// Takes a payment or refund one step further.
    pub fn attend(&self, id: &str) {
        self.server.attend(self.books.scope, id);
    }

    /// A report of a period, made: its content.
    pub fn report(&self, asked: &Value) -> Reply {
        let id = self.post("/v1/reports", asked).expect(202).id();
        self.attend(&id);
        self.get(&format!("/v1/reports/{id}/content")).expect(200)
    }

    /// `available` of a wallet.
    pub fn available(&self, wallet: &str) -> i64 {
        self.balance(wallet, "available")
    }

    /// One of a wallet's balances.
    pub fn balance(&self, wallet: &str, which: &str) -> i64 {
        let reply = self
            .get(&format!("/v1/wallets/{wallet}/balance"))
            .expect(200);
        reply
            .field(&format!("balances/{which}"))
            .parse()
            .unwrap_or_else(|_| panic!("no `{which}`: {}", reply.text()))
    }

    /// Every element of a list, all its pages.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut after = String::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self
                .get(&format!("{path}{joint}limit=100{after}"))
                .expect(200)
                .json();
            let items = page.get("data").and_then(Value::as_array).cloned();
            found.extend(items.unwrap_or_else(|| panic!("not a list: {page}")));
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(cursor) => after = format!("&after={cursor}"),
                None => return found,
            }
        }
    }

    /// Remembers what the log and the event stream hold now.
    pub fn mark(&self) -> Mark {
        let audit = self.get("/v1/audit-logs?limit=1").expect(200).json();
        let sequence = audit.pointer("/data/0/sequence").and_then(Value::as_u64);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = self.events_after(*seen).pop();
        let newest = newest.and_then(|event| EventId::parse(event.get("id")?.as_str()?));
        *seen = newest.or(*seen);
        Mark {
            sequence: sequence.unwrap_or(0),
            event: *seen,
        }
    }

    /// Events behind one, oldest first.
    fn events_after(&self, event: Option<EventId>) -> Vec<Value> {
        let mut found = Vec::new();
        let mut after = event.map(|id| id.to_string());
        loop {
            let cursor = after.as_ref().map(|id| format!("&after={id}"));
            let target = format!("/v1/events?limit=100{}", cursor.unwrap_or_default());
            let page = self.get(&target).expect(200).json();
            let items = page.get("data").and_then(Value::as_array).cloned();
            found.extend(items.unwrap_or_else(|| panic!("not a list: {page}")));
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(cursor) => after = Some(cursor.to_owned()),
                None => return found,
            }
        }
    }

    /// Events since a mark, oldest first, without those of alerts that the server raised beside what was done.
    pub fn events_since(&self, mark: &Mark) -> Vec<Value> {
        let mut events = self.events_after(mark.event);
        events.retain(|event| event.get("type").and_then(Value::as_str) != Some("alert.raised"));
        events
    }

    /// Audit records since a mark, oldest first, without the alerts that the server raised beside them.
    pub fn audit_since(&self, mark: &Mark) -> Vec<Value> {
        let is_newer =
            |record: &Value| record.get("sequence").and_then(Value::as_u64) > Some(mark.sequence);
        let mut records: Vec<Value> = Vec::new();
        let mut after = String::new();
        loop {
            let target = format!("/v1/audit-logs?limit=100{after}");
            let page = self.get(&target).expect(200).json();
            let items = page.get("data").and_then(Value::as_array).cloned();
            let items = items.unwrap_or_else(|| panic!("not a list: {page}"));
            let all = items.iter().all(is_newer);
            records.extend(items.into_iter().filter(is_newer));
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(cursor) if all => after = format!("&after={cursor}"),
                _ => break,
            }
        }
        records
            .retain(|record| record.get("user_id").and_then(Value::as_str) != Some("system:watch"));
        records.reverse();
        records
    }
}

/// A moment in an organization's log.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    sequence: u64,
    event: Option<EventId>,
}

/// A text that no other call returns.
pub fn fresh(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The body of a payout between two wallets.
pub fn payout(source: &str, target: &str, minor: i64) -> Value {
    json!({ "amount": minor, "source_wallet_id": source, "recipient": { "type": "wallet", "id": target } })
}

/// The body of a payout to a bank account.
pub fn bank_payout(source: &str, minor: i64) -> Value {
    let recipient = json!({
        "type": "bank_account", "account_name": "Ana Cruz", "bank_code": "BDO", "account_number": "001234567890",
    });
    json!({ "amount": minor, "source_wallet_id": source, "recipient": recipient })
}

/// The body of a token for a card that is good until the end of 2030.
pub fn card(number: &str) -> Value {
    let cvv = if number.starts_with('3') {
        "7373"
    } else {
        "737"
    };
    json!({ "card": { "number": number, "exp_month": 12, "exp_year": 2030, "cvv": cvv } })
}

/// A number of a test card.
pub const VISA: &str = "4242424242424242";

/// The texts of one member of each value, as in `types(&events, "type")`.
pub fn texts(values: &[Value], member: &str) -> Vec<String> {
    let text = |value: &Value| {
        value
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or("null")
            .to_owned()
    };
    values.iter().map(text).collect()
}
