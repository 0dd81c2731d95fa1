//! The load generator: one thread, `connections` kept-alive sockets, each with one request in
//! flight (a closed loop). It does no more per request than to build, sign, send and time it,
//! so that the other core is the server's.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::reply;
use crate::Outcome;

/// How long requests in flight may take once no new ones are sent.
const DRAIN: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 16 * 1024;

/// What is sent and what becomes of the replies.
pub trait Traffic {
    /// Writes the next whole request into `out` and names it; `None` when there is none left.
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64>;
    /// Takes the reply to the request that `next` named `request`.
    fn reply(&mut self, request: u64, status: u16, body: &[u8]);
}

/// What was seen while driving.
#[derive(Debug)]
pub struct Tally {
    /// Replies that came before the deadline.
    pub replies: u64,
    /// All replies, the drained ones too.
    pub all_replies: u64,
    /// Replies whose status was not 2xx.
    pub refused: u64,
    /// The first of them, for the person at the terminal.
    pub first_refusal: Option<String>,
    /// The time that requests were sent for.
    pub seconds: f64,
    /// From sending to the whole reply, in microseconds.
    pub latency_us: Histogram<u64>,
}

/// Open connections to one server.
pub struct Client {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    in_flight: Option<(u64, Instant)>,
}

impl Client {
    /// Opens `connections` sockets to `address`.
    pub fn connect(address: SocketAddr, connections: usize) -> Outcome<Self> {
        Self::connect_all(&[address], connections)
    }

    /// The same, to several addresses in turn.
    pub fn connect_all(addresses: &[SocketAddr], connections: usize) -> Outcome<Self> {
        let poll = Poll::new()?;
        let open = |number: usize| -> Outcome<Connection> {
            let address = addresses.iter().cycle().nth(number);
            let address = address.ok_or("there is nobody to send to")?;
            let socket = std::net::TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut socket, Token(number), interest)?;
            Ok(Connection::new(socket))
        };
        let connections = (0..connections).map(open).collect::<Outcome<_>>()?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            connections,
            scratch: vec![0; READ_BYTES],
        })
    }

    /// Sends `traffic` for `duration`, or until it ends, and waits for the last replies.
    pub fn drive(&mut self, traffic: &mut impl Traffic, duration: Duration) -> Outcome<Tally> {
        let mut tally = Tally::new()?;
        let started = Instant::now();
        let deadline = started
            .checked_add(duration)
            .ok_or("the duration is too long")?;
        for connection in &mut self.connections {
            connection.start(traffic)?;
        }
        while self
            .connections
            .iter()
            .any(|connection| connection.in_flight.is_some())
        {
            if Instant::now() > deadline + DRAIN {
                return Err("replies are missing after 30 s".into());
            }
            self.turn(traffic, &mut tally, deadline)?;
        }
        tally.seconds = started.elapsed().min(duration).as_secs_f64();
        Ok(tally)
    }

    fn turn(
        &mut self,
        traffic: &mut impl Traffic,
        tally: &mut Tally,
        deadline: Instant,
    ) -> Outcome<()> {
        match self
            .poll
            .poll(&mut self.events, Some(Duration::from_millis(200)))
        {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let Some(connection) = self.connections.get_mut(event.token().0) else {
                continue;
            };
            if event.is_writable() {
                connection.flush()?;
            }
            if event.is_readable()
                && connection.receive(&mut self.scratch, traffic, tally, deadline)?
            {
                connection.start(traffic)?;
            }
        }
        Ok(())
    }
}

impl Connection {
    fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            out: Vec::new(),
            sent: 0,
            input: Vec::new(),
            in_flight: None,
        }
    }

    /// Sends the next request, when there is one.
    fn start(&mut self, traffic: &mut impl Traffic) -> Outcome<()> {
        self.out.clear();
        self.sent = 0;
        if let Some(request) = traffic.next(&mut self.out) {
            self.in_flight = Some((request, Instant::now()));
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(count) => self.sent += count,
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(cause) => return Err(format!("cannot send: {cause}").into()),
            }
        }
        Ok(())
    }

    /// Reads what is there; true when the reply is whole and the next request may go.
    fn receive(
        &mut self,
        scratch: &mut [u8],
        traffic: &mut impl Traffic,
        tally: &mut Tally,
        deadline: Instant,
    ) -> Outcome<bool> {
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => count,
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => break,
                Err(cause) => return Err(format!("cannot read: {cause}").into()),
            };
            self.input
                .extend_from_slice(scratch.get(..count).unwrap_or_default());
            // A short read emptied the socket: what comes later raises an event of its own.
            if count < scratch.len() {
                break;
            }
        }
        let Some((request, sent_at)) = self.in_flight else {
            return Ok(false);
        };
        let Some(reply) = reply::parse(&self.input)? else {
            return Ok(false);
        };
        let now = Instant::now();
        traffic.reply(request, reply.status, reply.body);
        tally.count(&reply, now.duration_since(sent_at), now <= deadline);
        self.input.drain(..reply.length);
        self.in_flight = None;
        Ok(now < deadline)
    }
}

impl Tally {
    fn new() -> Outcome<Self> {
        let latency_us = Histogram::new_with_bounds(1, 120_000_000, 3)?;
        let (replies, all_replies, refused) = (0, 0, 0);
        Ok(Self {
            replies,
            all_replies,
            refused,
            first_refusal: None,
            seconds: 0.0,
            latency_us,
        })
    }

    fn count(&mut self, reply: &reply::Reply<'_>, took: Duration, in_time: bool) {
        self.all_replies += 1;
        self.replies += u64::from(in_time);
        self.latency_us
            .saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if !(200..300).contains(&reply.status) {
            self.refused += 1;
            self.first_refusal.get_or_insert_with(|| {
                format!("{}: {}", reply.status, String::from_utf8_lossy(reply.body))
            });
        }
    }

    /// Replies per second of sending.
    pub fn rate(&self) -> f64 {
        super::number(self.replies) / self.seconds
    }

    /// An error that quotes the first refusal, when there was any.
    pub fn must_all_succeed(&self) -> Outcome<()> {
        match &self.first_refusal {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} of {} replies were not 2xx; the first: {first}",
                self.refused, self.all_replies
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::{Client, Traffic};

    struct Count {
        left: u64,
        statuses: Vec<u16>,
    }

    impl Traffic for Count {
        fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
            self.left = self.left.checked_sub(1)?;
            out.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            Some(self.left)
        }

        fn reply(&mut self, _: u64, status: u16, _: &[u8]) {
            self.statuses.push(status);
        }
    }

    /// Answers one connection: `refusals` times 409, then 200, each in two pieces.
    fn serve(listener: &TcpListener, mut refusals: u32) {
        let (mut socket, _) = listener.accept().unwrap();
        let mut bytes = [0; 64];
        while socket.read(&mut bytes).is_ok_and(|count| count > 0) {
            let status = if refusals > 0 { "409 No" } else { "200 OK" };
            refusals = refusals.saturating_sub(1);
            write!(socket, "HTTP/1.1 {status}\r\nContent-Le").unwrap();
            socket.flush().unwrap();
            write!(socket, "ngth: 2\r\n\r\n{{}}").unwrap();
        }
    }

    fn drive(refusals: u32, left: u64) -> (super::Tally, Count) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || serve(&listener, refusals));
        let mut traffic = Count {
            left,
            statuses: Vec::new(),
        };
        let mut client = Client::connect(address, 1).unwrap();
        let tally = client.drive(&mut traffic, Duration::from_secs(20)).unwrap();
        (tally, traffic)
    }

    #[test]
    fn every_request_is_answered_and_timed() {
        let (tally, traffic) = drive(0, 25);
        assert_eq!(
            (tally.replies, tally.refused, tally.latency_us.len()),
            (25, 0, 25)
        );
        assert_eq!(traffic.statuses, [200; 25]);
        assert!(tally.must_all_succeed().is_ok());
    }

    #[test]
    fn a_refusal_fails_the_run_and_is_quoted() {
        let (tally, _) = drive(2, 5);
        assert_eq!(tally.refused, 2);
        assert!(
            tally
                .must_all_succeed()
                .unwrap_err()
                .to_string()
                .contains("409")
        );
    }
}
