//! Sealing and opening: the byte formats of records and entry parts (ARCHITECTURE, "Byte formats").
//!
//! Every ciphertext is bound to its place: organization, mode, kind, id, version, part, subject and key. Moved
//! anywhere else it does not open.

use strongroom_crypto::{DataKey, SealedView, sha256};
use strongroom_domain::record::PersonalPart;
use strongroom_types::id::{AnyId, Kind, RawId, SubjectId};
use strongroom_types::mode::Scope;

/// Where a ciphertext belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub organization: RawId,
    pub mode: u8,
    pub kind: u8,
    pub id: RawId,
    pub version: u64,
    pub part: u8,
    pub subject: RawId,
}

impl Seat {
    /// The business part of a record's version.
    pub fn record(scope: &Scope, id: AnyId, version: u64) -> Seat {
        Seat {
            organization: scope.organization.0,
            mode: scope.mode.code(),
            kind: id.kind.code(),
            id: id.raw,
            version,
            part: BUSINESS,
            subject: RawId::ZERO,
        }
    }

    /// A part of the entry numbered `sequence`; `columns` binds what stands in clear beside it.
    pub fn entry(scope: &Scope, sequence: u64, tag: u8, columns: RawId) -> Seat {
        let mut raw = [0; 12];
        for (to, from) in raw.iter_mut().skip(4).zip(sequence.to_be_bytes()) {
            *to = from;
        }
        Seat {
            part: tag,
            subject: columns,
            ..Seat::record(
                scope,
                AnyId {
                    kind: Kind::Audit,
                    raw: RawId(raw),
                },
                1,
            )
        }
    }

    pub fn personal(self, subject: SubjectId) -> Seat {
        Seat {
            part: PERSONAL,
            subject: subject.0,
            ..self
        }
    }

    /// The associated data: every field behind its length, so that no two seats share one encoding.
    pub fn aad(&self, key: u32) -> [u8; 59] {
        let mut out = [0u8; 59];
        let version = self.version.to_be_bytes();
        let key = key.to_be_bytes();
        let fields: [&[u8]; 8] = [
            &self.organization.0,
            &[self.mode],
            &[self.kind],
            &self.id.0,
            &version,
            &[self.part],
            &self.subject.0,
            &key,
        ];
        let bytes = fields.iter().flat_map(|field| {
            let length = u8::try_from(field.len()).unwrap_or(u8::MAX);
            std::iter::once(length).chain(field.iter().copied())
        });
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = from;
        }
        out
    }
}

/// What stands in clear beside an entry's parts, in twelve bytes: part of their associated data, so that none of it
/// can be changed without the parts no longer opening.
pub(crate) fn entry_columns(
    action: u16,
    first_event: u64,
    event_count: u16,
    spent: &[u8],
) -> RawId {
    let digest = sha256(&[
        b"strongroom/entry/columns/1",
        &action.to_be_bytes(),
        &first_event.to_be_bytes(),
        &event_count.to_be_bytes(),
        spent,
    ]);
    RawId(digest.first_chunk().copied().unwrap_or_default())
}

/// Part numbers of a record.
pub(crate) const BUSINESS: u8 = 0;
pub(crate) const PERSONAL: u8 = 1;
/// A card number, sealed by the vault before the record was made.
pub(crate) const CARD: u8 = 3;

/// Opens one sealed blob at its seat.
pub(crate) fn open(view: &SealedView<'_>, key: &DataKey, seat: &Seat) -> Option<Vec<u8>> {
    key.seal_key()
        .open(view.nonce, &seat.aad(view.key), view.ciphertext)
        .ok()
}

/// A record's parts in clear, as they are sealed and committed to. Personal bytes start with their salt.
pub(crate) struct ClearRecord {
    pub business: Vec<u8>,
    pub personal: Vec<PersonalPart>,
    /// Sealed already; the business part commits to it.
    pub sealed: Option<Vec<u8>>,
}

/// Bytes of random salt in front of a personal part.
pub(crate) const SALT: usize = 16;

impl ClearRecord {
    /// What the log keeps of a record's version. Personal parts enter by the hash of their salted bytes, so that
    /// nothing can be guessed from it once the salt is gone.
    pub fn commitment(&self, id: AnyId, version: u64) -> [u8; 32] {
        let length = u64::try_from(self.business.len())
            .unwrap_or(u64::MAX)
            .to_be_bytes();
        let version = version.to_be_bytes();
        let kind = [id.kind.code()];
        let personal: Vec<[u8; 32]> = self.personal.iter().map(|p| sha256(&[&p.bytes])).collect();
        let mut parts: Vec<&[u8]> = vec![
            b"strongroom/record/1",
            &kind,
            &id.raw.0,
            &version,
            &length,
            &self.business,
        ];
        for (part, hash) in self.personal.iter().zip(&personal) {
            parts.push(&part.subject.0.0);
            parts.push(hash);
        }
        sha256(&parts)
    }
}

/// Writes the frame of a record body: `0x01 ‖ n ‖ n × (part ‖ [subject₁₂ if personal] ‖ u32 length ‖ blob)`.
pub(crate) struct BodyWriter {
    pub bytes: Vec<u8>,
}

impl BodyWriter {
    pub fn new(parts: usize) -> BodyWriter {
        let mut bytes = Vec::with_capacity(160);
        bytes.push(1);
        bytes.push(u8::try_from(parts).unwrap_or(u8::MAX));
        BodyWriter { bytes }
    }

    /// Appends a part; `write` appends its blob.
    pub fn part(&mut self, part: u8, subject: Option<SubjectId>, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(part);
        if let Some(subject) = subject {
            self.bytes.extend_from_slice(&subject.0.0);
        }
        framed(&mut self.bytes, write);
    }
}

/// Appends `u32 length ‖ bytes` where `write` appends the bytes.
pub(crate) fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len().saturating_sub(at + 4)).unwrap_or(u32::MAX);
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&length.to_be_bytes());
    }
}

/// A part of a sealed body, still sealed.
pub(crate) struct SealedPart<'a> {
    pub part: u8,
    pub subject: Option<SubjectId>,
    pub blob: &'a [u8],
}

/// Reads the frame of a record body; `None` when the bytes are none.
pub(crate) fn read_body(bytes: &[u8]) -> Option<Vec<SealedPart<'_>>> {
    let ([1, count], mut rest) = bytes.split_first_chunk::<2>()? else {
        return None;
    };
    let mut parts = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (part, after) = rest.split_first()?;
        rest = after;
        let subject = if *part == PERSONAL {
            let (subject, after) = rest.split_first_chunk::<12>()?;
            rest = after;
            Some(SubjectId(RawId(*subject)))
        } else {
            None
        };
        let (blob, after) = read_framed(rest)?;
        rest = after;
        parts.push(SealedPart {
            part: *part,
            subject,
            blob,
        });
    }
    rest.is_empty().then_some(parts)
}

/// Reads `u32 length ‖ bytes` and gives what follows.
pub(crate) fn read_framed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_fills_its_associated_data_exactly() {
        let seat = Seat {
            organization: RawId([1; 12]),
            mode: 1,
            kind: 2,
            id: RawId([3; 12]),
            version: 4,
            part: 5,
            subject: RawId([6; 12]),
        };
        let aad = seat.aad(0x0708_090a);
        assert_eq!(aad.len(), 8 + 12 + 1 + 1 + 12 + 8 + 1 + 12 + 4);
        assert_eq!(&aad[54..], &[4, 7, 8, 9, 10]);
    }

    #[test]
    fn bodies_are_read_back_whole_or_not_at_all() {
        let mut body = BodyWriter::new(2);
        body.part(BUSINESS, None, |out| out.extend_from_slice(b"abc"));
        body.part(PERSONAL, Some(SubjectId(RawId([9; 12]))), |out| {
            out.extend_from_slice(b"d")
        });
        let parts = read_body(&body.bytes).unwrap();
        assert_eq!(parts[0].blob, b"abc");
        assert_eq!(parts[1].subject, Some(SubjectId(RawId([9; 12]))));
        for end in 0..body.bytes.len() {
            assert!(read_body(&body.bytes[..end]).is_none(), "cut at {end}");
        }
        body.bytes.push(0);
        assert!(read_body(&body.bytes).is_none());
    }
}
