//! Assertions by which a client shows who it is (RFC 7523, section 3), as FAPI 2.0 has them: for this server alone, for a short time,
//! once.

use strongroom_crypto::sha256;
use strongroom_json::{Object, Value};

use crate::claims::{id, object, seconds, text};
use crate::fault::Fault;
use crate::jwk::Jwk;
use crate::jws::Compact;

/// Seconds that an assertion may be good for: what is spent is remembered for longer.
pub const LONGEST_LIFE: i64 = 3_600;

/// Seconds by which a client's clock may be ahead. FAPI 2.0 asks for 10 at least, and for less than 60.
const LEEWAY: i64 = 30;

const NO_CLAIMS: &str = "the claims of an assertion are a JSON object";

/// Whom an assertion must be for, and when.
#[derive(Clone, Copy)]
pub struct Audience<'a> {
    /// The issuer's identifier of this server, by every name that it has.
    pub issuers: &'a [String],
    /// Seconds since 1970.
    pub now: i64,
}

/// An assertion of which nothing is proven.
pub struct Assertion<'t> {
    message: Compact<'t>,
    client: String,
}

impl<'t> Assertion<'t> {
    /// Takes an assertion apart.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn parse(message: &'t str) -> Result<Assertion<'t>, Fault> {
        let message = Compact::parse(message)?;
        // SECURITY: a proof of possession is signed with a key of the client's own choosing; it is no assertion.
        let is_kind = message.kind().is_none_or(|kind| {
            kind.eq_ignore_ascii_case("jwt")
                || kind.eq_ignore_ascii_case("client-authentication+jwt")
        });
        if !is_kind || message.embedded_key().is_some() {
            return Err(Fault::new("this signed message is no client assertion"));
        }
        let claims = object(message.unverified_payload(), NO_CLAIMS)?;
        let issuer = text(&claims, "iss", "`iss` is a text")?;
        let subject = text(&claims, "sub", "`sub` is a text")?;
        let client = match (issuer, subject) {
            (Some(issuer), Some(subject)) if issuer == subject => issuer.to_owned(),
            _ => return Err(Fault::new("`iss` and `sub` are both the client's id")),
        };
        Ok(Assertion { message, client })
    }

    /// The client that it says it is of.
    pub fn unverified_client(&self) -> &str {
        &self.client
    }

    /// What is spent of the assertion once it was found to be of one of the client's keys, for this server and of this time.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn prove(&self, keys: &[Jwk], audience: Audience<'_>) -> Result<[u8; 32], Fault> {
        self.check_signature(keys)?;
        let claims = object(self.message.unverified_payload(), NO_CLAIMS)?;
        check_audience(&claims, audience.issuers)?;
        check_times(&claims, audience.now)?;
        let length = u64::try_from(self.client.len()).unwrap_or(u64::MAX);
        Ok(sha256(&[
            b"strongroom/oauth/assertion/1\n",
            &length.to_be_bytes(),
            self.client.as_bytes(),
            id(&claims)?.as_bytes(),
        ]))
    }

    fn check_signature(&self, keys: &[Jwk]) -> Result<(), Fault> {
        let named = self.message.key_id();
        let mut fitting = keys
            .iter()
            .filter(|key| named.is_none() || key.id() == named);
        match fitting.any(|key| self.message.is_signed_by(key)) {
            true => Ok(()),
            false => Err(Fault::new(
                "the assertion is not signed by a key of the client",
            )),
        }
    }
}

/// SECURITY: the issuer's identifier alone, as one text: an assertion that is good at another server too could be taken there.
fn check_audience(claims: &Object<'_>, issuers: &[String]) -> Result<(), Fault> {
    let is_ours = |name: &str| issuers.iter().any(|issuer| issuer == name);
    match claims.get("aud") {
        Some(Value::Text(name)) if is_ours(name) => Ok(()),
        _ => Err(Fault::new(
            "`aud` is the issuer of this server, as one text",
        )),
    }
}

fn check_times(claims: &Object<'_>, now: i64) -> Result<(), Fault> {
    const OTHERWISE: &str = "times are seconds since 1970";
    let ahead = now.saturating_add(LEEWAY);
    let end = seconds(claims, "exp", OTHERWISE)?.ok_or(Fault::new("`exp` is missing"))?;
    if end <= now {
        return Err(Fault::new("the assertion has expired"));
    }
    if end > ahead.saturating_add(LONGEST_LIFE) {
        return Err(Fault::new("the assertion is good for more than an hour"));
    }
    for name in ["iat", "nbf"] {
        if seconds(claims, name, OTHERWISE)?.is_some_and(|time| time > ahead) {
            return Err(Fault::new("the assertion is of the future"));
        }
    }
    Ok(())
}
