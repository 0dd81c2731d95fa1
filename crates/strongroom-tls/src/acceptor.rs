//! From a socket to a TLS stream, with whatever certificate is right at that moment.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::Certificate;
use crate::challenges::{Challenges, PROTOCOL};
use crate::config::{Loaded, provider};
use crate::facts::Facts;
use crate::fault::TlsFault;
use crate::files::{Stamp, stamp};
use crate::pins::PinSet;
use crate::settings::TlsSettings;
use crate::stats::{HandshakeCounts, Stats};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// What is read of a client that was answered in clear, so that it can read the answer.
const MOST_SKIPPED: u64 = 64 * 1024;
const SKIP_TIME: Duration = Duration::from_secs(2);

/// The answer to plain HTTP. No word of what was asked: it went over the wire in clear, keys and all.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
content-type: application/problem+json\r\n\
content-length: 243\r\n\
cache-control: no-store\r\n\
content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
referrer-policy: no-referrer\r\n\
x-content-type-options: nosniff\r\n\
x-frame-options: DENY\r\n\
cross-origin-opener-policy: same-origin\r\n\
cross-origin-resource-policy: same-origin\r\n\
permissions-policy: camera=(), geolocation=(), microphone=(), payment=()\r\n\
connection: close\r\n\r\n";
const PLAIN_BODY: &[u8] = b"{\"type\":\"urn:strongroom:problem:tls_required\",\"title\":\"TLS is needed\",\"status\":400,\
\"detail\":\"this port speaks HTTPS: what was sent went over the network in clear, so replace any key that was in it\",\
\"code\":\"tls_required\",\"message\":\"use https\"}\n";

/// Why a socket did not become a TLS stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Failed,
    TimedOut,
    PlainHttp,
    Crowded,
    /// It was a challenge, and has been answered.
    Challenge,
}

/// Accepts TLS. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(Arc<Inner>);

struct Inner {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<Loaded>>,
    /// The stamps of the files when they were last looked at.
    seen: Mutex<Vec<Option<Stamp>>>,
    unfinished: Semaphore,
    challenges: Challenges,
    challenge_config: Arc<ServerConfig>,
    /// Counts up when who may come in changed.
    clients: watch::Sender<u64>,
    stats: Stats,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Reads and checks all files; `now` in seconds since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong, with the file it is in.
    pub fn open(settings: TlsSettings, now: i64) -> Result<Acceptor, TlsFault> {
        let provider = provider();
        let seen = stamps(&settings);
        let loaded = Loaded::read(&settings, &provider, None, now)?;
        let challenges = Challenges::default();
        let challenge_config = challenges.config(&provider).map_err(|_| {
            TlsFault::at(
                &settings.certificate,
                "cannot be served: the TLS library gives no versions",
            )
        })?;
        let room = usize::try_from(settings.handshakes.max(1)).unwrap_or(1);
        Ok(Acceptor(Arc::new(Inner {
            unfinished: Semaphore::new(room),
            settings,
            provider,
            current: RwLock::new(Arc::new(loaded)),
            seen: Mutex::new(seen),
            challenges,
            challenge_config,
            clients: watch::Sender::new(0),
            stats: Stats::default(),
        })))
    }

    /// Makes a TLS stream of a socket, within the time and number that handshakes have.
    ///
    /// # Errors
    /// Why there is none; the socket is closed then.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Facts), Refused> {
        let stats = &self.0.stats;
        // Whoever comes too many is sent away rather than kept waiting: those who wait would hold sockets.
        let Ok(room) = self.0.unfinished.try_acquire() else {
            stats.crowded.add();
            return Err(Refused::Crowded);
        };
        let made = timeout(self.0.settings.handshake_time, self.handshake(stream)).await;
        drop(room);
        let (counted, outcome) = match made {
            Ok(Ok(made)) => (&stats.done, Ok(made)),
            Ok(Err(Refused::Challenge)) => return Err(Refused::Challenge),
            Ok(Err(Refused::PlainHttp)) => (&stats.plain, Err(Refused::PlainHttp)),
            Ok(Err(refused)) => (&stats.failed, Err(refused)),
            Err(_) => (&stats.timed_out, Err(Refused::TimedOut)),
        };
        counted.add();
        outcome
    }

    async fn handshake(&self, stream: TcpStream) -> Result<(TlsStream<TcpStream>, Facts), Refused> {
        let failed = |_: Error| Refused::Failed;
        let mut first = [0];
        let read = stream.peek(&mut first).await.map_err(failed)?;
        match first {
            [HANDSHAKE] if read == 1 => {}
            [byte] if read == 1 && byte.is_ascii_uppercase() => return answer_plain(stream).await,
            _ => return Err(Refused::Failed),
        }
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
        let started = hello.await.map_err(failed)?;
        let is_challenge = !self.0.challenges.is_empty()
            && started
                .client_hello()
                .alpn()
                .is_some_and(|mut offered| offered.any(|protocol| protocol == PROTOCOL));
        if is_challenge {
            let config = Arc::clone(&self.0.challenge_config);
            let mut stream = started.into_stream(config).await.map_err(failed)?;
            // The handshake was all that was asked for.
            stream.shutdown().await.map_err(failed)?;
            return Err(Refused::Challenge);
        }
        let loaded = self.loaded();
        let Some(served) = &loaded.served else {
            return Err(Refused::Failed);
        };
        let config = Arc::clone(&served.config);
        let stream = started.into_stream(config).await.map_err(failed)?;
        let facts = Facts::of(stream.get_ref().1);
        Ok((stream, facts))
    }

    /// Reads all files again. What is broken changes nothing.
    ///
    /// # Errors
    /// What is wrong with the new files, with the file it is in.
    pub fn reload(&self, now: i64) -> Result<(), TlsFault> {
        let seen = stamps(&self.0.settings);
        let outcome = self.replace(now);
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let counted = match &outcome {
            Ok(()) => &self.0.stats.reloads,
            Err(_) => &self.0.stats.reloads_failed,
        };
        counted.add();
        outcome
    }

    fn replace(&self, now: i64) -> Result<(), TlsFault> {
        let in_use = self.0.current.read();
        let in_use = Arc::clone(&in_use.unwrap_or_else(PoisonError::into_inner));
        let new = Loaded::read(&self.0.settings, &self.0.provider, Some(&in_use), now)?;
        let mut current = self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let (Some(old), Some(pins)) = (&current.pins, &new.pins)
            && pins.sequence < old.sequence
            && let Some(settings) = &self.0.settings.pins
        {
            return Err(TlsFault::at(
                &settings.document,
                "is an older pin set than the one in use",
            ));
        }
        let others = new.clients != current.clients;
        *current = Arc::new(new);
        drop(current);
        if others {
            self.0.clients.send_modify(|times| *times += 1);
        }
        Ok(())
    }

    /// Whether a file is another one than when they were last read.
    pub fn is_outdated(&self) -> bool {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen != stamps(&self.0.settings)
    }

    /// Tells when it changes which clients get in: who is in by a certificate must show it again.
    pub fn clients_changed(&self) -> watch::Receiver<u64> {
        self.0.clients.subscribe()
    }

    /// The certificate that new connections are served.
    pub fn certificate(&self) -> Option<Certificate> {
        let loaded = self.loaded();
        loaded
            .served
            .as_ref()
            .map(|served| served.certificate.clone())
    }

    /// The pin set that is published.
    pub fn pins(&self) -> Option<PinSet> {
        self.loaded().pins.clone()
    }

    pub fn challenges(&self) -> &Challenges {
        &self.0.challenges
    }

    pub fn settings(&self) -> &TlsSettings {
        &self.0.settings
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.0.stats
    }

    pub fn counts(&self) -> HandshakeCounts {
        self.0.stats.read()
    }

    fn loaded(&self) -> Arc<Loaded> {
        let current = self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Option<Stamp>> {
    settings
        .files()
        .into_iter()
        .map(|file| stamp(file))
        .collect()
}

/// Tells a client that speaks HTTP in clear what is wrong, and reads on for a while, since a socket closed on unread
/// bytes would take the answer back.
async fn answer_plain<T>(mut stream: TcpStream) -> Result<T, Refused> {
    let ended = async {
        stream.write_all(&[PLAIN, PLAIN_BODY].concat()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        let mut skipped = 0;
        while skipped < MOST_SKIPPED {
            match stream.read(&mut rest).await? {
                0 => break,
                more => skipped += u64::try_from(more).unwrap_or(MOST_SKIPPED),
            }
        }
        Ok::<(), Error>(())
    };
    match timeout(SKIP_TIME, ended).await {
        Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Err(Refused::Failed),
        _ => Err(Refused::PlainHttp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_in_clear_is_as_long_as_it_says() {
        let head = std::str::from_utf8(PLAIN).unwrap();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap();
        assert_eq!(length.parse(), Ok(PLAIN_BODY.len()));
        let body: serde_json::Value = serde_json::from_slice(PLAIN_BODY).unwrap();
        assert_eq!(body["code"], "tls_required");
    }
}
