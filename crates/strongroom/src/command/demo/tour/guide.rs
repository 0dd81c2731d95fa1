//! The guide of a tour: shows what is sent and what comes back, and does not go on when a claim does not hold.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use strongroom_client::{Client, Outgoing, Reply};

use super::pretty;
use crate::fault::Fault;
use crate::out::say;

/// Shows the steps, one after another.
pub(super) struct Guide {
    step: usize,
    title: &'static str,
}

impl Guide {
    pub fn new() -> Guide {
        Guide { step: 0, title: "" }
    }

    /// Begins a step.
    pub fn begin(&mut self, title: &'static str) {
        self.step += 1;
        self.title = title;
        say!("\n{}. {title}", self.step);
    }

    /// Sends a request; shows it and its reply.
    pub async fn send(&self, client: &Client, outgoing: &Outgoing) -> Result<Reply, Fault> {
        say!("  > {} {}", outgoing.method(), outgoing.target());
        if let Some(key) = outgoing.idempotency_key() {
            say!("  > Idempotency-Key: {key}");
        }
        show("  > ", outgoing.body());
        let reply = client
            .send(outgoing)
            .await
            .map_err(|error| self.fault(&error.to_string()))?;
        say!(
            "  < {}{}",
            reply.status,
            if reply.replayed {
                "  Idempotent-Replayed: true"
            } else {
                ""
            }
        );
        show("  < ", &reply.body);
        Ok(reply)
    }

    /// Sends a request that must succeed with `status`; gives what the reply holds.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        client: &Client,
        outgoing: &Outgoing,
        status: u16,
    ) -> Result<(T, Reply), Fault> {
        let reply = self.send(client, outgoing).await?;
        self.same("the status", reply.status, status)?;
        Ok((self.read(&reply)?, reply))
    }

    /// Sends a request that must be refused.
    pub async fn refused(
        &self,
        client: &Client,
        outgoing: &Outgoing,
        status: u16,
        code: &str,
    ) -> Result<(), Fault> {
        let reply = self.send(client, outgoing).await?;
        self.same("the status", reply.status, status)?;
        let found = reply.problem().map(|problem| problem.code);
        self.same("the code", found.as_deref(), Some(code))
    }

    /// What a reply holds.
    pub fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, Fault> {
        reply
            .success()
            .map_err(|error| self.fault(&error.to_string()))
    }

    /// Goes on only when two things are equal.
    pub fn same<T: PartialEq + Debug>(
        &self,
        what: &str,
        found: T,
        expected: T,
    ) -> Result<(), Fault> {
        match found == expected {
            true => Ok(()),
            false => Err(self.fault(&format!("{what} should be {expected:?} and is {found:?}"))),
        }
    }

    /// Goes on only when something holds.
    pub fn holds(&self, is_so: bool, claim: &str) -> Result<(), Fault> {
        match is_so {
            true => Ok(()),
            false => Err(self.fault(&format!("it does not hold that {claim}"))),
        }
    }

    /// Says what the step, all checks passed, has proven.
    pub fn proven(&self, what: &str) {
        say!("  = {what}");
    }

    pub fn fault(&self, text: &str) -> Fault {
        Fault::new(format!(
            "step {} of the tour (`{}`): {text}",
            self.step, self.title
        ))
    }
}

fn show(mark: &str, body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    if !text.is_empty() {
        pretty::lines(&text)
            .iter()
            .for_each(|line| say!("{mark}{line}"));
    }
}
