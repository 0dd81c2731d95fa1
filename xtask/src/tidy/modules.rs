//! Which Rust files a `mod` reaches, starting at the files that Cargo compiles. A file that
//! nothing reaches is dead: the compiler never sees it and nobody notices that it rots.

use std::collections::BTreeMap;

use super::Finding;
use super::source::{Source, item_end, leading_word, word_places};
use super::tree::{Package, RustFile, Tree};

/// How a file is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing reaches it.
    Dead,
    /// Only tests, benchmarks and examples reach it.
    Test,
    /// It is part of a library or a binary.
    Shipped,
}

/// Fails every file that nothing reaches.
pub fn check(files: &[RustFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.reach == Reach::Dead)
        .map(|file| Finding::new(&file.path, 1, "dead file: no `mod` reaches it"))
        .collect()
}

/// Notes in each file how it is reached.
pub fn mark(tree: &Tree, packages: &[Package], files: &mut [RustFile]) {
    let mut walk = Walk {
        tree,
        reached: BTreeMap::new(),
    };
    for package in packages {
        for (path, reach) in roots(tree, package) {
            walk.visit(&path, reach, true);
        }
    }
    for file in files {
        file.reach = walk.reached.get(&file.path).copied().unwrap_or(Reach::Dead);
    }
}

/// The files that Cargo compiles by itself: libraries, binaries, tests and their like.
fn roots(tree: &Tree, package: &Package) -> Vec<(String, Reach)> {
    let named = named_targets(package);
    let mut roots = Vec::new();
    for (path, _) in tree.files() {
        let Some(inner) = path.strip_prefix(&package.folder) else {
            continue;
        };
        if let Some(reach) = named.get(inner).copied().or_else(|| target_reach(inner)) {
            roots.push((path.to_owned(), reach));
        }
    }
    roots
}

fn target_reach(inner: &str) -> Option<Reach> {
    let parts: Vec<&str> = inner.split('/').collect();
    match parts.as_slice() {
        ["src", "lib.rs" | "main.rs"] | ["build.rs"] => Some(Reach::Shipped),
        ["src", "bin", file] if file.ends_with(".rs") => Some(Reach::Shipped),
        ["src", "bin", _, "main.rs"] => Some(Reach::Shipped),
        ["tests" | "examples" | "benches", file] if file.ends_with(".rs") => Some(Reach::Test),
        ["tests" | "examples" | "benches", _, "main.rs"] => Some(Reach::Test),
        _ => None,
    }
}

/// Targets whose `path` the manifest gives.
fn named_targets(package: &Package) -> BTreeMap<&str, Reach> {
    let mut targets = BTreeMap::new();
    for (key, value) in &package.manifest {
        let reach = match key.as_str() {
            "lib" | "bin" => Reach::Shipped,
            "test" | "example" | "bench" => Reach::Test,
            _ => continue,
        };
        let list = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let paths = list
            .iter()
            .filter_map(|target| target.get("path")?.as_str());
        targets.extend(paths.map(|path| (path, reach)));
    }
    targets
}

struct Walk<'a> {
    tree: &'a Tree,
    reached: BTreeMap<String, Reach>,
}

impl Walk<'_> {
    /// Visits `path` and what its `mod` items name, unless it was already reached as strongly.
    fn visit(&mut self, path: &str, reach: Reach, is_root: bool) {
        let Some(content) = self.tree.get(path) else {
            return;
        };
        if self.reached.get(path).is_some_and(|known| *known >= reach) {
            return;
        }
        self.reached.insert(path.to_owned(), reach);
        let source = Source::new(content);
        for module in declared(content, &source) {
            let inner = if module.is_test { Reach::Test } else { reach };
            for candidate in candidates(path, is_root, &module) {
                self.visit(&candidate, inner, false);
            }
        }
    }
}

/// A `mod name;`, with the inline modules around it.
#[derive(Debug, PartialEq)]
struct Declared {
    name: String,
    around: Vec<String>,
    given_path: Option<String>,
    is_test: bool,
}

fn declared(content: &str, source: &Source) -> Vec<Declared> {
    let code = &source.code;
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut found = Vec::new();
    for place in word_places(code, "mod") {
        let Some(after) = code.get(place + 3..) else {
            continue;
        };
        let name = leading_word(after);
        let end = item_end(code, place);
        inline.retain(|(_, until)| *until > place);
        if name.is_empty() || !after.trim_start().starts_with(name) {
            continue;
        }
        if code.get(..end).is_some_and(|item| item.ends_with('}')) {
            inline.push((name.to_owned(), end));
            continue;
        }
        found.push(Declared {
            name: name.to_owned(),
            around: inline.iter().map(|(name, _)| name.clone()).collect(),
            given_path: given_path(content, code, place),
            is_test: source.is_test(place),
        });
    }
    found
}

/// The text of `#[path = "…"]` in front of the item at `place`.
fn given_path(content: &str, code: &str, place: usize) -> Option<String> {
    let start = code
        .get(..place)?
        .rfind([';', '{', '}'])
        .map_or(0, |end| end + 1);
    let attributes = content.get(start..place)?;
    let (_, value) = attributes.split_once("#[path")?;
    let (_, value) = value.split_once('"')?;
    value.split_once('"').map(|(path, _)| path.to_owned())
}

/// Where the compiler looks for `module` declared in the file at `path`.
fn candidates(path: &str, is_root: bool, module: &Declared) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(given) = &module.given_path {
        let mut folder = folder;
        let mut given = given.as_str();
        while let Some(rest) = given.strip_prefix("../") {
            given = rest;
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        return vec![join(folder, given)];
    }
    let stem = file.trim_end_matches(".rs");
    let owns_folder = is_root || stem == "mod";
    let mut base = if owns_folder {
        folder.to_owned()
    } else {
        join(folder, stem)
    };
    for name in &module.around {
        base = join(&base, name);
    }
    let name = &module.name;
    vec![
        join(&base, &format!("{name}.rs")),
        join(&base, &format!("{name}/mod.rs")),
    ]
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{Reach, check};

    const MANIFEST: (&str, &str) = ("c/Cargo.toml", "[package]\nname = \"c\"");

    fn reach_of(files: &[(&str, &str)]) -> Vec<(String, Reach)> {
        let tree = Tree::of(files);
        let files = tree.rust_files(&tree.packages().unwrap());
        files
            .into_iter()
            .map(|file| (file.path, file.reach))
            .collect()
    }

    #[test]
    fn a_file_without_a_mod_is_dead() {
        let tree = Tree::of(&[
            MANIFEST,
            ("c/src/lib.rs", "// mod lost;"),
            ("c/src/lost.rs", ""),
        ]);
        let findings = check(&tree.rust_files(&tree.packages().unwrap()));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "c/src/lost.rs");
    }

    #[test]
    fn nested_inline_and_given_paths_are_followed() {
        let reached = reach_of(&[
            MANIFEST,
            (
                "c/src/lib.rs",
                "mod a; mod inline { mod b; }\n#[path = \"odd.rs\"]\nmod c;",
            ),
            ("c/src/a.rs", "pub(crate) mod deep;"),
            ("c/src/a/deep.rs", ""),
            ("c/src/inline/b.rs", ""),
            ("c/src/odd.rs", ""),
        ]);
        assert!(
            reached.iter().all(|(_, reach)| *reach == Reach::Shipped),
            "{reached:?}"
        );
    }

    #[test]
    fn tests_and_what_only_they_reach_are_not_shipped() {
        let reached = reach_of(&[
            MANIFEST,
            ("c/src/lib.rs", "#[cfg(test)]\nmod tests;"),
            ("c/src/tests.rs", "mod inner;"),
            ("c/src/tests/inner.rs", ""),
            ("c/tests/v1.rs", "mod wallets;"),
            ("c/tests/wallets.rs", ""),
        ]);
        for (path, reach) in reached {
            let expected = if path.ends_with("lib.rs") {
                Reach::Shipped
            } else {
                Reach::Test
            };
            assert_eq!(reach, expected, "{path}");
        }
    }
}
