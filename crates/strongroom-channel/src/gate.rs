//! Whose request comes next on a connection: known from its first bytes, which stay in the kernel.
//!
//! SECURITY: between two requests a socket is peeked at, not read, so the API process never copies a byte of a request
//! that may carry a card. A client that sends its next request before the last was answered (pipelining, which no
//! common client does) may have it read along with the last.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// How requests begin that the vault answers: those of tokens, and forms of the payment page.
const VAULT: &[u8] = b"POST /v1/tokens";
const PAGE: &[u8] = b"POST /pay/";
/// What may stand behind it; `POST /v1/tokensx` is nobody's.
const AFTER: [u8; 3] = [b' ', b'/', b'?'];
/// Bytes that are peeked at: some empty lines, and the beginning.
const PEEKED: usize = VAULT.len() + 1 + 8;

/// Whose end of the gate this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Api,
    Vault,
    /// There is no other process.
    Alone,
}

/// Where a connection stands; shared between the socket and what answers its requests.
#[derive(Debug)]
pub struct Turn {
    /// Whether what is read next begins a request.
    between: AtomicBool,
    /// Whether a request is being answered.
    busy: AtomicBool,
    /// Whether the next request is the other process's.
    theirs: AtomicBool,
    /// Whether that is a form of the payment page, whose sender is a person.
    page: AtomicBool,
    /// The socket, then: the connection here may end without closing it.
    socket: Mutex<Option<OwnedFd>>,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn {
            between: AtomicBool::new(true),
            busy: AtomicBool::new(false),
            theirs: AtomicBool::new(false),
            page: AtomicBool::new(false),
            socket: Mutex::new(None),
        }
    }
}

impl Turn {
    /// A request's head was read; `whole` when it has no body.
    pub fn begins(&self, whole: bool) {
        self.busy.store(true, Ordering::Relaxed);
        self.between.store(whole, Ordering::Relaxed);
    }

    /// The last of a request's body was read.
    pub fn is_read(&self) {
        self.between.store(true, Ordering::Relaxed);
    }

    /// A request is answered. Says whether all of it was read: if not, nobody knows where the next one begins.
    pub fn ends(&self) -> bool {
        self.busy.store(false, Ordering::Relaxed);
        self.between.load(Ordering::Relaxed)
    }

    /// The socket of a connection that ended here because its next request is the other process's.
    pub fn take_theirs(&self) -> Option<OwnedFd> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.take()
    }

    /// Whether that request is a form of the payment page.
    pub fn is_page(&self) -> bool {
        self.page.load(Ordering::Relaxed)
    }

    fn is_theirs(&self) -> bool {
        self.theirs.load(Ordering::Relaxed)
    }

    fn leave(&self, socket: OwnedFd, page: bool) {
        self.page.store(page, Ordering::Relaxed);
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        self.theirs.store(true, Ordering::Relaxed);
    }
}

/// A socket that ends, as if its client had closed it, before a request of the other process.
pub struct Gate {
    stream: TcpStream,
    turn: Arc<Turn>,
    side: Side,
    /// Whether bytes wait to be written.
    blocked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ours,
    Theirs,
    /// The same, and a form of the payment page.
    TheirPage,
    /// Too little to tell.
    Unclear,
}

impl Gate {
    pub fn new(stream: TcpStream, turn: Arc<Turn>, side: Side) -> Gate {
        Gate {
            stream,
            turn,
            side,
            blocked: false,
        }
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<io::Result<Next>> {
        let mut seen = 0;
        loop {
            let mut bytes = [0; PEEKED];
            let mut peeked = ReadBuf::new(&mut bytes);
            let length = ready!(self.stream.poll_peek(context, &mut peeked))?;
            match whose(peeked.filled(), self.side) {
                // The client has closed its end in the middle of it.
                Next::Unclear if length == 0 || length == seen => {
                    return Poll::Ready(Ok(Next::Ours));
                }
                Next::Unclear => seen = length,
                known => return Poll::Ready(Ok(known)),
            }
            // Waits for more than what was peeked at.
            let nothing = || Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock));
            drop(self.stream.try_io(Interest::READABLE, nothing));
            ready!(self.stream.poll_read_ready(context))?;
        }
    }
}

fn whose(bytes: &[u8], side: Side) -> Next {
    let lines = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let begun = bytes.get(lines..).unwrap_or(&[]);
    if begun.starts_with(PAGE) {
        return match side {
            Side::Vault => Next::Ours,
            Side::Api | Side::Alone => Next::TheirPage,
        };
    }
    let vault = match (begun.strip_prefix(VAULT), begun.get(VAULT.len())) {
        (Some(_), Some(after)) => AFTER.contains(after),
        (Some(_), None) => return Next::Unclear,
        (None, _) if VAULT.starts_with(begun) || PAGE.starts_with(begun) => return Next::Unclear,
        (None, _) => false,
    };
    match vault == (side == Side::Vault) {
        true => Next::Ours,
        false => Next::Theirs,
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        if gate.turn.is_theirs() {
            return Poll::Ready(Ok(()));
        }
        if gate.side != Side::Alone && gate.turn.between.load(Ordering::Relaxed) {
            match ready!(gate.poll_next(context))? {
                next @ (Next::Theirs | Next::TheirPage) => {
                    // It is looked at again when the answer under way has left.
                    if gate.blocked || gate.turn.busy.load(Ordering::Relaxed) {
                        return Poll::Pending;
                    }
                    let socket = gate.stream.as_fd().try_clone_to_owned()?;
                    gate.turn.leave(socket, next == Next::TheirPage);
                    return Poll::Ready(Ok(()));
                }
                Next::Ours | Next::Unclear => gate.turn.between.store(false, Ordering::Relaxed),
            }
        }
        Pin::new(&mut gate.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        let polled = Pin::new(&mut gate.stream).poll_write(context, bytes);
        gate.blocked = polled.is_pending();
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        let polled = Pin::new(&mut gate.stream).poll_write_vectored(context, slices);
        gate.blocked = polled.is_pending();
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    /// A connection that goes on elsewhere is not shut.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        match gate.turn.is_theirs() {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut gate.stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells() {
        for (bytes, expected) in [
            ("", Next::Unclear),
            ("\r\n", Next::Unclear),
            ("POST /v1/token", Next::Unclear),
            ("POST /v1/tokens", Next::Unclear),
            ("POST /v1/tokens HTTP", Next::Theirs),
            ("\r\nPOST /v1/tokens/tok_1", Next::Theirs),
            ("POST /v1/tokens?x", Next::Theirs),
            ("POST /v1/tokensx", Next::Ours),
            ("GET /v1/tokens HTTP/1.1", Next::Ours),
            ("POST /v1/payouts", Next::Ours),
            ("POST /pa", Next::Unclear),
            ("POST /pay", Next::Unclear),
            ("POST /pay/", Next::TheirPage),
            ("\r\nPOST /pay/plink_1 HTTP", Next::TheirPage),
            ("POST /payments", Next::Ours),
            ("GET /pay/plink_1 HTTP", Next::Ours),
            ("P", Next::Unclear),
            ("post /v1/tokens ", Next::Ours),
        ] {
            assert_eq!(whose(bytes.as_bytes(), Side::Api), expected, "{bytes}");
        }
        assert_eq!(whose(b"POST /v1/tokens ", Side::Vault), Next::Ours);
        assert_eq!(whose(b"POST /pay/plink_1", Side::Vault), Next::Ours);
        assert_eq!(whose(b"GET /pay/plink_1", Side::Vault), Next::Theirs);
        assert_eq!(whose(b"GET /", Side::Vault), Next::Theirs);
    }
}
