//! Requests whose card another process keeps: they come from the vault without it, and go there if they came here.
//!
//! SECURITY: with a vault process no handler of this one sees a number or a code. What reaches this process in clear all
//! the same – over TLS that ends here, or pipelined behind another request – is passed on before anything looks at it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use strongroom_auth::{Caller, Credential, Permission};
use strongroom_channel::VaultAway;
use strongroom_channel::link::{Serve, decoded, encoded};
use strongroom_channel::message::{
    self, FromApi, FromVault, Head, Header, Place, SecretBytes, ToApi, ToVault, address, octets,
};
use strongroom_engine::{ReadFault, View};
use strongroom_types::id::TokenId;
use zeroize::Zeroizing;

use crate::address::client_address;
use crate::app::App;
use crate::call::Call;
use crate::edge::{allow, check_target};
use crate::front::relay;
use crate::parcel::Parcel;
use crate::problem::{EdgeCode, Problem};
use crate::respond::{Reply, always};
use crate::route::Route;
use crate::table::Found;
use crate::transit::Transit;
use crate::visit::{Origin, Visit};

/// What this process writes on a request that it passes on, and nobody else knows.
const PASSED: &str = "strongroom-passed";

impl From<VaultAway> for Problem {
    fn from(_: VaultAway) -> Problem {
        away()
    }
}

/// Refuses what needs a number that is in a vault, where this server has none: somebody's token of another server, or of
/// before this one. It must not go on record as declined, or as revealed.
pub(crate) async fn require_number<P: Permission>(
    caller: &Caller<P>,
    call: &Call,
    token: TokenId,
) -> Result<(), Problem> {
    if call.vault.is_some() {
        return Ok(());
    }
    let is_vaulted = move |view: &mut View<'_>| match view.token(token) {
        Ok(token) => Ok(token.body.digest.is_some() && token.sealed.is_none()),
        // What is not there is refused by the decision, which also writes the refusal down.
        Err(ReadFault::NotFound) => Ok(false),
        Err(fault) => Err(fault),
    };
    match call.engine().read(caller, is_vaulted).await? {
        true => {
            let text = "the number of this card is in a vault that this server does not have; nothing was done";
            Err(Problem::new(EdgeCode::VaultUnavailable, text).retry_after(60))
        }
        false => Ok(()),
    }
}

/// The refusal of everything that needs the vault while it is away.
pub(crate) fn away() -> Problem {
    let text = "the card vault is not reachable right now; nothing was done, try again";
    Problem::new(EdgeCode::VaultUnavailable, text).retry_after(1)
}

/// The same as a whole response, for a request that was not read.
pub(crate) fn away_in_full(app: &App) -> Vec<u8> {
    let problem = away();
    let headers = app.plain_headers(&problem);
    in_full(&headers, &problem.render(app.engine().new_request()))
}

/// The same for a form of the payment page, whose sender reads no problems.
pub(crate) fn away_page_in_full(app: &App) -> Vec<u8> {
    let (headers, body) = app.page_for(&away());
    in_full(&headers, &body)
}

fn in_full(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// Answers what the vault asks of this process. `needed` says which numbers tokens still need.
pub(crate) fn answers<N, F>(app: App, needed: N) -> Serve
where
    N: Fn(Vec<Place>) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Vec<bool>>> + Send + 'static,
{
    let needed = Arc::new(needed);
    Arc::new(move |question| {
        let (app, needed) = (app.clone(), Arc::clone(&needed));
        Box::pin(async move {
            let answer = match decoded(&question) {
                Some(ToApi::Request(request)) => app.answer_vault(request).await,
                Some(ToApi::Needed(places)) => needed(places).await.map(FromApi::Needed),
                None => None,
            };
            encoded(&answer.unwrap_or(FromApi::Failed))
        })
    })
}

impl App {
    /// What answers the vault.
    pub fn vault_questions<N, F>(&self, needed: N) -> Serve
    where
        N: Fn(Vec<Place>) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Vec<bool>>> + Send + 'static,
    {
        answers(self.clone(), needed)
    }

    async fn answer_vault(&self, request: message::Request) -> Option<FromApi> {
        let vault = self.settings().vault.clone()?;
        let message::Request {
            visit,
            head,
            body,
            card,
            marker,
        } = request;
        let mut built = Request::new(Full::new(Bytes::from(body)));
        *built.method_mut() = Method::from_bytes(head.method.as_bytes()).ok()?;
        *built.uri_mut() = head.target.parse::<Uri>().ok()?;
        for Header { name, value } in &head.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let value = HeaderValue::from_bytes(value).ok()?;
            built.headers_mut().append(name, value);
        }
        let peer = address(head.peer);
        let (mut head, body) = built.into_parts();
        // SECURITY: what stands in our name was written by the client, unless it carries what only this process knows.
        let origin = match self.has_passed(&head.headers) {
            true => relay::received(&mut head)?.0,
            false => {
                head.headers = relay::carried(&head.headers);
                Origin::Here(peer)
            }
        };
        // SECURITY: a request that a client sent behind one of these on the same connection is not the vault's: a
        // stream would never end here, and a large answer would not fit.
        if !self.is_for_vault(&head) {
            let text = "a request that carries a card is answered before the next one is sent";
            let problem = Problem::new(EdgeCode::MethodNotAllowed, text);
            let mut response = self.plain(&problem);
            let closing = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, closing);
            let response = response_of(response).await?;
            return Some(FromApi::Response {
                response,
                hold: None,
            });
        }
        let transit = Transit::new(vault, visit, card, marker);
        head.extensions.insert(transit.clone());
        let response = self.serve(origin, &head, &mut Parcel::passing(body)).await;
        let response = response_of(response).await?;
        let hold = transit.held();
        Some(FromApi::Response { response, hold })
    }

    /// SECURITY: a stolen key does not empty the vault before anybody looks.
    pub(crate) fn limit_reveals(
        &self,
        visit: &mut Visit,
        credential: &Credential,
        route: &Route,
    ) -> Result<(), Problem> {
        match route.step_up && credential.scope.mode.is_live() {
            true => allow(visit, self.inner().reveals.count(credential.id, visit.time)),
            false => Ok(()),
        }
    }

    /// Whether a request is one that the vault must see first.
    pub(crate) fn is_for_vault(&self, head: &Parts) -> bool {
        let path = head.uri.path();
        let longer = path.starts_with("/v1/tokens/") || path.starts_with("/pay/");
        self.settings().vault.is_some()
            && head.method == Method::POST
            && (path == "/v1/tokens" || longer)
            && head.extensions.get::<Transit>().is_none()
    }

    /// Whether the body of such a request is read at all. SECURITY: whoever has no credential is told so before it is: it
    /// would be kept for as long as it takes. Who pays by a link has none.
    pub(crate) fn may_be_passed(&self, head: &Parts) -> bool {
        head.uri.path().starts_with("/pay/") || self.proven(head).is_some()
    }

    /// What is told to somebody whose request may not be passed on.
    pub(crate) fn turned_away(&self, visit: &mut Visit, head: &Parts) -> Problem {
        if let Err(problem) = check_target(head) {
            return problem;
        }
        let found = self.inner().table.find(&head.method, head.uri.path());
        if let Found::Route(route, _) = &found {
            visit.routed(head, route);
        }
        // A key that was made in this moment is one at the next try.
        let identified = self.identify(visit, head, &found);
        identified.err().unwrap_or_else(Problem::unauthorized)
    }

    /// Passes a request on that came here in clear.
    pub(crate) async fn pass_to_vault<B>(
        &self,
        origin: Origin,
        head: &Parts,
        body: &mut Parcel<B>,
    ) -> Response<Reply>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let settings = self.settings();
        let (client, live_allowed) = match origin {
            Origin::Here(peer) => {
                let client = client_address(peer, &head.headers, &settings.trusted_proxies);
                (client, settings.live_allowed)
            }
            Origin::Node {
                client,
                live_allowed,
            } => (client, live_allowed),
        };
        let budget = &self.inner().passing;
        let (body, _share) = match body.read_within(settings.body_time, budget).await {
            Ok((bytes, share)) => {
                let bytes = crate::cards::Wiped(bytes);
                (SecretBytes(Zeroizing::new(bytes.0.to_vec())), share)
            }
            Err(problem) => return self.refused(head, &problem),
        };
        let forwarded = async {
            let vault = settings.vault.as_ref().filter(|vault| vault.is_up())?;
            // What the connection proved goes along, and comes back with the request.
            let told = relay::request(head, client, live_allowed, Ok(Bytes::new()));
            let passed = Header {
                name: PASSED.to_owned(),
                value: self.inner().pass.as_bytes().to_vec(),
            };
            let headers = told.headers().iter().map(|(name, value)| Header {
                name: name.as_str().to_owned(),
                value: value.as_bytes().to_vec(),
            });
            let head = Head {
                peer: octets(client),
                method: head.method.to_string(),
                target: head.uri.to_string(),
                headers: headers.chain([passed]).collect(),
            };
            Some(vault.forward(&ToVault::Forward { head, body }).await)
        };
        match forwarded.await {
            Some(Ok(FromVault::Response(response))) => written(response),
            None => self.refused(head, &away()),
            // It was sent, and nobody knows how far it came.
            Some(_) => {
                let text = "the card vault went away before its answer came: look whether it was carried out";
                self.refused(
                    head,
                    &Problem::new(EdgeCode::OutcomeUnknown, text).retry_after(1),
                )
            }
        }
    }

    /// Whether a request that the vault asks about came from this process.
    fn has_passed(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(PASSED).map(HeaderValue::as_bytes);
        shown.is_some_and(|shown| strongroom_crypto::equal(shown, self.inner().pass.as_bytes()))
    }

    /// A problem as whoever sent the request can read it.
    fn refused(&self, head: &Parts, problem: &Problem) -> Response<Reply> {
        if !head.uri.path().starts_with("/pay/") {
            return self.plain(problem);
        }
        let (headers, body) = self.page_for(problem);
        let mut response = Response::new(Reply::Whole(Full::new(body)));
        let status = StatusCode::from_u16(problem.status());
        *response.status_mut() = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        *response.headers_mut() = headers;
        response
    }

    /// A problem that comes before everything that answers know of a request.
    fn plain(&self, problem: &Problem) -> Response<Reply> {
        let body = problem.render(self.engine().new_request());
        let mut response = Response::new(Reply::Whole(Full::new(body)));
        let status = StatusCode::from_u16(problem.status());
        *response.status_mut() = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        *response.headers_mut() = self.plain_headers(problem);
        response
    }

    fn plain_headers(&self, problem: &Problem) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        always(&mut headers, self.settings().behind_tls);
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if let Some(seconds) = problem.retry_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers
    }
}

fn written(response: message::Response) -> Response<Reply> {
    let message::Response {
        status,
        headers,
        body,
    } = response;
    let mut response = Response::new(Reply::Whole(Full::new(Bytes::copy_from_slice(&body.0))));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for Header { name, value } in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(&value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

async fn response_of(response: Response<Reply>) -> Option<message::Response> {
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    });
    Some(message::Response {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: SecretBytes(Zeroizing::new(
            body.collect().await.ok()?.to_bytes().to_vec(),
        )),
    })
}
