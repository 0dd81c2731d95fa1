//! The token endpoint over HTTP: client credentials by `private_key_jwt` with ES256, and the same with a proof of possession, as clients of
//! FAPI 2.0 ask. Each token is an assertion that is verified and spent, and a row that is written down.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use strongroom_crypto::P256SigningKey;

use super::extra::Extra;
use super::load::{Client, Traffic};
use super::protection::{Rates, row};
use super::request::{Requests, unix_seconds};
use super::strongroom;
use super::traffic::requests;
use crate::Outcome;

const CONNECTIONS: usize = 64;
const SETUP: Duration = Duration::from_secs(60);
/// What the load needs none of.
const WALLETS: u64 = 2;

/// A key in PKCS #8, made for measuring.
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1YuWhhueDIjiVWvFXOLljsZnmEr/UStD8tRBQQPgYKqhRANCAAQ3whB+Uj9xNa6wZHt2FCN3uwLQkJhyVlMU35sWSwXQ+gq76xC4GPfgDgPUJ+/kQLjaQs8g4zl9xTwEL6kTJQoZ";

/// Tokens per second, and what one costs, on a server of its own under `folder`.
pub fn measure(folder: &Path, runs: u32, seconds: u64) -> Outcome<Vec<Extra>> {
    let folder = folder.join("tokens");
    std::fs::create_dir_all(&folder)?;
    let (subject, credentials) = strongroom::start_with(&folder, WALLETS, None, &[])?;
    let mut client = Client::connect(subject.address, CONNECTIONS)?;
    let holder = Holder::new()?;
    let time = Duration::from_secs(seconds);
    let mut rows = Vec::new();
    for (profile, name) in [
        ("oauth21", "tokens by `private_key_jwt` over HTTP"),
        ("fapi2", "tokens by `private_key_jwt` and a proof over HTTP"),
    ] {
        let requests = requests(subject.address, &credentials);
        let mut registering = Registering::new(requests, &holder, profile);
        let mut alone = Client::connect(subject.address, 1)?;
        alone.drive(&mut registering, SETUP)?.must_all_succeed()?;
        let mut asking = Asking {
            holder: &holder,
            origin: credentials.base_url.clone(),
            address: subject.address,
            client: registering.id.ok_or("no client was registered")?,
            nonce: None,
            sequence: 0,
        };
        let mut seen = Rates::default();
        for _ in 0..runs.max(1) {
            if profile == "fapi2" {
                asking.learn_nonce()?;
            }
            seen.run(&mut client, &mut asking, time, subject.server.pid())?;
        }
        let per_core = 1e6 / seen.cpu_us();
        rows.extend(seen.rows(name, "tokens/s", "us/token"));
        let name = format!("{name}, for each second of one core");
        rows.push(row(&name, per_core, "tokens"));
    }
    Ok(rows)
}

/// A client's key.
struct Holder {
    key: P256SigningKey,
    jwk: String,
}

impl Holder {
    fn new() -> Outcome<Holder> {
        let key = P256SigningKey::from_pkcs8(&STANDARD.decode(KEY)?);
        let key = key.ok_or("the key is none")?;
        let point = key.public();
        let (x, y) = (point.get(1..33), point.get(33..));
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part.unwrap_or_default()));
        let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
        Ok(Holder { key, jwk })
    }

    fn signs(&self, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Registers one client.
struct Registering {
    requests: Requests,
    body: String,
    profile: &'static str,
    is_sent: bool,
    id: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

impl Registering {
    fn new(requests: Requests, holder: &Holder, profile: &'static str) -> Self {
        let jwk = &holder.jwk;
        let body = format!(
            r#"{{"name":"Bench","profile":"{profile}","token_endpoint_auth_method":"private_key_jwt","scopes":["read"],"jwks":{{"keys":[{jwk}]}}}}"#
        );
        Self {
            requests,
            body,
            profile,
            is_sent: false,
            id: None,
        }
    }
}

impl Traffic for Registering {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        if std::mem::replace(&mut self.is_sent, true) {
            return None;
        }
        let key = format!("bench-client-{}", self.profile);
        let body = format_args!("{}", self.body);
        self.requests.post(out, "/v1/oauth/clients", &key, body);
        Some(0)
    }

    fn reply(&mut self, _: u64, _: u16, body: &[u8]) {
        let made = serde_json::from_slice::<Made>(body);
        self.id = made.ok().map(|made| made.id);
    }
}

/// One token after another.
struct Asking<'a> {
    holder: &'a Holder,
    /// What assertions are for, and proofs are about.
    origin: String,
    address: SocketAddr,
    client: String,
    /// What proofs repeat, where they are sent.
    nonce: Option<String>,
    sequence: u64,
}

impl Asking<'_> {
    fn request(&mut self) -> String {
        self.sequence += 1;
        let (client, origin, number) = (&self.client, &self.origin, self.sequence);
        let now = unix_seconds();
        let end = now + 300;
        let assertion = self.holder.signs(
            r#"{"alg":"ES256","typ":"JWT"}"#,
            &format!(
                r#"{{"iss":"{client}","sub":"{client}","aud":"{origin}","jti":"a-{number}","iat":{now},"exp":{end}}}"#
            ),
        );
        let proof = self.nonce.as_ref().map(|nonce| {
            let jwk = &self.holder.jwk;
            let proof = self.holder.signs(
                &format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{jwk}}}"#),
                &format!(
                    r#"{{"jti":"p-{number}","htm":"POST","htu":"{origin}/oauth/token","iat":{now},"nonce":"{nonce}"}}"#
                ),
            );
            format!("DPoP: {proof}\r\n")
        });
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        format!(
            "POST /oauth/token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n{}Content-Length: {}\r\n\r\n{body}",
            self.address,
            proof.unwrap_or_default(),
            body.len()
        )
    }

    /// The nonce of the answer to a proof without a good one.
    fn learn_nonce(&mut self) -> Outcome<()> {
        self.nonce = Some("none".to_owned());
        let mut socket = TcpStream::connect(self.address)?;
        let request = self.request();
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        socket.write_all(request.as_bytes())?;
        let mut reply = String::new();
        socket.read_to_string(&mut reply)?;
        let nonce = reply
            .lines()
            .find_map(|line| line.strip_prefix("dpop-nonce: "));
        let nonce = nonce.ok_or_else(|| format!("no nonce in {reply}"))?;
        self.nonce = Some(nonce.to_owned());
        Ok(())
    }
}

impl Traffic for Asking<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        out.extend_from_slice(self.request().as_bytes());
        Some(self.sequence)
    }

    fn reply(&mut self, _: u64, _: u16, _: &[u8]) {}
}
