//! The resources as the API shows them, and a call for each thing that is done with them.
//!
//! Fields a later server adds are ignored; anything else is reached with [`Client::send`] and [`Outgoing`].

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Client, Outgoing};
use crate::error::ClientError;

/// `GET /v1/account`.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub mode: String,
    pub default_currency: String,
}

/// Minor units; `total` is the sum of the three before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Balances {
    pub available: i64,
    pub pending: i64,
    pub reserved: i64,
    pub total: i64,
}

/// `GET /v1/wallets/{id}/balance`.
#[derive(Clone, Debug, Deserialize)]
pub struct Balance {
    pub wallet_id: String,
    pub balances: Balances,
    pub currency: String,
}

/// A wallet.
#[derive(Clone, Debug, Deserialize)]
pub struct Wallet {
    pub id: String,
    #[serde(rename = "type")]
    pub wallet_type: String,
    pub status: String,
    pub currency: String,
    pub parent_id: Option<String>,
    pub balance: Balances,
    pub reference_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub created_at: String,
}

/// `POST /v1/wallets`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewWallet {
    /// `master`, `operating`, `reserve` or `sub_merchant`.
    #[serde(rename = "type")]
    pub wallet_type: String,
    /// The organization's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A payout.
#[derive(Clone, Debug, Deserialize)]
pub struct Payout {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    pub source_wallet_id: String,
    pub reference_id: Option<String>,
    pub failure_code: Option<String>,
    pub created_at: String,
}

/// Who is paid.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NewRecipient {
    Wallet {
        id: String,
    },
    BankAccount {
        account_name: String,
        bank_code: String,
        account_number: String,
    },
}

/// `POST /v1/payouts`.
#[derive(Clone, Debug, Serialize)]
pub struct NewPayout {
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    /// The operating wallet of the currency when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_wallet_id: Option<String>,
    pub recipient: NewRecipient,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
}

/// A movement of money.
#[derive(Clone, Debug, Deserialize)]
pub struct Transaction {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub amount: i64,
    pub currency: String,
    pub payout_id: Option<String>,
    pub created_at: String,
}

/// A line of a wallet's statement.
#[derive(Clone, Debug, Deserialize)]
pub struct StatementLine {
    #[serde(flatten)]
    pub transaction: Transaction,
    /// Signed change per balance.
    pub change: Balances,
    pub balances_after: Balances,
}

/// An event, as the stream and a webhook give it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    pub id: String,
    /// Seconds since 1970.
    pub created: i64,
    #[serde(rename = "type")]
    pub event_type: String,
    pub data: Value,
    pub livemode: bool,
}

/// A record of the audit trail.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditLog {
    pub id: String,
    pub sequence: u64,
    pub action: String,
    pub resource_id: Option<String>,
    pub outcome: String,
    pub code: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub has_more: bool,
    /// What `after` takes to go on.
    pub next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Funding<'a> {
    amount: i64,
    currency: &'a str,
    reference: &'a str,
}

impl NewPayout {
    /// The request that makes it.
    ///
    /// # Errors
    /// Never in practice: it has a JSON form.
    pub fn outgoing(&self) -> Result<Outgoing, ClientError> {
        Outgoing::post("/v1/payouts", self)
    }
}

impl Client {
    /// # Errors
    /// As [`Client::call`], here and below.
    pub async fn account(&self) -> Result<Account, ClientError> {
        self.call(&Outgoing::get("/v1/account")).await
    }

    /// Creates a wallet.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn create_wallet(&self, wallet: &NewWallet) -> Result<Wallet, ClientError> {
        self.call(&Outgoing::post("/v1/wallets", wallet)?).await
    }

    /// # Errors
    /// See [`Client::call`].
    pub async fn wallet(&self, id: &str) -> Result<Wallet, ClientError> {
        self.call(&Outgoing::get(format!("/v1/wallets/{}", segment(id))))
            .await
    }

    /// # Errors
    /// See [`Client::call`].
    pub async fn balance(&self, wallet: &str) -> Result<Balance, ClientError> {
        self.call(&Outgoing::get(format!(
            "/v1/wallets/{}/balance",
            segment(wallet)
        )))
        .await
    }

    /// Brings money into a wallet; `amount` in minor units.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn credit(
        &self,
        wallet: &str,
        amount: i64,
        currency: &str,
        reference: &str,
    ) -> Result<Transaction, ClientError> {
        let body = Funding {
            amount,
            currency,
            reference,
        };
        self.call(&Outgoing::post(
            format!("/v1/wallets/{}/credit", segment(wallet)),
            &body,
        )?)
        .await
    }

    /// Pays out. Under an idempotency key of your own, use [`NewPayout::outgoing`] and [`Outgoing::under_key`].
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn create_payout(&self, payout: &NewPayout) -> Result<Payout, ClientError> {
        self.call(&payout.outgoing()?).await
    }

    /// # Errors
    /// See [`Client::call`].
    pub async fn payout(&self, id: &str) -> Result<Payout, ClientError> {
        self.call(&Outgoing::get(format!("/v1/payouts/{}", segment(id))))
            .await
    }

    /// A page of a wallet's statement.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn statement(&self, wallet: &str) -> Result<Page<StatementLine>, ClientError> {
        self.call(&Outgoing::get(format!(
            "/v1/wallets/{}/transactions",
            segment(wallet)
        )))
        .await
    }

    /// A page of events after the given one, oldest first.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn events(&self, after: Option<&str>) -> Result<Page<Event>, ClientError> {
        let target = after.map_or_else(
            || "/v1/events?limit=100".to_owned(),
            |id| format!("/v1/events?limit=100&after={}", segment(id)),
        );
        self.call(&Outgoing::get(target)).await
    }

    /// The newest audit records.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn audit_logs(&self) -> Result<Page<AuditLog>, ClientError> {
        self.call(&Outgoing::get("/v1/audit-logs")).await
    }

    /// The bundle that proves an audit record; verify it with [`crate::proof::verify`].
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn proof(&self, audit_log: &str) -> Result<Vec<u8>, ClientError> {
        let reply = self
            .send(&Outgoing::get(format!(
                "/v1/audit-logs/{}/proof",
                segment(audit_log)
            )))
            .await?;
        reply.success::<serde::de::IgnoredAny>()?;
        Ok(reply.body.to_vec())
    }
}

/// An id as one segment of a path. SECURITY: text from elsewhere cannot lead to another path.
pub(crate) fn segment(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => text.push(char::from(byte)),
            // Writing into a string does not fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn an_id_stays_one_segment() {
        assert_eq!(segment("wallet_01a2-B"), "wallet_01a2-B");
        assert_eq!(
            segment("../api-keys?x=#ü"),
            "%2E%2E%2Fapi-keys%3Fx%3D%23%C3%BC"
        );
    }
}
