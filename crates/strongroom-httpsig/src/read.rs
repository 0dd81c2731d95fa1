//! `Signature-Input` and `Signature`, taken apart (RFC 9421, 4).

use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parser, StringRef};

use crate::component::Component;
use crate::fault::Fault;
use crate::message::Fields;

/// Signatures on one message.
const MOST: usize = 8;

/// A signature of a message, not yet checked.
#[derive(Debug)]
pub struct Signed {
    pub label: String,
    pub covers: Vec<Component>,
    pub parameters: Parameters,
    /// The signature's bytes.
    pub signature: Vec<u8>,
    /// The member of `Signature-Input`, as a base has it.
    pub(crate) list: InnerList,
}

/// What a signature says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Seconds since 1970.
    pub created: Option<i64>,
    pub expires: Option<i64>,
    pub nonce: Option<String>,
    pub alg: Option<String>,
    pub keyid: Option<String>,
    pub tag: Option<String>,
}

impl Signed {
    /// Whether it covers a component that goes by its name alone.
    pub fn covers(&self, name: &str) -> bool {
        self.covers.iter().any(|component| component.is(name))
    }
}

/// The signatures of a message; none where neither field was sent.
///
/// # Errors
/// The first [`Fault`] found.
pub fn read(fields: &dyn Fields) -> Result<Vec<Signed>, Fault> {
    let (inputs, signatures) = (fields.lines("signature-input"), fields.lines("signature"));
    match (inputs.is_empty(), signatures.is_empty()) {
        (true, true) => return Ok(Vec::new()),
        (true, false) => return Err(Fault::HalfSigned("Signature-Input")),
        (false, true) => return Err(Fault::HalfSigned("Signature")),
        (false, false) => {}
    }
    let inputs = dictionary("Signature-Input", &inputs)?;
    let signatures = dictionary("Signature", &signatures)?;
    if let Some(label) = signatures.keys().find(|label| !inputs.contains_key(*label)) {
        return Err(Fault::Unpaired(label.to_string()));
    }
    if !(1..=MOST).contains(&inputs.len()) {
        return Err(Fault::Count);
    }
    let each = inputs.into_iter().map(|(label, input)| {
        let label = label.to_string();
        let signature = signatures
            .get(label.as_str())
            .ok_or(Fault::Unpaired(label.clone()))?;
        signed(label, input, signature)
    });
    each.collect()
}

fn dictionary(name: &'static str, lines: &[&[u8]]) -> Result<Dictionary, Fault> {
    let parsed = Parser::new(&lines.join(&b", "[..])).parse::<Dictionary>();
    parsed.map_err(|error| Fault::Malformed(name, error.index()))
}

fn signed(label: String, input: ListEntry, signature: &ListEntry) -> Result<Signed, Fault> {
    let ListEntry::InnerList(list) = input else {
        return Err(Fault::NoList(label));
    };
    let bytes = match signature {
        ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
        ListEntry::InnerList(_) => None,
    };
    let Some(bytes) = bytes.map(<[u8]>::to_vec) else {
        return Err(Fault::NoBytes(label));
    };
    let mut covers = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let component = Component::read(item)?;
        if covers.contains(&component) {
            return Err(Fault::Twice(component.identifier()));
        }
        covers.push(component);
    }
    Ok(Signed {
        parameters: parameters(&list)?,
        label,
        covers,
        signature: bytes,
        list,
    })
}

fn parameters(list: &InnerList) -> Result<Parameters, Fault> {
    let mut read = Parameters::default();
    for (key, value) in &list.params {
        match key.as_str() {
            "created" => read.created = Some(seconds("created", value)?),
            "expires" => read.expires = Some(seconds("expires", value)?),
            "nonce" => read.nonce = Some(text("nonce", value)?),
            "alg" => read.alg = Some(text("alg", value)?),
            "keyid" => read.keyid = Some(text("keyid", value)?),
            "tag" => read.tag = Some(text("tag", value)?),
            // Signed like the others, and nobody's business here.
            _ => {}
        }
    }
    Ok(read)
}

fn seconds(name: &'static str, value: &BareItem) -> Result<i64, Fault> {
    let seconds = value.as_integer().map(i64::from);
    let kind = "an integer: seconds since 1970";
    seconds
        .filter(|s| *s >= 0)
        .ok_or(Fault::Parameter(name, kind))
}

fn text(name: &'static str, value: &BareItem) -> Result<String, Fault> {
    let text = value.as_string().map(StringRef::as_str);
    let text = text.ok_or(Fault::Parameter(name, "a string between quotes"))?;
    Ok(text.to_owned())
}
