//! The deciding node's end of a lane.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::frame::{Frames, GOODBYE, LONGEST_QUESTION, forget, put};

/// Answers of one write.
const TOGETHER: usize = 256;
/// Bytes of one write, unless one answer alone is longer.
const WRITTEN: usize = 1 << 20;
/// Questions that are being answered at a time.
const MOST: usize = 4_096;

/// How a lane is served.
pub struct Answering {
    /// How long nothing may be asked.
    pub idle: Duration,
    /// Becomes true when no more questions are taken.
    pub stopped: watch::Receiver<bool>,
}

type Answers = UnboundedSender<(u32, Vec<u8>)>;

/// Answers what comes on a lane, each question in a task of its own, until the other end closes it.
pub async fn answer_lane<S, F, Fut>(session: S, answering: Answering, answer: F)
where
    S: AsyncRead + AsyncWrite + Send,
    F: Fn(Vec<u8>) -> Fut,
    Fut: Future<Output = Vec<u8>> + Send + 'static,
{
    let Answering { idle, stopped } = answering;
    let (answers, answered) = unbounded_channel();
    let (reader, writer) = split(session);
    let ended = tokio::select! {
        ended = read(reader, answers, answer, idle) => ended,
        ended = write(writer, answered, stopped) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of another node has ended");
    }
}

async fn read<S, F, Fut>(
    mut reader: ReadHalf<S>,
    answers: Answers,
    answer: F,
    idle: Duration,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
    F: Fn(Vec<u8>) -> Fut,
    Fut: Future<Output = Vec<u8>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MOST));
    let mut frames = Frames::new(LONGEST_QUESTION);
    loop {
        match timeout(idle, frames.fill(&mut reader)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // What is still being answered is waited for.
            Err(_) if places.available_permits() < MOST => continue,
            Err(_) => return Ok(()),
        }
        while let Some((number, question)) = frames.cut()? {
            let place = Arc::clone(&places).acquire_owned().await;
            let (answers, answering) = (answers.clone(), answer(question));
            tokio::spawn(async move {
                let answer = answering.await;
                // Whoever asked may have gone.
                drop(answers.send((number, answer)));
                drop(place);
            });
        }
    }
}

async fn write<S: AsyncRead + AsyncWrite>(
    mut writer: WriteHalf<S>,
    mut answered: UnboundedReceiver<(u32, Vec<u8>)>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut out = Vec::new();
    let mut answers = Vec::new();
    let mut is_open = true;
    loop {
        tokio::select! {
            count = answered.recv_many(&mut answers, TOGETHER) => if count == 0 {
                return Ok(());
            },
            // An error means that the sender is gone, which is a stop too.
            _ = stopped.wait_for(|stopped| *stopped), if is_open => {
                is_open = false;
                put(&mut out, GOODBYE, &[]);
            }
        }
        // What is about to be answered goes along.
        yield_now().await;
        while answers.len() < TOGETHER {
            match answered.try_recv() {
                Ok(answer) => answers.push(answer),
                Err(_) => break,
            }
        }
        for (number, mut answer) in answers.drain(..) {
            put(&mut out, number, &answer);
            forget(&mut answer);
            if out.len() >= WRITTEN {
                writer.write_all(&out).await?;
                forget(&mut out);
            }
        }
        writer.write_all(&out).await?;
        writer.flush().await?;
        forget(&mut out);
    }
}
