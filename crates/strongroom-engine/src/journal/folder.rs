//! The directory of day files.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::line::Kind;
use crate::journal::segment::Segment;

/// `YYYYMMDD.log` in one directory; each file is opened once and then shared by the writer and all readers.
pub(super) struct Folder {
    dir: PathBuf,
    kind: Kind,
    open: Mutex<BTreeMap<u32, Arc<Segment>>>,
}

impl Folder {
    /// Makes the directory, readable by the server's user only, if it is not there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn at(dir: PathBuf, kind: Kind) -> io::Result<Folder> {
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Folder {
            dir,
            kind,
            open: Mutex::default(),
        })
    }

    /// The days that have a file, ascending.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn days(&self) -> io::Result<Vec<u32>> {
        let mut days = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            days.extend(entry?.file_name().to_str().and_then(day_of));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// The file of `day`, made if it is not there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn for_writing(&self, day: u32) -> io::Result<Arc<Segment>> {
        self.segment(day, true)
    }

    /// The file of `day`, if it is there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn for_reading(&self, day: u32) -> io::Result<Option<Arc<Segment>>> {
        match self.segment(day, false) {
            Ok(segment) => Ok(Some(segment)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes that opening the file of `day` walks; 0 once it is open.
    pub fn unwalked(&self, day: u32) -> u64 {
        match self.lock().contains_key(&day) {
            true => 0,
            false => fs::metadata(self.path(day)).map_or(0, |data| data.len()),
        }
    }

    /// Removes the file of `day`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn remove(&self, day: u32) -> io::Result<()> {
        self.lock().remove(&day);
        match fs::remove_file(self.path(day)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes everything appended to any file durable.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<()> {
        let open: Vec<Arc<Segment>> = self.lock().values().map(Arc::clone).collect();
        open.iter().try_for_each(|segment| segment.sync())
    }

    fn segment(&self, day: u32, make: bool) -> io::Result<Arc<Segment>> {
        if let Some(segment) = self.lock().get(&day) {
            return Ok(Arc::clone(segment));
        }
        // Opened outside the lock, since walking a large file takes a while. Whoever comes first stays: a file is
        // only ever appended to through the segment that stands here.
        let opened = Arc::new(Segment::open(&self.path(day), self.kind, day, make)?);
        Ok(Arc::clone(self.lock().entry(day).or_insert(opened)))
    }

    fn path(&self, day: u32) -> PathBuf {
        self.dir.join(format!("{day:08}.log"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Segment>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The day in a file's name.
fn day_of(name: &str) -> Option<u32> {
    let digits = name
        .strip_suffix(".log")
        .filter(|digits| digits.len() == 8)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_days_are_days() {
        assert_eq!(day_of("20240115.log"), Some(20_240_115));
        for name in [
            "20240115",
            "2024011.log",
            "+2024011.log",
            "20240115.log.gz",
            "notes.log",
            ".log",
        ] {
            assert_eq!(day_of(name), None, "{name}");
        }
    }
}
