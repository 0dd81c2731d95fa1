//! A merchant with a wallet that cards pay into and a file rail takes from, on whatever server there is at the moment.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom_testkit::bank::{fresh_iban, rail};
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;
use strongroom_types::mode::Scope;

const FUNDS: i64 = 10_000;

/// What a client knows: its books, its key, and the ids of what it made, by what they are called on the way.
#[derive(Clone)]
pub struct Known {
    scope: Scope,
    key: String,
    pub ids: BTreeMap<String, String>,
}

/// Founds an organization with a wallet on a file rail.
pub fn opened(server: &TestServer) -> Known {
    let acme = Tenant::found(server);
    let (wallet, iban) = (acme.funded("operating", FUNDS), fresh_iban());
    let put = acme.post("/v1/payout-rails", &rail(&wallet, &iban));
    put.expect(201);
    let (scope, Key { text, .. }) = acme.leave();
    let ids = [("wallet", wallet), ("iban", iban)];
    let ids = ids.map(|(name, id)| (name.to_owned(), id));
    Known {
        scope,
        key: text,
        ids: BTreeMap::from(ids),
    }
}

/// One look at the server with what is known.
pub struct Shop<'s> {
    server: &'s TestServer,
    scope: Scope,
    key: String,
    pub ids: BTreeMap<String, String>,
}

impl<'s> Shop<'s> {
    pub fn of(server: &'s TestServer, known: &Known) -> Shop<'s> {
        Shop {
            server,
            scope: known.scope,
            key: known.key.clone(),
            ids: known.ids.clone(),
        }
    }

    pub fn id(&self, name: &str) -> &str {
        self.ids
            .get(name)
            .unwrap_or_else(|| panic!("nothing is called `{name}` yet"))
    }

    /// A path with the ids of what it names in braces.
    pub fn path(&self, template: &str) -> String {
        let known = self.ids.iter();
        known.fold(template.to_owned(), |path, (name, id)| {
            path.replace(&format!("{{{name}}}"), id)
        })
    }

    pub fn request(&self, method: &str, path: &str) -> Outgoing {
        self.server.request(method, path).bearer(&self.key)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// The worker's turn at something, whatever comes of it.
    pub fn attend(&self, id: &str) {
        // There may be nothing to do, and nobody to do it.
        drop(self.server.try_attend(self.scope, id));
    }

    fn all(&self, path: &str) -> Vec<Value> {
        let (mut found, mut after) = (Vec::new(), String::new());
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{joint}limit=100{after}"));
            let page = page.expect(200).json();
            found.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => return found,
            }
        }
    }

    fn column(&self, path: &str, fields: &[&str]) -> Vec<Value> {
        let all = self.all(path);
        let of = |one: &Value| fields.iter().map(|field| one[*field].clone()).collect();
        all.iter().map(of).collect()
    }

    /// The books without what differs from one run to another: ids, times and what follows from them.
    pub fn picture(&self) -> Value {
        let payment = [
            "status",
            "amount",
            "amount_captured",
            "amount_settled",
            "amount_refunded",
            "amount_refundable",
            "failure_code",
        ];
        let balance = self.get(&self.path("/v1/wallets/{wallet}/balance"));
        let told = self.all("/v1/events");
        let told = told.iter().map(|event| event["type"].clone());
        json!({
            "balances": balance.expect(200).json()["balances"],
            "payments": self.column("/v1/payments", &payment),
            "refunds": self.column("/v1/refunds", &["status", "amount"]),
            "payouts": self.column("/v1/payouts", &["status", "amount", "failure_code"]),
            "files": self.column(&self.path("/v1/payout-files?wallet_id={wallet}"), &["status", "payouts", "amount"]),
            "bank": self.column("/v1/bank-files", &["type", "status", "entries_done", "counts"]),
            "moved": self.column("/v1/transactions", &["type", "amount", "status"]),
            "told": told.filter(|kind| kind != "alert.raised").collect::<Vec<Value>>(),
        })
    }

    /// What the log has of acts.
    pub fn acts(&self) -> Vec<String> {
        let acts = self.all("/v1/audit-logs");
        acts.iter()
            .map(|act| act["action"].as_str().unwrap().to_owned())
            .collect()
    }
}
