//! `cargo xtask tidy`: the habits of this workspace that the compiler does not hold, each a
//! rule in a file of its own under `tidy/`.
//!
//! A rule is a pure function from the tree to findings, and its tests break it on a tree made
//! in memory. Nothing is repaired here; a finding says what to do.

mod arrows;
mod heads;
mod lengths;
mod modules;
mod purity;
mod source;
mod tree;
mod words;

use std::fmt;

use crate::{Outcome, process};
use lengths::Exceptions;
use tree::Tree;

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Checks the tree and prints every finding; one is enough to fail.
pub fn run() -> Outcome<()> {
    let tree = Tree::read(&process::root()?)?;
    let findings = check(&tree)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("== tidy: ok, {} files", tree.files().count());
        return Ok(());
    }
    Err(format!("tidy: {} findings", findings.len()).into())
}

fn check(tree: &Tree) -> Outcome<Vec<Finding>> {
    let packages = tree.packages()?;
    let files = tree.rust_files(&packages);
    let exceptions = Exceptions::read(tree)?;
    let mut findings = arrows::check(&packages);
    findings.extend(purity::check(&files));
    findings.extend(words::check(tree, &files));
    findings.extend(heads::check(tree, &packages));
    findings.extend(modules::check(&files));
    findings.extend(lengths::check(&files, &exceptions));
    findings.sort();
    Ok(findings)
}
