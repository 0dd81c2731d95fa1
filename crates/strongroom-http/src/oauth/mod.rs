//! The authorization server: what clients ask of it, and what tokens are good for.
//!
//! Clients speak the languages of their RFCs here: forms, errors with `error` and `error_description`, proofs in headers. Whatever
//! changes anything is a command like any other; what a client shows is spent in the commit that takes it.
//! SECURITY: nothing is signed here, so there is nothing to confuse: tokens are random texts that only this server can look up.

mod authorize;
mod client;
mod details;
mod fault;
mod form;
mod nonces;
mod page;
mod proof;
pub(crate) mod resource;
pub(crate) mod schemas;
mod server;
mod signing_in;
mod token;
mod waiting;
mod wish;

pub(crate) use nonces::Nonces;
pub(crate) use waiting::Waiting;

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;

use crate::address::network;
use crate::app::App;
use crate::call::Answer;
use crate::edge::{Passed, allow};
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::route::Route;
use crate::visit::Visit;

use fault::OauthFault;

/// What of the server a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Metadata,
    /// What a client sends ahead.
    Push,
    /// The page that people sign in on, and its forms.
    Page,
    Answer,
    Token,
    Revoke,
    Introspect,
}

/// What is there to answer with: a status and JSON.
type Answered = Result<Passed, OauthFault>;

impl App {
    /// Answers a client, in its own language whatever happens.
    pub(crate) async fn oauth<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        (route, part): (&'static Route, Part),
    ) -> Result<Passed, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if part == Part::Metadata {
            let pages = &self.inner().pages;
            let standing = pages.count(network(visit.address), visit.time);
            allow(visit, standing)?;
            return Ok(json(200, self.metadata()));
        }
        match part {
            Part::Page => return Ok(self.asked_of_somebody(visit, head).await),
            Part::Answer => {
                return Ok(self.answered_by_somebody(visit, head, body, route).await);
            }
            _ => {}
        }
        let answered = match self.ask(visit, head, body, route).await {
            Ok(asked) => {
                let is_shown = asked.client.client.is_confidential();
                let answered = match part {
                    Part::Push => self.push(visit, head, asked).await,
                    Part::Token => self.token(visit, head, asked).await,
                    Part::Revoke => self.revoke(visit, asked).await,
                    _ => self.introspect(visit, asked).await,
                };
                match answered {
                    // SECURITY: whoever tries codes and refresh tokens has to name a client, and anybody can name one of these.
                    Err(fault) if !is_shown && fault.is_failure() => self
                        .count_network(visit)
                        .map_err(OauthFault::from)
                        .and(Err(fault)),
                    answered => answered,
                }
            }
            Err(fault) => Err(fault),
        };
        Ok(answered.unwrap_or_else(|fault| fault.answer(visit)))
    }

    /// What every address of this server begins with, and what clients know it by: the first is its name.
    pub(crate) fn origins(&self) -> &[String] {
        let settings = self.settings();
        match settings.public_origins.is_empty() {
            true => std::slice::from_ref(&settings.own_origin),
            false => &settings.public_origins,
        }
    }

    fn issuer(&self) -> &str {
        self.origins().first().map_or("", String::as_str)
    }
}

/// For the fuzz target of bodies: what is taken of these details is told again as it was read.
pub(crate) fn check_details(text: &str) {
    if let Ok(limits) = details::of_text(text) {
        let again = details::of_text(&details::told(&limits).to_string());
        assert!(again.is_ok_and(|again| again == limits), "{text}");
    }
}

fn json(status: u16, value: serde_json::Value) -> Passed {
    Passed {
        status,
        answer: Answer::json(value.to_string().into_bytes()),
    }
}
