//! Passkeys (WebAuthn level 3): what an authenticator says when it is registered and when it is used.
//!
//! Attestation is not asked for and not looked at: which make an authenticator is of proves nothing about who holds it. Keys are
//! ES256 and Ed25519. Whether a challenge is one of ours, and not used before, is for whoever calls.

use minicbor::Decoder;
use serde::Deserialize;
use strongroom_crypto::{equal, sha256, verify_ed25519, verify_es256};

/// COSE's numbers of the algorithms that are taken (RFC 9053), the most wanted first.
pub const ALGORITHMS: [i64; 2] = [-8, -7];

/// The longest id that an authenticator may give.
const MOST_ID: usize = 1_023;

/// Somebody was there.
const PRESENT: u8 = 1;
/// A credential's id and key follow.
const ATTESTED: u8 = 1 << 6;

/// Where passkeys are made and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain that they are bound to.
    pub id: String,
    /// The origins of the pages that may ask for them.
    pub origins: Vec<String>,
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not in the form that the standard gives it.
    Malformed,
    /// It answers another question: a use where a registration was asked for, or the reverse.
    Type,
    /// Given to a page of somebody else's, or inside one.
    Origin,
    /// Made for another domain.
    RelyingParty,
    /// Nobody touched the authenticator.
    Absent,
    /// A key of a kind that is not taken.
    Algorithm,
    Signature,
}

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub credential: Vec<u8>,
    pub key: PublicKey,
    pub counter: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// An uncompressed point: 65 bytes.
    Es256(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

/// What the browser says that it asked for.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

impl RelyingParty {
    /// The party of the first of these origins, with all of them that are of its domain. Nothing where there is none.
    pub fn of(origins: &[String]) -> Option<RelyingParty> {
        let id = host(origins.first()?)?.to_owned();
        let is_of = |origin: &&String| host(origin) == Some(id.as_str());
        let origins = origins.iter().filter(is_of).cloned().collect();
        Some(RelyingParty { id, origins })
    }

    /// Reads what an authenticator says of a new key. Gives the challenge it answers, in base 64 as it stands there.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn registered(
        &self,
        client_data: &[u8],
        attestation: &[u8],
    ) -> Result<(String, Registered), Fault> {
        let challenge = self.client(client_data, "webauthn.create")?;
        let data = authenticator_data(attestation).ok_or(Fault::Malformed)?;
        let (flags, counter, rest) = self.authenticator(&data)?;
        if flags & ATTESTED == 0 {
            return Err(Fault::Malformed);
        }
        // The make of the authenticator, then the id behind its length, then the key.
        let length = rest.get(16..18).and_then(<[u8]>::first_chunk::<2>);
        let length = usize::from(u16::from_be_bytes(*length.ok_or(Fault::Malformed)?));
        let end = 18_usize.saturating_add(length);
        let credential = rest
            .get(18..end)
            .filter(|id| !id.is_empty() && id.len() <= MOST_ID);
        let credential = credential.ok_or(Fault::Malformed)?.to_vec();
        let key = public_key(rest.get(end..).unwrap_or(&[]))?;
        let registered = Registered {
            credential,
            key,
            counter,
        };
        Ok((challenge, registered))
    }

    /// Verifies a use of a key. Gives the challenge it answers, and the authenticator's count.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn used(
        &self,
        key: &PublicKey,
        client_data: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<(String, u32), Fault> {
        let challenge = self.client(client_data, "webauthn.get")?;
        let (_, counter, _) = self.authenticator(data)?;
        let message = [data, &sha256(&[client_data])].concat();
        let fits = match key {
            PublicKey::Es256(point) => verify_es256(point, &message, signature),
            PublicKey::Ed25519(public) => {
                let public = <[u8; 32]>::try_from(public.as_slice()).ok();
                let signature = <[u8; 64]>::try_from(signature).ok();
                let both = public.zip(signature);
                both.is_some_and(|(public, signature)| {
                    verify_ed25519(&public, &message, &signature)
                })
            }
        };
        match fits {
            true => Ok((challenge, counter)),
            false => Err(Fault::Signature),
        }
    }

    fn client(&self, client_data: &[u8], kind: &str) -> Result<String, Fault> {
        let data: ClientData = serde_json::from_slice(client_data).map_err(|_| Fault::Malformed)?;
        if data.kind != kind {
            return Err(Fault::Type);
        }
        // SECURITY: inside of somebody else's page it is he who leads the visitor's hand.
        let is_ours = self.origins.contains(&data.origin);
        if !is_ours || data.is_cross_origin || data.top_origin.is_some() {
            return Err(Fault::Origin);
        }
        Ok(data.challenge)
    }

    /// Flags, count and what follows them.
    fn authenticator<'d>(&self, data: &'d [u8]) -> Result<(u8, u32, &'d [u8]), Fault> {
        let (party, rest) = data.split_first_chunk::<32>().ok_or(Fault::Malformed)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(Fault::Malformed)?;
        let (counter, rest) = rest.split_first_chunk::<4>().ok_or(Fault::Malformed)?;
        if !equal(party, &sha256(&[self.id.as_bytes()])) {
            return Err(Fault::RelyingParty);
        }
        match flags & PRESENT {
            0 => Err(Fault::Absent),
            _ => Ok((*flags, u32::from_be_bytes(*counter), rest)),
        }
    }
}

/// The host of `https://host:port`.
fn host(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    rest.split([':', '/'])
        .next()
        .filter(|host| !host.is_empty())
}

/// `authData` of an attestation object.
fn authenticator_data(attestation: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(attestation);
    let mut found = None;
    for _ in 0..decoder.map().ok()?? {
        match decoder.str().ok()? {
            "authData" => found = Some(decoder.bytes().ok()?.to_vec()),
            _ => decoder.skip().ok()?,
        }
    }
    found
}

/// A key as COSE writes it (RFC 9053).
fn public_key(cose: &[u8]) -> Result<PublicKey, Fault> {
    let key = cose_key(cose).ok_or(Fault::Malformed)?;
    match (key.kind, key.algorithm, key.curve, key.x, key.y) {
        (Some(2), Some(-7), Some(1), Some(x), Some(y)) if x.len() == 32 && y.len() == 32 => {
            Ok(PublicKey::Es256([&[4], x, y].concat()))
        }
        (Some(1), Some(-8), Some(6), Some(x), _) if x.len() == 32 => {
            Ok(PublicKey::Ed25519(x.to_vec()))
        }
        _ => Err(Fault::Algorithm),
    }
}

#[derive(Default)]
struct Cose<'b> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    curve: Option<i64>,
    x: Option<&'b [u8]>,
    y: Option<&'b [u8]>,
}

fn cose_key(bytes: &[u8]) -> Option<Cose<'_>> {
    let mut decoder = Decoder::new(bytes);
    let mut key = Cose::default();
    for _ in 0..decoder.map().ok()?? {
        match decoder.i64().ok()? {
            1 => key.kind = Some(decoder.i64().ok()?),
            3 => key.algorithm = Some(decoder.i64().ok()?),
            -1 => key.curve = Some(decoder.i64().ok()?),
            -2 => key.x = Some(decoder.bytes().ok()?),
            // Of RSA keys these are something else, and are refused by their kind.
            -3 => key.y = decoder.bytes().ok(),
            _ => decoder.skip().ok()?,
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::SigningKey;

    use super::*;

    fn party() -> RelyingParty {
        RelyingParty::of(&[
            "https://pay.example".to_owned(),
            "https://pay.example:8443".to_owned(),
            "https://other.example".to_owned(),
        ])
        .unwrap()
    }

    fn client(kind: &str, origin: &str) -> Vec<u8> {
        format!(r#"{{"type":"{kind}","challenge":"AAAA","origin":"{origin}","crossOrigin":false,"x":1}}"#)
            .into_bytes()
    }

    fn data(id: &str, flags: u8, counter: u32, rest: &[u8]) -> Vec<u8> {
        let party = sha256(&[id.as_bytes()]);
        [&party[..], &[flags], &counter.to_be_bytes(), rest].concat()
    }

    /// `{1: 1, 3: -8, -1: 6, -2: x}`.
    fn ed25519(x: &[u8; 32]) -> Vec<u8> {
        [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32], &x[..]].concat()
    }

    /// `{"fmt": "none", "attStmt": {}, "authData": …}`.
    fn attestation(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut out);
        encoder
            .map(3)
            .unwrap()
            .str("fmt")
            .unwrap()
            .str("none")
            .unwrap();
        encoder.str("attStmt").unwrap().map(0).unwrap();
        encoder.str("authData").unwrap().bytes(data).unwrap();
        out
    }

    fn new_key(x: &[u8; 32]) -> Vec<u8> {
        [&[7; 16][..], &[0, 3], b"abc", &ed25519(x)].concat()
    }

    #[test]
    fn a_party_is_its_first_origin_s_domain() {
        let party = party();
        assert_eq!(party.id, "pay.example");
        assert_eq!(party.origins.len(), 2);
        assert_eq!(RelyingParty::of(&[]), None);
    }

    #[test]
    fn a_key_is_registered_and_used() {
        let key = SigningKey::from_seed(&[5; 32]);
        let made = data("pay.example", 0x41, 1, &new_key(&key.public()));
        let client_data = client("webauthn.create", "https://pay.example:8443");
        let (challenge, registered) = party()
            .registered(&client_data, &attestation(&made))
            .unwrap();
        assert_eq!((challenge.as_str(), registered.counter), ("AAAA", 1));
        assert_eq!(registered.credential, b"abc");
        let shown = data("pay.example", 1, 2, &[]);
        let client_data = client("webauthn.get", "https://pay.example");
        let message = [&shown[..], &sha256(&[&client_data])].concat();
        let signature = key.sign(&message);
        let used = |client_data: &[u8], shown: &[u8], signature: &[u8]| {
            party().used(&registered.key, client_data, shown, signature)
        };
        assert_eq!(
            used(&client_data, &shown, &signature),
            Ok(("AAAA".into(), 2))
        );
        // Whatever is touched, it does not verify.
        for at in 0..shown.len() {
            let mut bad = shown.clone();
            bad[at] ^= 2;
            assert!(used(&client_data, &bad, &signature).is_err(), "{at}");
        }
        for at in 0..client_data.len() {
            let mut bad = client_data.clone();
            bad[at] ^= 1;
            assert!(used(&bad, &shown, &signature).is_err(), "{at}");
        }
        for at in 0..64 {
            let mut bad = signature;
            bad[at] ^= 1;
            assert_eq!(used(&client_data, &shown, &bad), Err(Fault::Signature));
        }
        assert_eq!(used(&client_data, &shown, &[]), Err(Fault::Signature));
    }

    #[test]
    fn each_fault_is_told_apart() {
        let key = SigningKey::from_seed(&[5; 32]);
        let register = |client_data: &[u8], data: &[u8]| {
            party()
                .registered(client_data, &attestation(data))
                .map(drop)
        };
        let good = data("pay.example", 0x41, 0, &new_key(&key.public()));
        let ours = client("webauthn.create", "https://pay.example");
        assert_eq!(register(&ours, &good), Ok(()));
        let framed = br#"{"type":"webauthn.create","challenge":"AAAA","origin":"https://pay.example","crossOrigin":true}"#;
        let inside = br#"{"type":"webauthn.create","challenge":"AAAA","origin":"https://pay.example","topOrigin":"https://evil.example"}"#;
        for (client_data, fault) in [
            (
                &client("webauthn.get", "https://pay.example")[..],
                Fault::Type,
            ),
            (
                &client("webauthn.create", "https://evil.example")[..],
                Fault::Origin,
            ),
            (
                &client("webauthn.create", "https://other.example")[..],
                Fault::Origin,
            ),
            (
                &client("webauthn.create", "http://pay.example")[..],
                Fault::Origin,
            ),
            (
                &client("webauthn.create", "https://pay.example.evil.example")[..],
                Fault::Origin,
            ),
            (&framed[..], Fault::Origin),
            (&inside[..], Fault::Origin),
            (&b"{}"[..], Fault::Malformed),
            (&b""[..], Fault::Malformed),
        ] {
            assert_eq!(register(client_data, &good), Err(fault));
        }
        let of = |id: &str, flags, rest: &[u8]| data(id, flags, 0, rest);
        let new = new_key(&key.public());
        let rsa = [&[7; 16][..], &[0, 3], b"abc", &[0xa2, 1, 3, 3, 0x39, 1, 0]].concat();
        for (data, fault) in [
            (of("evil.example", 0x41, &new), Fault::RelyingParty),
            (of("pay.example", 0x40, &new), Fault::Absent),
            (of("pay.example", 0x01, &new), Fault::Malformed),
            (of("pay.example", 0x41, &new[..20]), Fault::Malformed),
            (of("pay.example", 0x41, &[]), Fault::Malformed),
            (of("pay.example", 0x41, &rsa), Fault::Algorithm),
            (Vec::new(), Fault::Malformed),
        ] {
            assert_eq!(register(&ours, &data), Err(fault));
        }
        for cut in 0..good.len() {
            drop(party().registered(&ours, &attestation(&good)[..cut]));
        }
    }
}
