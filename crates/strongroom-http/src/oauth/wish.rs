//! A request for an authorization: read, held against what its client was registered for, and what a client is sent back with.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_auth::Scopes;
use strongroom_domain::oauth::{OauthClient, Profile};
use strongroom_oauth::is_challenge;

use crate::oauth::details;
use crate::oauth::fault::OauthFault;
use crate::oauth::form::Form;
use crate::oauth::waiting::Wish;

/// What stands in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Characters of a `state`.
const MOST_STATE: usize = 1_024;

/// Where a client waits for the answer.
#[derive(Clone)]
pub(super) struct Back {
    pub redirect_uri: String,
    pub state: Option<String>,
}

/// Why a request is not put before a person.
pub(super) enum WishFault {
    /// SECURITY: where it should be sent back to is not known to be the client's: he who asks is told, and nobody else.
    Unsure(&'static str),
    /// The client is told.
    Told {
        back: Back,
        error: &'static str,
        detail: &'static str,
    },
}

impl From<WishFault> for OauthFault {
    fn from(fault: WishFault) -> OauthFault {
        match fault {
            WishFault::Unsure(text) => OauthFault::request(text),
            WishFault::Told { error, detail, .. } => OauthFault::named(error, detail),
        }
    }
}

impl Back {
    pub fn of(wish: &Wish) -> Back {
        Back {
            redirect_uri: wish.redirect_uri.clone(),
            state: wish.state.clone(),
        }
    }

    /// The address with parameters, the state as it came, and who answers (RFC 9207).
    pub fn with(&self, issuer: &str, parameters: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = parameters
            .iter()
            .copied()
            .chain(state)
            .chain([("iss", issuer)]);
        let mut address = self.redirect_uri.clone();
        for (name, value) in all {
            address.push(match address.contains('?') {
                true => '&',
                false => '?',
            });
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(value, PLAIN));
        }
        address
    }
}

/// Reads a request of a client that is known.
pub(super) fn wish(client: &OauthClient, form: &Form) -> Result<Wish, WishFault> {
    let (redirect_uri, redirect_was_named) = redirect(client, form.get("redirect_uri"))?;
    let back = Back {
        redirect_uri,
        state: form.get("state").map(str::to_owned),
    };
    let told = |error, detail| WishFault::Told {
        back: back.clone(),
        error,
        detail,
    };
    if back
        .state
        .as_ref()
        .is_some_and(|state| state.len() > MOST_STATE)
    {
        return Err(WishFault::Unsure("`state` is too long"));
    }
    if !client.grants.authorization_code {
        return Err(told(
            "unauthorized_client",
            "this client does not act for people",
        ));
    }
    if form.get("request").is_some() {
        return Err(told(
            "request_not_supported",
            "requests are pushed, not signed",
        ));
    }
    if form.get("response_type") != Some("code") {
        return Err(told(
            "unsupported_response_type",
            "`response_type` is `code`",
        ));
    }
    if form
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(told("invalid_request", "`response_mode` is `query`"));
    }
    let scopes = match form.get("scope") {
        None => Some(client.scopes),
        Some(text) => Scopes::parse(text).filter(|scopes| client.scopes.hold(*scopes)),
    };
    let scopes =
        scopes.ok_or_else(|| told("invalid_scope", "the client may not have these scopes"))?;
    let challenge = challenge(client, form).map_err(|detail| told("invalid_request", detail))?;
    let limits = details::read(form);
    let limits = limits.map_err(|_| told(details::INVALID, details::WHAT_IS_TAKEN))?;
    let proof_key = match form.get("dpop_jkt").map(thumbprint) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => return Err(told("invalid_request", "`dpop_jkt` is no thumbprint")),
    };
    Ok(Wish {
        client: client.id,
        redirect_uri: back.redirect_uri.clone(),
        redirect_was_named,
        scopes,
        limits,
        state: back.state.clone(),
        challenge,
        proof_key,
    })
}

/// SECURITY: one of the addresses that were registered, letter by letter (RFC 9700, 4.1.3). Who has one may leave it out in the plain
/// flow; everybody else names it.
fn redirect(client: &OauthClient, named: Option<&str>) -> Result<(String, bool), WishFault> {
    match (named, client.redirect_uris.as_slice()) {
        (Some(named), known) if known.iter().any(|one| one == named) => {
            Ok((named.to_owned(), true))
        }
        (Some(_), _) => Err(WishFault::Unsure(
            "`redirect_uri` is none of those that the client was registered with",
        )),
        (None, [only]) if client.profile == Profile::Classic => Ok((only.clone(), false)),
        (None, _) => Err(WishFault::Unsure("`redirect_uri` is missing")),
    }
}

fn challenge(client: &OauthClient, form: &Form) -> Result<Option<String>, &'static str> {
    let needed = client.profile != Profile::Classic || !client.is_confidential();
    match (
        form.get("code_challenge"),
        form.get("code_challenge_method"),
    ) {
        (None, None) if !needed => Ok(None),
        (None, _) => Err("`code_challenge` is missing"),
        (Some(challenge), Some("S256")) if is_challenge(challenge) => {
            Ok(Some(challenge.to_owned()))
        }
        (Some(_), Some("S256")) => Err("`code_challenge` is no SHA-256 in base64url"),
        (Some(_), _) => Err("`code_challenge_method` is `S256`"),
    }
}

fn thumbprint(text: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    bytes.ok()?.try_into().ok()
}
