//! Connections to an acquirer, made by a process beside the vault.
//!
//! SECURITY: the vault may make no connection at all (`confine.rs`). What may is this dialler: started by the vault before it
//! confines itself, with one address that nobody can change afterwards, no files, no card and no key. It hands each connection
//! over and keeps nothing of it. So whoever took the vault over could still reach that one address, and no other.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use strongroom_acquirer::{Dial, Dialing};
use tokio::sync::Notify;

/// How long a connection may take to be made, and the dialler to say what came of it.
const CONNECTING: Duration = Duration::from_secs(8);
const SAYING: Duration = Duration::from_secs(9);
/// What is asked, and what is said: here it is, or there is none.
const WANTED: u8 = b'?';
const MADE: u8 = b'+';
const NONE: u8 = b'-';

/// The vault's end of a dialler.
pub struct Dialler {
    stream: Arc<Mutex<UnixStream>>,
    lost: Arc<Notify>,
}

impl Dialler {
    /// The dialler at the other end of a socket; `lost` is told when it has ended.
    ///
    /// # Errors
    /// Of the system.
    pub fn at(stream: UnixStream, lost: Arc<Notify>) -> io::Result<Dialler> {
        stream.set_read_timeout(Some(SAYING))?;
        Ok(Dialler {
            stream: Arc::new(Mutex::new(stream)),
            lost,
        })
    }
}

impl Dial for Dialler {
    fn dial(&self) -> Dialing {
        let (stream, lost) = (Arc::clone(&self.stream), Arc::clone(&self.lost));
        Box::pin(async move {
            let dialled = tokio::task::spawn_blocking(move || {
                ask(&mut stream.lock().unwrap_or_else(PoisonError::into_inner))
            });
            let dialled = dialled.await.map_err(io::Error::other)?;
            if matches!(&dialled, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
                lost.notify_one();
            }
            let stream = dialled?;
            stream.set_nonblocking(true)?;
            tokio::net::TcpStream::from_std(stream)
        })
    }
}

fn ask(stream: &mut UnixStream) -> io::Result<TcpStream> {
    stream.write_all(&[WANTED])?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut said = [0];
    let mut slices = [IoSliceMut::new(&mut said)];
    let received = recvmsg(&*stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe));
    }
    let mut sockets = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => sockets.collect::<Vec<OwnedFd>>(),
        _ => Vec::new(),
    });
    let socket = sockets.next();
    match (said, socket) {
        ([MADE], Some(socket)) => Ok(TcpStream::from(socket)),
        _ => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
    }
}

/// Makes connections to one address for whoever asks at the other end, until that is gone.
///
/// # Errors
/// Of the socket between the two.
pub fn serve(mut stream: UnixStream, address: SocketAddr) -> io::Result<()> {
    let mut asked = [0];
    while matches!(stream.read(&mut asked), Ok(1)) {
        match TcpStream::connect_timeout(&address, CONNECTING) {
            Ok(socket) => hand(&stream, socket)?,
            Err(_) => stream.write_all(&[NONE])?,
        }
    }
    Ok(())
}

fn hand(stream: &UnixStream, socket: TcpStream) -> io::Result<()> {
    let socket = OwnedFd::from(socket);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [socket.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    sendmsg(
        stream,
        &[IoSlice::new(&[MADE])],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_made_by_whoever_may() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let dialling = std::thread::spawn(move || serve(there, address));
        let dialler = Dialler::at(here, Arc::default()).unwrap();
        for _ in 0..2 {
            let made = dialler.dial().await.unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            accepted.write_all(b"x").unwrap();
            let mut read = [0];
            made.readable().await.unwrap();
            while made.try_read(&mut read).is_err() {
                made.readable().await.unwrap();
            }
            assert_eq!(&read, b"x");
        }
        // Nobody listens any more, and then listens again.
        drop(listener);
        assert!(dialler.dial().await.is_err());
        let listener = TcpListener::bind(address).unwrap();
        assert!(dialler.dial().await.is_ok());
        drop((dialler, listener));
        dialling.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_dialler_that_has_ended_is_no_acquirer_that_refuses() {
        let (here, there) = UnixStream::pair().unwrap();
        let lost = Arc::new(Notify::new());
        let dialler = Dialler::at(here, Arc::clone(&lost)).unwrap();
        drop(there);
        assert!(dialler.dial().await.is_err());
        lost.notified().await;
    }
}
