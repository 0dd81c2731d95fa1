//! The steps of the tour that look at what was kept: statement, events, audit log, proof.

use strongroom_client::{AuditLog, Event, Outgoing, Page, StatementLine, proof};

use super::walk::{HOLDER, LEFT, Walk};
use crate::fault::Fault;
use crate::out::say;

impl Walk<'_> {
    pub async fn statement(&mut self, wallet: &str) -> Result<(), Fault> {
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

    pub async fn events(&mut self, payout: &str, banked: &str) -> Result<(), Fault> {
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

    pub async fn audit_log(&mut self, payout: &str) -> Result<String, Fault> {
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

    pub async fn refusal_on_record(&mut self, wallet: &str) -> Result<(), Fault> {
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

    pub async fn proof(&mut self, record: &str) -> Result<(), Fault> {
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
        say!(
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
                say!("    altered:  {damage}");
                Ok(())
            }
        }
    }
}

fn place(report: &proof::BundleReport) -> String {
    report
        .range
        .map_or_else(String::new, |(first, _)| first.to_string())
}
