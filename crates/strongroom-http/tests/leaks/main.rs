//! Nothing that was sent in stands readable in the data directory: a rich history with known values, then a search of
//! every file for each of them in every form it could have slipped into.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod database;
mod history;
mod scan;

use std::path::Path;

use strongroom_store::COLUMNS;
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};

use history::History;
use scan::{Needle, files, found_in};

fn needles(history: &History) -> Vec<Needle> {
    let texts = history.texts.iter().map(|text| Needle::text(text));
    let amounts = history
        .amounts
        .iter()
        .flat_map(|amount| Needle::amount(*amount));
    texts.chain(amounts).collect()
}

#[track_caller]
fn assert_clean(needles: &[Needle], folder: &Path, when: &str) {
    let files = files(folder);
    let names: Vec<String> = files
        .iter()
        .map(|(name, bytes)| format!("{name} ({} bytes)", bytes.len()))
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("strongroom.db ")),
        "{when}: {names:?}"
    );
    for (name, bytes) in &files {
        let found = found_in(needles, bytes);
        assert_eq!(found, [""; 0], "{when}: in {name} of {names:?}");
    }
}

#[test]
fn no_value_that_was_sent_in_is_found_in_any_file() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let history = History::make(&server);
    let needles = needles(&history);
    assert!(needles.len() > 40, "{}", needles.len());
    assert_clean(&needles, server.folder(), "while it runs");
    let mut server = server.restart(ServerSettings::default());
    history.read_everything(&server);
    assert_clean(&needles, server.folder(), "after a restart");
    server.halt();
    let logged = files(server.folder())
        .into_iter()
        .any(|(name, bytes)| name.contains("requests/") && bytes.len() > 100);
    assert!(
        logged,
        "the request log was looked at too: {:?}",
        files(server.folder())
            .iter()
            .map(|f| &f.0)
            .collect::<Vec<_>>()
    );
    assert_clean(&needles, server.folder(), "after the stop");
}

/// The search is worth what it finds: every form of every value is planted once, and found.
#[test]
fn the_search_finds_what_is_planted() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let history = History::make(&server);
    let noise: Vec<u8> = (0..4_096_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect();
    for needle in needles(&history) {
        for (form, bytes) in needle.forms() {
            for shift in 0..3 {
                let mut file = noise[..1_000 + shift].to_vec();
                file.extend_from_slice(bytes);
                file.extend_from_slice(&noise[2_000..]);
                let found = found_in(std::slice::from_ref(&needle), &file);
                assert!(
                    found.iter().any(|f| f.contains(form)),
                    "{form} of {} is not found",
                    needle.name()
                );
            }
        }
        assert_eq!(found_in(std::slice::from_ref(&needle), &noise), [""; 0]);
    }
}

/// Text inside text, as JSON or CBOR would hold it, and base64 at every offset.
#[test]
fn the_search_finds_values_inside_others() {
    use scan::base64;
    let needle = Needle::text("quokka@zanzibar.example");
    for before in ["", "a", "ab", "abc", "{\"email\":\""] {
        let inside = format!("{before}quokka@zanzibar.example\",\"x\":1}}");
        for bytes in [
            inside.clone().into_bytes(),
            base64(inside.as_bytes()).into_bytes(),
        ] {
            assert!(
                !found_in(std::slice::from_ref(&needle), &bytes).is_empty(),
                "{inside}"
            );
        }
        let wide: Vec<u8> = inside.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(
            !found_in(std::slice::from_ref(&needle), &wide).is_empty(),
            "{inside}"
        );
    }
}

/// Every value stored is of its column's class, and no column holds text: what is not a number is id, hash or
/// ciphertext.
#[test]
fn columns_hold_numbers_and_bytes_only() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    History::make(&server);
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    let database = rusqlite::Connection::open(copy.path().join("strongroom.db")).unwrap();
    let mut tables: Vec<&str> = COLUMNS.iter().map(|(table, _, _)| *table).collect();
    tables.dedup();
    for table in tables {
        let stored: i64 = database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        for (_, column, class) in COLUMNS.iter().filter(|(name, _, _)| *name == table) {
            let odd = format!(
                "SELECT count(*) FROM {table} WHERE typeof({column}) NOT IN ('integer', 'blob')"
            );
            let odd: i64 = database.query_row(&odd, [], |row| row.get(0)).unwrap();
            assert_eq!(
                odd, 0,
                "{table}.{column} of class {class:?} holds text or fractions"
            );
        }
        assert!(
            stored > 0 || matches!(table, "segment" | "job"),
            "{table} was never written"
        );
    }
}
