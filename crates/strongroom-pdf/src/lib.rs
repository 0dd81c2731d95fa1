//! A small writer of PDF 1.7: pages of text, lines and filled squares, in the standard fonts that every reader has.
//!
//! The same document is the same bytes, whenever and wherever it is made: there is no time, no random id and no
//! compression in it. Text is escaped and encoded as WinAnsi (`encoding.rs`), so nothing that is written can end a string
//! or become an operator. Never here: what stands on a page, fonts of one's own, pictures.

mod encoding;
mod file;
mod page;

pub use encoding::{REPLACEMENT, win_ansi};
pub use file::Document;
pub use page::{Font, Page};

/// A4 upright, in points.
pub const A4: (f32, f32) = (595.0, 842.0);

/// The width of a letter of [`Font::Mono`], as a part of its size.
pub const MONO_WIDTH: f32 = 0.6;
