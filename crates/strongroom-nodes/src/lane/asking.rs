//! The follower's end of a lane.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::timeout;

use super::frame::{Frames, GOODBYE, LONGEST_ANSWER, forget, put};

/// Questions of one write.
const TOGETHER: usize = 256;
/// How long a lane is kept that nobody uses; shorter than the other end keeps it.
const IDLE: Duration = Duration::from_secs(20);

/// A connection that carries any number of questions at a time. Dropped, it ends, and what it carries is lost.
pub(crate) struct Lane {
    asks: UnboundedSender<Ask>,
    state: Arc<State>,
    driver: AbortHandle,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// It was certainly not sent.
    NotSent(Vec<u8>),
    Lost,
}

type Answer = oneshot::Sender<Result<Vec<u8>, Unasked>>;

struct Ask {
    question: Vec<u8>,
    answer: Answer,
}

#[derive(Default)]
struct State {
    /// Nothing is to be asked any more.
    retired: AtomicBool,
    /// What it carries is to be given up.
    broken: Notify,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u32,
    answers: HashMap<u32, Answer>,
}

impl State {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn number(&mut self, answer: Answer) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != GOODBYE && !self.answers.contains_key(&self.last) {
                self.answers.insert(self.last, answer);
                return self.last;
            }
        }
    }
}

impl Lane {
    /// Begins to use a connection, within a runtime.
    pub fn new<S>(session: S) -> Lane
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (asks, asked) = unbounded_channel();
        let state = Arc::<State>::default();
        let driver = tokio::spawn(drive(session, asked, Arc::clone(&state)));
        Lane {
            asks,
            state,
            driver: driver.abort_handle(),
        }
    }

    pub fn is_retired(&self) -> bool {
        self.state.retired.load(Ordering::Acquire)
    }

    /// Gives up what it carries: whoever waits is told so, and whose question is not sent yet gets it back.
    pub fn break_off(&self) {
        self.state.retired.store(true, Ordering::Release);
        self.state.broken.notify_one();
    }

    pub async fn ask(&self, question: Vec<u8>) -> Result<Vec<u8>, Unasked> {
        if self.is_retired() {
            return Err(Unasked::NotSent(question));
        }
        let (answer, answered) = oneshot::channel();
        if let Err(unsent) = self.asks.send(Ask { question, answer }) {
            return Err(Unasked::NotSent(unsent.0.question));
        }
        answered.await.unwrap_or(Err(Unasked::Lost))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn drive<S>(session: S, mut asked: UnboundedReceiver<Ask>, state: Arc<State>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = split(session);
    let mut unsent = Vec::new();
    let ended = tokio::select! {
        ended = write(writer, &mut asked, &mut unsent, &state) => ended,
        ended = read(reader, &state) => ended,
        () = state.broken.notified() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the node that decides has ended");
    }
    state.retired.store(true, Ordering::Release);
    asked.close();
    while let Ok(ask) = asked.try_recv() {
        unsent.push(ask);
    }
    for Ask { question, answer } in unsent {
        // Whoever asked may have gone.
        drop(answer.send(Err(Unasked::NotSent(question))));
    }
    for (_, answer) in state.waiting().answers.drain() {
        drop(answer.send(Err(Unasked::Lost)));
    }
}

/// Sends what is asked, all that is there at once, until nobody asks any more.
async fn write<S: AsyncRead + AsyncWrite>(
    mut writer: WriteHalf<S>,
    asked: &mut UnboundedReceiver<Ask>,
    asks: &mut Vec<Ask>,
    state: &State,
) -> io::Result<()> {
    let mut out = Vec::new();
    loop {
        match timeout(IDLE, asked.recv_many(asks, TOGETHER)).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(_) if state.waiting().answers.is_empty() => return Ok(()),
            Err(_) => continue,
        }
        // Whoever is about to ask goes along.
        yield_now().await;
        while asks.len() < TOGETHER {
            match asked.try_recv() {
                Ok(ask) => asks.push(ask),
                Err(_) => break,
            }
        }
        {
            let mut waiting = state.waiting();
            for Ask {
                mut question,
                answer,
            } in asks.drain(..)
            {
                put(&mut out, waiting.number(answer), &question);
                forget(&mut question);
            }
        }
        writer.write_all(&out).await?;
        writer.flush().await?;
        forget(&mut out);
    }
}

/// Hands answers out, until the other end closes.
async fn read<S: AsyncRead + AsyncWrite>(mut reader: ReadHalf<S>, state: &State) -> io::Result<()> {
    let mut frames = Frames::new(LONGEST_ANSWER);
    while frames.fill(&mut reader).await? {
        while let Some((number, bytes)) = frames.cut()? {
            if number == GOODBYE {
                state.retired.store(true, Ordering::Release);
                continue;
            }
            let answer = state.waiting().answers.remove(&number);
            // Whoever asked may have gone.
            drop(answer.map(|answer| answer.send(Ok(bytes))));
        }
        // Whatever was told to go: the connection ends as soon as nothing is waited for.
        if state.retired.load(Ordering::Acquire) && state.waiting().answers.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The other end takes nothing: what fills the connection is lost with it, what waits behind that was never sent.
    #[tokio::test]
    async fn what_waits_behind_a_full_connection_is_not_sent() {
        let (session, other_end) = tokio::io::duplex(64);
        let lane = Arc::new(Lane::new(session));
        let ask = |question: Vec<u8>| {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move { lane.ask(question).await })
        };
        let first = ask(vec![1; 1_000]);
        while lane.state.waiting().answers.is_empty() {
            yield_now().await;
        }
        let second = ask(vec![2; 10]);
        yield_now().await;
        lane.break_off();
        assert!(matches!(first.await.unwrap(), Err(Unasked::Lost)));
        let unsent = second.await.unwrap();
        assert!(matches!(unsent, Err(Unasked::NotSent(question)) if question == [2; 10]));
        assert!(matches!(lane.ask(vec![3]).await, Err(Unasked::NotSent(_))));
        drop(other_end);
    }
}
