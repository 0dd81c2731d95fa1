//! Reads over the wire: one resource, or a list by some filters, from some place on, in pages of some size.

use serde_json::Value;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::reference::{List, Reference, compare, page};
use strongroom_types::time::Timestamp;

/// Values for filters that the requests use too.
const KINDS: [&str; 13] = [
    "credit",
    "debit",
    "transfer",
    "payout",
    "payout_hold",
    "payout_settlement",
    "payout_release",
    "payout_reversal",
    "payment_capture",
    "payment_settlement",
    "refund_hold",
    "refund_settlement",
    "refund_release",
];
const PAID: [&str; 7] = [
    "processing",
    "authorized",
    "partially_captured",
    "captured",
    "failed",
    "voided",
    "expired",
];
const STATES: [&str; 7] = [
    "initiated",
    "pending",
    "processing",
    "completed",
    "failed",
    "cancelled",
    "reversed",
];
const EVENTS: [&str; 13] = [
    "payout.completed",
    "payout.failed",
    "payout.reversed",
    "wallet.credited",
    "wallet.debited",
    "wallet.low_balance",
    "wallet.created",
    "transfer.completed",
    "token.expired",
    "payment.captured",
    "payment.settled",
    "payment.failed",
    "refund.completed",
];

/// One client's way of reading.
pub struct Reading<'a> {
    pub reference: &'a mut Reference,
    pub dice: &'a mut Dice,
    /// Sends a GET.
    pub get: &'a dyn Fn(&str) -> Reply,
    /// When the sequence began, and the clock's time now.
    pub span: (i64, i64),
}

impl Reading<'_> {
    pub fn one_of_many(&mut self) {
        match self.dice.below(3) {
            0 => self.resource(),
            _ => {
                let list = self.any_list();
                let filters = self.filters(list);
                self.list(list, &filters);
            }
        }
    }

    /// Every list without a filter, to its end.
    pub fn everything(&mut self) {
        let statements = (0..self.reference.wallet_count()).map(List::Statement);
        let others = [
            List::Events,
            List::Wallets,
            List::Payouts,
            List::Transactions,
            List::Transfers,
            List::Tokens,
            List::Payments,
            List::Refunds,
        ];
        for list in others.into_iter().chain(statements) {
            self.forward(list, &[], 100, usize::MAX);
        }
    }

    fn resource(&mut self) {
        let (kind, count) = match self.dice.below(8) {
            5 => ("tok", self.reference.token_count()),
            6 => ("pay", self.reference.payment_count()),
            7 => ("refund", self.reference.refund_count()),
            0 | 1 => ("wallet", self.reference.wallet_count()),
            2 => ("payout", self.reference.payout_count()),
            3 => ("txn", self.reference.movement_count()),
            _ => ("evt", self.reference.event_count()),
        };
        let n = self.dice.below(count);
        let known = self.reference.names.id(kind, n).map(str::to_owned);
        let nobody = format!("{kind}_{:024x}", self.dice.next_u64());
        let (id, known) = match known.filter(|_| !self.dice.one_in(12)) {
            Some(id) => (id, true),
            None => (nobody, false),
        };
        let (path, wanted) = match kind {
            "wallet" if self.dice.one_in(2) => (
                format!("/v1/wallets/{id}/balance"),
                self.reference.balance(n),
            ),
            "wallet" => (format!("/v1/wallets/{id}"), self.reference.wallet(n)),
            "payout" => (format!("/v1/payouts/{id}"), self.reference.payout(n)),
            "tok" => (format!("/v1/tokens/{id}"), self.reference.token(n)),
            "pay" => (format!("/v1/payments/{id}"), self.reference.payment(n)),
            "refund" => (format!("/v1/refunds/{id}"), self.reference.refund(n)),
            "txn" => {
                let movement = self.reference.movement(n);
                let room = if self.dice.one_in(2) {
                    "transfers"
                } else {
                    "transactions"
                };
                let hidden = room == "transfers" && movement["type"] != "transfer";
                (
                    format!("/v1/{room}/{id}"),
                    if hidden { Value::Null } else { movement },
                )
            }
            _ => (format!("/v1/events/{id}"), self.reference.event(n)),
        };
        let reply = (self.get)(&path);
        if !known || wanted.is_null() {
            reply.refused(404, "not_found");
            return;
        }
        self.agree(&wanted, &reply.expect(200).json(), &path);
    }

    fn any_list(&mut self) -> List {
        match self.dice.below(10) {
            7 => List::Tokens,
            8 => List::Payments,
            9 => List::Refunds,
            0 => List::Wallets,
            1 | 2 => List::Payouts,
            3 => List::Transactions,
            4 => List::Transfers,
            5 => List::Events,
            _ => List::Statement(self.dice.below(self.reference.wallet_count())),
        }
    }

    fn filters(&mut self, list: List) -> Vec<(&'static str, String)> {
        let names: &[&'static str] = match list {
            List::Wallets => &[
                "type",
                "status",
                "currency",
                "parent_id",
                "reference_id",
                "email",
                "created_after",
                "created_before",
            ],
            List::Payouts => &[
                "status",
                "wallet_id",
                "reference_id",
                "created_after",
                "created_before",
            ],
            List::Tokens => return Vec::new(),
            List::Payments => &[
                "status",
                "wallet_id",
                "reference_id",
                "created_after",
                "created_before",
            ],
            List::Refunds => &[
                "status",
                "payment_id",
                "reference_id",
                "created_after",
                "created_before",
            ],
            List::Transactions => &[
                "type",
                "wallet_id",
                "payout_id",
                "reference_id",
                "created_after",
                "created_before",
                "min_amount",
                "max_amount",
            ],
            List::Transfers => &[
                "wallet_id",
                "reference_id",
                "created_after",
                "created_before",
                "min_amount",
                "max_amount",
            ],
            List::Statement(_) => &[
                "type",
                "payout_id",
                "reference_id",
                "created_after",
                "created_before",
                "min_amount",
                "max_amount",
            ],
            List::Events => &["type"],
        };
        let mut chosen: Vec<(&'static str, String)> = Vec::new();
        for _ in 0..self.dice.below(3) {
            let name = *self.dice.pick(names).unwrap();
            if chosen.iter().all(|(known, _)| *known != name) {
                let value = self.value(list, name);
                chosen.push((name, value));
            }
        }
        chosen
    }

    fn value(&mut self, list: List, name: &str) -> String {
        let (from, to) = self.span;
        let pick = |dice: &mut Dice, of: &[&str]| (*dice.pick(of).unwrap()).to_owned();
        match (name, list) {
            ("type", List::Wallets) => pick(
                self.dice,
                &["master", "operating", "reserve", "sub_merchant"],
            ),
            ("type", List::Events) => {
                let one = pick(self.dice, &EVENTS);
                if self.dice.one_in(2) {
                    format!("{one},{}", pick(self.dice, &EVENTS))
                } else {
                    one
                }
            }
            ("type", _) => pick(self.dice, &KINDS),
            ("status", List::Wallets) => pick(self.dice, &["active", "frozen", "closed"]),
            ("status", List::Payments) => pick(self.dice, &PAID),
            ("status", List::Refunds) => pick(self.dice, &["pending", "completed", "failed"]),
            ("status", _) => pick(self.dice, &STATES),
            ("payment_id", _) => self.id("pay", self.reference.payment_count()),
            ("currency", _) => pick(self.dice, &["PHP", "JPY"]),
            ("parent_id" | "wallet_id", _) => self.id("wallet", self.reference.wallet_count()),
            ("payout_id", _) => self.id("payout", self.reference.payout_count()),
            ("reference_id", _) => format!(
                "{}-{}",
                pick(self.dice, &["ref", "REF"]),
                self.dice.below(200)
            ),
            ("email", _) => format!("ANA{}@example.org", self.dice.below(5)),
            ("min_amount" | "max_amount", _) => self.dice.between(0, 3_000).to_string(),
            _ => Timestamp(self.dice.between(from, to)).to_string(),
        }
    }

    fn id(&mut self, kind: &str, count: usize) -> String {
        let known = self
            .reference
            .names
            .id(kind, self.dice.below(count))
            .map(str::to_owned);
        known.unwrap_or_else(|| format!("{kind}_nobody"))
    }

    fn list(&mut self, list: List, filters: &[(&'static str, String)]) {
        let limit = if self.dice.one_in(3) {
            1 + self.dice.below(100)
        } else {
            1 + self.dice.below(6)
        };
        match self.dice.below(8) {
            0 => self.bad_cursor(list),
            1 | 2 => self.at_some_place(list, filters, limit, true),
            3 => self.at_some_place(list, filters, limit, false),
            _ => self.forward(list, filters, limit, 4),
        }
    }

    /// Pages from the beginning, each by the cursor of the one before.
    fn forward(
        &mut self,
        list: List,
        filters: &[(&'static str, String)],
        limit: usize,
        pages: usize,
    ) {
        let Some(path) = self.path(list) else { return };
        let items = self.reference.list(list, filters);
        let mut cursor = None;
        let mut start = 0;
        for _ in 0..pages {
            let target = target(&path, filters, limit, "after", cursor.as_deref());
            let found = (self.get)(&target).expect(200).json();
            self.agree(&page(&items, start, limit, false), &found, &target);
            start += limit;
            cursor = found["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return;
            }
        }
    }

    /// One page after or before an element, then the next one in that direction.
    fn at_some_place(
        &mut self,
        list: List,
        filters: &[(&'static str, String)],
        limit: usize,
        backward: bool,
    ) {
        let Some(path) = self.path(list) else { return };
        let items = self.reference.list(list, filters);
        let at = self.dice.below(items.len());
        let Some(id) = items
            .get(at)
            .and_then(|item| self.reference.names.known(&item["id"]))
        else {
            return;
        };
        let name = if backward { "before" } else { "after" };
        let mut start = if backward { at } else { at + 1 };
        let mut cursor = Some(id);
        for _ in 0..2 {
            let target = target(&path, filters, limit, name, cursor.as_deref());
            let found = (self.get)(&target).expect(200).json();
            self.agree(&page(&items, start, limit, backward), &found, &target);
            start = if backward {
                start.saturating_sub(limit)
            } else {
                start + limit
            };
            cursor = found["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return;
            }
        }
    }

    fn bad_cursor(&mut self, list: List) {
        let Some(path) = self.path(list) else { return };
        let name = if self.dice.one_in(2) {
            "before"
        } else {
            "after"
        };
        let cursor = if self.dice.one_in(2) {
            "nothing"
        } else {
            "key_000000000000000000000000"
        };
        (self.get)(&format!("{path}?{name}={cursor}")).refused(400, "bad_cursor");
    }

    fn path(&self, list: List) -> Option<String> {
        Some(match list {
            List::Wallets => "/v1/wallets".to_owned(),
            List::Payouts => "/v1/payouts".to_owned(),
            List::Transactions => "/v1/transactions".to_owned(),
            List::Transfers => "/v1/transfers".to_owned(),
            List::Events => "/v1/events".to_owned(),
            List::Tokens => "/v1/tokens".to_owned(),
            List::Payments => "/v1/payments".to_owned(),
            List::Refunds => "/v1/refunds".to_owned(),
            List::Statement(n) => format!(
                "/v1/wallets/{}/transactions",
                self.reference.names.id("wallet", n)?
            ),
        })
    }

    fn agree(&mut self, wanted: &Value, found: &Value, path: &str) {
        if let Err(difference) = compare(wanted, found, &mut self.reference.names, path) {
            panic!("GET {difference}");
        }
    }
}

fn target(
    path: &str,
    filters: &[(&str, String)],
    limit: usize,
    name: &str,
    cursor: Option<&str>,
) -> String {
    let mut target = format!("{path}?limit={limit}");
    for (name, value) in filters {
        target.push_str(&format!("&{name}={value}"));
    }
    if let Some(cursor) = cursor {
        target.push_str(&format!("&{name}={cursor}"));
    }
    target
}
