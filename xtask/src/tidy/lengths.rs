//! The ratchets: no function over 70 lines (160 in a test, with its table of cases) and no file over 500, but for the exceptions that
//! `xtask/tidy.toml` names with their reason. An exception caps what it excuses, and one that
//! is no longer needed fails too, so the list only shrinks.

use serde::Deserialize;

use super::Finding;
use super::source::{item_end, leading_word, line_at, word_places};
use super::tree::{RustFile, Tree};
use crate::Outcome;

const FUNCTION_LINES: usize = 70;
/// In a test, where a table of cases stands beside what it drives.
const TEST_FUNCTION_LINES: usize = 160;
const FILE_LINES: usize = 500;
const LIST: &str = "xtask/tidy.toml";

/// The committed list of exceptions.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default)]
    long_function: Vec<Exception>,
    #[serde(default)]
    long_file: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    file: String,
    /// The function's name; absent for a file.
    name: Option<String>,
    /// How long it may be.
    lines: usize,
    reason: String,
}

impl Exceptions {
    /// Reads the list; none is the empty one.
    pub fn read(tree: &Tree) -> Outcome<Self> {
        let text = tree.get(LIST).unwrap_or_default();
        Ok(toml::from_str(text).map_err(|cause| format!("{LIST}: {cause}"))?)
    }
}

/// Something with a length, and where it stands.
struct Measured {
    file: String,
    name: Option<String>,
    line: usize,
    lines: usize,
}

/// Fails what is too long and unexcused, and excuses that excuse nothing.
pub fn check(files: &[RustFile], exceptions: &Exceptions) -> Vec<Finding> {
    let (tests, shipped): (Vec<Measured>, Vec<Measured>) = files
        .iter()
        .flat_map(functions)
        .partition(|function| function.file.contains("/tests/"));
    let whole: Vec<Measured> = files.iter().map(whole_file).collect();
    let mut findings = compare(&shipped, FUNCTION_LINES, &exceptions.long_function);
    findings.extend(compare(&tests, TEST_FUNCTION_LINES, &[]));
    findings.extend(compare(&whole, FILE_LINES, &exceptions.long_file));
    findings
}

fn compare(measured: &[Measured], limit: usize, exceptions: &[Exception]) -> Vec<Finding> {
    let too_long = || measured.iter().filter(|thing| thing.lines > limit);
    let mut findings: Vec<Finding> = too_long()
        .filter(|thing| !exceptions.iter().any(|exception| excuses(exception, thing)))
        .map(|thing| too_long_text(thing, limit))
        .collect();
    for exception in exceptions {
        let needed = too_long().any(|thing| is_about(exception, thing));
        if !needed {
            let what = exception.name.as_deref().unwrap_or("the file");
            let text = format!("{what} in {} needs no exception any more", exception.file);
            findings.push(Finding::new(LIST, 1, text));
        }
        if exception.reason.trim().is_empty() {
            findings.push(Finding::new(
                LIST,
                1,
                format!("{}: no reason given", exception.file),
            ));
        }
    }
    findings
}

fn too_long_text(thing: &Measured, limit: usize) -> Finding {
    let what = thing
        .name
        .as_deref()
        .map_or("file".to_owned(), |name| format!("`{name}`"));
    let text = format!(
        "{what} has {} lines, over {limit}: split it, or name it in {LIST}",
        thing.lines
    );
    Finding::new(&thing.file, thing.line, text)
}

fn is_about(exception: &Exception, thing: &Measured) -> bool {
    exception.file == thing.file && exception.name == thing.name
}

fn excuses(exception: &Exception, thing: &Measured) -> bool {
    is_about(exception, thing) && thing.lines <= exception.lines
}

fn whole_file(file: &RustFile) -> Measured {
    let lines = file.source.code.lines().count();
    Measured {
        file: file.path.clone(),
        name: None,
        line: 1,
        lines,
    }
}

fn functions(file: &RustFile) -> Vec<Measured> {
    let code = &file.source.code;
    let measure = |place: usize| {
        let name = leading_word(code.get(place + 2..)?);
        // `fn(…)` is a type, and a `fn` without a body ends at its semicolon.
        let is_function = !name.is_empty() && code.get(place + 2..)?.trim_start().starts_with(name);
        let end = item_end(code, place);
        let lines = code.get(place..end)?.matches('\n').count() + 1;
        is_function.then(|| Measured {
            file: file.path.clone(),
            name: Some(name.to_owned()),
            line: line_at(code, place),
            lines,
        })
    };
    word_places(code, "fn")
        .into_iter()
        .filter_map(measure)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{Exceptions, check};

    fn faults(content: &str, list: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("c/Cargo.toml", "[package]\nname = \"c\""),
            ("c/src/lib.rs", content),
            ("xtask/tidy.toml", list),
        ]);
        let files = tree.rust_files(&tree.packages().unwrap());
        let exceptions = Exceptions::read(&tree).unwrap();
        check(&files, &exceptions)
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    fn exception(lines: usize, reason: &str) -> String {
        format!(
            "[[long_function]]\nfile = \"c/src/lib.rs\"\nname = \"long\"\nlines = {lines}\nreason = \"{reason}\""
        )
    }

    #[test]
    fn seventy_lines_pass_and_one_more_does_not() {
        assert!(faults(&function(70), "").is_empty());
        assert_eq!(faults(&function(71), "").len(), 1);
    }

    #[test]
    fn an_exception_caps_what_it_excuses() {
        assert!(faults(&function(80), &exception(80, "one table")).is_empty());
        assert_eq!(faults(&function(81), &exception(80, "one table")).len(), 1);
    }

    #[test]
    fn an_exception_without_need_or_reason_fails() {
        assert_eq!(faults(&function(70), &exception(80, "one table")).len(), 1);
        assert_eq!(faults("", &exception(80, "one table")).len(), 1);
        assert_eq!(faults(&function(80), &exception(80, " ")).len(), 1);
    }

    #[test]
    fn long_files_are_found_and_may_be_excused() {
        let content = "// line\n".repeat(501);
        assert_eq!(faults(&content, "").len(), 1);
        let list = "[[long_file]]\nfile = \"c/src/lib.rs\"\nlines = 501\nreason = \"a table\"";
        assert!(faults(&content, list).is_empty());
        assert_eq!(faults("", list).len(), 1);
    }

    #[test]
    fn types_and_declarations_are_no_functions() {
        let content = format!(
            "type F = fn(u8);\ntrait T {{ fn short(&self);\n{} }}",
            "// x\n".repeat(80)
        );
        assert!(faults(&content, "").is_empty());
    }

    #[test]
    fn a_misspelt_list_is_refused() {
        let tree = Tree::of(&[("xtask/tidy.toml", "[[long_functions]]\nfile = \"a\"")]);
        assert!(Exceptions::read(&tree).is_err());
    }
}
