//! The request log: one line for every request, kept 90 days in sealed files beside the store.
//!
//! Lines are handed over in memory and written by a thread of their own, outside any commit: a request never waits for
//! its line, and what cannot be written is dropped and counted. Each scope's lines are sealed under its own key of the
//! day; destroying that key destroys them in every copy. Never here: anything that must be provable, or must not be lost.
//!
//! `inbox.rs` takes lines in, `write.rs` makes blocks of them, `header.rs` and `segment.rs` are the files, `read.rs`
//! lists, `purge.rs` destroys.

mod block;
mod folder;
mod header;
mod inbox;
mod line;
mod purge;
mod read;
mod segment;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_types::id::{ApiKeyId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::{DAY, Timestamp};

use crate::opened::Opener;
use crate::request_log::folder::Folder;
use crate::request_log::inbox::Inbox;
use crate::request_log::read::Reading;
use crate::request_log::write::Writer;
use crate::shared::Shared;
use crate::view::{Listing, PageQuery, ReadFault};

/// How long a line is kept, in milliseconds.
pub(crate) const KEPT: i64 = 90 * DAY;

/// One request and its answer.
pub struct RequestLine {
    /// `None` when no credential was proven: the line is the installation's.
    pub scope: Option<Scope>,
    pub time: Timestamp,
    pub request: RequestId,
    pub method: String,
    pub path: String,
    pub status: u16,
    /// Microseconds.
    pub duration_us: u64,
    pub credential: Option<ApiKeyId>,
    pub address: String,
    pub user_agent: String,
    /// The problem's code, if the answer was one.
    pub code: Option<&'static str>,
}

/// What lines can be narrowed by.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    pub status: Option<u16>,
    pub request: Option<RequestId>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

/// The request log of a running engine.
pub(crate) struct RequestLog {
    inbox: Arc<Inbox>,
    folder: Arc<Folder>,
    opener: Opener,
    shared: Arc<Shared>,
}

impl RequestLog {
    /// Takes up the directory and starts the writing thread.
    ///
    /// # Errors
    /// When the directory cannot be made or no thread started.
    pub fn start(dir: PathBuf, opener: Opener, shared: Arc<Shared>) -> io::Result<RequestLog> {
        let inbox = Arc::new(Inbox::default());
        let folder = Arc::new(Folder::at(dir)?);
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&inbox), Arc::clone(&folder));
        std::thread::Builder::new()
            .name("request-log".into())
            .spawn(move || writer.run())?;
        Ok(RequestLog {
            inbox,
            folder,
            opener,
            shared,
        })
    }

    /// Hands a line over; never waits for the disk.
    pub fn add(&self, line: RequestLine) {
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
        filter: &RequestFilter,
        page: &PageQuery,
    ) -> Result<Listing<Vec<u8>>, ReadFault> {
        let reading = Reading::new(&self.folder, &self.opener, scope, filter, page)?;
        self.inbox.flush(false);
        reading.run(self.shared.now())
    }
}

impl Drop for RequestLog {
    /// The thread writes what is left and ends by itself.
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// The first day, `YYYYMMDD`, whose lines are kept in full.
fn first_kept_day(now: Timestamp) -> u32 {
    now.plus(-KEPT).day()
}
