//! The parts of the database file's first 100 bytes that SQLite reads past without a check.
//!
//! Only for a file nobody has open for writing. Source: the SQLite file format, section 1.3.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::fault;
use crate::StoreError;

/// Offset, bytes, and the only value there.
const FIXED: &[(usize, &[u8], &str)] = &[
    (0, b"SQLite format 3\0", "magic"),
    (18, &[2, 2], "journal versions"),
    (20, &[0], "reserved space"),
    (21, &[64, 32, 32], "payload fractions"),
    (44, &[0, 0, 0, 4], "schema format"),
    (48, &[0, 0, 0, 0], "default cache size"),
    (52, &[0, 0, 0, 0], "vacuum root"),
    (56, &[0, 0, 0, 1], "text encoding"),
    (64, &[0, 0, 0, 0], "vacuum mode"),
    (72, &[0; 20], "reserved bytes"),
];

/// What is wrong in the header of a closed database file.
pub(super) fn faults(database: &Path) -> Result<Vec<String>, StoreError> {
    let mut bytes = [0; 100];
    File::open(database)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| fault::from_io(&error))?;
    Ok(faults_of(&bytes))
}

fn faults_of(header: &[u8; 100]) -> Vec<String> {
    let mut found: Vec<String> = FIXED
        .iter()
        .filter(|(offset, bytes, _)| header.get(*offset..offset + bytes.len()) != Some(bytes))
        .map(|(_, _, name)| format!("the file header's {name} is damaged"))
        .collect();
    if header.get(24..28) != header.get(92..96) {
        found.push("the file header's change counters differ".to_owned());
    }
    found
}
