//! Bytes to sealed pieces and back, as they flow; and the frames within them.
//!
//! A frame is `u8 kind ‖ u32 length ‖ bytes`. Nothing is handed on before the piece it stands in has proven to be ours.

use std::io::{ErrorKind, Read, Write};

use strongroom_crypto::stream::{PIECE, SEALED_PIECE};
use strongroom_crypto::{StreamOpener, StreamSealer};

use super::error::BackupError;
use super::header::Opening;

/// Longest frame, in bytes: the longest row, and something.
const MOST: usize = 80 << 20;

/// Writes frames.
pub(super) struct FrameWriter<'a> {
    out: &'a mut dyn Write,
    sealer: StreamSealer,
    clear: Vec<u8>,
    sealed: Vec<u8>,
    /// Sealed bytes written.
    pub written: u64,
}

impl<'a> FrameWriter<'a> {
    pub fn new(out: &'a mut dyn Write, opening: &Opening) -> FrameWriter<'a> {
        FrameWriter {
            out,
            sealer: StreamSealer::new(*opening.key, opening.context),
            clear: Vec::with_capacity(2 * PIECE),
            sealed: Vec::with_capacity(SEALED_PIECE),
            written: 0,
        }
    }

    pub fn frame(&mut self, kind: u8, bytes: &[u8]) -> Result<(), BackupError> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|_| bytes.len() <= MOST);
        let length = length.ok_or_else(|| BackupError::Damaged("a row is too long".to_owned()))?;
        self.clear.push(kind);
        self.clear.extend_from_slice(&length.to_be_bytes());
        self.clear.extend_from_slice(bytes);
        let mut done = 0;
        // The last piece is told apart when all is written, so a full one waits for a byte more.
        while let Some(piece) = self.clear.get(done..done + PIECE + 1) {
            let piece = piece.get(..PIECE).unwrap_or_default();
            self.sealed.clear();
            self.sealer.seal(piece, false, &mut self.sealed);
            self.out.write_all(&self.sealed)?;
            self.written += u64::try_from(self.sealed.len()).unwrap_or(0);
            done += PIECE;
        }
        self.clear.drain(..done);
        Ok(())
    }

    /// Writes the last piece; says how many sealed bytes there are in all.
    pub fn end(mut self) -> Result<u64, BackupError> {
        self.sealed.clear();
        self.sealer.seal(&self.clear, true, &mut self.sealed);
        self.out.write_all(&self.sealed)?;
        Ok(self.written + u64::try_from(self.sealed.len()).unwrap_or(0))
    }
}

/// Reads frames.
pub(super) struct FrameReader<R> {
    input: R,
    opener: StreamOpener,
    /// Sealed bytes read and not opened: at most a piece and the byte that shows it is not the last.
    sealed: Vec<u8>,
    clear: Vec<u8>,
    /// Bytes of `clear` handed out.
    used: usize,
    pieces: u64,
    ended: bool,
}

impl<R: Read> FrameReader<R> {
    pub fn new(input: R, opening: &Opening) -> FrameReader<R> {
        FrameReader {
            input,
            opener: StreamOpener::new(*opening.key, opening.context),
            sealed: Vec::with_capacity(SEALED_PIECE + 1),
            clear: Vec::new(),
            used: 0,
            pieces: 0,
            ended: false,
        }
    }

    /// The next frame; `None` behind the last.
    pub fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, BackupError> {
        if !self.fill(1)? {
            return Ok(None);
        }
        let head = self.take(5)?;
        let (Some((kind, rest)), true) = (head.split_first(), self.used <= self.clear.len()) else {
            return Err(self.damaged());
        };
        let length = rest.first_chunk().copied().map(u32::from_be_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok());
        match length {
            Some(length) if length <= MOST => Ok(Some((*kind, self.take(length)?))),
            _ => Err(self.damaged()),
        }
    }

    /// What is wrong, and where.
    pub fn damaged(&self) -> BackupError {
        BackupError::Damaged(format!("in piece {}", self.pieces))
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, BackupError> {
        if !self.fill(count)? {
            return Err(self.damaged());
        }
        let taken = self.clear.get(self.used..self.used + count);
        let taken = taken.map(<[u8]>::to_vec).ok_or_else(|| self.damaged())?;
        self.used += count;
        Ok(taken)
    }

    /// Opens pieces until so many bytes are there; false at the end.
    fn fill(&mut self, count: usize) -> Result<bool, BackupError> {
        while self.clear.len() - self.used < count {
            if self.ended {
                return Ok(false);
            }
            self.clear.drain(..self.used);
            self.used = 0;
            self.next_piece()?;
        }
        Ok(true)
    }

    fn next_piece(&mut self) -> Result<(), BackupError> {
        let wanted = SEALED_PIECE + 1 - self.sealed.len();
        let mut more = (&mut self.input).take(u64::try_from(wanted).unwrap_or(0));
        while let Err(error) = more.read_to_end(&mut self.sealed) {
            if error.kind() != ErrorKind::Interrupted {
                return Err(error.into());
            }
        }
        self.pieces += 1;
        let last = self.sealed.len() <= SEALED_PIECE;
        let length = self.sealed.len().min(SEALED_PIECE);
        let piece = self.sealed.get(..length).unwrap_or_default();
        let opened = self.opener.open(piece, last);
        self.clear
            .extend(opened.map_err(|_| BackupError::Damaged(format!("in piece {}", self.pieces)))?);
        self.sealed.drain(..length);
        self.ended = last;
        Ok(())
    }
}
