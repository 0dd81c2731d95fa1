//! The steps of the tour in their order, and what they know of each other.
//!
//! `money.rs` has the steps that move money, `records.rs` those that look at what was kept of it.

use strongroom_client::{Balance, Client, NewPayout, NewRecipient, Outgoing};
use strongroom_crypto::random;

use super::super::Demo;
use super::client;
use super::guide::Guide;
use crate::fault::Fault;
use crate::out::say;

pub(super) const CREDITED: i64 = 50_000;
pub(super) const PAID: i64 = 20_000;
pub(super) const TO_BANK: i64 = 12_500;
/// What the wallet holds in the end.
pub(super) const LEFT: i64 = CREDITED - PAID - TO_BANK;
/// Whom the bank payout goes to.
pub(super) const HOLDER: &str = "Ana Reyes";

/// What the steps know of each other.
pub(super) struct Walk<'a> {
    pub demo: &'a Demo<'a>,
    pub client: Client,
    pub guide: Guide,
    /// Makes references and keys of this walk unlike those of an earlier one in the same folder.
    pub tag: String,
}

/// Walks all steps.
pub(super) async fn walk(demo: &Demo<'_>) -> Result<(), Fault> {
    let client = client(demo, &demo.account.signing_secret)?;
    let tag = format!("tour-{:08x}", u32::from_be_bytes(random()));
    let mut walk = Walk {
        demo,
        client,
        guide: Guide::new(),
        tag,
    };
    walk.account().await?;
    walk.forged_signature().await?;
    let wallet = walk.wallet().await?;
    walk.credit(&wallet).await?;
    let payout = walk.payout(&wallet).await?;
    walk.other_request_under_the_key(&wallet).await?;
    walk.too_much(&wallet).await?;
    let banked = walk.bank_payout(&wallet).await?;
    walk.statement(&wallet).await?;
    walk.events(&payout, &banked).await?;
    let record = walk.audit_log(&payout).await?;
    walk.refusal_on_record(&wallet).await?;
    walk.proof(&record).await
}

impl Walk<'_> {
    /// The payout of this walk to the operating wallet, always under the same key.
    pub fn pay(&self, wallet: &str, amount: i64) -> Result<Outgoing, Fault> {
        let id = self.demo.account.wallets.operating.clone();
        let payout = new_payout(wallet, amount, NewRecipient::Wallet { id });
        Ok(self
            .post("/v1/payouts", &payout)?
            .under_key(format!("{}-payout", self.tag)))
    }

    pub fn post(
        &self,
        target: impl Into<String>,
        body: &impl serde::Serialize,
    ) -> Result<Outgoing, Fault> {
        Outgoing::post(target, body).map_err(|error| self.guide.fault(&error.to_string()))
    }

    pub async fn available(&self, wallet: &str) -> Result<i64, Fault> {
        let balance: Balance = self
            .client
            .balance(wallet)
            .await
            .map_err(|error| self.guide.fault(&error.to_string()))?;
        Ok(balance.balances.available)
    }

    pub async fn balance_is(&self, wallet: &str, expected: i64) -> Result<(), Fault> {
        let found = self.available(wallet).await?;
        say!("    balance of {wallet}: {found}");
        self.guide.same("the balance", found, expected)
    }
}

/// A payout in the demo's currency.
pub(super) fn new_payout(source: &str, amount: i64, recipient: NewRecipient) -> NewPayout {
    NewPayout {
        amount,
        currency: "PHP".into(),
        source_wallet_id: Some(source.to_owned()),
        recipient,
        reference_id: None,
    }
}
