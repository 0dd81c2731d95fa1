//! Destroying lines whose time of keeping is over: their keys first, then the files that nobody can open any more.

use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::action::Action;
use strongroom_domain::housekeeping::Note;
use strongroom_store::{Batch, StoreError};
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::journal::folder::Folder;
use crate::journal::line::{Kind, Line};
use crate::journal::{AttemptLine, Journals, RequestLine};
use crate::scopes::installation;
use crate::view::{ReadFault, View};

/// What is past keeping.
struct Expired {
    /// Numbers of the keys.
    keys: Vec<u32>,
    /// Days that have a file.
    files: Vec<u32>,
    /// First and last day of either.
    range: Option<(u32, u32)>,
}

impl Engine {
    /// Destroys the keys and files of request lines older than 90 days and of delivery attempts older than 30, on
    /// record; says how many files went.
    ///
    /// The entry comes first: a crash behind it leaves work for the next call, never an act without its entry.
    ///
    /// # Errors
    /// [`Failure`] of the reads and commits on the way; calling again goes on where it ended.
    pub async fn purge_journals(&self) -> Result<usize, Failure> {
        let requests = self.purge(RequestLine::KIND, |all| &all.requests.folder);
        let requests = requests.await?;
        let attempts = self.purge(AttemptLine::KIND, |all| &all.attempts.folder);
        Ok(requests + attempts.await?)
    }

    async fn purge(
        &self,
        kind: Kind,
        folder: impl Fn(&Journals) -> &Folder + Copy + Send + 'static,
    ) -> Result<usize, Failure> {
        let now = self.now();
        let before = kind.first_kept_day(now);
        let Expired { keys, files, range } = self
            .with_view(installation(), move |view| {
                let folder = view.journals.map(folder);
                expired(view, folder, kind, before)
            })
            .await?;
        let Some(range) = range else { return Ok(0) };
        let caller = Caller::system(SystemActor::Housekeeping, installation());
        let note = Note {
            action: Action::KeysDestroyed,
            details: details(kind, range, keys.len(), files.len(), now),
        };
        self.execute(&caller, note, Envelope::internal()).await?;
        self.derive(Batch {
            removed_keys: keys.clone(),
            ..Batch::default()
        })
        .await?;
        for number in keys {
            self.shared().hierarchy.forget(number);
        }
        let removed = files.len();
        self.with_view(installation(), move |view| {
            remove(view.journals.map(folder), &files)
        })
        .await?;
        Ok(removed)
    }
}

/// Keys are taken from the store, so that none outlives a file that is gone for another reason.
fn expired(
    view: &mut View<'_>,
    folder: Option<&Folder>,
    kind: Kind,
    before: u32,
) -> Result<Expired, ReadFault> {
    let rows = view.reader.keys()?;
    let past = rows
        .iter()
        .filter(|row| row.purpose == kind.purpose.number() && row.period < before);
    let (keys, periods): (Vec<u32>, Vec<u32>) = past.map(|row| (row.number, row.period)).unzip();
    let mut files = match folder {
        Some(folder) => folder.days().map_err(failed)?,
        None => Vec::new(),
    };
    files.retain(|day| *day < before);
    let days = || periods.iter().chain(&files).copied();
    let range = days().min().zip(days().max());
    Ok(Expired { keys, files, range })
}

fn remove(folder: Option<&Folder>, files: &[u32]) -> Result<(), ReadFault> {
    let Some(folder) = folder else { return Ok(()) };
    files
        .iter()
        .try_for_each(|day| folder.remove(*day))
        .map_err(failed)
}

fn details(
    kind: Kind,
    range: (u32, u32),
    keys: usize,
    files: usize,
    now: Timestamp,
) -> Vec<(String, String)> {
    let detail = |name: &str, value: String| (name.to_owned(), value);
    vec![
        detail("policy", kind.policy.to_owned()),
        detail("from", range.0.to_string()),
        detail("to", range.1.to_string()),
        detail("keys", keys.to_string()),
        detail("files", files.to_string()),
        detail("date", now.to_string()),
    ]
}

fn failed(error: std::io::Error) -> ReadFault {
    ReadFault::Store(StoreError::Io(format!("a journal: {error}")))
}
