//! The list of targets is that of `fuzz/`, and what was once found is found no more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use strongroom_fuzz::{corpus, seeds, targets};

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(corpus::folder().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect()
}

#[test]
fn every_target_stands_in_the_folder_of_cargo_fuzz() {
    let listed: BTreeSet<String> = targets()
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names_in("fuzz_targets"), listed);
    assert!(names_in("corpus").is_subset(&listed));
    let manifest = std::fs::read_to_string(corpus::folder().join("Cargo.toml")).unwrap();
    for name in &listed {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let text =
            std::fs::read_to_string(corpus::folder().join(format!("fuzz_targets/{name}.rs")));
        assert!(
            text.unwrap()
                .contains(&format!("run_target(\"{name}\", bytes)")),
            "{name}"
        );
    }
}

#[test]
fn seeds_and_what_was_once_found_pass() {
    for target in targets() {
        let inputs = seeds(target.name);
        let stored = corpus::read(target.name).unwrap();
        assert!(!inputs.is_empty() && !stored.is_empty(), "{}", target.name);
        for input in inputs.iter().chain(&stored) {
            (target.run)(input);
        }
    }
}
