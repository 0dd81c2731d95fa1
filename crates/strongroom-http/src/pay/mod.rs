//! The hosted payment page: what a link asks for, a form for a card, and what came of it.
//!
//! It needs no credential: the link's id is one. Pages are made here whole, work without a script, and load nothing.
//! SECURITY: the form goes to the vault process, where there is one, and reaches this process without number and code.
//! A post is answered with a redirect to the page, so that nothing is sent twice by a reload; the form says how many attempts
//! it knows of, so that one that is sent twice is one attempt.

mod card;
mod challenge;
mod form;
mod page;
mod qr;
mod text;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use serde_json::{Value as Schema, json};
use strongroom_domain::payment_links::PaymentLinkStatus;
use strongroom_domain::payments::PaymentStatus;
use strongroom_domain::rejection::Code;
use strongroom_engine::{Bill, Failure, Payer};
use strongroom_types::id::{PaymentId, PaymentLinkId, TokenId};
use tokio::sync::watch::Receiver;

use crate::address::network;
use crate::app::App;
use crate::call::Answer;
use crate::cards::Wiped;
use crate::edge::{Passed, allow};
use crate::json::parse_form;
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::respond;
use crate::schema;
use crate::throttle::Standing;
use crate::transit::Transit;
use crate::visit::Visit;

use card::{Card, InHand, Sent};
use page::{Faults, Trouble};

pub(crate) use qr::drawn;
pub(crate) use text::{escaped, moment};

/// What of the page a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Page,
    Submit,
    Code,
    /// The question of the cardholder's bank, and its answer.
    Challenge,
    Answer,
}

/// What a response for a browser has beside its body.
pub(crate) struct Shown {
    pub kind: &'static str,
    pub policy: HeaderValue,
    pub location: Option<String>,
    pub retry: Option<u64>,
    /// Whether other sites may show it.
    pub embeddable: bool,
}

/// Why there is no page of the link.
struct Refused {
    trouble: Trouble,
    retry: Option<u64>,
}

impl Refused {
    fn of(trouble: Trouble) -> Refused {
        Refused {
            trouble,
            retry: None,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused {
            trouble: Trouble::of(problem.status()),
            retry: problem.retry_seconds(),
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::from(Problem::from(failure))
    }
}

impl App {
    /// Answers a browser, whatever happens.
    pub(crate) async fn pay<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        (part, id): (Part, &str),
    ) -> Passed
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let outcome = match part {
            Part::Page => self.pay_page(visit, head, id).await,
            Part::Submit => self.pay_submit(visit, head, body, id).await,
            Part::Code => self.pay_code(visit, id).await,
            Part::Challenge => self.challenge(visit, id).await,
            Part::Answer => self.answer_challenge(visit, head, body, id).await,
        };
        outcome.unwrap_or_else(|Refused { trouble, retry }| {
            let mut passed = page::trouble(trouble);
            if let Some(shown) = &mut passed.answer.shown {
                shown.retry = retry;
            }
            passed
        })
    }

    /// What a browser is shown of a problem that comes before everything else.
    pub(crate) fn page_for(&self, problem: &Problem) -> (HeaderMap, Bytes) {
        let Passed { answer, .. } = page::trouble(Trouble::of(problem.status()));
        let mut headers = HeaderMap::with_capacity(16);
        respond::always(&mut headers, self.settings().behind_tls);
        if let Some(shown) = &answer.shown {
            respond::describe_shown(&mut headers, shown);
        }
        let retry = problem.retry_seconds().map(HeaderValue::from);
        headers.extend(retry.map(|seconds| (RETRY_AFTER, seconds)));
        (headers, answer.body)
    }

    async fn pay_page(&self, visit: &mut Visit, head: &Parts, id: &str) -> Result<Passed, Refused> {
        self.count_page(visit)?;
        let payer = self.payer(visit, id).await?;
        let bill = payer.bill().await?;
        Ok(page::of(&bill, attempt(head), &Faults::default()))
    }

    async fn pay_code(&self, visit: &mut Visit, id: &str) -> Result<Passed, Refused> {
        self.count_page(visit)?;
        let payer = self.payer(visit, id).await?;
        let link = payer.bill().await?.link.body.id;
        let url = format!("{}/pay/{link}", self.settings().link_origin());
        qr::code(&url).ok_or(Refused::of(Trouble::Missing))
    }

    fn count_page(&self, visit: &mut Visit) -> Result<(), Problem> {
        let standing = self
            .inner()
            .pay_pages
            .count(network(visit.address), visit.time);
        allow(visit, standing)
    }

    /// Whoever has this link. SECURITY: who tries ids is counted like who tries keys.
    async fn payer(&self, visit: &mut Visit, id: &str) -> Result<Payer, Problem> {
        self.engine().owned()?;
        let found = match PaymentLinkId::parse(id) {
            Some(link) => self.engine().payer(link).await?,
            None => None,
        };
        let Some(payer) = found else {
            let network = self.network_of(visit.address);
            let standing = self
                .inner()
                .limits
                .unauthenticated
                .count(network, visit.time);
            allow(visit, standing)?;
            return Err(Problem::not_found());
        };
        Ok(payer)
    }

    async fn pay_submit<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        id: &str,
    ) -> Result<Passed, Refused>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let standing = self
            .inner()
            .payers
            .count(network(visit.address), visit.time);
        allow(visit, standing)?;
        check_sender(&head.headers)?;
        let payer = self.payer(visit, id).await?;
        let body = Wiped(body.read(self.settings().body_time).await?);
        let fields = parse_form(&body.0).map_err(|_| Refused::of(Trouble::Unreadable))?;
        drop(body);
        let sent = Sent::of(fields).ok_or(Refused::of(Trouble::Unreadable))?;
        let bill = payer.bill().await?;
        let link = &bill.link.body;
        allow_link(visit, self.inner().paid_links.count(link.id, visit.time))?;
        let open = link.status_at(bill.now) == PaymentLinkStatus::Active && link.payment.is_none();
        if !open || sent.attempt != link.attempts {
            return Ok(page::moved(&format!("/pay/{}", link.id)));
        }
        let transit = head.extensions.get::<Transit>();
        let card = match sent.card(transit.map(|transit| &transit.card), bill.now) {
            Ok(card) => card,
            Err(faults) => return Ok(page::of(&bill, None, &faults)),
        };
        self.take(visit, &payer, &bill, (card, sent.attempt, transit))
            .await
    }

    /// Makes a token of the card, pays by it, and waits a moment for what comes of it.
    async fn take(
        &self,
        visit: &Visit,
        payer: &Payer,
        bill: &Bill,
        (card, attempt, transit): (Card, u32, Option<&Transit>),
    ) -> Result<Passed, Refused> {
        let link = bill.link.body.id;
        let token = tokenize(visit, payer, card, transit).await?;
        let paid = match payer.pay(token, attempt, visit.envelope()).await {
            Ok(payment) => payment,
            Err(failure) => {
                // Whoever was faster has paid, or the link has ended: the page says which.
                let Failure::Rejected { rejection, .. } = failure else {
                    return Err(failure.into());
                };
                payer.discard(token, visit.envelope()).await;
                return Ok(match is_about_link(rejection.code) {
                    true => page::moved(&format!("/pay/{link}")),
                    false => page::of(bill, None, &Faults::closed()),
                });
            }
        };
        let patience = self.settings().payment_patience;
        settled(payer.arrivals(), patience, || async {
            let payment = payer.bill().await?.payment;
            Ok(payment.is_none_or(|payment| payment.status != PaymentStatus::Processing))
        })
        .await?;
        // The cardholder's bank may want to hear from him first.
        let payment = payer.bill().await?.payment;
        let asked = payment.and_then(|payment| payment.challenge_path());
        let attempt = paid.map_or_else(String::new, |payment| format!("?attempt={payment}"));
        let page = format!("/pay/{link}{attempt}");
        Ok(page::moved(&asked.unwrap_or(page)))
    }
}

async fn tokenize(
    visit: &Visit,
    payer: &Payer,
    card: Card,
    transit: Option<&Transit>,
) -> Result<TokenId, Refused> {
    let scope = payer.scope();
    let sealed = match (&card.in_hand, transit) {
        (InHand::Clear(number, _), _) => payer.seal(number),
        (InHand::Vaulted, Some(transit)) => transit.keep(&scope).await?,
        (InHand::Vaulted, None) => return Err(Problem::internal().into()),
    };
    let id = sealed.id;
    let made = payer
        .tokenize(sealed, card.expiry, card.name, visit.envelope())
        .await?;
    match (card.in_hand, transit) {
        (InHand::Clear(_, code), _) => payer.keep_code(&made, code),
        (InHand::Vaulted, Some(transit)) => transit.hold(&scope, id).await,
        (InHand::Vaulted, None) => {}
    }
    Ok(id)
}

/// Waits until something is so, for so long at most; asked again at every commit in its books.
async fn settled<F>(
    mut news: Receiver<u64>,
    patience: Duration,
    mut is_so: impl FnMut() -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<bool, Failure>>,
{
    let end = tokio::time::Instant::now() + patience;
    while !is_so().await? {
        let changed = tokio::time::timeout_at(end, news.changed()).await;
        if !matches!(changed, Ok(Ok(()))) {
            break;
        }
    }
    Ok(())
}

fn is_about_link(code: Code) -> bool {
    matches!(
        code,
        Code::LinkPaid
            | Code::LinkExpired
            | Code::LinkCancelled
            | Code::LinkBusy
            | Code::LinkStale
            | Code::LinkAttempts
    )
}

fn allow_link(visit: &mut Visit, standing: Standing) -> Result<(), Problem> {
    match standing.is_allowed() {
        true => Ok(()),
        false => allow(visit, standing),
    }
}

/// Whether a form is one that a page of this server sent.
pub(crate) fn is_own_form(headers: &HeaderMap) -> bool {
    check_sender(headers).is_ok()
}

/// A form of this page. SECURITY: nothing here acts by a cookie, so another site's form could only bring a card of its own;
/// it is refused all the same, where the browser tells.
fn check_sender(headers: &HeaderMap) -> Result<(), Refused> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return Err(Refused::of(Trouble::Foreign));
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    let is_form =
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    match is_form && !headers.contains_key(CONTENT_ENCODING) {
        true => Ok(()),
        false => Err(Refused::of(Trouble::NoForm)),
    }
}

/// The payment that whoever looks says he made.
fn attempt(head: &Parts) -> Option<PaymentId> {
    let query = head.uri.query()?;
    PaymentId::parse(query.strip_prefix("attempt=")?)
}

/// The fields of the form; number and code are read by the vault alone.
pub(crate) fn form_schema() -> Schema {
    schema::object(
        &["attempt", "number", "expiry", "cvv"],
        vec![
            ("attempt", json!({"type": "string", "pattern": "^[0-9]+$"})),
            ("number", schema::line(37)),
            ("expiry", schema::line(9)),
            ("cvv", schema::line(4)),
            ("name", json!({"type": "string", "maxLength": 100})),
        ],
    )
}

/// What a cardholder answers.
pub(crate) fn answer_schema() -> Schema {
    let answers = schema::one_of(&["confirm", "refuse"]);
    schema::object(&["answer"], vec![("answer", answers)])
}

/// A page as an answer.
fn passed(status: u16, html: String, policy: HeaderValue) -> Passed {
    Passed {
        status,
        answer: Answer {
            body: Bytes::from(html),
            shown: Some(Box::new(Shown {
                kind: "text/html; charset=utf-8",
                policy,
                location: None,
                retry: None,
                embeddable: false,
            })),
            ..Answer::default()
        },
    }
}
