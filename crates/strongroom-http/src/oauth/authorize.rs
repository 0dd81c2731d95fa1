//! The authorization endpoint, for people: sign in, answer, and go back to the application that asked.
//!
//! Three requests follow one another: the application's, which opens a *ticket*; the one that signs in, which changes it for another; and
//! the answer, which takes it. A ticket stands in the page alone, so a page of somebody else's has none to send.
//! SECURITY: nobody is taken for signed in because of a cookie. Whoever allows something has shown who he is for just that.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;
use serde_json::json;
use strongroom_auth::Caller;
use strongroom_crypto::{random, sha256};
use strongroom_domain::oauth::{AuthorizationCode, GrantAccess, NotePushed, Profile};
use strongroom_domain::rejection::Code;
use strongroom_domain::sessions::EndSession;
use strongroom_domain::users::Mark;
use strongroom_engine::{Failure, GrantKind, RegisteredClient};
use strongroom_types::id::{OauthClientId, OauthGrantId};
use strongroom_types::time::Timestamp;

use crate::address::network;
use crate::app::App;
use crate::edge::{Passed, allow};
use crate::login::{FOREIGN, NOT_NOW, Trouble, UNSAFE, moved};
use crate::oauth::client::Asked;
use crate::oauth::fault::OauthFault;
use crate::oauth::form::Form;
use crate::oauth::page::{self, Asking, OVER};
use crate::oauth::proof::ProofFault;
use crate::oauth::waiting::{Open, PUSHED_LIFE, Signed, Wish};
use crate::oauth::wish::{Back, WishFault, wish};
use crate::oauth::{Answered, json as answer};
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::route::Route;
use crate::tripwire;
use crate::visit::Visit;

/// What the log of requests says of a page that was refused.
const REFUSED: &str = "oauth_page_refused";

/// What the name of a pushed request begins with (RFC 9126).
const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// SECURITY: who sends people here with something odd is not sent anything back.
fn unsure(text: &'static str) -> Trouble {
    Trouble::new(
        400,
        "The application asked in a way that is not taken",
        text,
    )
}

pub(super) fn hashed(text: &str) -> [u8; 32] {
    sha256(&[text.as_bytes()])
}

pub(super) fn drawn() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

impl App {
    /// `POST /oauth/par` (RFC 9126).
    pub(super) async fn push(&self, visit: &mut Visit, head: &Parts, asked: Asked) -> Answered {
        let client = Arc::clone(&asked.client.client);
        if asked.form.get("request_uri").is_some() {
            return Err(OauthFault::request("`request_uri` is not pushed"));
        }
        let mut wish = wish(&client, &asked.form)?;
        // RFC 9449, section 10.1: a proof here binds the code, too.
        let proven = self
            .proven_key(visit, head, None)
            .map_err(|fault| match fault {
                ProofFault::Nonce => OauthFault::nonce(),
                ProofFault::Invalid(text) => OauthFault::proof(text),
            })?;
        if wish.proof_key.is_some() && proven.is_some() && wish.proof_key != proven {
            return Err(OauthFault::proof(
                "`dpop_jkt` is of another key than the proof",
            ));
        }
        wish.proof_key = wish.proof_key.or(proven);
        let name = format!("{PUSHED}{}", drawn());
        let waiting = &self.inner().waiting;
        // Before anything is written down: where there is no room, nothing is.
        let pushed = waiting.push(hashed(&name), wish, visit.time);
        pushed.map_err(|_| OauthFault::busy())?;
        let noted = asked.execute(self, NotePushed { client: client.id }).await;
        if let Err(failure) = noted {
            waiting.withdraw(&hashed(&name));
            return Err(failure.into());
        }
        let told = json!({"request_uri": name, "expires_in": PUSHED_LIFE / 1_000});
        Ok(answer(201, told))
    }

    /// `GET /oauth/authorize`: the application has sent somebody here.
    pub(super) async fn asked_of_somebody(&self, visit: &mut Visit, head: &Parts) -> Passed {
        match self.begin(visit, head).await {
            Ok(passed) => passed,
            Err(trouble) => trouble.page(REFUSED),
        }
    }

    async fn begin(&self, visit: &mut Visit, head: &Parts) -> Result<Passed, Trouble> {
        let pages = &self.inner().pages;
        allow(visit, pages.count(network(visit.address), visit.time))?;
        self.for_people(visit)?;
        let form = Form::of_query(head.uri.query().unwrap_or_default());
        let form = form.map_err(|_| unsure("Its address cannot be read."))?;
        let (registered, wish, pushed) = match self.wished(visit.time, &form) {
            Ok(wished) => wished,
            Err(WishFault::Unsure(text)) => return Err(unsure(text)),
            Err(WishFault::Told {
                back,
                error,
                detail,
            }) => {
                let told = [("error", error), ("error_description", detail)];
                return Ok(page::way_back(&back.with(self.issuer(), &told), detail));
            }
        };
        let ticket = drawn();
        let waiting = &self.inner().waiting;
        let opened = waiting.open(hashed(&ticket), wish.clone(), pushed, visit.time);
        opened.map_err(|_| Trouble::from(Problem::from(Failure::Overloaded)))?;
        let organization = self.organization(&registered).await?;
        let asking = asking(&registered, &organization, &ticket, &wish);
        Ok(page::sign_in(&asking, None, ""))
    }

    /// SECURITY: no password travels in clear beyond this machine.
    pub(crate) fn for_people(&self, visit: &Visit) -> Result<(), Trouble> {
        self.engine().owned()?;
        match visit.live_allowed {
            true => Ok(()),
            false => Err(UNSAFE),
        }
    }

    /// The client that a request names, what it asks for, and the name that it was pushed under.
    fn wished(
        &self,
        now: Timestamp,
        form: &Form,
    ) -> Result<(RegisteredClient, Wish, Option<[u8; 32]>), WishFault> {
        let id = form.get("client_id").and_then(OauthClientId::parse);
        let registered = id.and_then(|id| self.engine().registered_client(id));
        let registered = registered.filter(|known| known.line.is_usable(now));
        let registered = registered.ok_or(WishFault::Unsure("There is no such client."))?;
        let client = &registered.client;
        match form.get("request_uri") {
            Some(name) => {
                let name = hashed(name);
                let wish = self.inner().waiting.pushed(&name, now);
                let wish = wish.filter(|wish| wish.client == client.id);
                let text = "What it sent ahead is over, or was never sent.";
                let wish = wish.ok_or(WishFault::Unsure(text))?;
                Ok((registered, wish, Some(name)))
            }
            // FAPI 2.0, 5.3.2.2, point 4.
            None if client.profile == Profile::Fapi2 => {
                Err(WishFault::Unsure("It has to send its request ahead."))
            }
            None => {
                let wish = wish(client, form)?;
                Ok((registered, wish, None))
            }
        }
    }

    pub(super) async fn organization(
        &self,
        registered: &RegisteredClient,
    ) -> Result<String, Trouble> {
        let name = self.engine().organization_name(registered.scope).await;
        Ok(name?)
    }

    /// `POST /oauth/authorize`: a form of ours.
    pub(super) async fn answered_by_somebody<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        route: &Route,
    ) -> Passed
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match self.go_on(visit, head, body, route).await {
            Ok(passed) => passed,
            Err(trouble) => trouble.page(REFUSED),
        }
    }

    async fn go_on<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        route: &Route,
    ) -> Result<Passed, Trouble>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let counted = self.network_of(visit.address);
        let limits = &self.inner().limits;
        allow(visit, limits.unauthenticated.count(counted, visit.time))?;
        self.for_people(visit)?;
        if !crate::pay::is_own_form(&head.headers) {
            return Err(FOREIGN);
        }
        let body = body.read(self.settings().body_time).await?;
        if let Some(hit) = tripwire::check(head, &body, route) {
            return Err(Problem::from(hit.rejection()).into());
        }
        let form = Form::read(&head.headers, &body).map_err(|_| OVER)?;
        let ticket = form.get("ticket").ok_or(OVER)?;
        match form.get("answer") {
            None => self.sign(visit, &form, ticket).await,
            Some(word) => self.settle(visit, ticket, word == "allow").await,
        }
    }

    /// The client of a request, which may have been deleted since it was opened.
    pub(super) fn client_of(&self, open: &Open) -> Result<RegisteredClient, Trouble> {
        self.engine()
            .registered_client(open.wish.client)
            .ok_or(OVER)
    }

    /// The answer, and the way back with it.
    async fn settle(&self, visit: &Visit, ticket: &str, allowed: bool) -> Result<Passed, Trouble> {
        let open = self
            .inner()
            .waiting
            .take(&hashed(ticket), visit.time)
            .ok_or(OVER)?;
        let registered = self.client_of(&open)?;
        let signed = open.signed.as_ref().ok_or(OVER)?;
        let session = self
            .engine()
            .credential(signed.token.expose())
            .ok_or(OVER)?;
        let caller = Caller::own(&session).ok_or(OVER)?;
        let back = Back::of(&open.wish);
        let told = |error: &str, detail: &str| {
            let told = [("error", error), ("error_description", detail)];
            moved(back.with(self.issuer(), &told))
        };
        if !allowed {
            let end = EndSession {
                id: signed.session,
                user: signed.user,
            };
            // It ends by itself, should it not be written down that it has.
            drop(self.engine().execute(&caller, end, visit.envelope()).await);
            return Ok(told("access_denied", "the request was refused"));
        }
        // SECURITY: what his role is held to binds him here, too.
        let admitted = self.refuse_condition(visit, &session).await;
        admitted.map_err(|_| NOT_NOW)?;
        let secret = random();
        let command = granting(&open.wish, signed, self.engine().grant_secret_hash(&secret));
        let done = self
            .engine()
            .execute(&caller, command, visit.envelope())
            .await;
        let grant = match done {
            Ok(done) => done.resource().map(|id| OauthGrantId(id.raw)),
            Err(Failure::Rejected { rejection, .. }) => {
                return Ok(match rejection.code {
                    Code::StepUpRequired | Code::LimitReached => {
                        told("access_denied", &rejection.detail)
                    }
                    Code::OauthScopeRefused => told("invalid_scope", &rejection.detail),
                    Code::OauthGrantRefused => told("unauthorized_client", &rejection.detail),
                    _ => return Err(OVER),
                });
            }
            Err(failure) => return Err(failure.into()),
        };
        let grant = grant.ok_or_else(|| Trouble::from(Problem::internal()))?;
        let code = self
            .engine()
            .grant_text(GrantKind::Code, registered.scope, grant, &secret);
        Ok(moved(back.with(self.issuer(), &[("code", code.expose())])))
    }
}

pub(super) fn asking<'a>(
    registered: &'a RegisteredClient,
    organization: &'a str,
    ticket: &'a str,
    wish: &'a Wish,
) -> Asking<'a> {
    Asking {
        client: &registered.client.name,
        organization,
        is_live: registered.scope.mode.is_live(),
        ticket,
        redirect_uri: &wish.redirect_uri,
    }
}

fn granting(wish: &Wish, signed: &Signed, hash: [u8; 32]) -> GrantAccess {
    GrantAccess {
        client: wish.client,
        user: signed.user,
        session: signed.session,
        scopes: wish.scopes,
        limits: wish.limits.clone(),
        code: AuthorizationCode {
            hash: Mark(hash),
            expires_at: Timestamp(0),
            redirect_uri: wish.redirect_uri.clone(),
            redirect_was_named: wish.redirect_was_named,
            challenge: wish.challenge.clone(),
            proof_key: wish.proof_key.map(Mark),
        },
    }
}
