//! The connection to an acquirer: made, signed on, kept alive, and made again after a pause that grows.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strongroom_crypto::random;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::kept::Sent;
use super::numbers::Numbers;
use super::requests::{Matter, network};
use super::settings::Settings;
use super::talk::{Frame, Out, Talk};
use crate::shelf::Shelf;

/// Pauses before another connection.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A connection that stood for so long was a good one.
const LONG: Duration = Duration::from_secs(30);
/// How long a handshake may take, and a message from its first byte to its last, either way.
const HANDSHAKE: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(10);
/// Messages that wait to be written.
const QUEUE: usize = 1_024;

/// A connection on its way.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Makes connections to one acquirer. In a process that may make none, somebody else does.
pub trait Dial: Send + Sync {
    fn dial(&self) -> Dialing;
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    Io(io::Error),
    /// A message began and did not end in time, or is longer than any.
    Broken,
    SignOnRefused(String),
    /// It was asked whether it is there, and did not say so.
    Silent,
    Shelf,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Io(error) => write!(f, "{error}"),
            End::Broken => f.write_str("it broke in the middle of a message"),
            End::SignOnRefused(code) => write!(f, "the sign-on was refused by {code}"),
            End::Silent => f.write_str("nothing was answered in time"),
            End::Shelf => f.write_str("the vault's store failed"),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Io(error)
    }
}

/// What a connection is made with.
pub(crate) struct Line {
    pub settings: Arc<Settings>,
    pub shelf: Arc<dyn Shelf>,
    pub dial: Arc<dyn Dial>,
    pub heard: Mutex<Option<Instant>>,
}

impl Line {
    /// Keeps a connection up, for as long as that is waited for.
    pub async fn keep_up(&self, talk: &Talk, numbers: &Numbers) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let end = self.connect(talk, numbers).await;
            talk.close();
            let acquirer = &self.settings.name;
            match end {
                Err(End::SignOnRefused(code)) => {
                    tracing::error!(%acquirer, %code, "the acquirer refuses the sign-on");
                }
                Err(end) => {
                    tracing::warn!(%acquirer, cause = %end, "no connection to the acquirer")
                }
                Ok(()) => {}
            }
            pause = match began.elapsed() > LONG {
                true => FIRST_PAUSE,
                false => pause,
            };
            tokio::time::sleep(jittered(pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn connect(&self, talk: &Talk, numbers: &Numbers) -> Result<(), End> {
        let stream = timeout(HANDSHAKE, self.dial.dial()).await;
        let stream = stream.map_err(|_| End::Silent)??;
        // Small messages, each of which somebody waits for.
        stream.set_nodelay(true)?;
        match &self.settings.tls {
            None => self.converse(stream, talk, numbers).await,
            Some(tls) => {
                let session = timeout(HANDSHAKE, tls.begin(stream)).await;
                let session = session.map_err(|_| End::Silent)??;
                self.converse(session, talk, numbers).await
            }
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        talk: &Talk,
        numbers: &Numbers,
    ) -> Result<(), End> {
        let (reader, writer) = tokio::io::split(stream);
        let (out, queue) = mpsc::channel(QUEUE);
        tokio::select! {
            end = self.read(reader, talk, &out) => end,
            end = write(writer, queue) => end,
            end = self.live(talk, numbers, &out) => end,
        }
    }

    async fn read(
        &self,
        mut reader: impl AsyncRead + Unpin,
        talk: &Talk,
        out: &Out,
    ) -> Result<(), End> {
        let framing = self.settings.framing;
        loop {
            let mut header = vec![0; framing.size()];
            reader
                .read_exact(header.get_mut(..1).unwrap_or_default())
                .await?;
            let whole = async {
                reader
                    .read_exact(header.get_mut(1..).unwrap_or_default())
                    .await?;
                let length = framing.length(&header).ok_or(End::Broken)?;
                let mut body = Zeroizing::new(vec![0; length]);
                reader.read_exact(&mut body).await?;
                Ok::<_, End>(body)
            };
            // SECURITY: bytes that drip in hold nobody up for longer.
            let body = timeout(WHOLE, whole).await.map_err(|_| End::Broken)??;
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            // Some acquirers send an empty message to keep the connection open.
            if !body.is_empty() {
                talk.take(&body, out);
            }
        }
    }

    /// Signs on, then asks after each silence whether the acquirer is there.
    async fn live(&self, talk: &Talk, numbers: &Numbers, out: &Out) -> Result<(), End> {
        let code = self.network(Matter::SignOn, talk, numbers, out).await?;
        if code != "00" {
            return Err(End::SignOnRefused(code));
        }
        tracing::info!(acquirer = %self.settings.name, "signed on at the acquirer");
        talk.open(out.clone());
        loop {
            let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let due = heard.unwrap_or_else(Instant::now) + self.settings.echo;
            if due > Instant::now() {
                tokio::time::sleep_until(due).await;
                continue;
            }
            self.network(Matter::Echo, talk, numbers, out).await?;
        }
    }

    async fn network(
        &self,
        matter: Matter,
        talk: &Talk,
        numbers: &Numbers,
        out: &Out,
    ) -> Result<String, End> {
        let stan = numbers.take().await.map_err(|_| End::Shelf)?;
        let sent = Sent {
            stan,
            at: self.shelf.now(),
        };
        let message = network(matter, sent).map_err(|_| End::Broken)?;
        let mut question = talk.ask_over(out, &message).map_err(|_| End::Broken)?;
        let answer = question.answer(self.settings.answer).await;
        let answer = answer.ok_or(End::Silent)?;
        Ok(answer.text(39).unwrap_or("").to_owned())
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Frame>,
) -> Result<(), End> {
    while let Some(frame) = queue.recv().await {
        let written = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        timeout(WHOLE, written).await.map_err(|_| End::Broken)??;
    }
    Ok(())
}

/// Between half of a pause and all of it, so that those who lost their connection together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let [high, low] = random::<2>();
    let part = u32::from(u16::from_be_bytes([high, low]));
    pause / 2 + pause / 2 * part / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_within_their_bounds() {
        let pauses: Vec<Duration> = (0..64).map(|_| jittered(LONGEST_PAUSE)).collect();
        let bounds = LONGEST_PAUSE / 2..=LONGEST_PAUSE;
        assert!(pauses.iter().all(|pause| bounds.contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
