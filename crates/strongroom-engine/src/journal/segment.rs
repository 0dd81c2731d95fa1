//! One day's file: blocks of all scopes one behind the other, each scope's linked back to its previous one.
//!
//! A file is walked once, by its headers, to learn each scope's last block and where the file ends; from then on a
//! reader follows one scope's chain and never touches another's blocks. What a crash tore is skipped by readers and
//! cut off before the next write. One process at a time holds the directory.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_crypto::{DataKey, Hierarchy, SealedView, random, write_sealed_header};
use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;

use crate::journal::block::Block;
use crate::journal::header::{HEADER, Header, MAGIC};
use crate::journal::line::Kind;

/// Bytes a sealed body is longer than what it holds: header and tag.
const SEALED: u32 = 29 + 16;

/// Bytes read at once while a file is walked.
const WINDOW: usize = 16 * 1024;

/// The end of one scope's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Where its last block begins.
    pub last: u64,
    /// The highest id in it.
    pub summit: RawId,
}

#[derive(Default)]
struct State {
    /// Where the last whole block ends.
    end: u64,
    chains: HashMap<u32, Chain, foldhash::fast::RandomState>,
    /// Whether something may stand behind the end: a torn block.
    ragged: bool,
    unsynced: bool,
}

/// A day's file.
pub(super) struct Segment {
    pub day: u32,
    kind: Kind,
    file: File,
    state: Mutex<State>,
}

impl Segment {
    /// Opens the file of `day` and walks it.
    ///
    /// # Errors
    /// `NotFound` when it is not there and is not to be made; what the operating system says.
    pub fn open(path: &Path, kind: Kind, day: u32, make: bool) -> io::Result<Segment> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(make)
            .mode(0o600)
            .open(path)?;
        let state = walk(&file, file.metadata()?.len())?;
        Ok(Segment {
            day,
            kind,
            file,
            state: Mutex::new(state),
        })
    }

    /// Seals a block and appends it; after an error the file is as before.
    ///
    /// # Errors
    /// What the operating system says, a full disk for one.
    pub fn append(&self, block: &Block, key: &DataKey) -> io::Result<()> {
        let mut state = self.lock();
        if state.ragged {
            self.file.set_len(state.end)?;
            state.ragged = false;
        }
        let header = state.header(block)?;
        let aad = header.aad(self.kind.label, &block.scope, self.day, key.number);
        let bytes = sealed(&header, block, key, &aad);
        // Until the whole block is there, what is there of it is a torn tail.
        state.ragged = true;
        if let Err(error) = self.file.write_all_at(&bytes, header.at) {
            state.ragged = self.file.set_len(state.end).is_err();
            return Err(error);
        }
        state.ragged = false;
        state.unsynced = true;
        state.admit(&header);
        Ok(())
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<()> {
        if std::mem::take(&mut self.lock().unsynced) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The end of a scope's chain.
    pub fn chain(&self, scope: u32) -> Option<Chain> {
        self.lock().chains.get(&scope).copied()
    }

    /// The newest block of a scope.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn last(&self, scope: u32) -> io::Result<Option<Header>> {
        match self.chain(scope) {
            Some(chain) => header_at(&self.file, chain.last),
            None => Ok(None),
        }
    }

    /// The block of the same scope before this one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn before(&self, header: &Header) -> io::Result<Option<Header>> {
        let Some(at) = header.previous else {
            return Ok(None);
        };
        let linked = header_at(&self.file, at)?.filter(|found| found.scope == header.scope);
        if linked.is_some() {
            return Ok(linked);
        }
        // The block there is damaged: what lies before it is found by walking.
        match walk(&self.file, at)?.chains.get(&header.scope) {
            Some(chain) => header_at(&self.file, chain.last),
            None => Ok(None),
        }
    }

    /// A block's lines, opened; `None` when it does not open: its key is destroyed, or it was altered.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn block(
        &self,
        header: &Header,
        scope: &Scope,
        hierarchy: &Hierarchy,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut body = vec![0; usize::try_from(header.length).unwrap_or(0)];
        match self.file.read_exact_at(&mut body, header.body()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let Ok(view) = SealedView::parse(&body) else {
            return Ok(None);
        };
        let Some(key) = hierarchy.find(view.key) else {
            return Ok(None);
        };
        let aad = header.aad(self.kind.label, scope, self.day, view.key);
        Ok(key.seal_key().open(view.nonce, &aad, view.ciphertext).ok())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The header that a block gets at the end of the file.
    fn header(&self, block: &Block) -> io::Result<Header> {
        let chain = self.chains.get(&block.scope.number);
        let plain = u32::try_from(block.plain.len())
            .map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
        Ok(Header {
            at: self.end,
            previous: chain.map(|chain| chain.last),
            scope: block.scope.number,
            lines: block.lines,
            lowest: block.lowest,
            highest: block.highest,
            summit: chain.map_or(block.highest, |chain| chain.summit.max(block.highest)),
            earliest: block.earliest,
            latest: block.latest,
            length: plain.saturating_add(SEALED),
        })
    }

    fn admit(&mut self, header: &Header) {
        self.end = header.end();
        self.chains.insert(
            header.scope,
            Chain {
                last: header.at,
                summit: header.summit,
            },
        );
    }
}

fn sealed(header: &Header, block: &Block, key: &DataKey, aad: &[u8]) -> Vec<u8> {
    let mut out = header.bytes();
    let nonce = random::<24>();
    write_sealed_header(key.number, &nonce, &mut out);
    key.seal_key().seal(&nonce, aad, &block.plain, &mut out);
    out
}

/// Walks the headers up to `length`, steps over damage, and gives each scope's last block and the end.
fn walk(file: &File, length: u64) -> io::Result<State> {
    let mut window = Window {
        file,
        from: 0,
        bytes: Vec::new(),
    };
    let mut state = State::default();
    let mut at = 0;
    loop {
        while let Some(header) = window.header(at)?.filter(|header| header.end() <= length) {
            at = header.end();
            state.admit(&header);
        }
        match window.next_block(at.saturating_add(1), length)? {
            Some(next) => at = next,
            None => break,
        }
    }
    state.ragged = state.end < length;
    Ok(state)
}

/// A stretch of a file in memory, so that many small blocks take one call to the system.
struct Window<'a> {
    file: &'a File,
    from: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    fn header(&mut self, at: u64) -> io::Result<Option<Header>> {
        if self.chunk(at).is_none() {
            self.fill(at)?;
        }
        Ok(self.chunk(at).and_then(|bytes| Header::parse(bytes, at)))
    }

    fn chunk(&self, at: u64) -> Option<&[u8; HEADER]> {
        let offset = usize::try_from(at.checked_sub(self.from)?).ok()?;
        self.bytes.get(offset..)?.first_chunk()
    }

    fn fill(&mut self, at: u64) -> io::Result<()> {
        self.bytes.resize(WINDOW, 0);
        let read = self.file.read_at(&mut self.bytes, at)?;
        self.bytes.truncate(read);
        self.from = at;
        Ok(())
    }

    /// Where the next whole block begins, at `from` or behind, once the chain of lengths is broken.
    fn next_block(&mut self, mut from: u64, length: u64) -> io::Result<Option<u64>> {
        while from < length {
            self.fill(from)?;
            for at in self.marks() {
                if header_at(self.file, at)?.is_some_and(|header| header.end() <= length) {
                    return Ok(Some(at));
                }
            }
            // The last bytes may be the start of a mark that the next window completes.
            match self.bytes.len().checked_sub(MAGIC.len() - 1) {
                Some(step) if step > 0 => {
                    from = from.saturating_add(u64::try_from(step).unwrap_or(0))
                }
                _ => break,
            }
        }
        Ok(None)
    }

    /// Where in the window a header may begin.
    fn marks(&self) -> Vec<u64> {
        let found = self
            .bytes
            .windows(MAGIC.len())
            .enumerate()
            .filter(|(_, four)| *four == MAGIC);
        found
            .map(|(offset, _)| self.from.saturating_add(u64::try_from(offset).unwrap_or(0)))
            .collect()
    }
}

fn header_at(file: &File, at: u64) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Header::parse(&bytes, at)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
