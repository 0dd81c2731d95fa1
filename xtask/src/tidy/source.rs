//! Rust source seen three ways: code, text in string literals, comments. A rule looks at the
//! one it is about, so that a banned word in a message is not taken for a call.
//!
//! A small lexer, not a parser: it knows literals, comments, braces and `#[cfg(test)]`, which
//! is all that the rules ask. All views keep every byte's place and line.

use std::ops::Range;

/// One file's source in its three views; bytes of the other views are spaces.
pub struct Source {
    /// Everything that is neither literal nor comment.
    pub code: String,
    /// The insides of string literals.
    pub text: String,
    /// Comments, doc comments too.
    pub comments: String,
    /// Items under `#[cfg(test)]`, as places in `code`.
    tests: Vec<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Code,
    Text,
    Comment,
}

impl Source {
    /// Splits `source` into its views.
    pub fn new(source: &str) -> Self {
        let classes = classify(source);
        let code = view(source, &classes, Class::Code);
        let tests = test_items(&code);
        Self {
            text: view(source, &classes, Class::Text),
            comments: view(source, &classes, Class::Comment),
            code,
            tests,
        }
    }

    /// The code without items under `#[cfg(test)]`.
    pub fn shipped_code(&self) -> String {
        without(&self.code, &self.tests)
    }

    /// The text of string literals outside items under `#[cfg(test)]`.
    pub fn shipped_text(&self) -> String {
        without(&self.text, &self.tests)
    }

    /// Whether the byte at `place` belongs to an item under `#[cfg(test)]`.
    pub fn is_test(&self, place: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&place))
    }
}

/// The line, from 1, of the byte at `place`.
pub fn line_at(text: &str, place: usize) -> usize {
    1 + text
        .bytes()
        .take(place)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// Places where `word` stands with no identifier character on either side.
pub fn word_places(code: &str, word: &str) -> Vec<usize> {
    code.match_indices(word)
        .filter(|(place, _)| {
            let before = code.get(..*place).and_then(|text| text.chars().next_back());
            let after = code
                .get(place + word.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .map(|(place, _)| place)
        .collect()
}

/// Whether `character` can stand in an identifier.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The identifier at the start of `code`, after white space; empty when there is none.
pub fn leading_word(code: &str) -> &str {
    let code = code.trim_start();
    let end = code
        .find(|character| !is_word(character))
        .unwrap_or(code.len());
    code.get(..end).unwrap_or_default()
}

/// The place just after the item that starts at `start`: past its `;`, or past its braces.
pub fn item_end(code: &str, start: usize) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (place, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces <= 1 => return place + 1,
            b'}' => braces -= 1,
            b';' if braces == 0 && brackets == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    if code.contains("#![cfg(test)]") {
        return std::iter::once(0..code.len()).collect();
    }
    ["#[cfg(test)]", "#[cfg(all(test"]
        .iter()
        .flat_map(|attribute| code.match_indices(attribute))
        .map(|(start, _)| start..item_end(code, start))
        .collect()
}

fn without(view: &str, hidden: &[Range<usize>]) -> String {
    let keep = |(place, byte): (usize, u8)| {
        let is_hidden = hidden.iter().any(|range| range.contains(&place));
        if is_hidden && byte != b'\n' {
            b' '
        } else {
            byte
        }
    };
    let bytes: Vec<u8> = view.bytes().enumerate().map(keep).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn view(source: &str, classes: &[Class], wanted: Class) -> String {
    let bytes: Vec<u8> = source
        .bytes()
        .zip(classes)
        .map(|(byte, class)| {
            if *class == wanted || byte == b'\n' {
                byte
            } else {
                b' '
            }
        })
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One class per byte of `source`.
fn classify(source: &str) -> Vec<Class> {
    let mut classes = Vec::with_capacity(source.len());
    let mut after_word = false;
    while let Some(rest) = source.get(classes.len()..).filter(|rest| !rest.is_empty()) {
        let (class, length) = token(rest, after_word);
        after_word = class == Class::Code && rest.chars().next().is_some_and(is_word);
        classes.resize(classes.len() + length.max(1), class);
    }
    classes.truncate(source.len());
    classes
}

/// The class and length of the token at the start of `rest`; code comes character by character.
fn token(rest: &str, after_word: bool) -> (Class, usize) {
    if rest.starts_with("//") {
        return (Class::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Class::Comment, block_comment(rest));
    }
    if rest.starts_with('"') {
        return (Class::Text, quoted(rest, '"'));
    }
    if let Some(length) = raw_string(rest).filter(|_| !after_word) {
        return (Class::Text, length);
    }
    if let Some(length) = character(rest) {
        return (Class::Text, length);
    }
    (Class::Code, rest.chars().next().map_or(1, char::len_utf8))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while let Some(here) = rest.get(place..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            place += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return place + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of `r#"…"#`, with `b` or `c` in front too.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(*prefix)
            .is_some_and(|after| after.starts_with(['"', '#']))
    })?;
    let after = rest.strip_prefix(prefix)?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = body
        .find(&closing)
        .map_or(body.len(), |place| place + closing.len());
    Some(prefix.len() + hashes + 1 + end)
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    if body.starts_with('\\') {
        return Some(quoted(rest, '\''));
    }
    let first = body.chars().next()?;
    let closes = body.get(first.len_utf8()..)?.starts_with('\'');
    closes.then(|| first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::{Source, item_end, leading_word, line_at, word_places};

    #[test]
    fn views_do_not_mix() {
        let source = Source::new("let a = \"in text\"; // in comment\nlet b = r#\"raw \" text\"#;");
        assert!(source.code.contains("let a =") && source.code.contains("let b ="));
        assert!(!source.code.contains("text") && !source.code.contains("comment"));
        assert!(source.text.contains("in text") && source.text.contains("raw \" text"));
        assert!(source.comments.contains("in comment"));
        assert_eq!(source.code.len(), source.text.len());
    }

    #[test]
    fn quotes_that_are_no_strings_do_not_open_one() {
        let source = Source::new("fn f<'a>(x: &'a str) { let q = '\"'; let e = '\\''; done() }");
        assert!(source.code.contains("&'a str") && source.code.contains("done()"));
    }

    #[test]
    fn an_escaped_quote_does_not_close_a_string() {
        let source = Source::new(r#"let a = "one \" two"; after()"#);
        assert!(source.text.contains("two") && source.code.contains("after()"));
    }

    #[test]
    fn nested_comments_end_where_the_outer_does() {
        let source = Source::new("/* a /* b */ c */ code");
        assert_eq!(source.code.trim(), "code");
    }

    #[test]
    fn items_under_cfg_test_are_not_shipped() {
        let source =
            Source::new("fn kept() {}\n#[cfg(test)]\nmod tests { fn gone() { { } } }\nfn too() {}");
        let shipped = source.shipped_code();
        assert!(shipped.contains("kept") && shipped.contains("too") && !shipped.contains("gone"));
    }

    #[test]
    fn an_item_ends_at_its_semicolon_or_its_brace() {
        assert_eq!(item_end("mod a; mod b;", 0), 6);
        assert_eq!(item_end("fn f(x: [u8; 3]) { { } } rest", 0), 24);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(
            word_places("Instant Instantly my_Instant Instant", "Instant"),
            [0, 29]
        );
        assert_eq!(leading_word("  name(rest"), "name");
        assert_eq!(line_at("a\nb\nc", 4), 3);
    }
}
