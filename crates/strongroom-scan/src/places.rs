//! Where secrets could lie: files below a folder, and what the system shows of a process.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::memory;
use crate::scanner::{Hit, Scanner};

/// Hits of one form of one canary that are told of one place; more are only counted.
const TOLD: usize = 3;

/// A canary in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub place: String,
    pub hit: Hit,
}

/// A place that could not be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub place: String,
    pub cause: String,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// At most a few of each form in each place.
    pub found: Vec<Found>,
    /// All hits.
    pub hits: u64,
    /// Files, and regions of memory.
    pub places: u64,
    pub bytes: u64,
    /// What could not be read is not clean.
    pub unread: Vec<Unread>,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.hits == 0 && self.unread.is_empty()
    }

    pub(crate) fn stream(&mut self, scanner: &Scanner, place: &str, input: impl Read) {
        self.places += 1;
        if let (_, Err(error)) = self.part(scanner, place, input) {
            self.unread(place, &error);
        }
    }

    /// Searches as far as can be read, and says how far that was and what ended it.
    pub(crate) fn part(
        &mut self,
        scanner: &Scanner,
        place: &str,
        input: impl Read,
    ) -> (u64, io::Result<()>) {
        let mut hits: Vec<Hit> = Vec::new();
        let (bytes, end) = scanner.scan(input, &mut |hit| {
            self.hits += 1;
            let same = |told: &&Hit| (told.line, told.form) == (hit.line, hit.form);
            if hits.iter().filter(same).count() < TOLD {
                hits.push(hit);
            }
        });
        self.bytes += bytes;
        self.found.extend(hits.into_iter().map(|hit| Found {
            place: place.to_owned(),
            hit,
        }));
        (bytes, end)
    }

    pub(crate) fn unread(&mut self, place: &str, error: &io::Error) {
        self.not_searched(place, error.to_string().to_lowercase());
    }

    pub(crate) fn not_searched(&mut self, place: &str, cause: String) {
        self.unread.push(Unread {
            place: place.to_owned(),
            cause,
        });
    }
}

/// Searches a file, or every file below a folder, names included. Links are not followed: what they lead to is another place.
pub fn scan_path(scanner: &Scanner, path: &Path, report: &mut Report) {
    let mut waiting: Vec<(PathBuf, String)> = vec![(path.to_owned(), path.display().to_string())];
    let mut first = true;
    while let Some((path, shown)) = waiting.pop() {
        let named = std::mem::take(&mut first);
        let kind = match named {
            // What was named is looked at, wherever it leads.
            true => fs::metadata(&path),
            false => fs::symlink_metadata(&path),
        };
        match kind.map(|found| found.file_type()) {
            // Removed since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => {}
            Err(error) => report.unread(&shown, &error),
            Ok(kind) if kind.is_dir() => folder(scanner, &path, &shown, report, &mut waiting),
            Ok(kind) if kind.is_file() => match File::open(&path) {
                Ok(file) => report.stream(scanner, &shown, file),
                Err(error) => report.unread(&shown, &error),
            },
            Ok(_) if named => report.not_searched(&shown, "no file and no folder".to_owned()),
            Ok(_) => {}
        }
    }
}

fn folder(
    scanner: &Scanner,
    path: &Path,
    shown: &str,
    report: &mut Report,
    waiting: &mut Vec<(PathBuf, String)>,
) {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return report.unread(shown, &error),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return report.unread(shown, &error),
        };
        let name = entry.file_name();
        let before = report.hits;
        let place = format!("{shown} (a name in it)");
        report.stream(scanner, &place, name.as_encoded_bytes());
        // SECURITY: a name that holds a canary is not shown.
        let shown = match report.hits == before {
            true => format!("{shown}/{}", name.display()),
            false => format!("{shown}/(a name that holds a canary)"),
        };
        waiting.push((entry.path(), shown));
    }
}

/// Searches a process: its arguments, its environment at the start, its readable memory. One that ends meanwhile is not
/// clean.
pub fn scan_process(scanner: &Scanner, pid: u32, report: &mut Report) {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    for name in ["cmdline", "environ"] {
        let path = folder.join(name);
        match File::open(&path) {
            Ok(file) => report.stream(scanner, &path.display().to_string(), file),
            Err(error) => report.unread(&path.display().to_string(), &error),
        }
    }
    memory::scan(scanner, &folder, report);
}
