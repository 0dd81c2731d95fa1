//! What an operator asks of a running server: a socket in its data directory, for the user it runs as and nobody else.
//!
//! One line of JSON is asked, lines of JSON come back, the last of which is not `progress`. Where no server runs, the
//! same acts are done here, on the engine itself. Nothing of it can be reached over a network.

use std::fs::{File, Permissions};
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strongroom_crypto::RootKeys;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::acts::{self, Keys};
use crate::fault::Fault;
use crate::place::Place;
use crate::running::without_runtime;

/// The socket's name in the data directory.
pub(crate) const SOCKET: &str = "control";

/// Longest line that is read.
const MOST: u64 = 64 * 1024;

/// Longest path that a socket's address holds, with room to spare.
const LONGEST: usize = 100;

/// What can be asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// All keys; with `scan`, and what is sealed under each.
    Status { scan: bool },
    /// New keys on a level, in some books or in all.
    Rotate {
        level: String,
        organization: Option<String>,
        mode: Option<String>,
        purpose: Option<String>,
        /// Whether the keys before end without an overlap.
        #[serde(default)]
        at_once: bool,
    },
    /// Roots that the keyring holds already, as a recovery text.
    Roots { keys: String },
    /// A ceremony's transcript: its hash is put on record and signed.
    Ceremony {
        hash: String,
        details: Vec<(String, String)>,
    },
}

/// What comes back.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Progress(Value),
    Done(Value),
    Failed(String),
}

/// The address of a directory's socket. A path too long for one goes through the open directory, which must stay open.
fn address(dir: &Path) -> std::io::Result<(PathBuf, Option<File>)> {
    let path = dir.join(SOCKET);
    if path.as_os_str().len() <= LONGEST {
        return Ok((path, None));
    }
    let open = File::open(dir)?;
    let through = format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd());
    Ok((PathBuf::from(through), Some(open)))
}

/// Answers operators until `stopped`. A directory where no socket can be made is served without one.
pub(crate) async fn serve(
    dir: PathBuf,
    place: Arc<Place>,
    keys: Keys,
    stopped: impl Future<Output = ()>,
) {
    let listener = match listen(&dir) {
        Ok(Some(listener)) => listener,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%error, "`strongroom keys` cannot reach this server: no control socket");
            return;
        }
    };
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(answer(stream, Arc::clone(&place), keys.clone()));
                }
            }
        }
    }
    drop(std::fs::remove_file(dir.join(SOCKET)));
}

/// `None` when another server on this directory has it.
fn listen(dir: &Path) -> std::io::Result<Option<UnixListener>> {
    let (path, _open) = address(dir)?;
    if Blocking::connect(&path).is_ok() {
        return Ok(None);
    }
    // Left behind by a server that was killed.
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(Some(listener))
}

async fn answer(stream: UnixStream, place: Arc<Place>, keys: Keys) {
    // SECURITY: the directory is its owner's alone; this holds even where somebody opened it wider.
    let own = rustix::process::geteuid().as_raw();
    if stream.peer_cred().map(|peer| peer.uid()).ok() != Some(own) {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut line = Zeroizing::new(String::new());
    let mut reader = tokio::io::BufReader::new(read.take(MOST));
    if reader.read_line(&mut line).await.is_err() {
        return;
    }
    let (send, mut replies) = tokio::sync::mpsc::unbounded_channel();
    let act = tokio::spawn(async move {
        let progress = send.clone();
        let told = move |value| drop(progress.send(Reply::Progress(value)));
        let done = match serde_json::from_str(&line) {
            Ok(request) => acts::act(&place, &keys, request, &told).await,
            Err(error) => Err(format!("not understood: {error}")),
        };
        drop(send.send(done.map_or_else(Reply::Failed, Reply::Done)));
    });
    while let Some(reply) = replies.recv().await {
        let mut line = serde_json::to_vec(&reply).unwrap_or_default();
        line.push(b'\n');
        if write.write_all(&line).await.is_err() {
            // Who asked is gone; what was begun goes on.
            break;
        }
    }
    drop(act.await);
}

/// Asks the server that serves this place, or does it here where none does. `told` hears of progress.
pub(crate) fn ask(
    place: &Place,
    request: Request,
    told: &(dyn Fn(Value) + Send + Sync),
) -> Result<Value, Fault> {
    let (path, _open) =
        address(&place.data).map_err(|error| Fault::file("cannot open", &place.data, &error))?;
    match Blocking::connect(path) {
        Ok(stream) => ask_server(stream, &request, told),
        Err(_) => alone(place, place.root_keys()?, request, told),
    }
}

/// The same with root keys that are at hand.
pub(crate) fn ask_with(
    place: &Place,
    root: RootKeys,
    request: Request,
    told: &(dyn Fn(Value) + Send + Sync),
) -> Result<Value, Fault> {
    let (path, _open) =
        address(&place.data).map_err(|error| Fault::file("cannot open", &place.data, &error))?;
    match Blocking::connect(path) {
        Ok(stream) => ask_server(stream, &request, told),
        Err(_) => alone(place, root, request, told),
    }
}

fn ask_server(
    mut stream: Blocking,
    request: &Request,
    told: &(dyn Fn(Value) + Send + Sync),
) -> Result<Value, Fault> {
    let lost = |error: &dyn std::fmt::Display| {
        Fault::new(format!("the server went away: {error}")).hint(
            "what it began goes on when it is started again; `strongroom keys status --scan` tells",
        )
    };
    let mut line = Zeroizing::new(serde_json::to_vec(request).map_err(|error| lost(&error))?);
    line.push(b'\n');
    stream.write_all(&line).map_err(|error| lost(&error))?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| lost(&error))?;
        match serde_json::from_str(&line).map_err(|error| lost(&error))? {
            Reply::Progress(value) => told(value),
            Reply::Done(value) => return Ok(value),
            Reply::Failed(words) => return Err(Fault::new(words)),
        }
    }
    Err(lost(&"it closed the connection"))
}

fn alone(
    place: &Place,
    root: RootKeys,
    request: Request,
    told: &(dyn Fn(Value) + Send + Sync),
) -> Result<Value, Fault> {
    let store = place
        .try_store()
        .map_err(|error| place.store_fault(&error))?;
    let engine = place.start(&*store, root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(without_runtime)?;
    let keys = Keys {
        engine,
        vault: None,
    };
    let done = runtime.block_on(acts::act(place, &keys, request, told));
    keys.engine.stop();
    done.map_err(Fault::new)
}
