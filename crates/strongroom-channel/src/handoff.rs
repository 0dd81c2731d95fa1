//! Passing a client's connection to the other process: the socket itself, with nothing read from it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, TcpStream as StdStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

use crate::message::{address, octets};

/// A message: the address of the client.
const LENGTH: usize = 16;

/// A stream that sockets travel by, in both directions. Cheap to clone.
#[derive(Clone)]
pub struct Handoff {
    stream: Arc<UnixStream>,
    /// One message at a time: of two halves no message is made.
    sending: Arc<Mutex<()>>,
}

/// A connection from the other process.
pub struct Handed {
    pub stream: TcpStream,
    pub peer: IpAddr,
}

impl Handoff {
    pub fn new(stream: UnixStream) -> Handoff {
        Handoff {
            stream: Arc::new(stream),
            sending: Arc::default(),
        }
    }

    /// Gives a connection away.
    ///
    /// # Errors
    /// When the other process is gone; the connection comes back.
    pub async fn give(&self, socket: OwnedFd, peer: IpAddr) -> Result<(), OwnedFd> {
        let _turn = self.sending.lock().await;
        let bytes = octets(peer);
        let sent = self.stream.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let fds = [socket.as_fd()];
            if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            }
            let slices = [IoSlice::new(&bytes)];
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            Ok(sendmsg(&self.stream, &slices, &mut control, flags)?)
        });
        match sent.await {
            Ok(LENGTH) => Ok(()),
            _ => Err(socket),
        }
    }

    /// The next connection that is given; `None` when the other process is gone.
    pub async fn take(&self) -> Option<Handed> {
        loop {
            let (length, bytes, sockets) = self
                .stream
                .async_io(Interest::READABLE, || receive(&self.stream))
                .await
                .ok()?;
            if length == 0 {
                return None;
            }
            // What cannot be used is closed, and the client asks again.
            let socket = sockets.into_iter().next().filter(|_| length == LENGTH);
            let stream = socket.and_then(|socket| {
                let stream = StdStream::from(socket);
                stream.set_nonblocking(true).ok()?;
                TcpStream::from_std(stream).ok()
            });
            if let Some(stream) = stream {
                let peer = address(bytes);
                return Some(Handed { stream, peer });
            }
        }
    }
}

fn receive(stream: &UnixStream) -> io::Result<(usize, [u8; LENGTH], Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; LENGTH];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut slices, &mut control, flags)?;
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            sockets.extend(fds);
        }
    }
    Ok((received.bytes, bytes, sockets))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_goes_over_with_what_was_not_read_of_it() {
        let (here, there) = UnixStream::pair().unwrap();
        let (here, there) = (Handoff::new(here), Handoff::new(there));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(b"unread").await.unwrap();
        let (accepted, peer) = listener.accept().await.unwrap();
        let socket = OwnedFd::from(accepted.into_std().unwrap());
        here.give(socket, peer.ip()).await.unwrap();
        let mut handed = there.take().await.unwrap();
        assert_eq!(handed.peer, peer.ip());
        let mut read = [0; 6];
        handed.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"unread");
        handed.stream.write_all(b"answer").await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"answer");

        drop(there);
        let socket = OwnedFd::from(handed.stream.into_std().unwrap());
        assert!(here.give(socket, peer.ip()).await.is_err());
        assert!(here.take().await.is_none());
    }
}
