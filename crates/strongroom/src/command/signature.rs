//! `strongroom sign` and `strongroom verify-signature`: HTTP message signatures (RFC 9421) made and checked by the code that
//! the server checks with. Neither asks a server, and no secret is shown.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_auth::{MessageFault, SignedMessage};
use strongroom_client::signing::{MessageSigner, Signing, Unsigned};
use strongroom_crypto::MacKey;
use strongroom_httpsig::{PublicKey, Signer, Verifier};
use strongroom_types::time::Timestamp;

use crate::fault::Fault;
use crate::folder;
use crate::out::{error_line, say};
use crate::tls::now;

/// Sign a request as the server wants it (RFC 9421), and print the headers to send
///
/// Covered are method, address, and whatever of content, type and idempotency key the request has. The content's digest
/// (RFC 9530) is one of the headers.
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom sign --key-id key_0123456789abcdef01234567 --secret-file ./signing-secret --header 'Idempotency-Key: order-4711' \\
      --method POST --url https://pay.example/v1/payouts --body payout.json")]
pub(crate) struct Sign {
    #[command(flatten)]
    request: Request,

    /// The API key's id, or the id under which the public key is registered with it
    #[arg(long, value_name = "ID")]
    key_id: String,

    /// A file that holds the key's signing secret
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "private_key",
        required_unless_present = "private_key"
    )]
    secret_file: Option<PathBuf>,

    /// A file that holds a private key of Ed25519 or on P-256, PEM (PKCS #8)
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,

    /// When it was made, in seconds since 1970; now when absent
    #[arg(long, value_name = "SECONDS")]
    created: Option<i64>,

    /// Seconds after which it is good no more
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<i64>,

    /// A word that makes two equal requests of one second differ
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,

    /// What it is for, in the signer's own words
    #[arg(long, value_name = "TEXT")]
    tag: Option<String>,

    /// Show what was signed, on standard error
    #[arg(long)]
    show_base: bool,
}

/// Check a request's signature (RFC 9421) by the rules of the server, and say what is wrong with it
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom verify-signature --method GET --url https://pay.example/v1/account --key-id till-1 --public-key till.pem \\
      --header 'Signature-Input: sig=(\"@method\" \"@target-uri\");created=1767225600;keyid=\"till-1\"' \\
      --header 'Signature: sig=:…:'")]
pub(crate) struct VerifySignature {
    #[command(flatten)]
    request: Request,

    /// The `keyid` that the key goes by
    #[arg(long, value_name = "ID")]
    key_id: String,

    /// A file that holds the key's signing secret
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "public_key",
        required_unless_present = "public_key"
    )]
    secret_file: Option<PathBuf>,

    /// A file that holds the public key, PEM
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,

    /// The time to check it at, in seconds since 1970; now when absent
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
}

/// A request, as it is sent.
#[derive(Args)]
struct Request {
    /// The method, in capitals
    #[arg(long, value_name = "NAME", default_value = "GET")]
    method: String,

    /// The whole URL
    #[arg(long, value_name = "URL")]
    url: String,

    /// A file that holds the body
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// A header, as `Name: value`; may be given more than once
    #[arg(long, value_name = "LINE", value_parser = header)]
    header: Vec<(String, String)>,
}

pub(crate) fn sign(options: &Sign) -> Result<ExitCode, Fault> {
    let (origin, target) = options.request.place()?;
    let body = options.request.body()?;
    let signer = signer(options)?;
    let created = options.created.unwrap_or_else(now);
    let signing = Signing {
        created,
        expires: options
            .expires_in
            .map(|seconds| created.saturating_add(seconds)),
        nonce: options.nonce.clone(),
        tag: options.tag.clone(),
    };
    let signer = MessageSigner {
        keyid: options.key_id.clone(),
        signer,
    };
    let mut fields = options.request.header.clone();
    let is_typed = fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mut printed = Vec::new();
    if !body.is_empty() && !is_typed {
        printed.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    fields.extend(printed.iter().cloned());
    let unsigned = Unsigned {
        method: &options.request.method,
        origin,
        target,
        fields,
        body: &body,
    };
    let made = signer.sign(unsigned, &signing);
    let made = made.map_err(|fault| Fault::new(fault.to_string()))?;
    for (name, value) in printed.iter().chain(&made.headers) {
        say!("{name}: {value}");
    }
    if options.show_base {
        error_line(format_args!("{}", made.base));
    }
    Ok(ExitCode::SUCCESS)
}

fn signer(options: &Sign) -> Result<Signer, Fault> {
    if let Some(path) = &options.private_key {
        let text = folder::read_secret(path)?;
        let what = "holds no private key of Ed25519 or on P-256 in PKCS #8";
        return Signer::from_pem(text.expose()).ok_or_else(|| at(path, what));
    }
    Ok(Signer::shared(
        secret(options.secret_file.as_deref())?.expose(),
    ))
}

pub(crate) fn verify(options: &VerifySignature) -> Result<ExitCode, Fault> {
    let (origin, target) = options.request.place()?;
    let body = options.request.body()?;
    let shared;
    let public;
    let verifier = match &options.public_key {
        Some(path) => {
            let what = "holds no public key of Ed25519 or on P-256";
            public =
                PublicKey::from_pem(&folder::read_text(path)?).ok_or_else(|| at(path, what))?;
            Verifier::Public(&public)
        }
        None => {
            shared = MacKey::new(secret(options.secret_file.as_deref())?.expose().as_bytes());
            Verifier::Shared(&shared)
        }
    };
    let message = SignedMessage {
        method: &options.request.method,
        target,
        origins: &[origin.to_owned()],
        fields: &options.request.header,
        has_content: !body.is_empty(),
    };
    let seconds = options.at.unwrap_or_else(now);
    let keys = |keyid: &str| (keyid == options.key_id).then_some(verifier);
    let proof = message.prove_by(keys, Timestamp(seconds.saturating_mul(1_000)));
    let outcome = proof.and_then(|proof| match proof.digests {
        Some(digests) if !digests.are_of(&body) => Err(MessageFault::OtherContent),
        _ => Ok(()),
    });
    match outcome {
        Ok(()) => {
            say!(
                "good: made by `{}`, and covers all that the server asks for",
                options.key_id
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            if let MessageFault::Mismatch(base) = &fault {
                error_line(format_args!("over this text it was not made:\n{base}"));
            }
            Err(Fault::new(fault.to_string()))
        }
    }
}

impl Request {
    /// Origin and target of the URL.
    fn place(&self) -> Result<(&str, &str), Fault> {
        let odd = || {
            Fault::new(format!(
                "`{}` is no URL such as `https://pay.example/v1/account`",
                self.url
            ))
        };
        let start = self.url.find("://").ok_or_else(odd)?;
        let host = self.url.get(start + 3..).ok_or_else(odd)?;
        let end = host
            .find(['/', '?'])
            .map_or(self.url.len(), |at| start + 3 + at);
        let (origin, target) = self.url.split_at_checked(end).ok_or_else(odd)?;
        match target {
            "" => Ok((origin, "/")),
            target if target.starts_with('/') && !target.contains('#') => Ok((origin, target)),
            _ => Err(odd()),
        }
    }

    fn body(&self) -> Result<Vec<u8>, Fault> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|error| Fault::file("the body cannot be read from", path, &error))
        };
        self.body.as_ref().map_or(Ok(Vec::new()), read)
    }
}

fn header(line: &str) -> Result<(String, String), String> {
    let pair = line
        .split_once(':')
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    pair.filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| "is not `Name: value`".to_owned())
}

fn secret(path: Option<&Path>) -> Result<strongroom_types::secret::SecretText, Fault> {
    let path = path.ok_or_else(|| Fault::new("no key was named"))?;
    folder::read_secret_line(path, "a signing secret")
}

fn at(path: &Path, what: &str) -> Fault {
    Fault::new(format!("`{}` {what}", path.display()))
}
