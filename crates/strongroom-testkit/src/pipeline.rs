//! Many requests over few connections, each sent before its predecessors are answered (RFC 9112, section 9.3.2): a matrix of some
//! thousand cells takes seconds, and nothing of what a single exchange shows is lost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::exchange::{Outgoing, Reply, connect};

/// How many are under way on a connection: few enough that neither side's buffers fill up while nobody reads.
const AHEAD: usize = 16;

/// Connections at a time.
const CONNECTIONS: usize = 8;

/// Sends all of them and gives the answers in the order of the requests. None may be a `HEAD`, or answered by a stream.
pub fn all(requests: &[Outgoing]) -> Vec<Reply> {
    let share = requests.len().div_ceil(CONNECTIONS).max(1);
    thread::scope(|scope| {
        let parts = requests.chunks(share);
        let parts: Vec<_> = parts
            .map(|part| scope.spawn(move || in_order(part)))
            .collect();
        let answered = parts.into_iter().map(|part| match part.join() {
            Ok(replies) => replies,
            Err(fault) => std::panic::resume_unwind(fault),
        });
        answered.flatten().collect()
    })
}

fn in_order(requests: &[Outgoing]) -> Vec<Reply> {
    let mut replies: Vec<Reply> = Vec::with_capacity(requests.len());
    while let Some(next) = requests.get(replies.len()) {
        let mut line = Line::open(next.address());
        let before = replies.len();
        line.answers(requests, &mut replies);
        assert!(replies.len() > before, "a connection without one answer");
    }
    replies
}

/// A request on a connection that goes on.
fn kept_open(request: &Outgoing) -> Vec<u8> {
    request.clone().header("Connection", "keep-alive").bytes()
}

/// A connection that many answers come by.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(address: SocketAddr) -> Line {
        Line(BufReader::new(connect(address)))
    }

    /// Sends what has no answer yet, until all of it has one or the server closes the connection, as it may after any answer.
    fn answers(&mut self, requests: &[Outgoing], replies: &mut Vec<Reply>) {
        while let Some(rest) = requests
            .get(replies.len()..)
            .filter(|rest| !rest.is_empty())
        {
            let ahead = rest.get(..AHEAD).unwrap_or(rest);
            let bytes: Vec<u8> = ahead.iter().flat_map(kept_open).collect();
            if self.0.get_mut().write_all(&bytes).is_err() {
                return;
            }
            for _ in ahead {
                let Some(reply) = self.reply() else { return };
                let is_last = reply.header("connection") == Some("close");
                replies.push(reply);
                if is_last {
                    return;
                }
            }
        }
    }

    /// The next answer; `None` where the server closed the connection before it.
    fn reply(&mut self) -> Option<Reply> {
        let mut bytes = Vec::new();
        let mut length = 0;
        loop {
            let start = bytes.len();
            let read = self.0.read_until(b'\n', &mut bytes);
            if read.ok().filter(|read| *read > 0).is_none() {
                assert!(
                    bytes.is_empty(),
                    "half a head: {}",
                    String::from_utf8_lossy(&bytes)
                );
                return None;
            }
            let line = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default());
            if line == "\r\n" {
                break;
            }
            if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                let said = said.trim().parse::<u64>();
                length = said.unwrap_or_else(|_| panic!("no length: {line}"));
            }
        }
        let body = self.0.by_ref().take(length).read_to_end(&mut bytes);
        body.unwrap_or_else(|error| panic!("half an answer: {error}"));
        Some(Reply::parse(&bytes, false))
    }
}
