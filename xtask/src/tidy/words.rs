//! Words that may not stand: unfinished code, file and module names that say nothing, and
//! places that mean something only on the machine or network where they were written.

use super::Finding;
use super::source::{leading_word, line_at, word_places};
use super::tree::{RustFile, Tree};

const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Names that could hold anything; name the noun instead.
const EMPTY_NAMES: [&str; 9] = [
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "transformers",
    "util",
    "utils",
];

/// Folders of one machine, and hosts of package registries. Put together here from halves, so
/// that this file does not name them itself.
const PLACES: [&str; 12] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("crates", ".io"),
    concat!("docs.rs", "/crate"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
];

/// Cargo writes the index's name into its lock file.
const MAY_NAME_PLACES: [&str; 1] = ["Cargo.lock"];

/// Fails every banned word.
pub fn check(tree: &Tree, files: &[RustFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().flat_map(check_rust).collect();
    for (path, content) in tree.files() {
        findings.extend(name_of_file(path));
        findings.extend(places(path, content));
    }
    findings
}

fn check_rust(file: &RustFile) -> Vec<Finding> {
    let code = &file.source.code;
    let mut findings = Vec::new();
    for word in UNFINISHED {
        let stem = word.trim_end_matches('!');
        for place in word_places(code, stem) {
            let is_call = code.get(place..).is_some_and(|call| call.starts_with(word));
            if is_call {
                let text = format!("unfinished: `{word}`");
                findings.push(Finding::new(&file.path, line_at(code, place), text));
            }
        }
    }
    for view in [code, &file.source.comments] {
        let unfinished = word_places(view, "FIXME").into_iter();
        findings.extend(unfinished.map(|place| {
            Finding::new(
                &file.path,
                line_at(view, place),
                "unfinished: mend it, or open an issue",
            )
        }));
    }
    findings.extend(module_names(file));
    findings
}

fn module_names(file: &RustFile) -> Vec<Finding> {
    let code = &file.source.code;
    let names = word_places(code, "mod").into_iter().filter_map(|place| {
        let name = leading_word(code.get(place + 3..)?);
        EMPTY_NAMES.contains(&name).then_some((place, name))
    });
    names
        .map(|(place, name)| {
            let text = format!("module `{name}` says nothing: name the noun");
            Finding::new(&file.path, line_at(code, place), text)
        })
        .collect()
}

fn name_of_file(path: &str) -> Option<Finding> {
    let is_empty = |part: &str| {
        let stem = part.split_once('.').map_or(part, |(stem, _)| stem);
        EMPTY_NAMES.contains(&stem)
    };
    let part = path.split('/').find(|part| is_empty(part))?;
    Some(Finding::new(
        path,
        1,
        format!("the name `{part}` says nothing: name the noun"),
    ))
}

fn places(path: &str, content: &str) -> Vec<Finding> {
    if MAY_NAME_PLACES.contains(&path) {
        return Vec::new();
    }
    let found = PLACES.iter().flat_map(|place| content.match_indices(place));
    found
        // `/v1/work/` is a route, not a folder of this machine.
        .filter(|(at, word)| {
            let before = content.get(..*at).and_then(|text| text.chars().next_back());
            !word.starts_with('/')
                || !before.is_some_and(|before| before.is_alphanumeric() || before == '}')
        })
        .map(|(at, word)| {
            let text = format!("`{word}` is a place of one machine or network");
            Finding::new(path, line_at(content, at), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::check;

    fn faults(path: &str, content: &str) -> usize {
        let tree = Tree::of(&[("c/Cargo.toml", "[package]\nname = \"c\""), (path, content)]);
        check(&tree, &tree.rust_files(&tree.packages().unwrap())).len()
    }

    #[test]
    fn unfinished_code_is_found() {
        for line in [
            "fn f() { todo!() }",
            "fn f() { unimplemented!(); }",
            "fn f() { dbg!(1); }",
            "// FIXME later",
        ] {
            assert_eq!(faults("c/src/lib.rs", line), 1, "{line}");
        }
        assert_eq!(
            faults(
                "c/src/lib.rs",
                "const A: &str = \"todo!\"; // a todo! of theirs"
            ),
            0
        );
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(faults("c/src/utils.rs", ""), 1);
        assert_eq!(faults("c/tests/common/mod.rs", ""), 1);
        assert_eq!(faults("sdk/helpers.ts", ""), 1);
        assert_eq!(faults("c/src/lib.rs", "mod manager { }"), 1);
        assert_eq!(faults("c/src/commons.rs", "mod utility;"), 0);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let folder = concat!("see /wo", "rk/notes");
        assert_eq!(faults("README.md", folder), 1);
        let host = concat!("\"resolved\": \"https://registry.npmjs", ".org/x\"");
        assert_eq!(faults("bench/package-lock.json", host), 1);
        assert_eq!(faults("README.md", "GET /v1/work/items"), 0);
    }

    #[test]
    fn this_file_names_none_itself() {
        let own = include_str!("words.rs");
        assert!(super::places("words.rs", own).is_empty());
    }
}
