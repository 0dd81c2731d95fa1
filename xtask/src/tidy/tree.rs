//! The files that a rule may look at: what git tracks or would add, read once. A test builds
//! the same thing in memory, so every rule is tried on a tree that breaks it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::modules::{self, Reach};
use super::source::Source;
use crate::Outcome;

/// Path from the workspace's root, with `/`, to content. Files that are no UTF-8 are left out.
pub struct Tree {
    files: BTreeMap<String, String>,
}

/// One Cargo package: its name, folder and manifest.
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The folder with a `/` at its end; empty for the root.
    pub folder: String,
    /// The parsed `Cargo.toml`.
    pub manifest: toml::Table,
}

/// One Rust file in its views, with how it is reached.
pub struct RustFile {
    /// Path from the workspace's root.
    pub path: String,
    /// Name of the package that holds it; empty when none does.
    pub package: String,
    /// The source in its views.
    pub source: Source,
    /// Whether it is part of what is shipped, of tests only, or dead.
    pub reach: Reach,
}

impl Tree {
    /// Reads what git tracks, and what is new and not ignored, under `root`.
    pub fn read(root: &Path) -> Outcome<Self> {
        let listing = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()?;
        if !listing.status.success() {
            return Err(
                format!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr)).into(),
            );
        }
        let names = String::from_utf8(listing.stdout)?;
        let read = |name: &str| {
            // A file that git knows and the work tree lacks is a deletion not yet committed.
            let content = std::fs::read(root.join(name)).ok()?;
            Some((name.to_owned(), String::from_utf8(content).ok()?))
        };
        let files = names
            .split('\0')
            .filter(|name| !name.is_empty())
            .filter_map(read)
            .collect();
        Ok(Self { files })
    }

    /// A tree made of `files`, for tests of the rules.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, content): &(&str, &str)| ((*path).to_owned(), (*content).to_owned());
        Self {
            files: files.iter().map(owned).collect(),
        }
    }

    /// Every file's path and content, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_str()))
    }

    /// The content of the file at `path`.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every package, in order of its folder.
    pub fn packages(&self) -> Outcome<Vec<Package>> {
        let mut packages = Vec::new();
        for (path, content) in self.files() {
            let Some(folder) = path.strip_suffix("Cargo.toml") else {
                continue;
            };
            let manifest: toml::Table = content
                .parse()
                .map_err(|cause| format!("{path}: {cause}"))?;
            let name = manifest
                .get("package")
                .and_then(|package| package.get("name"));
            if let Some(name) = name.and_then(toml::Value::as_str) {
                let name = name.to_owned();
                packages.push(Package {
                    name,
                    folder: folder.to_owned(),
                    manifest,
                });
            }
        }
        Ok(packages)
    }

    /// Every Rust file in its views.
    pub fn rust_files(&self, packages: &[Package]) -> Vec<RustFile> {
        let rust = self.files().filter(|(path, _)| path.ends_with(".rs"));
        let mut files: Vec<RustFile> = rust
            .map(|(path, content)| RustFile {
                path: path.to_owned(),
                package: package_of(packages, path),
                source: Source::new(content),
                reach: Reach::Dead,
            })
            .collect();
        modules::mark(self, packages, &mut files);
        files
    }
}

fn package_of(packages: &[Package], path: &str) -> String {
    packages
        .iter()
        .filter(|package| path.starts_with(&package.folder))
        .max_by_key(|package| package.folder.len())
        .map(|package| package.name.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace]"),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/a/src/lib.rs", "mod b;"),
            ("crates/a/fuzz/Cargo.toml", "[package]\nname = \"a-fuzz\""),
            ("crates/a/fuzz/src/main.rs", ""),
            ("stray.rs", ""),
        ]);
        let packages = tree.packages().unwrap();
        let files = tree.rust_files(&packages);
        let told: Vec<_> = files.iter().map(|file| file.package.as_str()).collect();
        assert_eq!(told, ["a-fuzz", "a", ""]);
    }
}
