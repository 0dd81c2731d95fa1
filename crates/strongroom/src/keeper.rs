//! Keeping the vault process running beside the server: started as a child, started again when it ends, stopped with it.
//!
//! The child reads what opens its keyring from its standard input and serves until that closes, which it also does when this
//! process is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::fault::Fault;
use crate::logging;
use crate::place::Place;
use crate::running::system;
use crate::vault_process::{self, FOLDER};

/// This program, even after its file was replaced.
const PROGRAM: &str = "/proc/self/exe";
/// Between two looks at the child.
const LOOK: Duration = Duration::from_millis(20);
/// Pauses before another start.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A child that ran for so long did not fail to start.
const LONG: Duration = Duration::from_secs(10);
/// Looks until a child that does not end is killed: ten seconds.
const DRAIN_LOOKS: u32 = 500;

/// The thread that keeps the vault. Dropping it stops the vault without waiting.
pub(crate) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    ended: watch::Receiver<u32>,
}

impl Keeper {
    /// Starts the vault of an installation.
    pub fn start(place: Arc<Place>) -> Result<Keeper, Fault> {
        let (stop, stopped) = channel();
        let (count, ended) = watch::channel(0);
        // The kernel ends the child with the thread that started it, so this one lives as long as the server.
        let thread = std::thread::Builder::new()
            .name("vault-keeper".into())
            .spawn(move || keep(&place, &stopped, &count))
            .map_err(|error| system("the vault cannot be started", &error))?;
        Ok(Keeper {
            stop: Some(stop),
            thread: Some(thread),
            ended,
        })
    }

    /// Waits until a child ends from now on, which before an answer means that it cannot start.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        let before = *ended.borrow_and_update();
        if ended.wait_for(|count| *count > before).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets the vault finish what it is doing, and waits for that.
    pub fn stop(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was told where it happened.
            drop(thread.join());
        }
    }
}

fn keep(place: &Place, stopped: &Receiver<()>, ended: &watch::Sender<u32>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let mut looks = 0;
        match spawn(place) {
            Ok(child) => match watch_over(child, stopped, &mut looks) {
                None => return,
                Some(status) => tracing::error!(status = %status, "the vault process has ended"),
            },
            Err(fault) => fault.print(),
        }
        ended.send_modify(|count| *count += 1);
        pause = match LOOK.saturating_mul(looks) > LONG {
            true => FIRST_PAUSE,
            false => LONGEST_PAUSE.min(pause * 2),
        };
        if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

fn spawn(place: &Place) -> Result<Child, Fault> {
    let fault = |error| system("the vault process cannot be started", &error);
    let secrets = place.vault_secrets()?.lines();
    let mut command = Command::new(PROGRAM);
    command.arg("vault").arg("--dir").arg(folder(place)?);
    if !place.acquirers.is_empty() {
        command.arg("--acquirers").arg(place.acquirers.text()?);
    }
    if logging::is_json() {
        command.arg("--json-logs");
    }
    command.env_clear();
    if let Some(filter) = std::env::var_os("RUST_LOG") {
        command.env("RUST_LOG", filter);
    }
    // Ctrl-C at a terminal is for this process, which stops the vault when nobody needs it any more.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(fault)?;
    if let Some(stdin) = child.stdin.as_mut() {
        // An empty line ends them.
        let told = stdin
            .write_all(secrets.expose().as_bytes())
            .and_then(|()| stdin.write_all(b"\n\n"));
        // One that has ended already is seen to have.
        drop(told);
    }
    Ok(child)
}

fn folder(place: &Place) -> Result<PathBuf, Fault> {
    let data = std::path::absolute(&place.data);
    let data = data.map_err(|error| Fault::file("cannot find", &place.data, &error))?;
    Ok(data.join(FOLDER))
}

/// Waits for the child's end; `None` when that was asked for.
fn watch_over(mut child: Child, stopped: &Receiver<()>, looks: &mut u32) -> Option<ExitStatus> {
    loop {
        *looks = looks.saturating_add(1);
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => {}
            Err(_) => return None,
        }
        if !matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
            end(child);
            return None;
        }
    }
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    for _ in 0..DRAIN_LOOKS {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::park_timeout(LOOK);
    }
    tracing::warn!("the vault process was killed because it did not end in time");
    drop(child.kill());
    drop(child.wait());
}

/// Where the vault of an installation answers.
pub(crate) fn socket(place: &Place) -> PathBuf {
    let socket = vault_process::socket(&place.data);
    std::path::absolute(&socket).unwrap_or(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that decides a second time, after its vault was started anew, is not told of that earlier end.
    #[tokio::test]
    async fn only_an_end_from_now_on_is_told() {
        let (count, ended) = watch::channel(0);
        let keeper = Keeper {
            stop: None,
            thread: None,
            ended,
        };
        for _ in 0..2 {
            count.send_modify(|count: &mut u32| *count += 1);
            let mut waiting = std::pin::pin!(keeper.ended());
            let now = std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiting.as_mut().poll(context).is_ready())
            });
            assert!(!now.await, "an end of before was told");
            count.send_modify(|count| *count += 1);
            let soon = tokio::time::timeout(Duration::from_mins(1), waiting);
            soon.await.expect("an end was not told");
        }
    }
}
