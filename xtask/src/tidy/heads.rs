//! What every crate starts with: the workspace's lints, and a head that says what the crate is
//! for and what it must never do.

use super::Finding;
use super::tree::{Package, Tree};

const HEAD_LINES: std::ops::RangeInclusive<usize> = 3..=15;

/// Fails crates that do not inherit the lints, and roots without a head.
pub fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(lints(package));
        for root in ["src/lib.rs", "src/main.rs"] {
            let path = format!("{}{root}", package.folder);
            findings.extend(tree.get(&path).and_then(|content| head(&path, content)));
        }
    }
    findings
}

fn lints(package: &Package) -> Option<Finding> {
    let inherited = package
        .manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    let path = format!("{}Cargo.toml", package.folder);
    (inherited != Some(&toml::Value::Boolean(true)))
        .then(|| Finding::new(&path, 1, "say `[lints] workspace = true`"))
}

fn head(path: &str, content: &str) -> Option<Finding> {
    let lines = content
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .count();
    (!HEAD_LINES.contains(&lines)).then(|| {
        let text = format!("{lines} lines of `//!` at the top, not 3 to 15: what for, what never");
        Finding::new(path, 1, text)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::check;

    fn faults(manifest: &str, root: &str) -> usize {
        let tree = Tree::of(&[("c/Cargo.toml", manifest), ("c/src/lib.rs", root)]);
        check(&tree, &tree.packages().unwrap()).len()
    }

    #[test]
    fn lints_and_head_are_wanted() {
        let inherits = "[package]\nname = \"c\"\n[lints]\nworkspace = true";
        assert_eq!(faults(inherits, "//! a\n//! b\n//! c\nmod d;"), 0);
        assert_eq!(faults("[package]\nname = \"c\"", "//! a\n//! b\n//! c"), 1);
        assert_eq!(
            faults(
                "[package]\nname = \"c\"\n[lints]\nworkspace = false",
                "//! a\n//! b\n//! c"
            ),
            1
        );
        assert_eq!(faults(inherits, "//! a"), 1);
        assert_eq!(faults(inherits, &"//! a\n".repeat(16)), 1);
    }
}
