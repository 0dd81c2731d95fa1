//! Who asks: a client by its secret, by a signed assertion, or by its certificate. One way at a time, and the one that was registered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, Thumbprint};
use strongroom_domain::command::Command;
use strongroom_domain::oauth::{ClientProof, OauthClient, Profile};
use strongroom_engine::{Committed, Envelope, Failure, RegisteredClient};
use strongroom_oauth::{Assertion, Audience, Jwk};
use strongroom_types::id::OauthClientId;
use strongroom_types::secret::SecretText;

use crate::app::App;
use crate::certificates;
use crate::edge::allow;
use crate::oauth::fault::OauthFault;
use crate::oauth::form::Form;
use crate::parcel::Parcel;
use crate::problem::Problem;
use crate::route::Route;
use crate::tripwire;
use crate::visit::Visit;

/// What an assertion says that it is (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Bytes of what a client sends. SECURITY: they are read before anybody has shown who he is.
const MOST: usize = 64 << 10;

/// A request of a client that has shown who it is.
pub(super) struct Asked {
    pub client: RegisteredClient,
    pub form: Form,
    /// SHA-256 over the certificate that its connection proved.
    pub certificate: Option<Thumbprint>,
    pub envelope: Envelope,
}

/// What a request shows of whose it is; nothing of it is proven.
enum Shown<'f> {
    Secret {
        client: String,
        secret: SecretText,
        way: ClientProof,
    },
    Assertion(Box<Assertion<'f>>),
    /// A certificate, or nothing at all.
    Name(&'f str),
}

impl App {
    /// Reads a request and finds out whose it is. SECURITY: who tries to be a client is counted like who tries keys.
    pub(super) async fn ask<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        route: &Route,
    ) -> Result<Asked, OauthFault>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if !visit.live_allowed {
            let text = "clients show who they are over TLS or from this machine only";
            return Err(OauthFault::request(text));
        }
        let form = match self.form(head, body, route).await {
            Ok(form) => form,
            Err(fault) => {
                self.count_network(visit)?;
                return Err(fault);
            }
        };
        self.engine().owned().map_err(Problem::from)?;
        let certificate = certificates::shown(head, visit.time);
        let proven = self.authenticate(visit, head, &form, certificate);
        let (client, spent) = match proven {
            Ok(proven) => proven,
            Err(fault) => {
                self.count_network(visit)?;
                return Err(fault);
            }
        };
        visit.identified(&client.line);
        match client.client.is_confidential() {
            true => self.limit(visit, &client.line, route)?,
            // SECURITY: its id is known to everybody, and what is its organization's is not everybody's to spend. Nor is what a network may
            // fail by spent by what does not fail: there may be an office behind it.
            false => self.count_public(visit, client.client.id)?,
        }
        if form.is_json && client.client.profile != Profile::Classic {
            let text = "parameters are sent as a form: `application/x-www-form-urlencoded`";
            return Err(OauthFault::request(text));
        }
        Ok(Asked {
            client,
            form,
            certificate,
            envelope: Envelope {
                signature: spent,
                ..visit.envelope()
            },
        })
    }

    /// What is sent, of whoever it may be.
    async fn form<B>(
        &self,
        head: &Parts,
        body: &mut Parcel<B>,
        route: &Route,
    ) -> Result<Form, OauthFault>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let patience = self.settings().body_time;
        let body =
            body.read_most(patience, MOST)
                .await
                .map_err(|problem| match problem.status() {
                    413 => OauthFault::too_large(),
                    _ => OauthFault::from(problem),
                })?;
        // Another node may have read it, which reads more.
        if body.len() > MOST {
            return Err(OauthFault::too_large());
        }
        if let Some(hit) = tripwire::check(head, &body, route) {
            return Err(OauthFault::from(Problem::from(hit.rejection())));
        }
        Form::read(&head.headers, &body)
    }

    /// Counts a request that nobody has shown himself by, as often as the limit allows.
    pub(super) fn count_network(&self, visit: &mut Visit) -> Result<(), Problem> {
        let network = self.network_of(visit.address);
        let failures = &self.inner().limits.unauthenticated;
        allow(visit, failures.count(network, visit.time))
    }

    /// Counts a request of a client that has nothing to show, by its network.
    fn count_public(&self, visit: &mut Visit, client: OauthClientId) -> Result<(), Problem> {
        let who = (self.network_of(visit.address), client);
        let public = &self.inner().limits.public_clients;
        allow(visit, public.count(who, visit.time))
    }

    /// The client, and what the commit spends of what it has shown.
    fn authenticate(
        &self,
        visit: &Visit,
        head: &Parts,
        form: &Form,
        certificate: Option<Thumbprint>,
    ) -> Result<(RegisteredClient, Option<[u8; 16]>), OauthFault> {
        let shown = shown(&head.headers, form)?;
        let name = match &shown {
            Shown::Secret { client, .. } => client.as_str(),
            Shown::Assertion(assertion) => assertion.unverified_client(),
            Shown::Name(name) => name,
        };
        if form.get("client_id").is_some_and(|named| named != name) {
            return Err(OauthFault::request("the request names two clients"));
        }
        // SECURITY: an id is no secret, so it is told that there is no such client.
        let known = OauthClientId::parse(name).and_then(|id| self.engine().registered_client(id));
        let known = known.filter(|known| known.line.is_usable(visit.time));
        let known = known.ok_or_else(|| OauthFault::client("there is no such client"))?;
        let client = &known.client;
        let spent = match shown {
            Shown::Secret { secret, way, .. } => {
                self.check_secret(client, &secret, way)?;
                None
            }
            Shown::Assertion(assertion) => {
                let spent = self.check_assertion(visit, client, &assertion)?;
                Some(self.engine().signature(&known.scope, &spent))
            }
            Shown::Name(_) => {
                check_certificate(client, certificate)?;
                None
            }
        };
        Ok((known, spent))
    }

    fn check_secret(
        &self,
        client: &OauthClient,
        secret: &SecretText,
        way: ClientProof,
    ) -> Result<(), OauthFault> {
        // The plain flow's snippets send it in either place.
        let is_way =
            client.proof == way || (client.profile == Profile::Classic && client.proof.is_secret());
        let is_good = self.engine().is_client_secret(client, secret.expose());
        match (is_way, is_good) {
            (true, true) => Ok(()),
            (false, _) => Err(other_way()),
            (true, false) => Err(OauthFault::client("the secret is not right")),
        }
    }

    fn check_assertion(
        &self,
        visit: &Visit,
        client: &OauthClient,
        assertion: &Assertion<'_>,
    ) -> Result<[u8; 32], OauthFault> {
        if client.proof != ClientProof::PrivateKeyJwt {
            return Err(other_way());
        }
        let keys: Vec<Jwk> = client
            .keys
            .iter()
            .filter_map(|key| Jwk::parse(key.as_bytes()).ok())
            .collect();
        let audience = Audience {
            issuers: self.origins(),
            now: visit.time.seconds(),
        };
        Ok(assertion.prove(&keys, audience)?)
    }
}

impl Asked {
    /// Carries out what a client asks about its own tokens.
    pub async fn execute<C: Command<Permission = Operate>>(
        self,
        app: &App,
        command: C,
    ) -> Result<Committed, Failure> {
        let caller = Caller::client(&self.client.line);
        app.engine().execute(&caller, command, self.envelope).await
    }
}

fn other_way() -> OauthFault {
    OauthFault::client("the client was registered to show who it is in another way")
}

/// Who shows nothing, or a certificate alone.
fn check_certificate(client: &OauthClient, shown: Option<Thumbprint>) -> Result<(), OauthFault> {
    match client.proof {
        ClientProof::TlsClientAuth => {
            let is_known = shown.is_some_and(|shown| client.certificates.contains(&shown));
            let text = "the connection showed none of the client's certificates";
            is_known
                .then_some(())
                .ok_or_else(|| OauthFault::client(text))
        }
        // What runs on a user's machine has nothing to show: its codes have a verifier, its refresh tokens are good once.
        ClientProof::None => Ok(()),
        _ => Err(OauthFault::client("the client did not show who it is")),
    }
}

/// Takes what is shown, if it is shown in one way alone (RFC 6749, section 2.3).
fn shown<'f>(headers: &HeaderMap, form: &'f Form) -> Result<Shown<'f>, OauthFault> {
    let basic = headers.contains_key(AUTHORIZATION);
    let secret = form.get("client_secret");
    let assertion = form.get("client_assertion");
    let kind = form.get("client_assertion_type");
    match (basic, secret, assertion, kind) {
        (true, None, None, None) => by_basic(headers),
        (false, Some(secret), None, None) => Ok(Shown::Secret {
            client: form.required("client_id")?.to_owned(),
            secret: SecretText::new(secret.to_owned()),
            way: ClientProof::ClientSecretPost,
        }),
        (false, None, Some(text), Some(JWT_BEARER)) => {
            Ok(Shown::Assertion(Box::new(Assertion::parse(text)?)))
        }
        (false, None, Some(_), _) => Err(OauthFault::request(
            "`client_assertion_type` is that of RFC 7523",
        )),
        (false, None, None, None) => Ok(Shown::Name(form.required("client_id")?)),
        _ => Err(OauthFault::request(
            "a client shows who it is in one way at a time",
        )),
    }
}

/// RFC 6749, section 2.3.1: both parts are encoded as in a form.
fn by_basic(headers: &HeaderMap) -> Result<Shown<'static>, OauthFault> {
    let fault =
        || OauthFault::client("`Authorization` is not one of Basic, with an id and a secret");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let value = value
        .filter(|_| values.next().is_none())
        .ok_or_else(fault)?;
    let (scheme, encoded) = value.split_once(' ').ok_or_else(fault)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(fault());
    }
    let pair = STANDARD.decode(encoded).map_err(|_| fault())?;
    let pair = SecretText::new(String::from_utf8(pair).map_err(|_| fault())?);
    let (client, secret) = pair.expose().split_once(':').ok_or_else(fault)?;
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| fault())
    };
    Ok(Shown::Secret {
        client: decoded(client)?,
        secret: SecretText::new(decoded(secret)?),
        way: ClientProof::ClientSecretBasic,
    })
}
