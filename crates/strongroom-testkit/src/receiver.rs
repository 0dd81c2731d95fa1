//! A receiver of webhooks on a port of the loopback: keeps what it got, answers what the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use strongroom_crypto::MacKey;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// What it was answered.
    pub status: u16,
}

impl Received {
    /// A header's one value.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => value,
            _ => panic!("`{name}` does not stand once in {:?}", self.headers),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn event_type(&self) -> String {
        let body = self.json();
        let text = body.get("type").and_then(|value| value.as_str());
        text.unwrap_or_default().to_owned()
    }

    /// Whether the two headers of a single value are made with `secret`.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let tag = MacKey::new(secret.as_bytes()).tag(&[self.body.as_bytes()]);
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        self.header("x-nopos-signature") == hex
            && self.header("nextapi-signature") == format!("sha256={hex}")
    }
}

/// What to answer: a status, and a header line if any.
pub type Answer = (u16, Option<&'static str>);

type Decide = dyn FnMut(&Received) -> Answer + Send;
type Say = dyn FnMut(&Received) -> String + Send;

/// A running receiver; ends with the process.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    decide: Arc<Mutex<Box<Decide>>>,
    say: Arc<Mutex<Box<Say>>>,
}

impl Receiver {
    /// One that answers what `decide` says, asked one request after another.
    pub fn start(decide: impl FnMut(&Received) -> Answer + Send + 'static) -> Receiver {
        let listener =
            TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let receiver = Receiver {
            address,
            received: Arc::default(),
            decide: Arc::new(Mutex::new(Box::new(decide))),
            say: Arc::new(Mutex::new(Box::new(|_| "ok".to_owned()))),
        };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        receiver
    }

    /// One that takes everything.
    pub fn willing() -> Receiver {
        Receiver::start(|_| (200, None))
    }

    /// Answers differently from now on.
    pub fn become_of(&self, decide: impl FnMut(&Received) -> Answer + Send + 'static) {
        *self.decide.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(decide);
    }

    /// Says something else than `ok` in its answers from now on.
    pub fn says(&self, say: impl FnMut(&Received) -> String + Send + 'static) {
        *self.say.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(say);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that arrived, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes what arrived out.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some(mut request) = read(&mut reader) {
            let mut decide = self.decide.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, header) = decide(&request);
            request.status = status;
            let body = (self.say.lock().unwrap_or_else(PoisonError::into_inner))(&request);
            self.received
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request);
            drop(decide);
            let header = header.map_or_else(String::new, |line| format!("{line}\r\n"));
            let reply = format!(
                "HTTP/1.1 {status} X\r\n{header}content-length: {}\r\n\r\n{body}",
                body.len()
            );
            if writer.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let line = line(reader)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = self::line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        path,
        headers,
        body: String::from_utf8(body).ok()?,
        status: 0,
    })
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}
