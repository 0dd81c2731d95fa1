//! What a journal holds: one kind of line, with its file form, its looks and its time of keeping.

use minicbor::Decode;
use strongroom_crypto::Purpose;
use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::view::{PageQuery, ReadFault};

/// What tells one journal from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Of its thread, and of what is said about it.
    pub name: &'static str,
    /// The first field of each block's associated data. Stored.
    pub label: &'static [u8],
    /// What its keys are for.
    pub purpose: Purpose,
    /// How long a line is kept, in milliseconds.
    pub kept: i64,
    /// The policy that destroys its keys, as the log names it.
    pub policy: &'static str,
    /// Most lines looked at for one page.
    pub most_scanned: usize,
}

impl Kind {
    /// The first day, `YYYYMMDD`, whose lines are kept in full.
    pub fn first_kept_day(&self, now: Timestamp) -> u32 {
        now.plus(-self.kept).day()
    }
}

/// Where a line stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub id: RawId,
    pub time: Timestamp,
}

/// What every filter narrows by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub id: Option<RawId>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

impl Span {
    pub fn holds(&self, mark: Mark) -> bool {
        self.id.is_none_or(|id| mark.id == id)
            && self.created_after.is_none_or(|time| mark.time >= time)
            && self.created_before.is_none_or(|time| mark.time < time)
    }
}

/// A line that matches a filter: where it stands, and how the API shows it.
pub(crate) type Found<'a> = (Mark, &'a dyn Fn() -> Vec<u8>);

/// One kind of line.
pub(crate) trait Line: Send + Sized + 'static {
    /// What lines can be narrowed by.
    type Filter;

    const KIND: Kind;

    fn scope(&self) -> Scope;

    fn mark(&self) -> Mark;

    /// Bytes that it takes in memory.
    fn size(&self) -> usize;

    /// Its stored form, cut to what is kept.
    fn append_to(&self, out: &mut Vec<u8>);

    /// Offers the lines of an opened block that match the filter, in the order they were added; ends early where the
    /// bytes are no line.
    fn each(block: &[u8], filter: &Self::Filter, offer: &mut dyn FnMut(Found<'_>));

    fn span(filter: &Self::Filter) -> Span;

    /// The line that a page begins or ends at.
    ///
    /// # Errors
    /// [`ReadFault::BadCursor`].
    fn cursor(page: &PageQuery) -> Result<Option<RawId>, ReadFault>;

    /// An id as a cursor.
    fn cursor_text(id: RawId) -> String;
}

/// The lines of an opened block, in the order they were added; ends early where the bytes are no line.
pub(super) fn lines<'b, T: Decode<'b, ()>>(block: &'b [u8]) -> impl Iterator<Item = T> {
    let mut decoder = minicbor::Decoder::new(block);
    std::iter::from_fn(move || match decoder.position() < block.len() {
        true => decoder.decode().ok(),
        false => None,
    })
}

/// Text that is not longer than `most` bytes, so that no client decides how much is written.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
