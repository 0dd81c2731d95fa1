//! `/account`: where people sign in on a page of ours, and see to what they sign in with.
//!
//! The page does nothing that the API does not: a form of somebody who has signed in is the request of one row of the table, in the
//! session of his cookie, and passes what that row asks for. All of it works without a script, but for passkeys.
//! SECURITY: `SameSite=Strict` keeps the cookie from what other sites send. Beyond that a form counts where the browser does not say that
//! it came from elsewhere, and, of somebody who has signed in, where it repeats his session's token.

mod asked;
mod page;
mod sent;

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;
use serde_json::Value;
use strongroom_auth::Credential;
use strongroom_crypto::equal;
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};

use crate::address::network;
use crate::app::App;
use crate::call::{Answer, Proven};
use crate::edge::{Passed, allow};
use crate::login::{FOREIGN, NOT_NOW, Trouble, moved, said};
use crate::parcel::Parcel;
use crate::pay::is_own_form;
use crate::presented;
use crate::problem::Problem;
use crate::query::Query;
use crate::route::Route;
use crate::schema;
use crate::table::Found;
use crate::tripwire;
use crate::v1::entering::{self, Entry, Halfway, Step, methods};
use crate::v1::passkeys;
use crate::v1::sessions::Meant;
use crate::visit::Visit;

use asked::Asked;
use page::{Once, Own, Standing};
use sent::{Books, Sent};

/// Where it is.
const PATH: &str = "/account";

/// What the log of requests says of a page that was refused.
const REFUSED: &str = "account_page_refused";

/// Bytes of a form, which is read before anybody has shown who he is.
const MOST: usize = 16 << 10;

const UNREADABLE: Trouble = Trouble::new(
    400,
    "The form could not be read",
    "Open the page again and fill it in once more.",
);

/// What of the page a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Page,
    Form,
}

impl App {
    /// Answers a browser, whatever happens.
    pub(crate) async fn account<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        (route, part): (&Route, Part),
    ) -> Passed
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let outcome = match part {
            Part::Page => self.account_page(visit, head).await,
            Part::Form => self.account_form(visit, head, body, route).await,
        };
        outcome.unwrap_or_else(|trouble| trouble.page(REFUSED))
    }

    async fn account_page(&self, visit: &mut Visit, head: &Parts) -> Result<Passed, Trouble> {
        let pages = &self.inner().pages;
        allow(visit, pages.count(network(visit.address), visit.time))?;
        self.for_people(visit)?;
        match self.signed_in(visit, head).await? {
            Some(credential) => self.own_page(visit, &credential, None, Once::Nothing).await,
            None => Ok(page::sign_in(&Books::of(head), None, "")),
        }
    }

    /// Who has signed in, if somebody has. What he is held to binds him here, too.
    async fn signed_in(
        &self,
        visit: &mut Visit,
        head: &Parts,
    ) -> Result<Option<Arc<Credential>>, Trouble> {
        let cookie = presented::unverified_session(&head.headers);
        let found = cookie.and_then(|text| self.engine().credential(text));
        let Some(credential) = found.filter(|found| found.presence.is_some()) else {
            return Ok(None);
        };
        visit.identified(&credential);
        let address = self.refuse_address(visit, &credential).await;
        address.map_err(|_| NOT_NOW)?;
        let condition = self.refuse_condition(visit, &credential).await;
        condition.map_err(|_| NOT_NOW)?;
        Ok(Some(credential))
    }

    async fn account_form<B>(
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
        self.for_people(visit)?;
        let credential = self.signed_in(visit, head).await?;
        match &credential {
            Some(credential) => self.limit(visit, credential, route)?,
            None => {
                let network = self.network_of(visit.address);
                let limits = &self.inner().limits;
                allow(visit, limits.unauthenticated.count(network, visit.time))?;
            }
        }
        if !is_own_form(&head.headers) {
            return Err(FOREIGN);
        }
        let body = body.read_most(self.settings().body_time, MOST).await?;
        if let Some(hit) = tripwire::check(head, &body, route) {
            return Err(Problem::from(hit.rejection()).into());
        }
        let sent = Sent::read(&body).ok_or(UNREADABLE)?;
        match credential {
            Some(credential) => self.own_form(visit, head, &credential, &sent).await,
            None => self.enter(visit, &sent).await,
        }
    }

    /// Somebody signs in, by one of the two steps.
    async fn enter(&self, visit: &Visit, sent: &Sent) -> Result<Passed, Trouble> {
        let books = Books::of_form(sent);
        if !sent.get("do").is_empty() {
            let text = "The session is over. Sign in again.";
            return Ok(page::sign_in(&books, Some(text), ""));
        }
        if !sent.get("halfway").is_empty() {
            return self.enter_by_factor(visit, sent, &books).await;
        }
        let email = sent.get("email");
        let entry = Entry {
            email: email.to_owned(),
            password: sent.secret("password"),
            meant: Meant::from(&books),
            by_cookie: true,
        };
        match entering::first(self.visitor(visit), entry).await {
            Ok(Step::Inside(inside)) => Ok(came_in(inside.cookie)),
            Ok(Step::Halfway(halfway)) => Ok(self.ask_who(&books, None, &halfway)),
            Err(problem) => match said(&problem) {
                Some(text) => Ok(page::sign_in(&books, Some(text), email)),
                None => Err(problem.into()),
            },
        }
    }

    /// The second step of somebody whose password was right.
    async fn enter_by_factor(
        &self,
        visit: &Visit,
        sent: &Sent,
        books: &Books,
    ) -> Result<Passed, Trouble> {
        let Some(halfway) = Halfway::of(self.engine(), sent.get("halfway")).await? else {
            let text = "That took too long. Sign in again.";
            return Ok(page::sign_in(books, Some(text), ""));
        };
        let entered = match entering::shown(sent.named("passkey"), sent.named("code")) {
            Ok(shown) => halfway.second(self.visitor(visit), shown, true).await,
            Err(problem) => Err(problem),
        };
        match entered {
            Ok(inside) => Ok(came_in(inside.cookie)),
            Err(problem) => match said(&problem) {
                Some(text) => Ok(self.ask_who(books, Some(text), &halfway)),
                None => Err(problem.into()),
            },
        }
    }

    fn ask_who(&self, books: &Books, fault: Option<&str>, halfway: &Halfway) -> Passed {
        let methods = halfway.methods(self.engine(), &self.inner().entrance);
        page::second_factor(books, fault, (halfway.text.expose(), &methods))
    }

    /// A form of somebody who has signed in.
    async fn own_form(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: &Arc<Credential>,
        sent: &Sent,
    ) -> Result<Passed, Trouble> {
        let Some(asked) = Asked::of(sent) else {
            return Ok(moved(PATH.to_owned()));
        };
        let presence = credential.presence.as_ref();
        let token = sent.get("csrf").as_bytes();
        if !presence.is_some_and(|presence| equal(token, presence.csrf.as_bytes())) {
            let text = "a form of this page repeats the session's token";
            let rejection = Rejection::new(Code::CsrfRefused, text);
            self.refuse(visit, credential, Action::AccessDenied, rejection)
                .await;
            return Err(FOREIGN);
        }
        match self.as_row(visit, head, credential, asked).await {
            Ok(answer) => self.done(visit, credential, answer).await,
            Err(problem) => match page::refused(&problem) {
                Some(text) => {
                    self.own_page(visit, credential, Some(text), Once::Nothing)
                        .await
                }
                None if problem.status() < 429 => Ok(moved(PATH.to_owned())),
                None => Err(problem.into()),
            },
        }
    }

    /// Does what the API does at this address, for whoever has signed in, and asks of him what it asks.
    async fn as_row(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: &Arc<Credential>,
        asked: Asked,
    ) -> Result<Answer, Problem> {
        let found = self.inner().table.find(&asked.method, &asked.path);
        let Found::Route(route, id) = found else {
            return Err(Problem::not_found());
        };
        let handler = self.authorize(visit, credential, route).await?;
        let proven = Proven {
            credential: Arc::clone(credential),
            id,
            query: Query::default(),
            body: Bytes::from(asked.body.to_string()),
            envelope: visit.envelope(),
        };
        self.run(handler, self.call(visit, head, proven)).await
    }

    /// What is shown once stands on the page that answers; all else the page shows by itself, as often as it is loaded.
    async fn done(
        &self,
        visit: &Visit,
        credential: &Arc<Credential>,
        answer: Answer,
    ) -> Result<Passed, Trouble> {
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let once = match answer.cookie {
            None => Once::of(&told),
            Some(_) => Once::Nothing,
        };
        if let Once::Nothing = once {
            let mut passed = moved(PATH.to_owned());
            passed.answer.cookie = answer.cookie;
            return Ok(passed);
        }
        self.own_page(visit, credential, None, once).await
    }

    async fn own_page(
        &self,
        visit: &Visit,
        credential: &Arc<Credential>,
        fault: Option<&str>,
        once: Once,
    ) -> Result<Passed, Trouble> {
        let (engine, entrance) = (self.engine(), &self.inner().entrance);
        let Some(presence) = &credential.presence else {
            return Ok(moved(PATH.to_owned()));
        };
        let scope = credential.scope;
        let person = engine.person(scope, presence.user).await?;
        let organization = engine.organization_name(scope).await?;
        let party = entrance.party.as_ref();
        let standing = match person.body.has_factor() {
            true if presence.is_stepped_up(visit.time) => Standing::Trusted,
            true => Standing::Asked(methods(engine, entrance, &scope, &person)),
            false if presence.is_fresh(visit.time) => Standing::Trusted,
            false => Standing::Stale,
        };
        Ok(page::own(&Own {
            person: &person,
            organization: &organization,
            is_live: scope.mode.is_live(),
            role: &credential.role_name(),
            csrf: &presence.csrf,
            creation: party.map(|party| passkeys::creation_options(engine, party, &scope, &person)),
            standing,
            fault,
            once,
        }))
    }
}

/// To the page, with the session in a cookie.
fn came_in(cookie: Option<String>) -> Passed {
    let mut passed = moved(PATH.to_owned());
    passed.answer.cookie = cookie;
    passed
}

/// The fields of all its forms.
pub(crate) fn form_schema() -> Value {
    let words = [
        "email", "password", "mode", "halfway", "passkey", "code", "csrf", "do", "name", "id",
    ];
    let mut fields: Vec<_> = words.map(|word| (word, schema::text())).to_vec();
    fields.push(("organization_id", schema::text()));
    schema::object(&[], fields)
}
