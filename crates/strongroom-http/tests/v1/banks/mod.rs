//! Payouts that leave in files, and what banks say of them.

mod answers;
mod files;
mod refusals;

use serde_json::{Value, json};
use strongroom_testkit::bank::{fresh_iban, iban, payout, rail, transfers};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::Tenant;

/// A wallet on a file rail.
pub struct Rail<'a, 't> {
    pub acme: &'a Tenant<'t>,
    pub wallet: String,
    /// The account that it pays from.
    pub iban: String,
}

impl<'a, 't> Rail<'a, 't> {
    pub fn new(acme: &'a Tenant<'t>, minor: i64) -> Rail<'a, 't> {
        let (wallet, iban) = (acme.funded("master", minor), fresh_iban());
        acme.post("/v1/payout-rails", &rail(&wallet, &iban))
            .expect(201);
        Rail { acme, wallet, iban }
    }

    /// A payout that has joined the open file.
    pub fn collected(&self, minor: i64) -> String {
        let id = self.made(minor);
        self.acme.attend(&id);
        assert_eq!(self.status(&id), "pending");
        id
    }

    pub fn made(&self, minor: i64) -> String {
        let body = payout(&self.wallet, minor, &iban(99));
        self.acme.post("/v1/payouts", &body).expect(201).id()
    }

    pub fn payout(&self, id: &str) -> Value {
        self.acme
            .get(&format!("/v1/payouts/{id}"))
            .expect(200)
            .json()
    }

    pub fn status(&self, id: &str) -> String {
        self.payout(id)["status"].as_str().unwrap().to_owned()
    }

    /// Closes the open file and has its content made.
    pub fn ready(&self) -> Value {
        let body = json!({ "wallet_id": self.wallet });
        let closed = self.acme.post("/v1/payout-files", &body).expect(201);
        self.acme.attend(&closed.id());
        let path = format!("/v1/payout-files/{}", closed.id());
        self.acme.get(&path).expect(200).json()
    }

    pub fn content(&self, file: &Value) -> String {
        let path = format!("/v1/payout-files/{}/content", text(file, "id"));
        let reply = self.acme.get(&path).expect(200);
        assert_eq!(reply.header("content-type"), Some("application/xml"));
        reply.text()
    }

    /// The file of what was collected, sent, with all of it under way; and its transfers.
    pub fn sent(&self) -> (Value, Vec<(String, String)>) {
        let file = self.ready();
        let transfers = transfers(&self.content(&file));
        let id = text(&file, "id");
        let path = format!("/v1/payout-files/{id}/sent");
        self.acme.post(&path, &json!({})).expect(200);
        self.acme.attend(id);
        (file, transfers)
    }

    pub fn upload(&self, xml: &str) -> Reply {
        upload(self.acme, xml)
    }

    /// Takes a file in and applies all of it; gives it as it stands then.
    pub fn applied(&self, xml: &str) -> Value {
        let id = self.upload(xml).expect(202).id();
        self.acme.attend(&id);
        let path = format!("/v1/bank-files/{id}");
        let file = self.acme.get(&path).expect(200).json();
        assert_eq!(file["status"], "completed");
        file
    }

    pub fn entries(&self, file: &Value) -> Vec<Value> {
        let path = format!("/v1/bank-files/{}/entries", text(file, "id"));
        self.acme.all(&path)
    }
}

pub fn upload(acme: &Tenant<'_>, xml: &str) -> Reply {
    let request = acme.request("POST", "/v1/bank-files").body(xml);
    request.header("Content-Type", "application/xml").send()
}

pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap()
}
