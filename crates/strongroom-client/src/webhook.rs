//! The receiving side of webhooks: whether a delivery is the server's, and what it says.
//!
//! Verify the bytes as received; a body that was parsed and written again is another body. The time is an argument.
//!
//! A delivery carries up to four signatures. `webhook-signature` (Standard Webhooks, HMAC or Ed25519) covers the id, the
//! time and the body. `NextAPI-Signature` and `X-NoPOS-Signature` cover the body alone: who captured one can send it
//! again for ever. So the first is demanded and the others are reported, unless [`Verifier::allow_untimed`] says else.

mod keys;

use std::fmt;

use serde::de::DeserializeOwned;
use strongroom_types::secret::SecretText;

use crate::resources::Event;
use keys::{HmacSecret, PublicKey, Signed};

/// How far a delivery's time may be from the receiver's, in seconds.
pub const TOLERANCE: u64 = 300;

/// Checks deliveries to one endpoint.
#[derive(Default)]
pub struct Verifier {
    secrets: Vec<HmacSecret>,
    public_keys: Vec<PublicKey>,
    tolerance: Option<u64>,
    allow_untimed: bool,
}

/// A signature of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `v1` of `webhook-signature`.
    Standard,
    /// `v1a` of `webhook-signature`.
    Ed25519,
    /// `NextAPI-Signature`.
    NextApi,
    /// `X-NoPOS-Signature`.
    Nopos,
}

/// A delivery that is the server's.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The same on every attempt: what was handled once under it is not handled again. `None` without the header.
    pub id: Option<String>,
    /// When it was sent, in seconds since 1970.
    pub timestamp: Option<u64>,
    pub event: Event,
    /// The signatures that verify.
    pub schemes: Vec<Scheme>,
}

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A header that is needed is absent.
    MissingHeader(&'static str),
    /// A header that is not of its form, or there twice.
    MalformedHeader(&'static str),
    /// Sent too long ago: a repetition, or the receiver's clock is ahead.
    TooOld,
    /// Sent in the future: the receiver's clock is behind.
    TooNew,
    /// No signature fits body, time, id and the secrets.
    NoMatch,
    /// Signed by the server, and no event.
    MalformedBody,
}

/// A secret or public key that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKey;

/// The headers of a delivery that matter here.
#[derive(Default)]
struct Headers<'a> {
    id: Option<&'a str>,
    timestamp: Option<&'a str>,
    signature: Option<&'a str>,
    nextapi: Option<&'a str>,
    nopos: Option<&'a str>,
}

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const NEXTAPI: &str = "NextAPI-Signature";
const NOPOS: &str = "X-NoPOS-Signature";

impl Verifier {
    /// A verifier that knows no key yet, and so refuses everything.
    pub fn new() -> Verifier {
        Verifier::default()
    }

    /// Also accepts what is signed with this secret; during a rotation give the old and the new one.
    ///
    /// # Errors
    /// [`BadKey`] when it is empty, or a public key.
    pub fn secret(mut self, secret: &SecretText) -> Result<Verifier, BadKey> {
        self.secrets.push(HmacSecret::new(secret.expose())?);
        Ok(self)
    }

    /// Also accepts what is signed by this Ed25519 key: `whpk_` and base64 of 32 bytes.
    ///
    /// # Errors
    /// [`BadKey`] when it is of another form.
    pub fn public_key(mut self, text: &str) -> Result<Verifier, BadKey> {
        self.public_keys.push(PublicKey::parse(text)?);
        Ok(self)
    }

    /// With another tolerance than [`TOLERANCE`], in seconds.
    #[must_use]
    pub fn tolerance(mut self, seconds: u64) -> Verifier {
        self.tolerance = Some(seconds);
        self
    }

    /// Also accepts deliveries without the three `webhook-` headers, on a signature of the body alone. SECURITY: such a
    /// delivery can be sent again by whoever saw it; handle each event's id once, for ever.
    #[must_use]
    pub fn allow_untimed(mut self) -> Verifier {
        self.allow_untimed = true;
        self
    }

    /// Checks a delivery's raw body and headers against the time `now`, in seconds since 1970.
    ///
    /// # Errors
    /// The first [`Refused`] that applies.
    pub fn verify<'a>(
        &self,
        raw_body: &[u8],
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: u64,
    ) -> Result<Delivery, Refused> {
        let headers = Headers::collect(headers)?;
        let untimed = headers.is_untimed() && self.allow_untimed;
        let (mut schemes, timestamp) = if untimed {
            (Vec::new(), None)
        } else {
            let (schemes, timestamp) = self.timed(raw_body, &headers, now)?;
            (schemes, Some(timestamp))
        };
        schemes.extend(self.of_body(raw_body, &headers));
        if schemes.is_empty() {
            return Err(Refused::NoMatch);
        }
        Ok(Delivery {
            id: headers.id.map(str::to_owned),
            timestamp,
            event: serde_json::from_slice(raw_body).map_err(|_| Refused::MalformedBody)?,
            schemes,
        })
    }

    /// The schemes of `webhook-signature` that verify; at least one.
    fn timed(
        &self,
        raw_body: &[u8],
        headers: &Headers<'_>,
        now: u64,
    ) -> Result<(Vec<Scheme>, u64), Refused> {
        let id = headers.id.ok_or(Refused::MissingHeader(ID))?;
        let timestamp = headers.timestamp.ok_or(Refused::MissingHeader(TIMESTAMP))?;
        let signatures = headers.signature.ok_or(Refused::MissingHeader(SIGNATURE))?;
        let sent = self.fresh(timestamp, now)?;
        let signed = Signed::new(id, timestamp, raw_body);
        let of = |version: &str| -> Vec<&str> {
            let tokens = signatures.split(' ').filter_map(|one| one.split_once(','));
            tokens
                .filter_map(|(found, signature)| (found == version).then_some(signature))
                .collect()
        };
        let mut schemes = Vec::new();
        if self.secrets.iter().any(|s| s.fits(&signed, &of("v1"))) {
            schemes.push(Scheme::Standard);
        }
        if self.public_keys.iter().any(|k| k.fits(&signed, &of("v1a"))) {
            schemes.push(Scheme::Ed25519);
        }
        if schemes.is_empty() {
            return Err(Refused::NoMatch);
        }
        Ok((schemes, sent))
    }

    fn fresh(&self, timestamp: &str, now: u64) -> Result<u64, Refused> {
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
        let sent: u64 = timestamp
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or(Refused::MalformedHeader(TIMESTAMP))?;
        let tolerance = self.tolerance.unwrap_or(TOLERANCE);
        if now.saturating_sub(sent) > tolerance {
            return Err(Refused::TooOld);
        }
        if sent.saturating_sub(now) > tolerance {
            return Err(Refused::TooNew);
        }
        Ok(sent)
    }

    fn of_body(&self, raw_body: &[u8], headers: &Headers<'_>) -> Vec<Scheme> {
        let nextapi = headers
            .nextapi
            .and_then(|text| text.strip_prefix("sha256="));
        let fits = |presented: Option<&str>| {
            presented.is_some_and(|hex| self.secrets.iter().any(|s| s.fits_body(raw_body, hex)))
        };
        let mut schemes = Vec::new();
        if fits(nextapi) {
            schemes.push(Scheme::NextApi);
        }
        if fits(headers.nopos) {
            schemes.push(Scheme::Nopos);
        }
        schemes
    }
}

impl<'a> Headers<'a> {
    /// SECURITY: a header that is there twice is refused, since two readers may read two values.
    fn collect(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refused> {
        let mut headers = Headers::default();
        for (name, value) in all {
            let known = [
                (ID, &mut headers.id),
                (TIMESTAMP, &mut headers.timestamp),
                (SIGNATURE, &mut headers.signature),
                (NEXTAPI, &mut headers.nextapi),
                (NOPOS, &mut headers.nopos),
            ];
            for (wanted, place) in known {
                if name.eq_ignore_ascii_case(wanted) && place.replace(value).is_some() {
                    return Err(Refused::MalformedHeader(wanted));
                }
            }
        }
        Ok(headers)
    }

    fn is_untimed(&self) -> bool {
        self.id.is_none() && self.timestamp.is_none() && self.signature.is_none()
    }
}

impl Event {
    /// The data as a type of the receiver's.
    ///
    /// # Errors
    /// Those of its deserialization.
    pub fn data_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.data)
    }
}

impl Scheme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Standard => "standard",
            Scheme::Ed25519 => "ed25519",
            Scheme::NextApi => "nextapi",
            Scheme::Nopos => "nopos",
        }
    }
}

impl Refused {
    /// A stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Refused::MissingHeader(_) => "missing_header",
            Refused::MalformedHeader(_) => "malformed_header",
            Refused::TooOld => "too_old",
            Refused::TooNew => "too_new",
            Refused::NoMatch => "no_match",
            Refused::MalformedBody => "malformed_body",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::MissingHeader(name) => write!(f, "the delivery has no `{name}`"),
            Refused::MalformedHeader(name) => {
                write!(f, "the delivery's `{name}` is not of its form, or there twice")
            }
            Refused::TooOld => f.write_str("the delivery was sent too long ago"),
            Refused::TooNew => f.write_str("the delivery was sent in the future"),
            Refused::NoMatch => f.write_str(
                "no signature fits: the body was changed on its way or written anew, or the secret is another one",
            ),
            Refused::MalformedBody => f.write_str("the delivery is signed, but is no event"),
        }
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a webhook secret or public key")
    }
}

impl std::error::Error for Refused {}
impl std::error::Error for BadKey {}
