//! `strongroom pins`: the signed set of keys that clients may hold the server to. Nothing here needs the server or its
//! keyring: the signing key is best kept where the server is not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_tls::pins::{PinRequest, from_text, to_text};
use strongroom_tls::{PinSet, PinSigner, key_pin, read_certificate, read_public};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::out::say;
use crate::tls::now;
use crate::{folder, table};

/// The pin set: make its signing key, sign it, show it
///
/// Apps that pin know the public key, fetch /.well-known/strongroom-pins, and connect to servers whose key is in it. Keep the
/// signing key apart from the server: who has it can have apps trust another key.
#[derive(Subcommand)]
pub(crate) enum Command {
    Key(Key),
    Sign(Sign),
    Show(Show),
}

/// Make a signing key, and show the public part that apps are given
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom pins key --out ./pins-key.pem")]
pub(crate) struct Key {
    /// The file for the new key, PEM; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Sign a pin set for the certificate in use and for spare keys
///
/// The key in use must be in the set before: apps may know that one still. At least one spare key is needed, kept
/// elsewhere, so that a lost key does not lock apps out.
#[derive(Args)]
#[command(after_long_help = "Example:
  openssl ecparam -name prime256v1 -genkey -noout -out spare.pem
  strongroom pins sign --signing-key pins-key.pem --certificate tls/certificate.pem --backup spare.pem \\
      --host pay.example --previous tls/pins.json --out tls/pins.json")]
pub(crate) struct Sign {
    /// The signing key, as `pins key` made it
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,

    /// The certificate in use, PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,

    /// A spare key, or a certificate for one, PEM; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    backup: Vec<PathBuf>,

    /// A host that the set speaks for; may be given more than once
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// The set that was published before
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,

    /// Days that it is good for; apps need a newer one after that
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=730))]
    days: u16,

    /// The file for the document; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Verify a pin set and show what it says
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom pins show --pins tls/pins.json --key OEmfV6sWgUrxmAjNbfYkR6t7TNsBAEG3ajLSDSWrDKM=")]
pub(crate) struct Show {
    /// The document
    #[arg(long, value_name = "FILE")]
    pins: PathBuf,

    /// The public key that it must be signed by
    #[arg(long, value_name = "KEY")]
    key: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Key(options) => key(options),
        Command::Sign(options) => sign(options),
        Command::Show(options) => show(options),
    }
}

fn key(options: &Key) -> Result<ExitCode, Fault> {
    let signer = PinSigner::generate();
    folder::write_new(&options.out, signer.to_pem().as_bytes())?;
    say!("{}", to_text(&signer.public()));
    Ok(ExitCode::SUCCESS)
}

fn sign(options: &Sign) -> Result<ExitCode, Fault> {
    let at = |path: &Path, what: &str| Fault::new(format!("`{}` {what}", path.display()));
    let pem = Zeroizing::new(read(&options.signing_key)?);
    let signer = PinSigner::read(&pem).map_err(|what| at(&options.signing_key, what))?;
    let certificate = read_certificate(&options.certificate);
    let current = certificate
        .map_err(|fault| Fault::new(fault.to_string()))?
        .pin;
    let previous = options.previous.as_deref().filter(|path| path.exists());
    let previous = previous
        .map(|path| set(path, &signer.public()))
        .transpose()?;
    let now = now();
    if let Some(previous) = &previous
        && previous.check_time(now).is_ok()
        && !previous.covers(&current)
    {
        return Err(at(&options.certificate, "holds a certificate whose key is not in the set before")
            .hint("apps that know that set still would be cut off: publish a set with the new key as a backup first"));
    }
    let backups = options.backup.iter().map(|path| backup(path));
    let set = signer.sign(&PinRequest {
        sequence: previous.map_or(1, |previous| previous.sequence.saturating_add(1)),
        issued_at: now,
        expires_at: now.saturating_add(i64::from(options.days) * 86_400),
        hosts: options.host.clone(),
        current,
        backups: backups.collect::<Result<_, Fault>>()?,
    });
    let set = set.map_err(|fault| Fault::new(format!("the set {fault}")))?;
    folder::write(&options.out, set.document())?;
    print(&set, &signer.public());
    Ok(ExitCode::SUCCESS)
}

fn show(options: &Show) -> Result<ExitCode, Fault> {
    let key = from_text(&options.key);
    let key =
        key.ok_or_else(|| Fault::new("--key is no public key as `strongroom pins key` shows it"))?;
    let set = set(&options.pins, &key)?;
    print(&set, &key);
    set.check_time(now())
        .map_err(|fault| Fault::new(format!("`{}` {fault}", options.pins.display())))?;
    Ok(ExitCode::SUCCESS)
}

fn print(set: &PinSet, public: &[u8; 32]) {
    let times = [set.issued_at, set.expires_at].map(|seconds| {
        strongroom_types::time::Timestamp(seconds.saturating_mul(1_000)).to_string()
    });
    let pins: Vec<String> = set.pins.iter().map(to_text).collect();
    let (sequence, key, hosts) = (
        set.sequence.to_string(),
        to_text(public),
        set.hosts.join(", "),
    );
    let [issued, expires] = &times;
    let mut rows = vec![
        ("signed by", key.as_str()),
        ("sequence", &sequence),
        ("issued", issued),
        ("expires", expires),
        ("hosts", &hosts),
    ];
    rows.extend(pins.iter().map(|pin| ("pin", pin.as_str())));
    crate::out::text(&table::pairs(0, &rows));
}

fn set(path: &Path, key: &[u8; 32]) -> Result<PinSet, Fault> {
    PinSet::read(&read(path)?, key)
        .map_err(|fault| Fault::new(format!("`{}` {fault}", path.display())))
}

/// The pin of a spare key, or of a certificate for one.
fn backup(path: &Path) -> Result<[u8; 32], Fault> {
    let bytes = Zeroizing::new(read(path)?);
    match key_pin(&bytes) {
        Ok(pin) => Ok(pin),
        Err(what) => read_certificate(path)
            .map(|certificate| certificate.pin)
            .map_err(|_| Fault::new(format!("`{}` {what}", path.display()))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    read_public(path).map_err(|fault| Fault::new(fault.to_string()))
}
