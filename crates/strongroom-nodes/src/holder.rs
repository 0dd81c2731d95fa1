//! The node that decides, as another one sees it: connections to it that are kept, and what became of each request.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::identity::{BUFFER, GREETING, LABEL, LANES, NAME, WELCOME};
use crate::key::NodeKey;
use crate::lane::{Lane, Unasked};
use crate::notice::Notice;
use crate::pinned;

/// Most questions on their way to it at a time on the lane, and as many requests and streams on connections of their own:
/// open streams keep nobody from asking.
const MOST: usize = 2_048;
/// How long connecting, TLS and the proof may take together.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is kept that nobody uses; shorter than the other end keeps it.
const IDLE: Duration = Duration::from_secs(20);
/// How long a node that has no lanes is not asked for one again.
const WITHOUT: Duration = Duration::from_secs(60);
/// Lanes that are tried for one question, each having ended before it could be sent.
const TRIES: usize = 3;

type Connection = SendRequest<Full<Bytes>>;
type Session = TlsStream<BufReader<TcpStream>>;

/// The deciding node. Dropped, its connections end.
pub struct Holder {
    pub notice: Notice,
    key: Arc<NodeKey>,
    connector: TlsConnector,
    idle: Mutex<Vec<(Connection, Instant)>>,
    lane: RwLock<Option<Arc<Lane>>>,
    /// Held by whoever connects the lane.
    connecting: tokio::sync::Mutex<Connected>,
    questions: Semaphore,
    requests: Arc<Semaphore>,
    /// Grows when everything under way is given up.
    broken: watch::Sender<u64>,
}

/// How the last lane was connected.
#[derive(Default)]
struct Connected {
    /// Since when the node is known to have none.
    without: Option<Instant>,
    /// When and why it was not.
    missed: Option<(Instant, Missed)>,
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
    /// `None` for a ping.
    _place: Option<OwnedSemaphorePermit>,
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
        Holder::with_places(notice, key, MOST)
    }

    /// The same with room for so many questions and as many requests at a time.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with_places(notice: Notice, key: Arc<NodeKey>, places: usize) -> Result<Holder, String> {
        let config = pinned::config(notice.fingerprint).map_err(|error| error.to_string())?;
        Ok(Holder {
            notice,
            key,
            connector: TlsConnector::from(Arc::new(config)),
            idle: Mutex::default(),
            lane: RwLock::default(),
            connecting: tokio::sync::Mutex::default(),
            questions: Semaphore::new(places),
            requests: Arc::new(Semaphore::new(places)),
            broken: watch::Sender::new(0),
        })
    }

    /// Asks on the lane and waits for the whole answer. `None` where the node is of a version that has no lanes.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn ask(&self, mut question: Vec<u8>) -> Result<Option<Vec<u8>>, Missed> {
        let place = self.questions.acquire().await;
        let _place = place.map_err(|_| Missed::NotSent("it is not used any more".to_owned()))?;
        for _ in 0..TRIES {
            let Some(lane) = self.lane().await? else {
                return Ok(None);
            };
            match lane.ask(question).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(Unasked::NotSent(unsent)) => question = unsent,
                Err(Unasked::Lost) => {
                    return Err(Missed::Lost("the connection has ended".to_owned()));
                }
            }
        }
        Err(Missed::NotSent("its connections end".to_owned()))
    }

    /// The lane that is there, or a new one.
    async fn lane(&self) -> Result<Option<Arc<Lane>>, Missed> {
        let standing = || {
            let lane = self.lane.read().unwrap_or_else(PoisonError::into_inner);
            lane.clone().filter(|lane| !lane.is_retired())
        };
        if let Some(lane) = standing() {
            return Ok(Some(lane));
        }
        let asked = Instant::now();
        let mut last = self.connecting.lock().await;
        // Somebody else may have connected it meanwhile.
        if let Some(lane) = standing() {
            return Ok(Some(lane));
        }
        if last.without.is_some_and(|since| since.elapsed() < WITHOUT) {
            return Ok(None);
        }
        // Who waited for another one's try does not try again: all of them would wait one after another.
        if let Some((_, missed)) = last.missed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(missed.clone());
        }
        let session = match self.within(self.prove(LANES)).await {
            Ok(Some(session)) => session,
            Ok(None) => {
                last.without = Some(Instant::now());
                return Ok(None);
            }
            Err(missed) => {
                last.missed = Some((Instant::now(), missed.clone()));
                return Err(missed);
            }
        };
        let lane = Arc::new(Lane::new(session));
        *self.lane.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&lane));
        Ok(Some(lane))
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, Missed> {
        let place = Arc::clone(&self.requests).acquire_owned().await;
        let place = place.map_err(|_| Missed::NotSent("it is not used any more".to_owned()))?;
        self.send_in(request, Some(place)).await
    }

    /// The same for a request that asks whether the node is there: it waits for nobody's place, so that many requests are
    /// not taken for silence.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn ping(&self, request: Request<Full<Bytes>>) -> Result<Answered, Missed> {
        self.send_in(request, None).await
    }

    async fn send_in(
        &self,
        request: Request<Full<Bytes>>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Answered, Missed> {
        let mut broken = self.broken.subscribe();
        let sending = self.sent(request, place, broken.clone());
        tokio::select! {
            outcome = sending => outcome,
            _ = broken.changed() => Err(Missed::Lost("the node does not answer any more".to_owned())),
        }
    }

    async fn sent(
        &self,
        mut request: Request<Full<Bytes>>,
        place: Option<OwnedSemaphorePermit>,
        broken: watch::Receiver<u64>,
    ) -> Result<Answered, Missed> {
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
        let lane = self.lane.write();
        if let Some(lane) = lane.unwrap_or_else(PoisonError::into_inner).take() {
            lane.break_off();
        }
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
        self.within(self.speak()).await
    }

    /// What comes of connecting, in time.
    async fn within<T>(
        &self,
        connecting: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, Missed> {
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        let not_sent = |cause: String| Missed::NotSent(format!("{}: {cause}", self.notice.address));
        match connected {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(not_sent(error.to_string())),
            Err(_) => Err(not_sent("it does not answer".to_owned())),
        }
    }

    /// A connection that speaks HTTP.
    async fn speak(&self) -> std::io::Result<Connection> {
        let other = std::io::Error::other::<String>;
        let session = self.prove(GREETING).await?;
        let session = session.ok_or_else(|| other("it does not let this node in".to_owned()))?;
        let (connection, driver) = handshake(TokioIo::new(session))
            .await
            .map_err(|error| other(error.to_string()))?;
        // Ends with the connection.
        tokio::spawn(async move { drop(driver.await) });
        Ok(connection)
    }

    /// Connects, checks whom it has reached, and proves to belong to the installation. `None` when it is not let in, or
    /// the greeting is none that the node knows.
    async fn prove(&self, greeting: [u8; 8]) -> std::io::Result<Option<Session>> {
        let other = std::io::Error::other::<String>;
        let stream = TcpStream::connect(self.notice.address).await?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(BUFFER, stream);
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
        let mut words = greeting.to_vec();
        words.extend_from_slice(&proof);
        let let_in = async {
            session.write_all(&words).await?;
            session.flush().await?;
            session.read_u8().await
        };
        // It may close before it took everything.
        let is_in = let_in.await.is_ok_and(|said| said == WELCOME);
        Ok(is_in.then_some(session))
    }
}
