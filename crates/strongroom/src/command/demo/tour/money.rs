//! The steps of the tour that move money.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use strongroom_client::{Account, NewRecipient, NewWallet, Outgoing, Payout, Transaction, Wallet};

use super::client;
use super::walk::{CREDITED, HOLDER, LEFT, PAID, TO_BANK, Walk, new_payout};
use crate::fault::Fault;
use crate::out::say;

/// How often a payout on its way is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 1_200;

impl Walk<'_> {
    pub async fn account(&mut self) -> Result<(), Fault> {
        self.guide.begin("Who does the server take us for?");
        let (account, _): (Account, _) = self
            .guide
            .ask(&self.client, &Outgoing::get("/v1/account"), 200)
            .await?;
        self.guide.same(
            "the organization",
            &account.id,
            &self.demo.account.organization_id,
        )?;
        self.guide.same("the mode", account.mode.as_str(), "test")?;
        self.guide.proven("the key is known, its signature is right, and it opens one organization's sandbox books");
        Ok(())
    }

    pub async fn forged_signature(&mut self) -> Result<(), Fault> {
        self.guide.begin("The same key with a forged signature");
        let forger = client(self.demo, "sign_of_somebody_else")?;
        self.guide
            .refused(
                &forger,
                &Outgoing::get("/v1/account"),
                401,
                "signature_invalid",
            )
            .await?;
        self.guide.proven(
            "a stolen key alone does not sign; in test mode the server shows what it expected",
        );
        Ok(())
    }

    pub async fn wallet(&mut self) -> Result<String, Fault> {
        self.guide.begin("A wallet for a merchant");
        let wallet = NewWallet {
            wallet_type: "sub_merchant".into(),
            currency: Some("PHP".into()),
            reference_id: Some(self.tag.clone()),
            metadata: BTreeMap::from([("shop".into(), "Corner Store".into())]),
            ..NewWallet::default()
        };
        let (made, _): (Wallet, _) = self
            .guide
            .ask(&self.client, &self.post("/v1/wallets", &wallet)?, 201)
            .await?;
        self.guide.same("the balance", made.balance.total, 0)?;
        let master = &self.demo.account.wallets.master;
        self.guide
            .same("the parent", made.parent_id.as_ref(), Some(master))?;
        self.guide.proven("it stands below the master wallet, is empty, and can be found by the client's own reference");
        Ok(made.id)
    }

    pub async fn credit(&mut self, wallet: &str) -> Result<(), Fault> {
        self.guide.begin("Money comes in");
        let body = json!({ "amount": "500.00", "currency": "PHP", "reference": "counter deposit" });
        let outgoing = self.post(format!("/v1/wallets/{wallet}/credit"), &body)?;
        let (credit, _): (Transaction, _) = self.guide.ask(&self.client, &outgoing, 201).await?;
        self.guide.same("the amount", credit.amount, CREDITED)?;
        self.balance_is(wallet, CREDITED).await?;
        self.guide
            .proven("`\"500.00\"` and 50000 minor units are one amount, and no float was involved");
        Ok(())
    }

    /// Pays, and asks again under the same key.
    pub async fn payout(&mut self, wallet: &str) -> Result<String, Fault> {
        self.guide.begin("A payout to another wallet");
        let target = &self.demo.account.wallets.operating;
        let before = self.available(target).await?;
        let outgoing = self.pay(wallet, PAID)?;
        let (payout, first): (Payout, _) = self.guide.ask(&self.client, &outgoing, 201).await?;
        self.guide
            .same("the status", payout.status.as_str(), "completed")?;
        self.balance_is(wallet, CREDITED - PAID).await?;
        self.balance_is(target, before + PAID).await?;
        self.guide.proven("it was decided, sealed, logged and on disk before this reply; both balances moved at once");

        self.guide
            .begin("The same request again, as after a lost reply");
        let again = self.guide.send(&self.client, &outgoing).await?;
        self.guide
            .holds(again.replayed, "the server says that it is a replay")?;
        self.guide.holds(
            again.body == first.body,
            "both replies are the same, byte for byte",
        )?;
        self.balance_is(wallet, CREDITED - PAID).await?;
        self.guide
            .proven("the same answer, byte for byte, and no second payment");
        Ok(payout.id)
    }

    pub async fn other_request_under_the_key(&mut self, wallet: &str) -> Result<(), Fault> {
        self.guide
            .begin("Another request under the same idempotency key");
        self.guide
            .refused(
                &self.client,
                &self.pay(wallet, PAID + 1)?,
                409,
                "idempotency_key_reused",
            )
            .await?;
        self.balance_is(wallet, CREDITED - PAID).await?;
        self.guide.proven("a mixed-up key pays nothing and says so");
        Ok(())
    }

    pub async fn too_much(&mut self, wallet: &str) -> Result<(), Fault> {
        self.guide.begin("More than there is");
        let outgoing = self
            .pay(wallet, CREDITED)?
            .under_key(format!("{}-too-much", self.tag));
        self.guide
            .refused(&self.client, &outgoing, 422, "insufficient_funds")
            .await?;
        self.balance_is(wallet, CREDITED - PAID).await?;
        self.guide
            .proven("no balance goes below zero, and the refusal itself goes on record");
        Ok(())
    }

    pub async fn bank_payout(&mut self, wallet: &str) -> Result<String, Fault> {
        self.guide
            .begin("A payout to a bank account, over the sandbox's bank");
        let recipient = NewRecipient::BankAccount {
            account_name: HOLDER.into(),
            bank_code: "BDO".into(),
            account_number: "001234567890".into(),
        };
        let payout = new_payout(wallet, TO_BANK, recipient);
        let outgoing = self
            .post("/v1/payouts", &payout)?
            .under_key(format!("{}-bank", self.tag));
        let (made, reply): (Payout, _) = self.guide.ask(&self.client, &outgoing, 201).await?;
        self.guide
            .same("the status", made.status.as_str(), "initiated")?;
        let shows_number = String::from_utf8_lossy(&reply.body).contains("001234567890");
        self.guide
            .holds(!shows_number, "the account number is masked")?;
        self.arrives(&made.id).await?;
        self.balance_is(wallet, LEFT).await?;
        self.guide.proven("initiated, pending, processing, completed: the money was held first and left at the end");
        Ok(made.id)
    }

    /// Waits until a payout on its way has arrived.
    async fn arrives(&self, payout: &str) -> Result<(), Fault> {
        let mut seen = String::new();
        for _ in 0..LOOKS {
            let found = self
                .client
                .payout(payout)
                .await
                .map_err(|error| self.guide.fault(&error.to_string()))?;
            if found.status != seen {
                say!("    {}", found.status);
                seen = found.status;
            }
            match seen.as_str() {
                "completed" => return Ok(()),
                "initiated" | "pending" | "processing" => tokio::time::sleep(LOOK).await,
                other => return Err(self.guide.fault(&format!("the payout became `{other}`"))),
            }
        }
        Err(self.guide.fault("the payout did not arrive in time"))
    }
}
