//! Any byte of the file changed: `verify` names a damage, or every table still says the same.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use strongroom_crypto::random;
use strongroom_engine::verify::verify;
use strongroom_store::SqliteStore;

use crate::history::Made;

/// Flips without `STRONGROOM_FLIPS`.
const FLIPS: u64 = 120;

const TABLES: [&str; 8] = [
    "head",
    "index_entry",
    "job",
    "locator",
    "log",
    "record",
    "segment",
    "wrapped_key",
];

#[test]
fn any_flipped_byte_is_named_or_was_free() {
    let made = Made::on_disk();
    let whole = dump(made.dir.path()).unwrap();
    let bytes = std::fs::read(made.dir.path().join("strongroom.db")).unwrap();
    let flips = std::env::var("STRONGROOM_FLIPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(FLIPS);
    let mut silent = Vec::new();
    let mut free = 0;
    for _ in 0..flips {
        let at =
            usize::try_from(u64::from_le_bytes(random()) % u64::try_from(bytes.len()).unwrap())
                .unwrap();
        let [with] = random::<1>();
        let copy = flipped(&bytes, at, with.max(1));
        if is_named(copy.path(), &made) {
            continue;
        }
        match dump(copy.path()) {
            Ok(found) if found == whole => free += 1,
            found => silent.push(format!(
                "byte {at} of page {} ^ {with:#x}: {}",
                at / 4096 + 1,
                difference(&whole, found)
            )),
        }
    }
    println!("{flips} flips, {free} of free bytes");
    assert!(
        silent.is_empty(),
        "{} of {flips}:\n{}",
        silent.len(),
        silent.join("\n")
    );
    assert!(free < flips, "no flip was named");
}

/// The file with one byte changed, in a directory of its own.
fn flipped(bytes: &[u8], at: usize, with: u8) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at] ^= with;
    std::fs::write(copy.path().join("strongroom.db"), bytes).unwrap();
    copy
}

/// Whether opening or verifying the store says that something is wrong.
fn is_named(dir: &Path, made: &Made) -> bool {
    let Ok(store) = SqliteStore::open_read_only(dir) else {
        return true;
    };
    verify(&store, made.root.keys(), 2).map_or(true, |report| !report.is_clean())
}

/// Every row of every table as text.
fn dump(dir: &Path) -> Result<Vec<String>, rusqlite::Error> {
    let file = Connection::open(dir.join("strongroom.db"))?;
    let mut rows = Vec::new();
    for table in TABLES {
        let mut statement = file.prepare(&format!("SELECT * FROM {table}"))?;
        let names = statement.column_names();
        let columns: Vec<String> = names.map(str::to_owned).collect();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let mut line = table.to_owned();
            for (n, column) in columns.iter().enumerate() {
                let value = row.get_ref(n)?;
                let column = column.as_str();
                if table == "log" && column == "parts" {
                    let head: Vec<u8> = row.get("head")?;
                    line.push_str(&format!(
                        " {column}={:?}",
                        readable(&head, value.as_blob()?)
                    ));
                } else {
                    line.push_str(&format!(" {column}={value:?}"));
                }
            }
            rows.push(line);
        }
    }
    rows.sort();
    Ok(rows)
}

/// An entry's parts without the sealed reply: its key is destroyed in this history, so nothing says what it was.
fn readable<'a>(head: &[u8], parts: &'a [u8]) -> &'a [u8] {
    let tags = head[1..].chunks(34).map(|part| part[0]);
    let mut end = 0;
    for tag in tags {
        let length = parts
            .get(end..end + 4)
            .map_or(0, |b| u32::from_be_bytes(b.try_into().unwrap()));
        let key_number = 4 + 1 + 4;
        end += match tag {
            4 => key_number,
            _ => 4 + usize::try_from(length).unwrap(),
        };
    }
    parts.get(..end).unwrap_or(parts)
}

fn difference(whole: &[String], found: Result<Vec<String>, rusqlite::Error>) -> String {
    let found = match found {
        Ok(found) => found,
        Err(error) => return error.to_string(),
    };
    let lost = whole.iter().find(|line| !found.contains(line));
    let new = found.iter().find(|line| !whole.contains(line));
    let cut = |line: Option<&String>| {
        line.map_or_else(String::new, |line| line.chars().take(700).collect())
    };
    format!("\n  was {}\n  is  {}", cut(lost), cut(new))
}

/// Keeps the helper honest about what a value is.
#[test]
fn values_of_another_type_are_another_text() {
    assert_ne!(
        format!("{:?}", ValueRef::Integer(1)),
        format!("{:?}", ValueRef::Text(b"1"))
    );
}
