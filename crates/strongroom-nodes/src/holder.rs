//! The node that decides, as another one sees it: connections to it that are kept, and what became of each request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsConnector;

use crate::identity::{GREETING, LABEL, NAME, WELCOME};
use crate::key::NodeKey;
use crate::notice::Notice;
use crate::pinned;

/// Most requests on their way to it at a time, streams included.
const MOST: usize = 2_048;
/// How long connecting, TLS and the proof may take together.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is kept that nobody uses; shorter than the other end keeps it.
const IDLE: Duration = Duration::from_secs(20);

type Connection = SendRequest<Full<Bytes>>;

/// The deciding node. Dropped, its connections end.
pub struct Holder {
    pub notice: Notice,
    key: Arc<NodeKey>,
    connector: TlsConnector,
    idle: Mutex<Vec<(Connection, Instant)>>,
    places: Arc<Semaphore>,
    /// Grows when everything under way is given up.
    broken: watch::Sender<u64>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The node has certainly not seen the request.
    NotSent(String),
    /// It may have.
    Lost(String),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::NotSent(cause) => write!(f, "not sent: {cause}"),
            Missed::Lost(cause) => write!(f, "no answer: {cause}"),
        }
    }
}

/// An answer whose body is still on its way, and the connection that brings it.
pub struct Answered {
    pub response: Response<Incoming>,
    connection: Connection,
    broken: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

impl Answered {
    /// The body, and what changes once everything under way is given up.
    pub fn parts(&mut self) -> (&mut Incoming, watch::Receiver<u64>) {
        (self.response.body_mut(), self.broken.clone())
    }
}

impl Holder {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(notice: Notice, key: Arc<NodeKey>) -> Result<Holder, String> {
        let config = pinned::config(notice.fingerprint).map_err(|error| error.to_string())?;
        Ok(Holder {
            notice,
            key,
            connector: TlsConnector::from(Arc::new(config)),
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(MOST)),
            broken: watch::Sender::new(0),
        })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, Missed> {
        let mut broken = self.broken.subscribe();
        let sending = self.sent(request, broken.clone());
        tokio::select! {
            outcome = sending => outcome,
            _ = broken.changed() => Err(Missed::Lost("the node does not answer any more".to_owned())),
        }
    }

    async fn sent(
        &self,
        mut request: Request<Full<Bytes>>,
        broken: watch::Receiver<u64>,
    ) -> Result<Answered, Missed> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Missed::NotSent("it is not used any more".to_owned()))?;
        loop {
            let (mut connection, is_old) = match self.take_idle() {
                Some(connection) => (connection, true),
                None => (self.connect().await?, false),
            };
            if let Err(error) = connection.ready().await {
                if is_old {
                    continue;
                }
                return Err(Missed::NotSent(error.to_string()));
            }
            match connection.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Answered {
                        response,
                        connection,
                        broken,
                        _place: place,
                    });
                }
                Err(mut error) => match error.take_message() {
                    // It had been closed before a byte went out.
                    Some(unsent) if is_old => request = unsent,
                    Some(_) => return Err(Missed::NotSent(error.into_error().to_string())),
                    None => return Err(Missed::Lost(error.into_error().to_string())),
                },
            }
        }
    }

    /// Keeps the connection of an answer that was read to its end.
    pub fn keep(&self, answered: Answered) {
        let Answered { connection, .. } = answered;
        if !connection.is_closed() {
            self.lock().push((connection, Instant::now()));
        }
    }

    /// Gives up everything under way, and every connection: nothing came back for too long.
    pub fn break_off(&self) {
        self.lock().clear();
        self.broken.send_modify(|times| *times += 1);
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.lock();
        if idle
            .first()
            .is_some_and(|(_, since)| since.elapsed() > IDLE)
        {
            idle.retain(|(_, since)| since.elapsed() <= IDLE);
        }
        while let Some((connection, _)) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, Missed> {
        let connected = tokio::time::timeout(CONNECT, self.prove()).await;
        let not_sent = |cause: String| Missed::NotSent(format!("{}: {cause}", self.notice.address));
        match connected {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(not_sent(error.to_string())),
            Err(_) => Err(not_sent("it does not answer".to_owned())),
        }
    }

    /// Connects, checks whom it has reached, and proves to belong to the installation.
    async fn prove(&self) -> std::io::Result<Connection> {
        let other = std::io::Error::other::<String>;
        let stream = TcpStream::connect(self.notice.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(NAME).map_err(|error| other(error.to_string()))?;
        let mut session = self.connector.connect(name, stream).await?;
        let exported = session
            .get_ref()
            .1
            .export_keying_material([0; 32], LABEL, None)
            .map_err(|error| other(error.to_string()))?;
        let Notice {
            epoch, instance, ..
        } = &self.notice;
        let proof = self.key.membership(*epoch, instance, &exported);
        session.write_all(&GREETING).await?;
        session.write_all(&proof).await?;
        session.flush().await?;
        if session.read_u8().await? != WELCOME {
            return Err(other("it does not let this node in".to_owned()));
        }
        let (connection, driver) = handshake(TokioIo::new(session))
            .await
            .map_err(|error| other(error.to_string()))?;
        // Ends with the connection.
        tokio::spawn(async move { drop(driver.await) });
        Ok(connection)
    }
}
