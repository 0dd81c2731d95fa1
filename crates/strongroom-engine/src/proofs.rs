//! Proofs for one tenant: checkpoints, consistency between two sizes, and the offline bundle of an entry.

use serde_json::json;
use strongroom_audit::bundle::{Base64, Hash64, Hex};
use strongroom_audit::{
    Bundle, BundleEntry, BundleLog, Checkpoint, EntryHead, OpenedPart, consistency_proof,
    inclusion_proof,
};
use strongroom_store::{HeadRow, IdRange, StoreError};
use strongroom_types::id::{AuditId, CheckpointId, EventId, Kind, RawId};
use strongroom_types::time::Timestamp;

use crate::checkpoints::{checkpoint_size, head_root, origin, sign, verifier_key};
use crate::log::{unread, with_hashes};
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// The offline bundle of one entry: its parts in clear, its place in the tree, and a signed checkpoint.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn proof(&mut self, id: AuditId) -> Result<Vec<u8>, ReadFault> {
        let (row, entry, facts) = self.entry_of(id.0)?;
        if facts.base != id.0 {
            return Err(ReadFault::NotFound);
        }
        let (note, size) = self.covering(row.seq)?;
        let organization = self.scope.organization.0.0;
        let mode = self.scope.mode.code();
        let head = EntryHead {
            organization: &organization,
            mode,
            seq: row.seq,
            time: row.time,
            parts: &entry.heads,
        };
        let mut shown = BundleEntry::new(&head);
        for part in &mut shown.parts {
            let opened = entry.opened.iter().find(|(tag, _, _)| *tag == part.tag);
            part.opened = opened.map(|(_, salt, plain)| OpenedPart {
                salt: Hash64(*salt),
                plaintext: Base64(plain.clone()),
            });
        }
        let proof = with_hashes(self.reader, &self.scope, |source| {
            inclusion_proof(source, size, row.seq - 1)
        })?;
        let proof = proof.map_err(unread)?;
        shown.proof = Some(proof.into_iter().map(Hash64).collect());
        let bundle = Bundle {
            format: strongroom_audit::bundle::FORMAT.to_owned(),
            log: BundleLog {
                organization: Hex(organization.to_vec()),
                mode,
                origin: origin(&self.scope),
            },
            verifier_key: verifier_key(&self.shared.hierarchy, &self.scope, self.shared.now())
                .to_string(),
            checkpoint: note,
            entries: vec![shown],
            consistency: None,
        };
        bundle
            .to_json()
            .map_err(|e| ReadFault::Store(StoreError::Io(e.to_string())))
    }

    /// The offline bundle of the entry that an event is rendered from.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn event_proof(&mut self, id: EventId) -> Result<Vec<u8>, ReadFault> {
        self.event(id)?;
        let (_, _, facts) = self.entry_of(id.0)?;
        self.proof(AuditId(facts.base))
    }

    /// A signed checkpoint that covers an entry: the newest stored one, or one made now.
    fn covering(&mut self, sequence: u64) -> Result<(String, u64), ReadFault> {
        let newest = IdRange::default();
        let rows =
            self.reader
                .records(self.scope.number, Kind::Checkpoint.code(), newest, true, 1)?;
        if let Some(row) = rows.first()
            && checkpoint_size(RawId(row.id)) >= sequence
        {
            return Ok((
                self.opener.checkpoint(&self.scope, row)?,
                checkpoint_size(RawId(row.id)),
            ));
        }
        let (size, root) = head_root(&self.head()?)?;
        let note = sign(
            &self.shared.hierarchy,
            &self.scope,
            size,
            root,
            self.shared.now(),
        );
        Ok((note, size))
    }

    pub(crate) fn head(&mut self) -> Result<HeadRow, ReadFault> {
        let heads = self.reader.heads()?;
        heads
            .into_iter()
            .find(|head| head.log == self.scope.number)
            .ok_or(ReadFault::NotFound)
    }

    /// Checkpoints as JSON, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn checkpoints(&mut self, page: &PageQuery) -> Result<Listing<Vec<u8>>, ReadFault> {
        let cursor = page.cursor(CheckpointId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let range = match backward {
            true => IdRange {
                after: cursor,
                before: None,
            },
            false => IdRange {
                after: None,
                before: cursor,
            },
        };
        let limit = page.limit + 1;
        let mut rows = self.reader.records(
            self.scope.number,
            Kind::Checkpoint.code(),
            range,
            !backward,
            limit,
        )?;
        let has_more = rows.len() > page.limit;
        rows.truncate(page.limit);
        if backward {
            rows.reverse();
        }
        let last = rows
            .last()
            .map(|row| CheckpointId(RawId(row.id)).to_string());
        let mut items = Vec::new();
        for row in &rows {
            let note = self.opener.checkpoint(&self.scope, row)?;
            let key = verifier_key(&self.shared.hierarchy, &self.scope, self.shared.now());
            let checkpoint = Checkpoint::open(&note, &key.name, &key.public).map_err(|e| {
                StoreError::Corrupt(format!("a checkpoint of log {}: {e}", row.scope))
            })?;
            let shown = json!({
                "id": CheckpointId(RawId(row.id)),
                "object": "checkpoint",
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                "root": Hash64(checkpoint.root),
                "note": note,
                "verifier_key": key.to_string(),
                "created_at": Timestamp(row.time),
            });
            items.push(shown.to_string().into_bytes());
        }
        Ok(Listing {
            items,
            has_more,
            next_cursor: last.filter(|_| has_more),
        })
    }

    /// The proof that the log of size `from` is a beginning of the log of size `to`, or of the log as it is now.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when the log never had such sizes.
    pub fn consistency(&mut self, from: u64, to: Option<u64>) -> Result<Vec<u8>, ReadFault> {
        let size = self.head()?.seq;
        let to = to.unwrap_or(size);
        if from > to || to > size {
            return Err(ReadFault::NotFound);
        }
        let proof = with_hashes(self.reader, &self.scope, |source| {
            consistency_proof(source, from, to)
        })?;
        let proof = proof.map_err(unread)?;
        let hashes: Vec<Hash64> = proof.into_iter().map(Hash64).collect();
        let shown = json!({ "object": "consistency_proof", "origin": origin(&self.scope), "from": from, "to": to, "proof": hashes });
        Ok(shown.to_string().into_bytes())
    }
}
