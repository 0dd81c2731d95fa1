//! `strongroom listen`: a running server's events, forwarded to a program under development.

mod console;
mod ending;
mod key;
mod receiver;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ipnet::IpNet;
use strongroom_client::pins::{PinCheck, PinSet};
use strongroom_client::{Client, Credentials, Trust};
use strongroom_domain::webhooks::{is_pattern, matching};
use strongroom_engine::{Clock, WallClock};
use strongroom_listen::{Forward, Listener, Position, Start, Wanted};
use strongroom_types::id::EventId;
use tokio::sync::watch;

use self::console::Console;
use self::receiver::Secret;
use crate::fault::Fault;
use crate::running::{Stops, system};
use crate::{folder, logging, out, table};

/// The largest answer that is read: a page of a hundred events, each as large as any may be.
const LARGEST_ANSWER: usize = 16 * 1_024 * 1_024;

/// Forward a running server's events to a program under development, each as a webhook would bring it
///
/// The bytes are the stored ones, the headers those of a delivery, signed anew with a secret of this command's own,
/// which is shown at the start. Events are sent one after another in their order, each until it is answered with 2xx;
/// a receiver that is down is tried again. When the server is away, or the connection lost, it goes on from there: no
/// event is missed, and one comes twice (with the same id) only if its answer was lost, as when this command is killed.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom listen --forward http://localhost:3000/hooks
  strongroom listen --forward http://localhost:3000/hooks --events 'payout.*,wallet.credited'
  strongroom listen --forward http://localhost:3000/hooks --resume-file ./listen.position --secret-file ./webhook-secret

The key is a test key that may `read:events`. Its file may also be named in STRONGROOM_KEY_FILE; without one it is
asked for at the terminal. The server is spoken to over plain HTTP: reach one elsewhere by a tunnel.

A secret that begins with `whsec_` and goes on in base64 verifies with every library; another one is keyed as text,
which libraries that always decode base64 will not verify. The page /tools/webhook-signature of the server says why a
signature does not fit.

One line per event that was taken: time, status, milliseconds, type, id. What failed stands on standard error. Ctrl-C
waits for the event under way. Exit code 0 after a stop that was asked for, 1 when the server refuses or is none, or
the receiver answers 410.")]
pub(crate) struct Options {
    /// Where events go: a URL on this machine or in a private network; redirects are not followed
    #[arg(long, value_name = "URL")]
    forward: String,

    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7070")]
    url: String,

    /// Believe the authorities of this PEM file alone, not the public ones
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,

    /// Hold the server to the keys of this pin set, too
    #[arg(long, value_name = "FILE", requires = "pins_key")]
    pins: Option<PathBuf>,

    /// Whose signature the pin set must have, as `strongroom pins key` showed it
    #[arg(long, value_name = "KEY", requires = "pins")]
    pins_key: Option<String>,

    /// A file that holds the API key on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// A file that holds the key's signing secret, for a key that must sign
    #[arg(long, value_name = "FILE")]
    signing_secret_file: Option<PathBuf>,

    /// A file that holds the secret to sign with, 24 characters or more; a fresh one is shown when absent
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Only events of these types: `payout.failed`, `payout.*`; all when absent
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = pattern)]
    events: Vec<String>,

    /// A file that keeps the position over a restart; made when it is not there
    #[arg(long, value_name = "FILE")]
    resume_file: Option<PathBuf>,

    /// Begin after this event instead of now
    #[arg(long, value_name = "EVENT_ID", value_parser = event_id, conflicts_with = "from_beginning")]
    after: Option<EventId>,

    /// Begin with the first event there is
    #[arg(long)]
    from_beginning: bool,

    /// Pass an event over after so many answers that are not 2xx; sent until it is taken when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempts: Option<u32>,

    /// A further network that events may be forwarded to; may be given again
    #[arg(long, value_name = "CIDR")]
    forward_network: Vec<IpNet>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let secret = Secret::of(options.secret_file.as_deref())?;
    let forward = receiver::forward(options, &secret)?;
    let (start, resumed) = start(options)?;
    let server = server(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| system("no thread can be started", &error))?;
    runtime.block_on(async {
        let stops = Stops::listen()?;
        receiver::reachable(&options.forward, &forward).await?;
        introduce(options, &secret, start);
        listen(options, stops, (server, forward), (start, resumed)).await
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(
    options: &Options,
    mut stops: Stops,
    ends: (Client, Forward),
    (start, resumed): (Start, bool),
) -> Result<(), Fault> {
    let (stop, stopped) = watch::channel(false);
    let console = Console::new(options.resume_file.clone());
    let types = types(&options.events);
    let wanted = Wanted { start, types };
    let mut listener = Listener::new(ends, (wanted, resumed), WallClock, console, stopped);
    let tell = async {
        stops.first().await;
        stops.end_at_the_second();
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = listener.run() => ended,
        () = tell => Ok(()),
    };
    ended.map_err(|fault| ending::told(options, fault))
}

fn server(options: &Options) -> Result<Client, Fault> {
    let secret = options.signing_secret_file.as_deref();
    let signing_secret = secret.map(|path| folder::read_secret_line(path, "a signing secret"));
    let credentials = Credentials {
        key: key::key(options.key_file.as_deref())?,
        signing_secret: signing_secret.transpose()?,
    };
    let client = Client::new(&options.url, credentials)
        .map_err(|error| Fault::new(error.to_string()).hint("look at --url"))?;
    let client = trusting(client, options)?;
    Ok(client.with_largest_answer(LARGEST_ANSWER))
}

/// The client with the roots and pins that were named.
fn trusting(client: Client, options: &Options) -> Result<Client, Fault> {
    if options.authorities.is_none() && options.pins.is_none() {
        return Ok(client);
    }
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| Fault::file("cannot read", path, &error));
    let trust = match &options.authorities {
        None => Trust::default(),
        Some(path) => Trust::only(&read(path)?)
            .map_err(|error| Fault::new(format!("`{}`: {error}", path.display())))?,
    };
    let trust = match (&options.pins, &options.pins_key) {
        (Some(path), Some(public_key)) => {
            let now = WallClock.now().seconds();
            let check = PinCheck {
                public_key,
                host: host(&options.url),
                least_sequence: 0,
                now,
            };
            let pins = PinSet::verify(&read(path)?, &check)
                .map_err(|why| Fault::new(format!("`{}`: {why}", path.display())))?;
            trust.pinned(pins)
        }
        _ => trust,
    };
    let trusting = client.with_trust(trust);
    trusting.map_err(|error| Fault::new(error.to_string()).hint("name an https URL with --url"))
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.trim_end_matches('/');
    let port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let bare = authority.rsplit_once(':').filter(port);
    bare.map_or(authority, |(host, _)| host)
}

/// Where to begin, and whether that is where an earlier run ended.
fn start(options: &Options) -> Result<(Start, bool), Fault> {
    let wanted = match options.after {
        Some(id) => Start::At(Position::After(id)),
        None if options.from_beginning => Start::At(Position::Beginning),
        None => Start::Now,
    };
    let Some(path) = options.resume_file.as_deref().filter(|path| path.exists()) else {
        return Ok((wanted, false));
    };
    let position = kept(path)?;
    match wanted {
        Start::Now => Ok((Start::At(position), true)),
        // A restart under the same options would send everything again.
        Start::At(_) => Err(Fault::new(format!(
            "`{}` says to go on from `{position}`, and the options say something else",
            path.display()
        ))
        .hint("leave out --after and --from-beginning, or remove the file to begin elsewhere")),
    }
}

fn kept(path: &Path) -> Result<Position, Fault> {
    let text = folder::read_text(path)?;
    Position::parse(text.trim()).ok_or_else(|| {
        Fault::new(format!("`{}` holds no event's id", path.display()))
            .hint("name the file that an earlier run made, or a new one")
    })
}

/// Tells what will be done, and the secret where it is a fresh one.
fn introduce(options: &Options, secret: &Secret, start: Start) {
    let from = match start {
        Start::Now => "with the next event".to_owned(),
        Start::At(Position::Beginning) => "with the first event there is".to_owned(),
        Start::At(position) => format!("after {position}"),
    };
    let events = match options.events.is_empty() {
        true => "all".to_owned(),
        false => options.events.join(", "),
    };
    let rows = [
        ("server", options.url.as_str()),
        ("receiver", &options.forward),
        ("events", &events),
        ("begins", &from),
        ("signing secret", secret.shown()),
    ];
    out::text(&format!(
        "Strongroom listen: events are forwarded as webhooks.\n\n{}\n",
        table::pairs(2, &rows)
    ));
}

/// The types that some pattern matches, each once.
fn types(patterns: &[String]) -> Vec<&'static str> {
    let mut types = Vec::new();
    for event in patterns.iter().flat_map(|pattern| matching(pattern)) {
        if !types.contains(&event.as_str()) {
            types.push(event.as_str());
        }
    }
    types
}

fn pattern(text: &str) -> Result<String, String> {
    match is_pattern(text) {
        true => Ok(text.to_owned()),
        false => Err("it matches no type of event; examples: payout.failed, payout.*, *".into()),
    }
}

fn event_id(text: &str) -> Result<EventId, String> {
    EventId::parse(text)
        .ok_or_else(|| "expected an event's id, such as evt_0123456789abcdef01234567".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_types_each_once() {
        let of = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            types(&texts)
        };
        assert!(of(&[]).is_empty(), "no filter");
        assert_eq!(
            of(&["wallet.credited", "transfer.*", "wallet.credited"]),
            ["wallet.credited", "transfer.completed"]
        );
        assert!(of(&["payout.*", "*"]).len() > of(&["payout.*"]).len());
        assert!(pattern("payout").is_err() && pattern("payout.*").is_ok());
    }
}
