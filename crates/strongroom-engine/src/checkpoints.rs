//! Checkpoints: signed notes over each log that grew, and one over the installation's that commits to all heads.
//!
//! The heads of the logs that grew are first put on record in the installation's log; the installation's checkpoint
//! then covers that entry. A checkpoint is a sealed record of kind `Checkpoint` whose number is the log's size.

use strongroom_audit::{Checkpoint, Frontier, VerifierKey};
use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::{Hierarchy, Purpose, RandomPool, SigningKey};
use strongroom_domain::action::Action;
use strongroom_domain::housekeeping::Note;
use strongroom_store::{Batch, HeadRow, IdRange, Reader, RecordRow, StoreError};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::{INSTALLATION, Scope};
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::opened::{OpenFault, Opener};
use crate::scopes::installation;
use crate::seal::{BUSINESS, BodyWriter, Seat, read_body};
use crate::sealers::seal_personal;
use crate::start::scope_of;

/// The name of a log in its checkpoints.
pub(crate) fn origin(scope: &Scope) -> String {
    match scope.number {
        INSTALLATION => "strongroom/installation".to_owned(),
        _ => format!("strongroom/{}/{}", scope.organization, scope.mode),
    }
}

/// The installation's checkpoint key.
pub(crate) fn signing_key(hierarchy: &Hierarchy, now: Timestamp) -> SigningKey {
    SigningKey::from_seed(
        hierarchy
            .current(INSTALLATION, Purpose::Checkpoint, 0, now.0)
            .seed(),
    )
}

/// The public key of a log's checkpoints, in the form of signed notes.
pub(crate) fn verifier_key(hierarchy: &Hierarchy, scope: &Scope, now: Timestamp) -> VerifierKey {
    VerifierKey {
        name: origin(scope),
        public: signing_key(hierarchy, now).public(),
    }
}

/// Signs a log's head.
pub(crate) fn sign(
    hierarchy: &Hierarchy,
    scope: &Scope,
    size: u64,
    root: [u8; 32],
    now: Timestamp,
) -> String {
    let origin = origin(scope);
    let checkpoint = Checkpoint {
        origin: origin.clone(),
        size,
        root,
        extension: Vec::new(),
    };
    checkpoint.sign(&origin, &signing_key(hierarchy, now))
}

/// The size and root that a stored head stands for.
pub(crate) fn head_root(head: &HeadRow) -> Result<(u64, [u8; 32]), StoreError> {
    let frontier = Frontier::decode(&head.frontier)
        .map_err(|damage| StoreError::Corrupt(format!("the head of log {}: {damage}", head.log)))?;
    Ok((frontier.size(), frontier.root()))
}

/// The record id of a log's checkpoint of some size.
pub(crate) fn checkpoint_id(size: u64) -> AnyId {
    AnyId {
        kind: Kind::Checkpoint,
        raw: RawId::from_parts(size >> 48, size),
    }
}

/// The size of the log that a checkpoint's id stands for.
pub(crate) fn checkpoint_size(raw: RawId) -> u64 {
    raw.distance(RawId::ZERO).unwrap_or(u64::MAX)
}

/// The newest stored checkpoint's size; 0 when there is none.
fn newest_size(reader: &mut dyn Reader, scope: &Scope) -> Result<u64, StoreError> {
    let newest = reader.records(
        scope.number,
        Kind::Checkpoint.code(),
        IdRange::default(),
        true,
        1,
    )?;
    Ok(newest
        .first()
        .map_or(0, |row| checkpoint_size(RawId(row.id))))
}

/// A checkpoint's place: its time takes part, since no entry tells it.
pub(crate) fn checkpoint_seat(scope: &Scope, id: AnyId, time: Timestamp) -> Seat {
    let time = RawId::from_parts(u64::try_from(time.0).unwrap_or(0), 0);
    Seat {
        subject: time,
        ..Seat::record(scope, id, 1)
    }
}

/// A checkpoint as stored.
fn row(hierarchy: &Hierarchy, scope: &Scope, size: u64, note: &str, now: Timestamp) -> RecordRow {
    let id = checkpoint_id(size);
    let key = hierarchy.current(scope.number, Purpose::Record, 0, now.0);
    let mut body = BodyWriter::new(1);
    let seat = checkpoint_seat(scope, id, now);
    let mut random = RandomPool::new();
    body.part(BUSINESS, None, |out| {
        seal_personal(&key, &mut random, &seat, note.as_bytes(), out)
    });
    RecordRow {
        scope: scope.number,
        kind: id.kind.code(),
        id: id.raw.0,
        version: 1,
        seq: size,
        time: now.0,
        status: 0,
        body: body.bytes,
    }
}

impl Opener {
    /// The signed note of a stored checkpoint.
    pub(crate) fn checkpoint(&self, scope: &Scope, row: &RecordRow) -> Result<String, OpenFault> {
        let id = AnyId {
            kind: Kind::Checkpoint,
            raw: RawId(row.id),
        };
        let malformed = || OpenFault::Malformed(format!("the body of `{id}`"));
        let parts = read_body(&row.body).ok_or_else(malformed)?;
        let blob = parts.first().ok_or_else(malformed)?.blob;
        let bytes = self.blob(
            blob,
            &checkpoint_seat(scope, id, Timestamp(row.time)),
            &id,
            &mut |_| None,
        )?;
        String::from_utf8(bytes).map_err(|_| malformed())
    }
}

impl Engine {
    /// Signs and stores a checkpoint of every log that grew; says how many.
    ///
    /// # Errors
    /// [`Failure`] of the reads and commits on the way.
    pub async fn checkpoint(&self) -> Result<usize, Failure> {
        let grown = self.grown(|scope| scope.number != INSTALLATION).await?;
        if !grown.is_empty() {
            let details = grown
                .iter()
                .map(|g| (format!("log_{}", g.scope.number), g.summary()))
                .collect();
            let caller = Caller::system(SystemActor::Housekeeping, installation());
            let note = Note {
                action: Action::HeadsRecorded,
                details,
            };
            self.execute(&caller, note, Envelope::internal()).await?;
        }
        let own = self.grown(|scope| scope.number == INSTALLATION).await?;
        let now = self.now();
        let hierarchy = &self.shared().hierarchy;
        let all = grown.iter().chain(&own);
        let records: Vec<RecordRow> = all
            .map(|g| {
                // The clock may have been set back: a checkpoint is never older than what it covers.
                let now = now.max(g.time);
                let note = sign(hierarchy, &g.scope, g.size, g.root, now);
                row(hierarchy, &g.scope, g.size, &note, now)
            })
            .collect();
        let count = records.len();
        if count > 0 {
            self.derive(Batch {
                records,
                ..Batch::default()
            })
            .await?;
        }
        Ok(count)
    }

    async fn grown(
        &self,
        which: impl Fn(&Scope) -> bool + Send + 'static,
    ) -> Result<Vec<Grown>, Failure> {
        self.with_view(installation(), move |view| {
            let mut grown = Vec::new();
            for head in view.reader.heads()? {
                let scope = scope_of(&head)?;
                if which(&scope) && head.seq > newest_size(view.reader, &scope)? {
                    let (size, root) = head_root(&head)?;
                    grown.push(Grown {
                        scope,
                        size,
                        root,
                        time: Timestamp(head.time),
                    });
                }
            }
            Ok(grown)
        })
        .await
    }
}

/// A log that has outgrown its newest checkpoint.
struct Grown {
    scope: Scope,
    size: u64,
    root: [u8; 32],
    /// Of the last entry.
    time: Timestamp,
}

impl Grown {
    fn summary(&self) -> String {
        let root: String = self.root.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{root}", self.size)
    }
}
