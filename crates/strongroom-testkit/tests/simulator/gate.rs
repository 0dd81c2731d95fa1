//! Holding the commit thread, so that which commands share a batch follows from the seed and not from the machine.
//!
//! A gate is a command that waits inside its decision until it is let go, and then panics: it is the last of its
//! batch, costs its neighbours nothing and leaves no trace.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use strongroom_auth::permission::Operate;
use strongroom_domain::action::Action;
use strongroom_domain::command::{Command, Moment};
use strongroom_domain::decision::Decision;
use strongroom_domain::facts::{Facts, Keys};
use strongroom_domain::rejection::Rejection;
use strongroom_types::mode::Scope;

/// The command that waits.
pub struct Wait {
    entered: SyncSender<()>,
    open: Mutex<Receiver<()>>,
}

/// The other side of it.
pub struct Gate {
    entered: Receiver<()>,
    open: SyncSender<()>,
}

/// How waiting for the commit thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It stands at the gate.
    Waiting,
    /// It answered the gate's command without deciding it.
    Dropped,
}

pub fn gate() -> (Wait, Gate) {
    let (enter, entered) = sync_channel(1);
    let (open, opened) = sync_channel(1);
    (
        Wait {
            entered: enter,
            open: Mutex::new(opened),
        },
        Gate { entered, open },
    )
}

impl Gate {
    /// Waits until the commit thread stands here, or has thrown the command away.
    pub fn reached(&self) -> Reached {
        match self.entered.recv_timeout(Duration::from_secs(300)) {
            Ok(()) => Reached::Waiting,
            Err(RecvTimeoutError::Disconnected) => Reached::Dropped,
            Err(RecvTimeoutError::Timeout) => panic!("the commit thread does not come"),
        }
    }

    /// Lets the commit thread go on.
    pub fn open(self) {
        // A thread that has gone needs no letting go.
        let _ = self.open.send(());
    }
}

impl Command for Wait {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::ServerStarted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
    }

    fn decide(&self, _: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let _ = self.entered.send(());
        let _ = self.open.lock().unwrap().recv();
        // Unlike `panic!` this says nothing on standard error.
        std::panic::resume_unwind(Box::new("the gate"))
    }
}
