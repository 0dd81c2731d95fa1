//! Refusing a request that was not read: its bytes are thrown away in the kernel.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long the client has to take the answer before the connection is cut.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers a connection whose request is still in the kernel, and closes it.
pub async fn refuse(socket: OwnedFd, response: &[u8]) {
    let stream = std::net::TcpStream::from(socket);
    if stream.set_nonblocking(true).is_err() {
        return;
    }
    let Ok(mut stream) = TcpStream::from_std(stream) else {
        return;
    };
    // The client may be gone already.
    if stream.write_all(response).await.is_ok() {
        let _ = shutdown(stream.as_fd(), Shutdown::Write);
        let _ = tokio::time::timeout(PATIENCE, discard(&stream)).await;
    }
}

/// Takes what the client sends until it has closed: an answer is lost on a connection that is closed before. SECURITY: on
/// a TCP socket `MSG_TRUNC` copies nothing to this process (tcp(7)).
async fn discard(stream: &TcpStream) {
    loop {
        let mut nothing = [0; 4_096];
        let thrown = stream.async_io(tokio::io::Interest::READABLE, || {
            let flags = RecvFlags::TRUNC | RecvFlags::DONTWAIT;
            Ok(recv(stream, &mut nothing, flags)?)
        });
        match thrown.await {
            Ok((_, 1..)) => {}
            _ => return,
        }
    }
}
