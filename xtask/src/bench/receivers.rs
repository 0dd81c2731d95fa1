//! Many receivers of webhooks on ports of the loopback: one thread that reads each request, answers 200 and
//! notes when it came. It does no more than that, so that the other core is the sender's.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::reply::content_length;
use crate::Outcome;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const READ_BYTES: usize = 16 * 1024;

/// How often the thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// Running receivers; they end with this value.
pub struct Receivers {
    /// Where they listen.
    pub addresses: Vec<SocketAddr>,
    arrived: Arc<Arrived>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Arrived {
    count: AtomicU64,
    last: Mutex<Option<Instant>>,
    changed: Condvar,
    ended: AtomicBool,
}

impl Receivers {
    /// Starts `count` of them.
    pub fn start(count: usize) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut listeners = Vec::new();
        for number in 0..count {
            let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            let registry = poll.registry();
            registry.register(&mut listener, Token(number), Interest::READABLE)?;
            listeners.push(listener);
        }
        let addresses = listeners.iter().map(TcpListener::local_addr);
        let addresses = addresses.collect::<Result<_, _>>()?;
        let arrived = Arc::new(Arrived::default());
        let mut serving = Serving {
            poll,
            listeners,
            connections: Vec::new(),
            arrived: Arc::clone(&arrived),
        };
        let thread = std::thread::Builder::new()
            .name("receivers".into())
            .spawn(move || serving.run())?;
        Ok(Self {
            addresses,
            arrived,
            thread: Some(thread),
        })
    }

    /// Requests that were taken so far.
    pub fn count(&self) -> u64 {
        self.arrived.count.load(Ordering::Acquire)
    }

    /// Waits until `count` requests were taken in all; says when the last of them came.
    pub fn wait_for(&self, count: u64, patience: Duration) -> Outcome<Instant> {
        let last = self.arrived.lock();
        let missing = |_: &mut Option<Instant>| self.count() < count;
        let waited = self
            .arrived
            .changed
            .wait_timeout_while(last, patience, missing);
        let (last, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some(last) if !outcome.timed_out() => Ok(last),
            _ => Err(format!("{} of {count} webhooks arrived", self.count()).into()),
        }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.arrived.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // What it panicked at stands on the terminal already.
            drop(thread.join());
        }
    }
}

impl Arrived {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, requests: u64) {
        let mut last = self.lock();
        *last = Some(Instant::now());
        self.count.fetch_add(requests, Ordering::Release);
        drop(last);
        self.changed.notify_all();
    }
}

struct Serving {
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// By token, behind those of the listeners.
    connections: Vec<Option<(TcpStream, Vec<u8>)>>,
    arrived: Arc<Arrived>,
}

impl Serving {
    fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; READ_BYTES];
        while !self.arrived.ended.load(Ordering::Acquire) {
            if self.poll.poll(&mut events, Some(TICK)).is_err() {
                continue;
            }
            for event in &events {
                match event.token().0.checked_sub(self.listeners.len()) {
                    None => self.accept(event.token().0),
                    Some(number) => self.serve(number, &mut scratch),
                }
            }
        }
    }

    fn accept(&mut self, number: usize) {
        while let Some(Ok((mut socket, _))) = self.listeners.get(number).map(TcpListener::accept) {
            let token = Token(self.listeners.len() + self.connections.len());
            let registry = self.poll.registry();
            let known = registry.register(&mut socket, token, Interest::READABLE);
            self.connections
                .push(known.is_ok().then(|| (socket, Vec::new())));
        }
    }

    /// Answers whatever requests are whole; a connection that ends is forgotten.
    fn serve(&mut self, number: usize, scratch: &mut [u8]) {
        let Some(slot) = self.connections.get_mut(number) else {
            return;
        };
        let Some((socket, input)) = slot else { return };
        let mut open = true;
        loop {
            match socket.read(scratch) {
                Ok(0) => {
                    open = false;
                    break;
                }
                Ok(count) => {
                    input.extend_from_slice(scratch.get(..count).unwrap_or_default());
                    if count < scratch.len() {
                        break;
                    }
                }
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    open = false;
                    break;
                }
            }
        }
        let mut requests = 0;
        while let Some(length) = whole(input) {
            input.drain(..length);
            requests += 1;
            open &= socket.write_all(ANSWER).is_ok();
        }
        if requests > 0 {
            self.arrived.note(requests);
        }
        if !open {
            *slot = None;
        }
    }
}

/// The length of the request at the start of `bytes`, once it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let length = end + 4 + content_length(head).unwrap_or(0);
    (bytes.len() >= length).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::{ANSWER, Receivers};

    #[test]
    fn each_request_is_answered_and_counted() {
        let receivers = Receivers::start(2).unwrap();
        for address in &receivers.addresses {
            let mut socket = TcpStream::connect(address).unwrap();
            for pieces in [["POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na", "bc"]; 2] {
                for piece in pieces {
                    socket.write_all(piece.as_bytes()).unwrap();
                }
                let mut answer = vec![0; ANSWER.len()];
                socket.read_exact(&mut answer).unwrap();
                assert_eq!(answer, ANSWER);
            }
        }
        receivers.wait_for(4, Duration::from_secs(10)).unwrap();
        assert_eq!(receivers.count(), 4);
        assert!(receivers.wait_for(5, Duration::from_millis(1)).is_err());
    }
}
