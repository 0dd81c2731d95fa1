//! JSON laid out for reading, from the bytes as they came: order and spelling stay as they are.

/// Lines shown of one body.
const MOST_LINES: usize = 24;
/// Letters shown of one line.
const MOST_LETTERS: usize = 110;

/// A JSON text in indented lines, long ones shortened.
pub(super) fn lines(json: &str) -> Vec<String> {
    let all = laid_out(json);
    let hidden = all.len().saturating_sub(MOST_LINES);
    let mut shown: Vec<String> = all
        .iter()
        .take(MOST_LINES)
        .map(|line| shortened(line))
        .collect();
    if hidden > 0 {
        shown.push(format!("… {hidden} more lines"));
    }
    shown
}

/// Small flat objects stay on one line; the rest is broken at braces and commas.
fn laid_out(json: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut depth = 0_usize;
    let mut scan = Scan::default();
    let mut rest = json;
    while let Some(letter) = rest.chars().next() {
        if !scan.in_string
            && let Some(flat) = flat(rest)
        {
            line.push_str(flat);
            rest = rest.get(flat.len()..).unwrap_or_default();
            continue;
        }
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        let structural = scan.take(letter);
        match letter {
            '{' | '[' if structural => {
                line.push(letter);
                depth += 1;
                lines.push(std::mem::replace(&mut line, indent(depth)));
            }
            '}' | ']' if structural => {
                depth = depth.saturating_sub(1);
                lines.push(std::mem::replace(&mut line, indent(depth)));
                line.push(letter);
            }
            ',' if structural => {
                line.push(letter);
                lines.push(std::mem::replace(&mut line, indent(depth)));
            }
            ':' if structural => line.push_str(": "),
            _ => line.push(letter),
        }
    }
    lines.push(line);
    lines
}

/// The object or list that `text` begins with, when it holds no other and is short.
fn flat(text: &str) -> Option<&str> {
    const MOST: usize = 90;
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut scan = Scan::default();
    for (place, letter) in text.char_indices().take(MOST) {
        let structural = scan.take(letter);
        match letter {
            '{' | '[' if structural && place > 0 => return None,
            '}' | ']' if structural => return text.get(..=place),
            _ => {}
        }
    }
    None
}

/// Whether the place is inside a string.
#[derive(Default)]
struct Scan {
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes the next letter; says whether it stands outside of strings.
    fn take(&mut self, letter: char) -> bool {
        let structural = !self.in_string;
        match letter {
            '"' if !self.escaped => self.in_string = !self.in_string,
            _ => {}
        }
        self.escaped = self.in_string && letter == '\\' && !self.escaped;
        structural
    }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(MOST_LETTERS) {
        Some((place, _)) => format!("{}…", line.get(..place).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_is_broken_and_strings_are_not() {
        let json = r#"{"a":"x,{\"y\":[1]}","b":{"c":1,"d":[]},"e":[{"f":{"g":2}}]}"#;
        let expected = [
            "{",
            r#"  "a": "x,{\"y\":[1]}","#,
            r#"  "b": {"#,
            r#"    "c": 1,"#,
            r#"    "d": []"#,
            "  },",
            r#"  "e": ["#,
            "    {",
            r#"      "f": {"g":2}"#,
            "    }",
            "  ]",
            "}",
        ];
        assert_eq!(lines(json), expected);
        assert_eq!(lines("{}"), ["{}"]);
        assert_eq!(lines(r#"{"a":"\\"}"#), [r#"{"a":"\\"}"#]);
    }

    #[test]
    fn what_is_long_is_cut() {
        let json = format!("[{}]", vec!["[[1]]"; 40].join(","));
        assert_eq!(lines(&json).len(), MOST_LINES + 1);
        assert!(lines(&json).last().unwrap().ends_with("more lines"));
        assert_eq!(
            shortened(&"ä".repeat(200)).chars().count(),
            MOST_LETTERS + 1
        );
        assert!(lines("{\"a\":[[").len() > 1, "even what is not JSON");
    }
}
