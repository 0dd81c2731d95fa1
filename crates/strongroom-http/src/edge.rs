//! The way of a request through the edge. The order of the steps in [`App::pass`] is part of the contract and stands
//! nowhere else: a request with two faults is always answered for the same one.
//!
//! No step before the credential says anything that depends on what is stored; no step after it changes anything but
//! through the engine.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use hyper::body::Body;
use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use strongroom_auth::{Credential, Dialect, KeyType};
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_engine::{Envelope, Idempotency};

use crate::app::App;
use crate::arriving::Spill;
use crate::body;
use crate::browsing;
use crate::call::{Answer, Call, Proven};
use crate::cards;
use crate::caught::Caught;
use crate::idempotency;
use crate::oauth::resource;
use crate::parcel::Parcel;
use crate::presented;
use crate::problem::{EdgeCode, Problem};
use crate::query::Query;
use crate::respond::{self, Reply};
use crate::route::{Authorized, Door, Route};
use crate::signed;
use crate::table::Found;
use crate::throttle::Standing;
use crate::tripwire;
use crate::visit::{ADDRESS_OUTSIDE_NETWORKS, Origin, Visit};

/// The longest path and query, in bytes.
const MAX_TARGET: usize = 8_192;

/// A success with its status.
pub(crate) struct Passed {
    pub status: u16,
    pub answer: Answer,
}

impl Passed {
    /// A route's success, unless what it asks for waits for others.
    fn of(answer: Answer, route: &Route) -> Passed {
        let status = if answer.waits { 202 } else { route.success };
        Passed { status, answer }
    }
}

impl App {
    /// Answers one request. `peer` is the other end of the connection.
    pub async fn handle<B>(&self, peer: IpAddr, request: Request<B>) -> Response<Reply>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut parcel = Parcel::passing(body);
        self.serve(Origin::Here(peer), &head, &mut parcel).await
    }

    /// The same for a request that may have come by another node, and may go on to one: it stays with the caller.
    pub(crate) async fn serve<B>(
        &self,
        origin: Origin,
        head: &Parts,
        body: &mut Parcel<B>,
    ) -> Response<Reply>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_for_vault = self.is_for_vault(head);
        if is_for_vault && self.may_be_passed(head) {
            return Box::pin(self.pass_to_vault(origin, head, body)).await;
        }
        let _held = self.inner().metrics.in_flight();
        let mut visit = Visit::begin(self, origin, head);
        let mut outcome = match is_for_vault {
            true => Err(self.turned_away(&mut visit, head)),
            false => self.pass(&mut visit, head, body).await,
        };
        let feed = outcome
            .as_mut()
            .ok()
            .and_then(|passed| passed.answer.feed.take());
        let mut response = respond::write(self, &visit, head, &outcome);
        if let Some(feed) = feed {
            respond::stream(&mut response, head, feed);
        }
        if let Err(problem) = &outcome {
            response.extensions_mut().insert(problem.fate());
        }
        let refused = outcome.as_ref().map_or_else(
            |problem| Some(problem.code()),
            |passed| passed.answer.refused,
        );
        visit.answered(response.status().as_u16(), refused);
        response
    }

    /// The steps, in their order.
    async fn pass<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
    ) -> Result<Passed, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // 1. The target: a length we can log, a preflight, a document anybody may read.
        check_target(head)?;
        let found = self.inner().table.find(&head.method, head.uri.path());
        if head.method == Method::OPTIONS && !matches!(found, Found::Unknown) {
            return Ok(Passed {
                status: 204,
                answer: Answer::default(),
            });
        }
        if let Some(outcome) = self.unguarded(visit, head, body, &found).await {
            return outcome;
        }
        // 2. The credential, or the limit on those without one. 3. The route, which only now is known to exist.
        let changes = self.engine().key_changes();
        let credential = self.identify(visit, head, &found)?;
        let (route, id) = existing(visit, found)?;
        // 4. Whether this key may be used in this way at all.
        self.admit(visit, head, &credential, route).await?;
        // 5. The body, with no card number where none may stand. 6. The signature over it.
        let body = self.taken(body, route).await?;
        let credential = self.as_of_now(visit, head, credential, changes).await?;
        let signature = self
            .check_content(visit, head, &body, &credential, route)
            .await?;
        // 7. The permission. 8. The idempotency key. 9. The parameters.
        let handler = self.authorize(visit, &credential, route).await?;
        let idempotency = self.idempotency(head, &body, &credential, route)?;
        let query = Query::parse(head.uri.query(), &route.query)?;
        // 10. The handler: it reads the body's fields and asks the engine.
        let envelope = enveloped(visit, head, idempotency, signature);
        let proven = Proven {
            credential,
            id,
            query,
            body,
            envelope,
        };
        let call = self.call(visit, head, proven);
        Ok(Passed::of(self.run(handler, call).await?, route))
    }

    /// The body of a request, as large as its route lets it be.
    async fn taken<B>(&self, body: &mut Parcel<B>, route: &Route) -> Result<Bytes, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let most = match route.xml {
            true => self.settings().bank_file_limit,
            false => body::MAX_BODY,
        };
        body.read_most(self.settings().body_time, most).await
    }

    /// Whether the key may be used from there, in this way, and as often.
    async fn admit(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<(), Problem> {
        // What is refused is put on record, so the limits come first.
        self.limit(visit, credential, route)?;
        self.limit_reveals(visit, credential, route)?;
        self.refuse_unproven(visit, head, credential).await?;
        self.refuse_address(visit, credential).await?;
        self.refuse_condition(visit, credential).await?;
        self.refuse_certificate(visit, head, credential).await?;
        self.refuse_browser(visit, head, credential).await?;
        self.refuse_foreign_page(visit, head, credential, route)
            .await?;
        self.refuse_live(visit, credential).await
    }

    /// SECURITY: what a key is held to is asked before anything that it could be told.
    pub(crate) async fn refuse_address(
        &self,
        visit: &mut Visit,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        let address = visit.address.to_canonical();
        match &credential.networks {
            Some(networks) if !networks.hold(address) => {
                visit.warned(ADDRESS_OUTSIDE_NETWORKS);
                if networks.report_only {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
        let rejection = Rejection::new(
            Code::AddressNotAllowed,
            "this key is held to networks that your address is not in",
        );
        Err(self
            .refuse(visit, credential, Action::AddressRefused, rejection)
            .await)
    }

    /// SECURITY: a secret key in a web page is a leaked key. `Origin` and `Sec-Fetch-Site` are what browsers alone
    /// send; `Sec-Fetch-Mode` and `Accept-Language` are sent by server-side clients too.
    async fn refuse_browser(
        &self,
        visit: &Visit,
        head: &Parts,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        let browser =
            head.headers.contains_key(ORIGIN) || head.headers.contains_key("sec-fetch-site");
        let is_key = credential.key_type == KeyType::Secret && credential.is_key();
        if !is_key || !browser {
            return Ok(());
        }
        let text =
            "this secret key came from a browser: revoke it, and use a publishable key there";
        let rejection = Rejection::new(Code::SecretKeyInBrowser, text);
        Err(self
            .refuse(visit, credential, Action::SecretKeyInBrowser, rejection)
            .await)
    }

    async fn refuse_live(
        &self,
        visit: &Visit,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        if visit.live_allowed || !credential.scope.mode.is_live() {
            return Ok(());
        }
        let text = "live keys are accepted over TLS or from this machine only";
        let rejection = Rejection::new(Code::PermissionDenied, text);
        self.refuse(visit, credential, Action::AccessDenied, rejection)
            .await;
        Err(Problem::new(EdgeCode::LiveModeRefused, text))
    }

    /// What the request says, before anything of it is looked at: of a type that is read, no card number, and the signature
    /// over it.
    async fn check_content(
        &self,
        visit: &Visit,
        head: &Parts,
        body: &[u8],
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<Option<[u8; 16]>, Problem> {
        if route.is_mutating() && !body.is_empty() {
            match route.xml {
                true => body::check_xml(&head.headers)?,
                false => body::check_type(&head.headers)?,
            }
        }
        // SECURITY: first, since the refusal of a signature may show the body back.
        self.refuse_card_number(visit, head, body, credential, route)
            .await?;
        self.check_signature(visit, head, body, credential, route)
            .await
    }

    async fn refuse_card_number(
        &self,
        visit: &Visit,
        head: &Parts,
        body: &[u8],
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<(), Problem> {
        let Some(hit) = tripwire::check(head, body, route) else {
            return Ok(());
        };
        if let Some(spill) = head.extensions.get::<Arc<Spill>>() {
            spill.taint();
        }
        let (action, rejection) = (Action::CardNumberRefused, hit.rejection());
        let problem = self.refuse(visit, credential, action, rejection).await;
        Err(hit.explain(problem))
    }

    /// The keyed hash of the signature, where the commit is to spend it.
    async fn check_signature(
        &self,
        visit: &Visit,
        head: &Parts,
        body: &[u8],
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<Option<[u8; 16]>, Problem> {
        let origins = &self.settings().public_origins;
        match signed::check(head, body, origins, credential, route, visit.time).await {
            Ok(signature) => {
                let spent = signature.filter(|_| route.is_mutating());
                Ok(spent.map(|bytes| self.engine().signature(&credential.scope, &bytes)))
            }
            Err(refused) => {
                if let Some(code) = refused.code {
                    let rejection = Rejection::new(code, code.title());
                    self.refuse(visit, credential, Action::SignatureRefused, rejection)
                        .await;
                }
                Err(refused.problem)
            }
        }
    }

    pub(crate) async fn authorize(
        &self,
        visit: &mut Visit,
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<Authorized, Problem> {
        let handler = match &route.door {
            Door::Guarded(guard) => guard(credential).map_err(|denied| {
                let text = format!("this key does not hold `{}`", denied.permission);
                Rejection::new(Code::PermissionDenied, text)
            }),
            Door::Personal(guard) => guard(credential).ok_or_else(|| {
                let text = "this is for people who have signed in: `POST /v1/sessions`";
                Rejection::new(Code::SessionRequired, text)
            }),
            _ => return Err(Problem::not_found()),
        };
        let is_public = credential.key_type == KeyType::Publishable;
        let handler = handler.and_then(|handler| match route.secret_keys && is_public {
            true => {
                let text = "a publishable key reads one by its id; secret keys alone list them";
                Err(Rejection::new(Code::PermissionDenied, text))
            }
            false => Ok(handler),
        });
        let handler = handler.and_then(|handler| {
            resource::strong_enough(credential, route)?;
            browsing::stepped_up(credential, route, visit.time).map(|()| handler)
        });
        match handler {
            Ok(handler) => Ok(handler),
            Err(rejection) => {
                visit.challenge = resource::too_little(credential, &rejection);
                let action = Action::AccessDenied;
                Err(self.refuse(visit, credential, action, rejection).await)
            }
        }
    }

    /// Puts a refusal of a proven credential on record and answers it.
    pub(crate) async fn refuse(
        &self,
        visit: &Visit,
        credential: &Arc<Credential>,
        action: Action,
        rejection: Rejection,
    ) -> Problem {
        let problem = Problem::from(rejection.clone());
        self.engine()
            .refuse(credential, action, rejection, visit.envelope())
            .await;
        problem
    }

    fn idempotency(
        &self,
        head: &Parts,
        body: &[u8],
        credential: &Credential,
        route: &Route,
    ) -> Result<Option<Idempotency>, Problem> {
        if !route.is_mutating() {
            return Ok(None);
        }
        let Some(key) = idempotency::key(&head.headers)? else {
            // The documents of that dialect show no such header.
            let optional = !route.money || credential.dialect == Dialect::Nopos;
            return if optional {
                Ok(None)
            } else {
                Err(idempotency::required())
            };
        };
        let (scope, verb) = (&credential.scope, route.verb.as_str());
        let target = signed::target(head);
        let body = match route.card {
            true => Cow::Owned(cards::remembered(self.engine(), scope, body)),
            false => Cow::Borrowed(body),
        };
        // SECURITY: of what is one's own, each person has his own keys, or one would be shown another's reply.
        let path = match (&route.door, &credential.presence) {
            (Door::Personal(_), Some(presence)) => {
                Cow::Owned(format!("{} {}", route.path, presence.user))
            }
            _ => Cow::Borrowed(route.path),
        };
        Ok(Some(
            self.engine()
                .idempotency(scope, verb, &path, &key, target, &body),
        ))
    }

    pub(crate) async fn run(&self, handler: Authorized, call: Call) -> Result<Answer, Problem> {
        // SECURITY: asked again, since the body may have taken longer than the lease lasts.
        self.engine().owned()?;
        match Caught(handler(call)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.inner().metrics.panicked();
                Err(Problem::internal())
            }
        }
    }
}

/// What goes on record beside what is done.
fn enveloped(
    visit: &Visit,
    head: &Parts,
    idempotency: Option<Idempotency>,
    signature: Option<[u8; 16]>,
) -> Envelope {
    Envelope {
        idempotency,
        signature,
        approval: presented::approval(&head.headers),
        ..visit.envelope()
    }
}

/// A target of a length that can be logged.
pub(crate) fn check_target(head: &Parts) -> Result<(), Problem> {
    match signed::target(head).len() > MAX_TARGET {
        true => {
            let text = "path and query have at most 8192 bytes";
            Err(Problem::new(EdgeCode::UriTooLong, text))
        }
        false => Ok(()),
    }
}

/// The row of a request whose credential is proven.
fn existing(visit: &mut Visit, found: Found) -> Result<(&'static Route, String), Problem> {
    match found {
        Found::Route(route, id) => Ok((route, id)),
        Found::OtherMethod(methods) => Err(other_method(visit, &methods)),
        Found::Unknown => Err(Problem::not_found()),
    }
}

pub(crate) fn other_method(visit: &mut Visit, methods: &str) -> Problem {
    visit.allow = Some(methods.to_owned());
    Problem::new(
        EdgeCode::MethodNotAllowed,
        format!("this path takes {methods}"),
    )
}

/// Goes on while the limit allows it; the documents' own words when it does not.
pub(crate) fn allow(visit: &mut Visit, standing: Standing) -> Result<(), Problem> {
    visit.standing = Some(standing);
    if standing.is_allowed() {
        return Ok(());
    }
    let text = "Too many requests, please try again later";
    Err(Problem::new(EdgeCode::RateLimited, text).retry_after(standing.retry_after()))
}
