//! The strict walk over a message: elements in, leaves out, everything bounded.
//!
//! SECURITY: there is no document type, so there are no entities but the five of XML itself, and nothing outside of the
//! file is ever looked at. A fault says where and what was wrong, never what stood there.

use std::fmt;

use quick_xml::NsReader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

/// How much of a file is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    /// Entries of all accounts, or statuses of all transactions, in one message.
    pub entries: usize,
}

/// Elements inside each other.
const DEPTH: usize = 32;
const ELEMENTS: usize = 2_000_000;
/// Letters of one leaf, and of one element's name.
const TEXT: usize = 4_096;
const NAME: usize = 64;
const ATTRIBUTES: usize = 16;
const OF_ISO: &str = "urn:iso:std:iso:20022:tech:xsd:";
/// Room for what parties agree among themselves, in namespaces of their own.
const FOREIGN: &str = "/SplmtryData/";

/// Why a file is not read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `/Document/BkToCstmrStmt/Stmt`, as far as the file was understood.
    pub path: String,
    /// From 1.
    pub line: u32,
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "/"
        } else {
            &self.path
        };
        write!(f, "`{path}`, line {}: {}", self.line, self.detail)
    }
}

/// Takes what the walk finds. Paths begin below `/Document`: `/BkToCstmrStmt/GrpHdr/MsgId`.
pub(crate) trait Sink {
    /// An element begins.
    fn open(&mut self, path: &str) -> Result<(), String>;
    /// A leaf has ended; `currency` is its `Ccy`.
    fn leaf(&mut self, path: &str, text: &str, currency: Option<&str>) -> Result<(), String>;
    /// An element with others in it has ended.
    fn close(&mut self, path: &str) -> Result<(), String>;
}

/// The message's name, as `camt.053.001.08`, before anything else of it is read.
pub(crate) fn namespace(bytes: &[u8], limits: &Limits) -> Result<String, Fault> {
    struct Nothing;
    impl Sink for Nothing {
        fn open(&mut self, _: &str) -> Result<(), String> {
            Ok(())
        }
        fn leaf(&mut self, _: &str, _: &str, _: Option<&str>) -> Result<(), String> {
            Ok(())
        }
        fn close(&mut self, _: &str) -> Result<(), String> {
            Ok(())
        }
    }
    let mut walk = Walk::new(bytes, limits)?;
    while walk.namespace.is_none() {
        if walk.step(&mut Nothing)?.is_none() {
            return Err(walk.fault("there is no `Document`"));
        }
    }
    Ok(walk.namespace.take().unwrap_or_default())
}

/// Walks a whole message of one of `names`.
pub(crate) fn walk(
    bytes: &[u8],
    limits: &Limits,
    names: &[&str],
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let mut walk = Walk::new(bytes, limits)?;
    let mut is_known = false;
    while walk.step(sink)?.is_some() {
        if let (false, Some(name)) = (is_known, walk.namespace.as_deref()) {
            if !names.contains(&name) {
                let text = format!("the message is none of {}", names.join(", "));
                return Err(walk.fault(&text));
            }
            is_known = true;
        }
    }
    match is_known {
        true => Ok(()),
        false => Err(walk.fault("there is no `Document`")),
    }
}

/// An element that is open.
struct Level {
    /// Where the path ended before it.
    path: usize,
    text: String,
    has_children: bool,
    currency: Option<String>,
}

struct Walk<'a> {
    reader: NsReader<&'a [u8]>,
    source: &'a str,
    path: String,
    levels: Vec<Level>,
    elements: usize,
    namespace: Option<String>,
    has_ended: bool,
    has_begun: bool,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], limits: &Limits) -> Result<Walk<'a>, Fault> {
        let early = |line, detail: &str| Fault {
            path: String::new(),
            line,
            detail: detail.to_owned(),
        };
        if bytes.len() > limits.bytes {
            let text = format!("a file has at most {} bytes", limits.bytes);
            return Err(early(1, &text));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let source = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
            early(line_of(before), "the file is not UTF-8")
        })?;
        let mut reader = NsReader::from_str(source);
        let config = reader.config_mut();
        config.enable_all_checks(true);
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        config.expand_empty_elements = true;
        Ok(Walk {
            reader,
            source,
            path: String::with_capacity(128),
            levels: Vec::with_capacity(DEPTH),
            elements: 0,
            namespace: None,
            has_ended: false,
            has_begun: false,
        })
    }

    fn fault(&self, detail: &str) -> Fault {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let before = self.source.as_bytes().get(..at);
        Fault {
            path: match self.levels.is_empty() {
                true => String::new(),
                false => format!("/Document{}", self.path),
            },
            line: line_of(before.unwrap_or(self.source.as_bytes())),
            detail: detail.to_owned(),
        }
    }

    /// One event; nothing at the end of the file.
    fn step(&mut self, sink: &mut dyn Sink) -> Result<Option<()>, Fault> {
        let event = match self.reader.read_event() {
            Ok(event) => event,
            Err(_) => return Err(self.fault("this is not well-formed XML")),
        };
        match event {
            Event::Start(start) => self.start(&start, sink)?,
            // Empty elements are told as a start and an end.
            Event::Empty(_) => return Err(self.fault("this is not well-formed XML")),
            Event::End(_) => self.end(sink)?,
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(entity) => self.entity(&entity)?,
            Event::Decl(declaration) => self.declaration(&declaration)?,
            Event::Comment(_) => {}
            Event::PI(_) => return Err(self.fault("there are no processing instructions here")),
            Event::DocType(_) => return Err(self.fault("there is no document type here")),
            Event::Eof => {
                return match self.levels.is_empty() {
                    true => Ok(None),
                    false => Err(self.fault("the file ends in the middle")),
                };
            }
        }
        self.has_begun = true;
        Ok(Some(()))
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), Fault> {
        if self.has_begun {
            return Err(self.fault("the declaration stands at the beginning"));
        }
        let version = declaration.version();
        if !version.is_ok_and(|version| version == "1.0") {
            return Err(self.fault("the file is not XML 1.0"));
        }
        let is_utf8 = |name: &str| {
            name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii")
        };
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if is_utf8(&name) => Ok(()),
            Some(_) => Err(self.fault("the file says that it is not UTF-8")),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        if self.has_ended {
            return Err(self.fault("there is one `Document`, and nothing behind it"));
        }
        self.elements += 1;
        if self.levels.len() >= DEPTH || self.elements > ELEMENTS {
            return Err(self.fault("there are too many elements, or too many inside each other"));
        }
        let name = start.local_name();
        let name = name.as_ref();
        let usual = name.len() <= NAME && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if !usual && !self.is_foreign() {
            return Err(self.fault("an element's name is none of ISO 20022"));
        }
        self.check_namespace(start)?;
        let currency = self.attributes(start)?;
        if let Some(level) = self.levels.last_mut() {
            level.has_children = true;
        }
        let path = self.path.len();
        if !self.levels.is_empty() {
            self.path.push('/');
            self.path.push_str(if usual { name } else { "other" });
        }
        let is_root = self.levels.is_empty();
        self.levels.push(Level {
            path,
            text: String::new(),
            has_children: false,
            currency,
        });
        if is_root || self.is_foreign() {
            return Ok(());
        }
        sink.open(&self.path).map_err(|text| self.fault(&text))
    }

    /// Whether what is read here belongs to nobody's schema but the parties' own.
    fn is_foreign(&self) -> bool {
        self.path.contains(FOREIGN)
    }

    fn check_namespace(&mut self, start: &BytesStart<'_>) -> Result<(), Fault> {
        let (found, local) = self.reader.resolver().resolve_element(start.name());
        let found = match found {
            ResolveResult::Bound(namespace) => namespace.into_inner(),
            _ => "",
        };
        let found = found.strip_prefix(OF_ISO);
        if let Some(expected) = &self.namespace {
            return match found == Some(expected.as_str()) || self.is_foreign() {
                true => Ok(()),
                false => Err(self.fault("an element of another namespace stands here")),
            };
        }
        let is_root = local.as_ref() == "Document";
        let name = found.filter(|name| is_root && name.len() <= NAME);
        match name.map(str::to_owned) {
            None => Err(self.fault("the file is no `Document` of ISO 20022")),
            name => {
                self.namespace = name;
                Ok(())
            }
        }
    }

    /// The currency beside an amount. Other attributes mean nothing here.
    fn attributes(&self, start: &BytesStart<'_>) -> Result<Option<String>, Fault> {
        let mut currency = None;
        for (n, attribute) in start.attributes().enumerate() {
            let attribute = match attribute {
                Ok(attribute) if n < ATTRIBUTES => attribute,
                _ => return Err(self.fault("its attributes are not well-formed, or too many")),
            };
            let value = attribute.value.as_ref();
            if value.contains('&') && !self.is_foreign() {
                return Err(self.fault("an attribute holds an entity"));
            }
            if attribute.key.as_ref() == "Ccy" {
                currency = Some(value.chars().take(4).collect());
            }
        }
        Ok(currency)
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        let is_blank = text.bytes().all(|b| b.is_ascii_whitespace());
        if self.levels.is_empty() {
            return match is_blank {
                true => Ok(()),
                false => Err(self.fault("text stands outside of the `Document`")),
            };
        }
        let odd = |c: char| c.is_control() && !c.is_ascii_whitespace();
        if text.contains(odd) || text.contains(['\u{fffe}', '\u{ffff}']) {
            return Err(self.fault("it holds a control character"));
        }
        let foreign = self.is_foreign();
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        // Of indentation nothing is kept.
        if foreign || (is_blank && level.has_children) {
            return Ok(());
        }
        level.text.push_str(text);
        match level.text.len() > TEXT {
            true => Err(self.fault("its text is too long")),
            false => Ok(()),
        }
    }

    fn entity(&mut self, entity: &BytesRef<'_>) -> Result<(), Fault> {
        let name = entity.xml10_content();
        let letter = match entity.resolve_char_ref() {
            Ok(Some(letter)) => letter.to_string(),
            Ok(None) => resolve_xml_entity(&name).unwrap_or_default().to_owned(),
            Err(_) => String::new(),
        };
        if letter.is_empty() || self.levels.is_empty() {
            return Err(self.fault("it refers to an entity that XML itself does not know"));
        }
        self.text(&letter)
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), Fault> {
        let Some(level) = self.levels.last() else {
            return Err(self.fault("this is not well-formed XML"));
        };
        let text = level.text.trim_matches([' ', '\t', '\n', '\r']);
        if level.has_children && !text.is_empty() {
            return Err(self.fault("text stands between its elements"));
        }
        let told = match (self.levels.len(), level.has_children) {
            (1, _) => Ok(()),
            _ if self.is_foreign() => Ok(()),
            (_, true) => sink.close(&self.path),
            (_, false) => sink.leaf(&self.path, text, level.currency.as_deref()),
        };
        told.map_err(|text| self.fault(&text))?;
        if let Some(level) = self.levels.pop() {
            self.path.truncate(level.path);
        }
        self.has_ended = self.levels.is_empty();
        Ok(())
    }
}

fn line_of(before: &[u8]) -> u32 {
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(lines).map_or(u32::MAX, |lines| lines.saturating_add(1))
}

/// A value that stands once at most.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err("it stands twice".into()),
    }
}

/// A text of 1 to `most` letters.
pub(crate) fn short(text: &str, most: usize) -> Result<String, String> {
    match (1..=most).contains(&text.chars().count()) {
        true => Ok(text.to_owned()),
        false => Err(format!("it has 1 to {most} characters")),
    }
}

/// A value that must have stood there.
pub(crate) fn needed<T>(slot: Option<T>, name: &str) -> Result<T, String> {
    slot.ok_or_else(|| format!("`{name}` is missing"))
}
