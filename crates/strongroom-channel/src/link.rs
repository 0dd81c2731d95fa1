//! A stream that carries questions and answers in both directions at once.
//!
//! A frame is `u32 length ‖ u64 number ‖ u8 kind ‖ CBOR`; answers come in any order, by the number of their question.
//! Frames are wiped when dropped. What is longer than [`MOST`] ends the link: both ends are the same program.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use minicbor::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::{Zeroize, Zeroizing};

/// The longest frame: the largest body, its head, and room.
const MOST: usize = 4 << 20;
const HEADER: usize = 13;
/// Bytes that are read, or written, with one system call; longer frames are alone.
const AT_ONCE: usize = 64 * 1_024;
/// Frames that wait to be written.
const QUEUE: usize = 1_024;
const QUESTION: u8 = 0;
const ANSWER: u8 = 1;

/// A message in bytes; wiped when dropped.
pub type Frame = Zeroizing<Vec<u8>>;

/// What answers the other end's questions.
pub type Serve = Arc<dyn Fn(Frame) -> Pin<Box<dyn Future<Output = Frame> + Send>> + Send + Sync>;

/// The other end is gone, or did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// One end. Cheap to clone; the link ends when the other end does.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    out: mpsc::Sender<Frame>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    closed: watch::Receiver<bool>,
}

/// Who waits for which answer; nothing once the link has ended.
type Waiting = Option<HashMap<u64, oneshot::Sender<Frame>>>;

impl Link {
    /// Takes a stream up on the current runtime.
    pub fn start(stream: UnixStream, serve: Serve) -> Link {
        let (reader, writer) = stream.into_split();
        let (out, queue) = mpsc::channel(QUEUE);
        let (close, closed) = watch::channel(false);
        let link = Link(Arc::new(Inner {
            out,
            waiting: Mutex::new(Some(HashMap::new())),
            next: AtomicU64::new(1),
            closed,
        }));
        let reading = link.clone();
        tokio::spawn(async move {
            let written = tokio::spawn(write(writer, queue));
            reading.read(reader, serve).await;
            written.abort();
            drop(reading.lock().take());
            close.send_replace(true);
        });
        link
    }

    /// Waits until the other end is gone.
    pub async fn closed(&self) {
        let mut closed = self.0.closed.clone();
        // An error means that the sender is gone, which is the end too.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    pub fn is_closed(&self) -> bool {
        *self.0.closed.borrow()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`Gone`], also when no answer comes within `patience`. Whether it was done is then not known.
    pub async fn ask<Q: Encode<()>, A: for<'b> Decode<'b, ()>>(
        &self,
        question: &Q,
        patience: Duration,
    ) -> Result<A, Gone> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let _forgotten = Forgotten(self, number);
        match self.lock().as_mut() {
            Some(waiting) => waiting.insert(number, answer),
            None => return Err(Gone),
        };
        let exchange = async {
            let frame = frame(number, QUESTION, question);
            self.0.out.send(frame).await.map_err(|_| Gone)?;
            answered.await.map_err(|_| Gone)
        };
        let answer = tokio::time::timeout(patience, exchange).await;
        let answer = answer.map_err(|_| Gone)??;
        minicbor::decode(&answer).map_err(|_| Gone)
    }

    async fn read(&self, reader: impl AsyncRead + Unpin, serve: Serve) {
        let mut incoming = Incoming::new(reader);
        while let Some((number, kind, body)) = incoming.next().await {
            if kind == ANSWER {
                let waiter = self.lock().as_mut().and_then(|all| all.remove(&number));
                if let Some(waiter) = waiter {
                    // Who asked may have stopped waiting.
                    drop(waiter.send(body));
                }
                continue;
            }
            let (out, answer) = (self.0.out.clone(), serve(body));
            tokio::spawn(async move {
                let body = answer.await;
                // With the link gone nobody waits for it.
                drop(out.send(framed(number, ANSWER, &body)).await);
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a question back that nobody waits for any more.
struct Forgotten<'a>(&'a Link, u64);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.lock().as_mut() {
            waiting.remove(&self.1);
        }
    }
}

/// A message as the body of a frame. SECURITY: room is taken beforehand, so that no part of it is left behind in memory
/// that it grew out of.
pub fn encoded<T: Encode<()>>(message: &T) -> Frame {
    let mut counter = Counter(0);
    // Counting cannot fail, and neither can writing to memory.
    let _ = minicbor::encode(message, &mut counter);
    let mut body = Zeroizing::new(Vec::with_capacity(counter.0));
    let _ = minicbor::encode(message, &mut *body);
    body
}

/// The message in the body of a frame, if it is one.
pub fn decoded<T: for<'b> Decode<'b, ()>>(frame: &Frame) -> Option<T> {
    minicbor::decode(frame).ok()
}

struct Counter(usize);

impl minicbor::encode::Write for Counter {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

fn frame<T: Encode<()>>(number: u64, kind: u8, message: &T) -> Frame {
    framed(number, kind, &encoded(message))
}

fn framed(number: u64, kind: u8, body: &[u8]) -> Frame {
    let mut frame = Zeroizing::new(Vec::with_capacity(HEADER + body.len()));
    // What is too long is refused by the reader, which ends the link.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&number.to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(body);
    frame
}

/// What comes in, several frames with one system call. SECURITY: bytes are wiped here once they are handed on.
struct Incoming<R> {
    reader: R,
    buffer: Zeroizing<Vec<u8>>,
    /// What of the buffer was read and not handed on.
    held: Range<usize>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    fn new(reader: R) -> Incoming<R> {
        Incoming {
            reader,
            buffer: Zeroizing::new(vec![0; AT_ONCE]),
            held: 0..0,
        }
    }

    /// The next frame's number, kind and body; none at the end, or when a frame is too long.
    async fn next(&mut self) -> Option<(u64, u8, Frame)> {
        let mut header = [0; HEADER];
        self.take(&mut header).await?;
        let (length, rest) = header.split_first_chunk::<4>()?;
        let (number, kind) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if length > MOST {
            return None;
        }
        let mut body = Zeroizing::new(vec![0; length]);
        self.take(&mut body).await?;
        Some((u64::from_be_bytes(*number), *kind.first()?, body))
    }

    /// Fills `out`, from the buffer first; what is long is read where it belongs.
    async fn take(&mut self, out: &mut [u8]) -> Option<()> {
        let mut out = out;
        while !out.is_empty() {
            if !self.held.is_empty() {
                let given = self.held.len().min(out.len());
                let from = self
                    .buffer
                    .get_mut(self.held.start..self.held.start + given)?;
                let (to, rest) = out.split_at_mut(given);
                to.copy_from_slice(from);
                from.zeroize();
                self.held.start += given;
                out = rest;
            } else if out.len() >= AT_ONCE {
                self.reader.read_exact(out).await.ok()?;
                return Some(());
            } else {
                let read = self.reader.read(&mut self.buffer).await.ok()?;
                if read == 0 {
                    return None;
                }
                self.held = 0..read;
            }
        }
        Some(())
    }
}

/// Writes what waits, small frames together.
async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Frame>) {
    let mut together = Zeroizing::new(Vec::with_capacity(AT_ONCE));
    while let Some(frame) = queue.recv().await {
        // What else runs now, such as the others whose commit this was, has its say first: one system call here, and one
        // awakening there, for all of it.
        tokio::task::yield_now().await;
        let mut next = Some(frame);
        while let Some(frame) = next.take() {
            if together.len() + frame.len() > AT_ONCE {
                // SECURITY: it never grows, so that no copy of it is left behind.
                if flush(&mut writer, &mut together).await.is_none()
                    || (frame.len() > AT_ONCE && writer.write_all(&frame).await.is_err())
                {
                    return;
                }
            }
            if frame.len() <= AT_ONCE {
                together.extend_from_slice(&frame);
            }
            next = queue.try_recv().ok();
        }
        // The reader notices a broken stream.
        if flush(&mut writer, &mut together).await.is_none() {
            return;
        }
    }
}

async fn flush(writer: &mut (impl AsyncWrite + Unpin), together: &mut Vec<u8>) -> Option<()> {
    let written = writer.write_all(together).await;
    together.as_mut_slice().zeroize();
    together.clear();
    written.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SecretBytes;

    fn echo() -> Serve {
        Arc::new(|frame| Box::pin(async move { frame }))
    }

    const SOON: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn both_ends_ask_at_once_and_a_broken_link_answers_nobody() {
        let (here, there) = UnixStream::pair().unwrap();
        let here = Link::start(here, echo());
        let there = Link::start(there, echo());
        let asked = (0..200u64).map(|n| {
            let (a, b) = (here.clone(), there.clone());
            async move {
                let first: u64 = a.ask(&n, SOON).await.unwrap();
                let second: u64 = b.ask(&(n + 1), SOON).await.unwrap();
                assert_eq!((first, second), (n, n + 1));
            }
        });
        let tasks: Vec<_> = asked.map(tokio::spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (alone, silent) = UnixStream::pair().unwrap();
        let alone = Link::start(alone, echo());
        let asking = alone.clone();
        let asked = tokio::spawn(async move { asking.ask::<_, u64>(&7u64, SOON).await });
        tokio::task::yield_now().await;
        drop(silent);
        assert_eq!(asked.await.unwrap(), Err(Gone));
        alone.closed().await;
        assert_eq!(alone.ask::<_, u64>(&7u64, SOON).await, Err(Gone));
    }

    #[tokio::test]
    async fn who_does_not_answer_in_time_is_not_waited_for() {
        let (here, _there) = UnixStream::pair().unwrap();
        let here = Link::start(here, echo());
        let answer = here.ask::<_, u64>(&7u64, Duration::from_millis(5)).await;
        assert_eq!(answer, Err(Gone));
        assert!(here.lock().as_ref().unwrap().is_empty());
    }

    #[tokio::test]
    async fn frames_of_every_length_arrive_whole_and_in_order() {
        let (here, there) = UnixStream::pair().unwrap();
        let here = Link::start(here, echo());
        let _there = Link::start(there, echo());
        let lengths = [
            0,
            1,
            AT_ONCE - 20,
            AT_ONCE - 13,
            AT_ONCE,
            AT_ONCE + 1,
            300_000,
        ];
        let asked = (0..8).flat_map(|round| lengths.map(|length| (round, length)));
        let tasks: Vec<_> = asked
            .map(|(round, length)| {
                let here = here.clone();
                tokio::spawn(async move {
                    let sent = SecretBytes(Zeroizing::new(vec![round; length]));
                    let back: SecretBytes = here.ask(&sent, SOON).await.unwrap();
                    assert!(*back.0 == *sent.0, "{round} {length}");
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_handed_on_is_wiped() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let mut incoming = Incoming::new(there);
        let first = framed(7, QUESTION, b"4242424242424242");
        let second = framed(8, ANSWER, b"next");
        here.write_all(&[&first[..], &second[..]].concat())
            .await
            .unwrap();
        let (number, kind, body) = incoming.next().await.unwrap();
        assert_eq!(
            (number, kind, &body[..]),
            (7, QUESTION, &b"4242424242424242"[..])
        );
        assert!(incoming.buffer[..first.len()].iter().all(|byte| *byte == 0));
        assert_eq!(incoming.next().await.unwrap().0, 8);
        here.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
        here.write_all(&[0; 9]).await.unwrap();
        assert!(incoming.next().await.is_none(), "no frame is as long");
    }

    #[test]
    fn what_is_encoded_never_grew() {
        let body = encoded(&SecretBytes(Zeroizing::new(vec![7; 5_000])));
        assert_eq!(body.len(), body.capacity());
    }
}
