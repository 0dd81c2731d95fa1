//! What code may not touch, by crate: the pure rooms no files, sockets, runtime or clock; only
//! the engine the clock; only the store SQL. Tests are free.

use super::Finding;
use super::modules::Reach;
use super::source::{line_at, word_places};
use super::tree::RustFile;

/// Crates that decide and compute, and know nothing of the machine they run on.
const PURE: [&str; 10] = [
    "strongroom-audit",
    "strongroom-auth",
    "strongroom-domain",
    "strongroom-httpsig",
    "strongroom-iso20022",
    "strongroom-iso8583",
    "strongroom-ledger",
    "strongroom-oauth",
    "strongroom-types",
    "strongroom-vault",
];

const IMPURE: [&str; 5] = ["std::fs", "std::net", "tokio", "SystemTime", "Instant"];

/// Crates that may ask what time it is; everyone else takes time as an argument.
const CLOCK_READERS: [&str; 5] = [
    "strongroom-engine",
    "strongroom-client",
    "strongroom-fuzz",
    "strongroom-testkit",
    "xtask",
];

/// Clocks that tell the time of day; `Instant` only measures spans.
const WALL_CLOCKS: [&str; 5] = [
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "UNIX_EPOCH.elapsed",
    "clock_gettime",
];

const CLOCK_READS: [&str; 6] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "UNIX_EPOCH.elapsed",
    "clock_gettime",
];

/// Crates that wait or measure: spans by `Instant`, never the time of day.
const SPAN_MEASURERS: [&str; 6] = [
    "strongroom-acquirer",
    "strongroom-http",
    "strongroom-nodes",
    "strongroom-outbound",
    "strongroom-store",
    "strongroom-worker",
];

/// Crates whose string literals may hold SQL.
const SQL_SPEAKERS: [&str; 2] = ["strongroom-store", "xtask"];

/// Beginnings that are SQL and hardly ever prose.
const SQL: [&str; 12] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
    "VACUUM INTO",
];

/// Fails what a crate touches and may not.
pub fn check(files: &[RustFile]) -> Vec<Finding> {
    let shipped = files.iter().filter(|file| file.reach == Reach::Shipped);
    shipped.flat_map(check_file).collect()
}

fn check_file(file: &RustFile) -> Vec<Finding> {
    let package = file.package.as_str();
    let code = file.source.shipped_code();
    let mut findings = Vec::new();
    if PURE.contains(&package) {
        findings.extend(named(
            file,
            &code,
            &IMPURE,
            &format!("{package} is pure: no"),
        ));
        findings.extend(grouped_std(file, &code));
    }
    if SPAN_MEASURERS.contains(&package) {
        let why = "spans are measured with `Instant` and the time comes from the engine: no";
        findings.extend(named(file, &code, &WALL_CLOCKS, why));
    } else if !CLOCK_READERS.contains(&package) {
        findings.extend(named(
            file,
            &code,
            &CLOCK_READS,
            "only the engine reads the clock: no",
        ));
    }
    if !SQL_SPEAKERS.contains(&package) {
        let text = file.source.shipped_text();
        findings.extend(named(
            file,
            &text,
            &SQL,
            "only strongroom-store speaks SQL: no",
        ));
    }
    findings
}

fn named(file: &RustFile, view: &str, banned: &[&str], why: &str) -> Vec<Finding> {
    let places = |word: &&str| {
        let edge = word.trim_end();
        word_places(view, edge)
            .into_iter()
            .map(|place| (place, edge.to_owned()))
            .collect::<Vec<_>>()
    };
    banned
        .iter()
        .flat_map(places)
        .map(|(place, word)| {
            Finding::new(&file.path, line_at(view, place), format!("{why} `{word}`"))
        })
        .collect()
}

/// `use std::{fs, net::…}`, which names the same modules without their full path.
fn grouped_std(file: &RustFile, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, opening) in code.match_indices("std::{") {
        let group = code.get(place + opening.len()..).unwrap_or_default();
        let group = group.split_once(';').map_or(group, |(group, _)| group);
        for module in ["fs", "net"] {
            if !word_places(group, module).is_empty() {
                let text = format!("{} is pure: no `std::{module}`", file.package);
                findings.push(Finding::new(&file.path, line_at(code, place), text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::check;

    fn faults(package: &str, content: &str) -> usize {
        let manifest = format!("[package]\nname = \"{package}\"");
        let tree = Tree::of(&[("c/Cargo.toml", &manifest), ("c/src/lib.rs", content)]);
        check(&tree.rust_files(&tree.packages().unwrap())).len()
    }

    #[test]
    fn pure_rooms_touch_no_machine() {
        for line in [
            "use std::fs::File;",
            "use std::{collections::BTreeMap, fs};",
            "use std::{fmt, net::IpAddr};",
            "async fn f() { tokio::spawn(g()) }",
            "fn f(at: SystemTime) {}",
            "fn f(at: std::time::Instant) {}",
        ] {
            assert_eq!(faults("strongroom-domain", line), 1, "{line}");
            assert_eq!(faults("strongroom-engine", line), 0, "{line}");
        }
        assert_eq!(
            faults(
                "strongroom-domain",
                "use std::{fmt, collections::BTreeMap};"
            ),
            0
        );
        assert_eq!(
            faults(
                "strongroom-domain",
                "// not tokio, not std::fs\nstruct Instants;"
            ),
            0
        );
    }

    #[test]
    fn tests_are_free() {
        let content = "#[cfg(test)]\nmod tests { use std::fs; fn f() { Instant::now(); } }";
        assert_eq!(faults("strongroom-types", content), 0);
    }

    #[test]
    fn only_the_engine_reads_the_clock() {
        for line in [
            "fn f() { SystemTime::now(); }",
            "fn f() { jiff::Timestamp::now(); }",
        ] {
            assert_eq!(faults("strongroom-http", line), 1, "{line}");
            assert_eq!(faults("strongroom-engine", line), 0, "{line}");
        }
    }

    #[test]
    fn only_the_store_speaks_sql() {
        let sql = "const Q: &str = \"SELECT body FROM record WHERE id = ?1\";";
        assert_eq!(faults("strongroom-engine", sql), 1);
        assert_eq!(faults("strongroom-store", sql), 0);
        assert_eq!(
            faults(
                "strongroom-engine",
                "// SELECT body\nconst A: &str = \"select one\";"
            ),
            0
        );
    }
}
