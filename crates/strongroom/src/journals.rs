//! Where the journals' files lie in a data directory, for a backup.

use std::fs;
use std::path::{Path, PathBuf};

use strongroom_engine::JOURNALS;

use crate::fault::Fault;

/// Folders below a journal's; there is one, and room for another.
const DEPTH: usize = 3;

/// Every file of every server's journals, by its name from the data directory on.
pub(crate) fn files(data: &Path) -> Result<Vec<(String, PathBuf)>, Fault> {
    let mut found = Vec::new();
    for journal in JOURNALS {
        gather(data, journal, DEPTH, &mut found)?;
    }
    let Ok(entries) = fs::read_dir(data) else {
        return Ok(found);
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("server-") {
            for journal in JOURNALS {
                gather(data, &format!("{name}/{journal}"), DEPTH, &mut found)?;
            }
        }
    }
    found.sort();
    Ok(found)
}

fn gather(
    data: &Path,
    name: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), Fault> {
    let dir = data.join(name);
    // Not through links: only what the server made.
    let is_folder = fs::symlink_metadata(&dir).is_ok_and(|found| found.is_dir());
    if depth == 0 || !is_folder {
        return Ok(());
    }
    let entries =
        fs::read_dir(&dir).map_err(|error| Fault::file("cannot read the folder", &dir, &error))?;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            gather(data, &name, depth - 1, found)?;
        } else if kind.is_file() {
            found.push((name, entry.path()));
        }
    }
    Ok(())
}
