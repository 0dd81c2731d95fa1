//! `Signature-Input` and `Signature`, taken apart (RFC 9421, 4).

use sfv::{ItemSerializer, KeyRef};

use crate::base::listed;
use crate::component::Component;
use crate::fault::Fault;
use crate::field::{self, Dictionary, List, Member, Value, joined};
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
    pub(crate) written: String,
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
    let (inputs, signatures) = (joined(&inputs), joined(&signatures));
    let inputs = Dictionary::read("Signature-Input", &inputs)?;
    let signatures = Dictionary::read("Signature", &signatures)?;
    let is_unpaired = |(label, _): &&(&KeyRef, Member<'_>)| inputs.get(label.as_str()).is_none();
    if let Some((label, _)) = signatures.members.iter().find(is_unpaired) {
        return Err(Fault::Unpaired(label.to_string()));
    }
    if !(1..=MOST).contains(&inputs.members.len()) {
        return Err(Fault::Count);
    }
    let each = inputs.members.iter().map(|(label, input)| {
        let signature = signatures.get(label.as_str());
        let signature = signature.ok_or_else(|| Fault::Unpaired(label.to_string()))?;
        signed(label.as_str(), input, signature)
    });
    each.collect()
}

fn signed(label: &str, input: &Member<'_>, signature: &Member<'_>) -> Result<Signed, Fault> {
    let Member::List(list) = input else {
        return Err(Fault::NoList(label.to_owned()));
    };
    let bytes = signature.bytes();
    let bytes = bytes.ok_or_else(|| Fault::NoBytes(label.to_owned()))?;
    let mut covers = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let component = Component::read(item)?;
        if covers.contains(&component) {
            return Err(Fault::Twice(component.identifier()));
        }
        covers.push(component);
    }
    Ok(Signed {
        parameters: parameters(list)?,
        label: label.to_owned(),
        written: written(&covers, list),
        covers,
        signature: bytes.to_vec(),
    })
}

/// A member of `Signature-Input` in the one form it has.
fn written(covers: &[Component], list: &List<'_>) -> String {
    let mut text = String::with_capacity(256);
    listed(covers, &mut text);
    for (key, value) in &list.parameters.each {
        text.push(';');
        text.push_str(key.as_str());
        if !matches!(value, Value::Boolean(true)) {
            text.push('=');
            let _ = ItemSerializer::with_buffer(&mut text).bare_item(value);
        }
    }
    text
}

fn parameters(list: &List<'_>) -> Result<Parameters, Fault> {
    let mut read = Parameters::default();
    for (key, value) in &list.parameters.each {
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

fn seconds(name: &'static str, value: &Value<'_>) -> Result<i64, Fault> {
    let seconds = match value {
        Value::Integer(seconds) => Some(i64::from(*seconds)),
        _ => None,
    };
    let kind = "an integer: seconds since 1970";
    seconds
        .filter(|s| *s >= 0)
        .ok_or(Fault::Parameter(name, kind))
}

fn text(name: &'static str, value: &Value<'_>) -> Result<String, Fault> {
    let text = field::text(value).ok_or(Fault::Parameter(name, "a string between quotes"))?;
    Ok(text.to_owned())
}
