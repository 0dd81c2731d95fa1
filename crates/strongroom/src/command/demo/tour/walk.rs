//! The steps of the tour, in their order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use strongroom_client::{
    Account, AuditLog, Balance, Client, Event, NewPayout, NewRecipient, NewWallet, Outgoing, Page,
    Payout, StatementLine, Transaction, Wallet, proof,
};
use strongroom_crypto::random;

use super::super::Demo;
use super::client;
use super::guide::Guide;
use crate::fault::Fault;

const CREDITED: i64 = 50_000;
const PAID: i64 = 20_000;
const TO_BANK: i64 = 12_500;
const LEFT: i64 = CREDITED - PAID - TO_BANK;
const HOLDER: &str = "Ana Reyes";

/// How often a payout on its way is looked at, and how often at most.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 1_200;

/// What the steps know of each other.
struct Walk<'a> {
    demo: &'a Demo<'a>,
    client: Client,
    guide: Guide,
    /// Makes references and keys of this walk unlike those of an earlier one in the same folder.
    tag: String,
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
    async fn account(&mut self) -> Result<(), Fault> {
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

    async fn forged_signature(&mut self) -> Result<(), Fault> {
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

    async fn wallet(&mut self) -> Result<String, Fault> {
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

    async fn credit(&mut self, wallet: &str) -> Result<(), Fault> {
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
    async fn payout(&mut self, wallet: &str) -> Result<String, Fault> {
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

    async fn other_request_under_the_key(&mut self, wallet: &str) -> Result<(), Fault> {
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

    async fn too_much(&mut self, wallet: &str) -> Result<(), Fault> {
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

    async fn bank_payout(&mut self, wallet: &str) -> Result<String, Fault> {
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

    async fn statement(&mut self, wallet: &str) -> Result<(), Fault> {
        self.guide.begin("The wallet's statement");
        let outgoing = Outgoing::get(format!("/v1/wallets/{wallet}/transactions"));
        let (page, _): (Page<StatementLine>, _) =
            self.guide.ask(&self.client, &outgoing, 200).await?;
        let mut running = 0;
        for line in page.data.iter().rev() {
            running += line.change.total;
            self.guide
                .same("the running total", line.balances_after.total, running)?;
        }
        self.guide.same("the last total", running, LEFT)?;
        self.guide
            .proven("each line continues the one before it, and the newest is today's balance");
        Ok(())
    }

    async fn events(&mut self, payout: &str, banked: &str) -> Result<(), Fault> {
        self.guide
            .begin("The events, as a webhook or a stream would bring them");
        let all = self.all_events().await?;
        let of = |id: &str| -> Vec<&str> {
            let about = |event: &&Event| {
                event
                    .data
                    .get("payout_id")
                    .and_then(serde_json::Value::as_str)
                    == Some(id)
            };
            all.iter()
                .filter(about)
                .map(|event| event.event_type.as_str())
                .collect()
        };
        let states = ["initiated", "pending", "processing", "completed"]
            .map(|state| format!("payout.{state}"));
        self.guide.same(
            "the first payout's events",
            of(payout),
            states.each_ref().map(String::as_str).to_vec(),
        )?;
        self.guide.same(
            "the bank payout's events",
            of(banked),
            states.each_ref().map(String::as_str).to_vec(),
        )?;
        self.guide.holds(
            all.iter()
                .all(|event| !event.data.to_string().contains(HOLDER)),
            "no event names a person",
        )?;
        self.guide
            .proven("in order, without a gap, with ids only: no name, no account number");
        Ok(())
    }

    /// Every event there is; only the first page is shown.
    async fn all_events(&self) -> Result<Vec<Event>, Fault> {
        let outgoing = Outgoing::get("/v1/events?limit=100");
        let (mut page, _): (Page<Event>, _) = self.guide.ask(&self.client, &outgoing, 200).await?;
        let mut all = Vec::new();
        loop {
            all.append(&mut page.data);
            let Some(cursor) = page.next_cursor.take().filter(|_| page.has_more) else {
                return Ok(all);
            };
            let next = Outgoing::get(format!("/v1/events?limit=100&after={cursor}"));
            page = self
                .client
                .call(&next)
                .await
                .map_err(|error| self.guide.fault(&error.to_string()))?;
        }
    }

    async fn audit_log(&mut self, payout: &str) -> Result<String, Fault> {
        self.guide.begin("Who made that payout?");
        let outgoing = Outgoing::get(format!("/v1/audit-logs?resource_id={payout}"));
        let (page, _): (Page<AuditLog>, _) = self.guide.ask(&self.client, &outgoing, 200).await?;
        let record = page
            .data
            .iter()
            .find(|record| record.action == "payout_created");
        let record =
            record.ok_or_else(|| self.guide.fault("the payout is not in the audit log"))?;
        self.guide
            .same("the outcome", record.outcome.as_str(), "success")?;
        self.guide
            .proven("act, actor, address and rule were written in the same commit as the money");
        Ok(record.id.clone())
    }

    async fn refusal_on_record(&mut self, wallet: &str) -> Result<(), Fault> {
        self.guide.begin("And the refusals?");
        let outgoing = Outgoing::get("/v1/audit-logs?outcome=refused&limit=5");
        let (page, _): (Page<AuditLog>, _) = self.guide.ask(&self.client, &outgoing, 200).await?;
        let codes: Vec<&str> = page
            .data
            .iter()
            .filter_map(|record| record.code.as_deref())
            .collect();
        for code in ["insufficient_funds", "signature_invalid"] {
            self.guide
                .holds(codes.contains(&code), &format!("`{code}` is on record"))?;
        }
        self.balance_is(wallet, LEFT).await?;
        self.guide
            .proven("what a proven key was refused is kept too, with its reason");
        Ok(())
    }

    async fn proof(&mut self, record: &str) -> Result<(), Fault> {
        self.guide
            .begin("The proof of that record, verified without the server");
        let outgoing = Outgoing::get(format!("/v1/audit-logs/{record}/proof"));
        let reply = self.guide.send(&self.client, &outgoing).await?;
        self.guide.same("the status", reply.status, 200)?;
        let report = proof::verify(&reply.body, None)
            .map_err(|damage| self.guide.fault(&damage.to_string()))?;
        self.guide.holds(
            report.opened_parts > 0,
            "the record's content is in the proof",
        )?;
        println!(
            "    verified: entry {} of {}, signed by {}",
            place(&report),
            report.size,
            report.verifier_key
        );
        self.altered(&reply.body)?;
        self.guide.proven(
            "the record stands in the signed log as shown; one altered digit and the proof fails",
        );
        Ok(())
    }

    /// A proof with another time in it must not verify.
    fn altered(&self, bundle: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(bundle);
        let (head, tail) = text
            .split_once("\"time\":1")
            .ok_or_else(|| self.guide.fault("the proof has no time"))?;
        match proof::verify(format!("{head}\"time\":2{tail}").as_bytes(), None) {
            Ok(_) => Err(self.guide.fault("an altered proof was accepted")),
            Err(damage) => {
                println!("    altered:  {damage}");
                Ok(())
            }
        }
    }

    /// The payout of this walk to the operating wallet, always under the same key.
    fn pay(&self, wallet: &str, amount: i64) -> Result<Outgoing, Fault> {
        let id = self.demo.account.wallets.operating.clone();
        let payout = new_payout(wallet, amount, NewRecipient::Wallet { id });
        Ok(self
            .post("/v1/payouts", &payout)?
            .under_key(format!("{}-payout", self.tag)))
    }

    fn post(
        &self,
        target: impl Into<String>,
        body: &impl serde::Serialize,
    ) -> Result<Outgoing, Fault> {
        Outgoing::post(target, body).map_err(|error| self.guide.fault(&error.to_string()))
    }

    async fn available(&self, wallet: &str) -> Result<i64, Fault> {
        let balance: Balance = self
            .client
            .balance(wallet)
            .await
            .map_err(|error| self.guide.fault(&error.to_string()))?;
        Ok(balance.balances.available)
    }

    async fn balance_is(&self, wallet: &str, expected: i64) -> Result<(), Fault> {
        let found = self.available(wallet).await?;
        println!("    balance of {wallet}: {found}");
        self.guide.same("the balance", found, expected)
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
                println!("    {}", found.status);
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

fn new_payout(source: &str, amount: i64, recipient: NewRecipient) -> NewPayout {
    NewPayout {
        amount,
        currency: "PHP".into(),
        source_wallet_id: Some(source.to_owned()),
        recipient,
        reference_id: None,
    }
}

fn place(report: &proof::BundleReport) -> String {
    report
        .range
        .map_or_else(String::new, |(first, _)| first.to_string())
}
