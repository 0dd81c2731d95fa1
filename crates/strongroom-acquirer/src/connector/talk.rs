//! Questions and answers of one acquirer: which answer belongs to which question, however late, often or wrongly it comes.
//!
//! An answer is known by the number of its question (field 11), its type, and the terminal and merchant it names (41, 42). What
//! answers nothing is logged by type and number and changes nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use strongroom_iso8583::{Framing, Message, Mti, Profile};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use zeroize::Zeroizing;

use super::requests::network_answer;
use super::settings::Settings;

/// How long a question may wait for a place among those in flight.
const TURN: Duration = Duration::from_secs(2);
/// Questions that wait for a place, beyond which one is turned away at once.
const MOST_WAITING: usize = 256;

/// A message with its length, ready to be written; wiped when dropped.
pub(crate) type Frame = Zeroizing<Vec<u8>>;
/// The way to whoever writes to the connection.
pub(crate) type Out = mpsc::Sender<Frame>;

/// There is no connection, or no place on it: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

pub(crate) struct Talk {
    profile: Profile,
    framing: Framing,
    terminal: String,
    merchant: String,
    waiting: Mutex<HashMap<String, Waiter>>,
    serials: AtomicU64,
    /// The connection, once it is signed on.
    out: RwLock<Option<Out>>,
    up: watch::Sender<bool>,
    slots: Semaphore,
    queue: Semaphore,
}

struct Waiter {
    /// Which of those that asked under this number.
    serial: u64,
    answer: Mti,
    tell: oneshot::Sender<Message>,
}

/// A question that was handed to the connection. Dropping it forgets the question.
pub(crate) struct Question<'t> {
    talk: &'t Talk,
    number: String,
    serial: u64,
    answered: oneshot::Receiver<Message>,
}

impl Talk {
    pub fn new(settings: &Settings) -> Talk {
        let slots = usize::try_from(settings.in_flight).unwrap_or(1);
        Talk {
            profile: settings.profile,
            framing: settings.framing,
            terminal: settings.terminal.clone(),
            merchant: settings.merchant.clone(),
            waiting: Mutex::default(),
            serials: AtomicU64::default(),
            out: RwLock::default(),
            up: watch::Sender::new(false),
            slots: Semaphore::new(slots),
            queue: Semaphore::new(MOST_WAITING),
        }
    }

    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Questions go there from now on.
    pub fn open(&self, out: Out) {
        *self.out.write().unwrap_or_else(PoisonError::into_inner) = Some(out);
        self.up.send_replace(true);
    }

    /// Nothing is sent any more. Whoever waits goes on waiting: an answer may come by the next connection.
    pub fn close(&self) {
        *self.out.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.up.send_replace(false);
    }

    /// A place among those in flight, for as long as it is held.
    ///
    /// # Errors
    /// [`Away`] where there is none in time, or no connection.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Away> {
        if !self.is_up() {
            return Err(Away);
        }
        let _waits = self.queue.try_acquire().map_err(|_| Away)?;
        let turn = tokio::time::timeout(TURN, self.slots.acquire()).await;
        turn.map_err(|_| Away)?.map_err(|_| Away)
    }

    /// Sends a question over the connection that is signed on.
    ///
    /// # Errors
    /// [`Away`] where there is none; nothing was sent.
    pub fn ask(&self, message: &Message) -> Result<Question<'_>, Away> {
        let out = self.out.read().unwrap_or_else(PoisonError::into_inner);
        let out = out.clone().ok_or(Away)?;
        self.ask_over(&out, message)
    }

    /// The same over a connection that may not be signed on yet.
    ///
    /// # Errors
    /// [`Away`] where it is gone, or cannot keep up.
    pub fn ask_over(&self, out: &Out, message: &Message) -> Result<Question<'_>, Away> {
        let number = message.text(11).unwrap_or("").to_owned();
        let answer = message.mti().answer().ok_or(Away)?;
        let frame = self.framed(message).ok_or(Away)?;
        let (tell, answered) = oneshot::channel();
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let question = Question {
            talk: self,
            number: number.clone(),
            serial,
            answered,
        };
        // Of two that repeat the same message the later one waits.
        let waiter = Waiter {
            serial,
            answer,
            tell,
        };
        self.lock().insert(number, waiter);
        out.try_send(frame).map_err(|_| Away)?;
        Ok(question)
    }

    /// Takes in what came. `out` is where the acquirer's own questions are answered.
    pub fn take(&self, bytes: &[u8], out: &Out) {
        let message = match Message::read(bytes, self.profile) {
            Ok(message) => message,
            Err(fault) => {
                tracing::warn!(%fault, bytes = bytes.len(), "the acquirer sent what is no message");
                return;
            }
        };
        let mti = message.mti();
        if mti.answer().is_some() {
            self.asked(&message, out);
            return;
        }
        let number = message.text(11).unwrap_or("");
        let is_ours = |field, ours: &str| message.text(field).is_none_or(|theirs| theirs == ours);
        let fits = is_ours(41, &self.terminal) && is_ours(42, &self.merchant);
        let waiter = {
            let mut waiting = self.lock();
            match waiting.get(number) {
                Some(waiter) if waiter.answer == mti && fits => waiting.remove(number),
                _ => None,
            }
        };
        match waiter {
            // Who asked may have stopped waiting.
            Some(waiter) => drop(waiter.tell.send(message)),
            None => {
                tracing::warn!(mti = %mti, stan = number, "the acquirer sent an answer that nobody waits for");
            }
        }
    }

    fn asked(&self, question: &Message, out: &Out) {
        let is_network =
            question.mti() == Mti::NETWORK || question.mti() == Mti::NETWORK.repeated();
        let answer = network_answer(question).filter(|_| is_network);
        match answer.and_then(|answer| self.framed(&answer)) {
            // One that does not keep up is asked for its answers another time.
            Some(frame) => drop(out.try_send(frame)),
            None => {
                tracing::warn!(mti = %question.mti(), "the acquirer asked for what nobody asks here");
            }
        }
    }

    fn framed(&self, message: &Message) -> Option<Frame> {
        let body = message.write(self.profile).ok()?;
        let before = self.framing.before(body.len())?;
        // SECURITY: room is taken beforehand, so that no copy of a number is left behind.
        let mut frame = Zeroizing::new(Vec::with_capacity(before.len() + body.len()));
        frame.extend_from_slice(&before);
        frame.extend_from_slice(&body);
        Some(frame)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question<'_> {
    /// The answer, if it comes in time; asked again after that, it may still come.
    pub async fn answer(&mut self, patience: Duration) -> Option<Message> {
        let answered = tokio::time::timeout(patience, &mut self.answered).await;
        answered.ok()?.ok()
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut waiting = self.talk.lock();
        let is_its_own = |waiter: &Waiter| waiter.serial == self.serial;
        if waiting.get(&self.number).is_some_and(is_its_own) {
            waiting.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::tests::settings;

    fn question(number: &str) -> Message {
        Message::new(Mti::AUTHORIZATION).with(11, number).unwrap()
    }

    fn answer(mti: &[u8], number: &str, terminal: &str) -> Frame {
        let message = Message::new(Mti::parse(mti).unwrap())
            .with(11, number)
            .and_then(|message| message.with(41, terminal))
            .and_then(|message| message.with(39, "00"))
            .unwrap();
        message.write(Profile::ASCII).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_taken_once_and_by_whoever_asked_for_it() {
        let talk = Talk::new(&settings());
        let (out, mut sent) = mpsc::channel(8);
        assert!(talk.ask(&question("000001")).is_err() && talk.turn().await.is_err());
        talk.open(out.clone());
        let mut first = talk.ask(&question("000001")).unwrap();
        let mut second = talk.ask(&question("000002")).unwrap();
        assert_eq!(
            sent.recv().await.unwrap().len(),
            sent.recv().await.unwrap().len()
        );
        // Of another type, another terminal, another number, and no message at all.
        talk.take(&answer(b"0210", "000001", "TERM1"), &out);
        talk.take(&answer(b"0110", "000001", "TERM2"), &out);
        talk.take(&answer(b"0110", "000003", "TERM1"), &out);
        talk.take(b"garbage", &out);
        let soon = Duration::from_millis(5);
        assert!(first.answer(soon).await.is_none());
        talk.take(&answer(b"0110", "000002", "TERM1"), &out);
        talk.take(&answer(b"0110", "000001", "TERM1"), &out);
        // A duplicate; then what was repeated before its first answer came, and is given up by one of two.
        talk.take(&answer(b"0110", "000001", "TERM1"), &out);
        let long = Duration::from_secs(60);
        assert_eq!(second.answer(long).await.unwrap().text(11), Some("000002"));
        assert_eq!(first.answer(long).await.unwrap().text(11), Some("000001"));
        let repeated = talk.ask(&question("000001")).unwrap();
        let mut again = talk.ask(&question("000001")).unwrap();
        drop(repeated);
        talk.take(&answer(b"0110", "000001", "TERM1"), &out);
        assert!(again.answer(long).await.is_some());
        drop((first, second, again));
        assert!(talk.lock().is_empty());
        let mut frames = 0;
        while sent.try_recv().is_ok() {
            frames += 1;
        }
        assert_eq!(frames, 2, "nothing was answered to an answer");
    }

    #[tokio::test]
    async fn a_question_about_the_connection_is_answered_and_others_are_not() {
        let talk = Talk::new(&settings());
        let (out, mut sent) = mpsc::channel(8);
        let echo = Message::new(Mti::NETWORK)
            .with(7, "1127195200")
            .and_then(|message| message.with(11, "000009"))
            .and_then(|message| message.with(70, "301"))
            .unwrap();
        talk.take(&echo.write(Profile::ASCII).unwrap(), &out);
        let frame = sent.recv().await.unwrap();
        let answer = Message::read(&frame[2..], Profile::ASCII).unwrap();
        assert_eq!(answer.mti().text(), "0810");
        assert_eq!(
            (answer.text(11), answer.text(39)),
            (Some("000009"), Some("00"))
        );
        let purchase = question("000010");
        talk.take(&purchase.write(Profile::ASCII).unwrap(), &out);
        assert!(sent.try_recv().is_err());
    }

    #[tokio::test]
    async fn no_more_are_in_flight_than_there_are_places() {
        let talk = Talk::new(&Settings {
            in_flight: 2,
            ..settings()
        });
        let (out, _sent) = mpsc::channel(8);
        talk.open(out);
        let first = talk.turn().await.unwrap();
        let _second = talk.turn().await.unwrap();
        assert!(talk.turn().await.is_err());
        drop(first);
        assert!(talk.turn().await.is_ok());
    }
}
