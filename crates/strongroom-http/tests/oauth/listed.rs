//! `docs/fapi2.md` names a test for each thing that is asked of a server. Here is what keeps it true: a row whose test is not there, a
//! module whose test has another name, a row too many or too few.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// How many rows each section must have.
const SECTIONS: [(&str, usize); 3] = [
    ("FAPI 2.0: what is asked of servers", 46),
    ("The modules of the plan", 56),
    ("RFC 9700", 24),
];

/// Where the tests of a suite are.
const SUITES: [(&str, &str); 4] = [
    ("oauth", "strongroom-http/tests/oauth"),
    ("messages", "strongroom-oauth/tests/messages"),
    ("outbound", "strongroom-outbound/tests/outbound"),
    ("tls", "strongroom/tests/tls"),
];

fn crates() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn table() -> String {
    fs::read_to_string(crates().parent().unwrap().join("docs/fapi2.md")).unwrap()
}

/// The cells of the rows of a section.
fn rows<'t>(text: &'t str, section: &str) -> Vec<Vec<&'t str>> {
    let begin = text
        .lines()
        .skip_while(|line| *line != format!("## {section}"));
    let own = begin.skip(1).take_while(|line| !line.starts_with("## "));
    own.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| !cells[0].starts_with("---") && cells.last() != Some(&"test"))
        .collect()
}

/// The tests that a cell names: `suite::file::function`, each in backticks.
fn named(cell: &str) -> Vec<&str> {
    let tests = cell.split(", ").map(|test| test.trim_matches('`'));
    tests.filter(|test| !test.is_empty()).collect()
}

/// Whether a test is run: a function that is marked as one, and is not left out.
fn exists(test: &str) -> bool {
    let mut parts: Vec<&str> = test.split("::").collect();
    let (Some(function), false) = (parts.pop(), parts.is_empty()) else {
        return false;
    };
    let suite = SUITES.iter().find(|(name, _)| *name == parts[0]);
    let Some((_, folder)) = suite else {
        return false;
    };
    let file = crates().join(folder).join(parts[1..].join("/"));
    let Ok(text) = fs::read_to_string(file.with_extension("rs")) else {
        return false;
    };
    let lines: Vec<&str> = text.lines().collect();
    let (plain, asynchronous) = (format!("fn {function}()"), format!("async fn {function}()"));
    lines.iter().enumerate().any(|(at, line)| {
        let is_it = line.starts_with(&plain) || line.starts_with(&asynchronous);
        let marks: Vec<&&str> = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#["))
            .collect();
        let is_test = |mark: &&&str| **mark == "#[test]" || mark.starts_with("#[tokio::test");
        let is_ignored = |mark: &&&str| mark.starts_with("#[ignore");
        is_it && marks.iter().any(is_test) && !marks.iter().any(is_ignored)
    })
}

/// What is wrong with the list.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for (section, expected) in SECTIONS {
        let rows = rows(text, section);
        if rows.len() != expected {
            faults.push(format!("{section}: {} rows, not {expected}", rows.len()));
        }
        for cells in rows {
            let [id, words, tests] = cells.as_slice() else {
                faults.push(format!("{section}: {cells:?} is no row"));
                continue;
            };
            if !ids.insert((section, *id)) || words.is_empty() {
                faults.push(format!("{section}: {id} stands twice, or says nothing"));
            }
            let tests = named(tests);
            if tests.is_empty() {
                faults.push(format!("{section}: {id} has no test"));
            }
            let missing = tests.iter().filter(|test| !exists(test));
            faults.extend(missing.map(|test| format!("{section}: {id} has no test {test}")));
            if section.contains("modules") {
                let own = id.trim_matches('`').replace('-', "_").to_lowercase();
                let own = format!("::module_{own}");
                if !tests.iter().all(|test| test.ends_with(&own)) {
                    faults.push(format!("{section}: {id} has a test of another name"));
                }
            }
        }
    }
    faults
}

#[test]
fn everything_that_is_asked_of_a_server_has_a_test() {
    assert_eq!(faults(&table()), Vec::<String>::new());
}

/// The check finds what it is there to find.
#[test]
fn a_row_without_its_test_is_found() {
    let good = table();
    let row = good
        .lines()
        .find(|line| line.contains("::module_happy_flow"))
        .unwrap();
    for (what, bad) in [
        ("a row less", good.replace(row, "")),
        ("a row twice", good.replace(row, &format!("{row}\n{row}"))),
        (
            "a test that is not there",
            good.replace("::module_happy_flow", "::module_happy_flaw"),
        ),
        (
            "another file",
            good.replace("requests::module_happy_flow", "ahead::module_happy_flow"),
        ),
        (
            "another module's test",
            good.replace(
                "requests::module_happy_flow",
                "requests::module_ensure_response_type_token_fails",
            ),
        ),
        (
            "a function that is no test",
            good.replace(
                "required::nothing_is_given_for_a_password",
                "required::drawn",
            ),
        ),
        (
            "a section less",
            good.replace("## RFC 9700", "### RFC 9700"),
        ),
    ] {
        assert_ne!(bad, good, "{what}");
        assert!(!faults(&bad).is_empty(), "{what}");
    }
}

/// Every module of the plan that has a test is in the list.
#[test]
fn no_test_of_a_module_is_left_out_of_the_list() {
    let text = table();
    let folder = crates().join("strongroom-http/tests/oauth/conformance");
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let tests = source.lines().filter_map(|line| {
            let name = line.strip_prefix("fn module_")?;
            name.split('(').next()
        });
        for name in tests {
            assert!(text.contains(&format!("::module_{name}`")), "{name}");
            found += 1;
        }
    }
    assert_eq!(found, 56);
}
