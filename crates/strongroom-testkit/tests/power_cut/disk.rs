//! What a disk holds after a power cut.

use std::collections::HashMap;
use std::path::Path;

use strongroom_testkit::dice::Dice;

use crate::trace::Call;

/// What a disk may lose a part of: a sector.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Cut(length) => content.resize(*length, 0),
            Change::Write(at, bytes) => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// Changes that no completed sync covers, oldest first.
    loose: Vec<Change>,
    /// How many changes there were, and how many of them are synced.
    changes: usize,
}

/// The files of the store and how much of each is safe.
#[derive(Debug, Default)]
pub struct Disk {
    files: HashMap<String, File>,
    /// Syncs under way: the file and how many of its changes they cover.
    syncing: HashMap<u32, (String, usize)>,
}

impl Disk {
    /// The disk after some calls, and what had been acknowledged by then.
    pub fn after(calls: &[Call]) -> (Disk, Vec<(u8, u8)>) {
        let mut disk = Disk::default();
        let mut acknowledged = Vec::new();
        for call in calls {
            match call {
                Call::Write { file, at, bytes } => {
                    disk.change(file, Change::Write(*at, bytes.clone()))
                }
                Call::Cut { file, length } => disk.change(file, Change::Cut(*length)),
                Call::SyncBegins { thread, file } => {
                    let covered = disk.files.get(file).map_or(0, |file| file.changes);
                    disk.syncing.insert(*thread, (file.clone(), covered));
                }
                Call::SyncEnds { thread } => disk.synced(*thread),
                Call::Removed { file } => drop(disk.files.remove(file)),
                Call::Acknowledged(payout) => acknowledged.push(*payout),
            }
        }
        (disk, acknowledged)
    }

    fn change(&mut self, file: &str, change: Change) {
        let file = self.files.entry(file.to_owned()).or_default();
        file.changes += 1;
        file.loose.push(change);
    }

    fn synced(&mut self, thread: u32) {
        let Some((name, covered)) = self.syncing.remove(&thread) else {
            return;
        };
        let Some(file) = self.files.get_mut(&name) else {
            return;
        };
        let before = file.changes - file.loose.len();
        for change in file.loose.drain(..covered.saturating_sub(before)) {
            change.apply(&mut file.synced);
        }
    }

    /// Writes the files of the store into a folder: what is synced, and any part of the rest.
    pub fn lay(&self, folder: &Path, dice: &mut Dice) {
        let mut names: Vec<&String> = self.files.keys().collect();
        names.sort();
        for name in names {
            // Shared memory is no file of the disk's: SQLite makes it anew.
            let Some(bare) = name
                .strip_prefix("store/")
                .filter(|name| !name.ends_with("-shm"))
            else {
                continue;
            };
            let file = &self.files[name];
            let mut content = file.synced.clone();
            for change in &file.loose {
                match (dice.below(3), change) {
                    (0, _) => {}
                    (1, Change::Write(at, bytes)) => {
                        // Some of its sectors only.
                        for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                            if dice.one_in(2) {
                                Change::Write(at + n * SECTOR, sector.to_vec()).apply(&mut content);
                            }
                        }
                    }
                    _ => change.apply(&mut content),
                }
            }
            std::fs::write(folder.join(bare), content).unwrap();
        }
    }
}
