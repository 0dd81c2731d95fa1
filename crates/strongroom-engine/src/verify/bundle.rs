//! The offline bundle: a log, or a stretch of it, with what is needed to verify it without a server.

use std::sync::Arc;

use strongroom_audit::bundle::{Base64, BundleConsistency, FORMAT, Hash64, Hex};
use strongroom_audit::verify::MOST_BYTES;
use strongroom_audit::{
    Bundle, BundleEntry, BundleLog, EntryHead, OpenedPart, consistency_proof, decode_parts,
    inclusion_proof,
};
use strongroom_crypto::RootKeys;
use strongroom_store::{EntryRow, HeadRow, IdRange, Reader, Store, StoreError};
use strongroom_types::id::{Kind, OrganizationId, RawId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::time::Timestamp;

use crate::checkpoints::{checkpoint_size, head_root, origin, sign};
use crate::log::with_hashes;
use crate::opened::Opener;
use crate::scopes::installation;
use crate::start::{StartError, hierarchy, scope_of};
use crate::verify::points;

/// Entries read at once.
const PAGE: usize = 1_000;
/// Bytes that a part takes in a bundle at least.
const LEAST: usize = 90;

/// What to take out.
#[derive(Clone, Copy, Debug, Default)]
pub struct BundleRequest {
    /// An organization's log in one mode, or the installation's.
    pub log: Option<(OrganizationId, Mode)>,
    /// First and last sequence number; the whole log without.
    pub range: Option<(u64, u64)>,
    /// With the salts and plaintexts of the parts whose keys still exist.
    pub opened: bool,
    /// The size of a checkpoint kept elsewhere that the bundle shall be proven to continue.
    pub continues: Option<u64>,
}

/// Takes a log's bundle out of a store that nobody writes.
///
/// # Errors
/// [`StartError`] when store or keys do not open, when there is no such log or entry, or when the bundle would be larger
/// than a verifier reads.
pub fn export_bundle(
    store: &dyn Store,
    root: RootKeys,
    request: &BundleRequest,
) -> Result<Vec<u8>, StartError> {
    let mut reader = store.reader()?;
    let heads = reader.heads()?;
    let (scope, head) = find(&heads, request.log)?;
    let hierarchy = Arc::new(hierarchy(&mut *reader, root, Timestamp(head.time))?);
    let opener = Opener::new(hierarchy);
    let lacking = || StartError::Damage("no checkpoint was ever signed here".into());
    let key = points::verifier(&opener.hierarchy, &scope).ok_or_else(lacking)?;
    let last = request.range.map_or(head.seq, |(_, last)| last);
    let (checkpoint, size) = covering(&mut *reader, &opener, &scope, head, last)?;
    let (first, last) = request.range.unwrap_or((1, size));
    if first == 0 || first > last || last > size {
        return Err(StartError::Damage(format!(
            "the log has entries 1 to {size}, not {first} to {last}"
        )));
    }
    let whole = (first, last) == (1, size);
    let mut entries = entries(&mut *reader, &opener, &scope, (first, last), request.opened)?;
    if !whole {
        prove(&mut *reader, &scope, size, &mut entries)?;
    }
    let from = request
        .continues
        .filter(|from| !whole && *from > 0 && *from < size);
    let consistency = from
        .map(|from| consistency(&mut *reader, &scope, from, size))
        .transpose()?;
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        log: BundleLog {
            organization: Hex(scope.organization.0.0.to_vec()),
            mode: scope.mode.code(),
            origin: origin(&scope),
        },
        verifier_key: key.to_string(),
        checkpoint,
        entries,
        consistency,
    };
    bundle
        .to_json()
        .map_err(|error| StartError::Damage(error.to_string()))
}

fn find(
    heads: &[HeadRow],
    log: Option<(OrganizationId, Mode)>,
) -> Result<(Scope, &HeadRow), StartError> {
    let own = installation();
    let wanted = log.unwrap_or((own.organization, own.mode));
    for head in heads {
        let scope = scope_of(head)?;
        if (scope.organization, scope.mode) == wanted {
            return Ok((scope, head));
        }
    }
    Err(StartError::Damage("there is no such log".into()))
}

/// The newest stored checkpoint if it covers the entry, or one signed now over the stored head.
fn covering(
    reader: &mut dyn Reader,
    opener: &Opener,
    scope: &Scope,
    head: &HeadRow,
    last: u64,
) -> Result<(String, u64), StartError> {
    let newest = reader.records(
        scope.number,
        Kind::Checkpoint.code(),
        IdRange::default(),
        true,
        1,
    )?;
    if let Some(row) = newest.first()
        && checkpoint_size(RawId(row.id)) >= last
    {
        let note = opener
            .checkpoint(scope, row)
            .map_err(|fault| StartError::Damage(fault.to_string()))?;
        return Ok((note, checkpoint_size(RawId(row.id))));
    }
    let (size, root) = head_root(head)?;
    Ok((
        sign(&opener.hierarchy, scope, size, root, Timestamp(head.time)),
        size,
    ))
}

/// The entries of a range, which must all be there.
fn entries(
    reader: &mut dyn Reader,
    opener: &Opener,
    scope: &Scope,
    (first, last): (u64, u64),
    opened: bool,
) -> Result<Vec<BundleEntry>, StartError> {
    let mut entries = Vec::new();
    let (mut next, mut bytes) = (first, 0);
    while next <= last {
        let rows = reader.entries(scope.number, next, last, false, PAGE)?;
        if rows.is_empty() {
            return Err(missing(scope, next));
        }
        for row in rows {
            if row.seq != next {
                return Err(missing(scope, next));
            }
            next += 1;
            let entry = entry(opener, scope, &row, opened)?;
            bytes += row.parts.len() * usize::from(opened) + entry.parts.len() * LEAST;
            entries.push(entry);
        }
        if bytes > MOST_BYTES {
            return Err(StartError::Damage(
                "the bundle would be too large: take the log in stretches".into(),
            ));
        }
    }
    Ok(entries)
}

fn missing(scope: &Scope, seq: u64) -> StartError {
    StartError::Store(StoreError::Corrupt(format!(
        "entry {seq} of log {} is missing",
        scope.number
    )))
}

/// Leads from a checkpoint kept elsewhere to the bundle's.
fn consistency(
    reader: &mut dyn Reader,
    scope: &Scope,
    from: u64,
    size: u64,
) -> Result<BundleConsistency, StartError> {
    let proof = with_hashes(reader, scope, |source| {
        consistency_proof(source, from, size)
    })?;
    let proof = proof.map_err(|error| StartError::Damage(error.to_string()))?;
    Ok(BundleConsistency {
        from,
        proof: proof.into_iter().map(Hash64).collect(),
    })
}

fn entry(
    opener: &Opener,
    scope: &Scope,
    row: &EntryRow,
    with_parts: bool,
) -> Result<BundleEntry, StartError> {
    let damage = |text: String| {
        StartError::Damage(format!("entry {} of log {}: {text}", row.seq, scope.number))
    };
    let heads = decode_parts(&row.head).map_err(|fault| damage(fault.to_string()))?;
    let organization = scope.organization.0.0;
    let head = EntryHead {
        organization: &organization,
        mode: scope.mode.code(),
        seq: row.seq,
        time: row.time,
        parts: &heads,
    };
    let mut shown = BundleEntry::new(&head);
    if with_parts {
        let opened = opener
            .entry(scope, row)
            .map_err(|fault| damage(fault.to_string()))?
            .opened;
        for (tag, salt, plain) in opened {
            if let Some(part) = shown.parts.iter_mut().find(|part| part.tag == tag) {
                part.opened = Some(OpenedPart {
                    salt: Hash64(salt),
                    plaintext: Base64(plain),
                });
            }
        }
    }
    Ok(shown)
}

/// Gives each entry its inclusion proof under the tree of `size`.
fn prove(
    reader: &mut dyn Reader,
    scope: &Scope,
    size: u64,
    entries: &mut [BundleEntry],
) -> Result<(), StartError> {
    let proven = with_hashes(reader, scope, |source| {
        entries.iter_mut().try_for_each(|entry| {
            let proof = inclusion_proof(source, size, entry.seq - 1)?;
            entry.proof = Some(proof.into_iter().map(Hash64).collect());
            Ok(())
        })
    })?;
    proven.map_err(|error: strongroom_audit::TileError<StoreError>| {
        StartError::Damage(error.to_string())
    })
}
