//! What stands in clear before each block of a day's file.
//!
//! ```text
//! "SRQ" ‖ format 0x01 ‖ at u64 ‖ previous u64 ‖ scope u32 ‖ lines u32 ‖ lowest id₁₂ ‖ highest id₁₂ ‖ summit id₁₂
//!       ‖ earliest i64 ‖ latest i64 ‖ length u32 ‖ check₈
//! ```
//! Numbers are big-endian. `check` is the start of the hash of all before it: it tells a torn write from a block, no
//! more. Against change the header is associated data of the sealed body that follows it.

use strongroom_crypto::sha256;
use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

/// The first bytes of every block; the last is the format.
pub(super) const MAGIC: [u8; 4] = *b"SRQ\x01";

/// Bytes of a header.
pub(super) const HEADER: usize = BARE + 8;

/// Bytes of a header without its check.
const BARE: usize = 84;

/// Longest sealed body; what claims more is no block.
const MOST_BODY: u32 = 256 * 1024;

/// Stands for "no block before this one".
const NONE: u64 = u64::MAX;

/// One block's place and what it spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the block begins in its file.
    pub at: u64,
    /// Where the same scope's block before it begins.
    pub previous: Option<u64>,
    pub scope: u32,
    pub lines: u32,
    pub lowest: RawId,
    pub highest: RawId,
    /// The highest id of this block and of all blocks of the scope before it in the file.
    pub summit: RawId,
    pub earliest: Timestamp,
    pub latest: Timestamp,
    /// Bytes of the sealed body.
    pub length: u32,
}

impl Header {
    /// The header's bytes with their check.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.at.to_be_bytes());
        out.extend_from_slice(&self.previous.unwrap_or(NONE).to_be_bytes());
        out.extend_from_slice(&self.scope.to_be_bytes());
        out.extend_from_slice(&self.lines.to_be_bytes());
        out.extend_from_slice(&self.lowest.0);
        out.extend_from_slice(&self.highest.0);
        out.extend_from_slice(&self.summit.0);
        out.extend_from_slice(&self.earliest.0.to_be_bytes());
        out.extend_from_slice(&self.latest.0.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
        let check = check(&out);
        out.extend_from_slice(&check);
        out
    }

    /// Reads the header that begins at `at`; `None` when the bytes are none, or belong elsewhere.
    pub fn parse(bytes: &[u8; HEADER], at: u64) -> Option<Header> {
        let (bare, stored) = bytes.split_first_chunk::<BARE>()?;
        let mut rest = bare.strip_prefix(&MAGIC)?;
        if check(bare) != stored {
            return None;
        }
        let header = Header {
            at: u64::from_be_bytes(take(&mut rest)?),
            previous: Some(u64::from_be_bytes(take(&mut rest)?))
                .filter(|previous| *previous != NONE),
            scope: u32::from_be_bytes(take(&mut rest)?),
            lines: u32::from_be_bytes(take(&mut rest)?),
            lowest: RawId(take(&mut rest)?),
            highest: RawId(take(&mut rest)?),
            summit: RawId(take(&mut rest)?),
            earliest: Timestamp(i64::from_be_bytes(take(&mut rest)?)),
            latest: Timestamp(i64::from_be_bytes(take(&mut rest)?)),
            length: u32::from_be_bytes(take(&mut rest)?),
        };
        // A chain that only leads back ends.
        let leads_back = header.previous.is_none_or(|previous| previous < at);
        (header.at == at && leads_back && header.length <= MOST_BODY).then_some(header)
    }

    /// Where the body begins.
    pub fn body(&self) -> u64 {
        self.at.saturating_add(HEADER_LENGTH)
    }

    /// Where the next block begins.
    pub fn end(&self) -> u64 {
        self.body().saturating_add(u64::from(self.length))
    }

    /// The body's associated data: which journal's and whose it is, its file and its header, each behind its length.
    pub fn aad(&self, label: &[u8], scope: &Scope, day: u32, key: u32) -> Vec<u8> {
        let header = self.bytes();
        let (day, key) = (day.to_be_bytes(), key.to_be_bytes());
        let mode = [scope.mode.code()];
        let fields: [&[u8]; 6] = [label, &scope.organization.0.0, &mode, &day, &header, &key];
        let mut out = Vec::with_capacity(160);
        for field in fields {
            out.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(field);
        }
        out
    }
}

/// [`HEADER`] as an offset.
const HEADER_LENGTH: u64 = 92;

fn check(bare: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[bare]);
    [a, b, c, d, e, f, g, h]
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
pub(super) mod tests {
    use strongroom_types::id::OrganizationId;
    use strongroom_types::mode::Mode;

    use super::*;

    const LABEL: &[u8] = b"strongroom/request-log/1";

    fn sample() -> Header {
        Header {
            at: 1_000,
            previous: Some(10),
            scope: 7,
            lines: 3,
            lowest: RawId([1; 12]),
            highest: RawId([2; 12]),
            summit: RawId([3; 12]),
            earliest: Timestamp(-5),
            latest: Timestamp(6),
            length: 400,
        }
    }

    #[test]
    fn headers_round_trip_and_no_flipped_byte_passes() {
        for previous in [Some(10), Some(999), None] {
            let header = Header {
                previous,
                ..sample()
            };
            let bytes: [u8; HEADER] = header.bytes().try_into().unwrap();
            assert_eq!(Header::parse(&bytes, 1_000), Some(header));
            for place in 0..HEADER {
                let mut changed = bytes;
                changed[place] ^= 0x20;
                assert_eq!(Header::parse(&changed, 1_000), None, "byte {place}");
            }
        }
        assert_eq!(u64::try_from(HEADER).unwrap(), HEADER_LENGTH);
    }

    #[test]
    fn what_is_moved_too_long_or_leads_ahead_is_no_header() {
        let read = |header: Header, at| Header::parse(&header.bytes().try_into().unwrap(), at);
        assert_eq!(read(sample(), 1_001), None);
        assert_eq!(
            read(
                Header {
                    length: MOST_BODY + 1,
                    ..sample()
                },
                1_000
            ),
            None
        );
        assert_eq!(
            read(
                Header {
                    previous: Some(1_000),
                    ..sample()
                },
                1_000
            ),
            None
        );
    }

    #[test]
    fn no_two_places_share_associated_data() {
        let scope = |mode, byte| Scope {
            number: 7,
            organization: OrganizationId(RawId([byte; 12])),
            mode,
        };
        let all = [
            sample().aad(LABEL, &scope(Mode::Test, 1), 20_240_115, 9),
            sample().aad(LABEL, &scope(Mode::Live, 1), 20_240_115, 9),
            sample().aad(LABEL, &scope(Mode::Test, 2), 20_240_115, 9),
            sample().aad(LABEL, &scope(Mode::Test, 1), 20_240_116, 9),
            sample().aad(LABEL, &scope(Mode::Test, 1), 20_240_115, 8),
            sample().aad(
                b"strongroom/attempts/1",
                &scope(Mode::Test, 1),
                20_240_115,
                9,
            ),
            Header {
                at: 1_092,
                ..sample()
            }
            .aad(LABEL, &scope(Mode::Test, 1), 20_240_115, 9),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(
                all.iter().skip(n + 1).all(|other| other != one),
                "place {n}"
            );
        }
    }
}
