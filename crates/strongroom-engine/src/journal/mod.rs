//! Journals: what is worth keeping for a while and proves nothing, one line each, in sealed files beside the store.
//!
//! There are two: the requests of 90 days, and the attempts at webhook deliveries of 30. Lines are handed over in memory
//! and written by a thread of the journal's own, outside any commit: nobody waits for a line, and what cannot be written is
//! dropped and counted. Each scope's lines are sealed under its own key of the day; destroying that key destroys them in
//! every copy. Never here: anything that must be provable, or must not be lost.
//!
//! `request.rs` and `attempt.rs` are the kinds of [`Line`], `inbox.rs` takes lines in, `write.rs` makes blocks of them,
//! `header.rs` and `segment.rs` are the files, `read.rs` lists, `purge.rs` destroys.

mod attempt;
mod block;
mod folder;
pub(crate) mod fuzzing;
mod header;
mod inbox;
mod line;
mod purge;
mod read;
mod request;
mod segment;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_types::mode::Scope;

use crate::journal::folder::Folder;
use crate::journal::inbox::Inbox;
use crate::journal::line::Line;
use crate::journal::read::Reading;
use crate::journal::write::Writer;
use crate::opened::Opener;
use crate::shared::Shared;
use crate::view::{Listing, PageQuery, ReadFault};

pub use attempt::{AttemptFilter, AttemptLine, AttemptOutcome};
pub use request::{RequestFilter, RequestLine};

/// The directories of the journals, within the one that the engine is given.
pub const JOURNALS: [&str; 2] = [REQUESTS, ATTEMPTS];
const REQUESTS: &str = "requests";
const ATTEMPTS: &str = "attempts";

/// The journals of a running engine.
pub(crate) struct Journals {
    pub requests: Journal<RequestLine>,
    pub attempts: Journal<AttemptLine>,
}

impl Journals {
    /// Takes up the journals in a directory, each in one of its own.
    ///
    /// # Errors
    /// As [`Journal::start`].
    pub fn start(dir: &Path, shared: &Arc<Shared>) -> io::Result<Journals> {
        Ok(Journals {
            requests: Journal::start(dir.join(REQUESTS), Arc::clone(shared))?,
            attempts: Journal::start(dir.join(ATTEMPTS), Arc::clone(shared))?,
        })
    }

    /// As [`Journal::flush`].
    pub fn flush(&self) {
        self.requests.flush();
        self.attempts.flush();
    }
}

/// One journal of a running engine.
pub(crate) struct Journal<L: Line> {
    inbox: Arc<Inbox<L>>,
    folder: Arc<Folder>,
    opener: Opener,
    shared: Arc<Shared>,
}

impl<L: Line> Journal<L> {
    /// Takes up the directory and starts the writing thread.
    ///
    /// # Errors
    /// When the directory cannot be made or no thread started.
    pub fn start(dir: PathBuf, shared: Arc<Shared>) -> io::Result<Journal<L>> {
        let inbox = Arc::new(Inbox::default());
        let folder = Arc::new(Folder::at(dir, L::KIND)?);
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&inbox), Arc::clone(&folder));
        std::thread::Builder::new()
            .name(L::KIND.name.into())
            .spawn(move || writer.run())?;
        Ok(Journal {
            inbox,
            folder,
            opener: Opener::new(Arc::clone(&shared.hierarchy)),
            shared,
        })
    }

    /// Hands a line over; never waits for the disk.
    pub fn add(&self, line: L) {
        self.inbox.add(line);
    }

    /// Writes everything added so far, durably; gives up after a few seconds.
    pub fn flush(&self) {
        self.inbox.flush(true);
    }

    /// Lines lost since the start, for want of room or because they could not be written.
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }

    /// A scope's lines as JSON, newest first; those just added are among them.
    ///
    /// # Errors
    /// [`ReadFault::BadCursor`], [`ReadFault::NarrowTheRange`], or [`ReadFault::Store`] when files fail.
    pub fn read(
        &self,
        scope: &Scope,
        filter: &L::Filter,
        page: &PageQuery,
    ) -> Result<Listing<Vec<u8>>, ReadFault> {
        let reading = Reading::<L>::new(&self.folder, &self.opener, scope, filter, page)?;
        self.inbox.flush(false);
        reading.run(self.shared.now())
    }
}

impl<L: Line> Drop for Journal<L> {
    /// The thread writes what is left and ends by itself.
    fn drop(&mut self) {
        self.inbox.close();
    }
}
