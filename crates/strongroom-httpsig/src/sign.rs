//! Making signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::KeyRef;

use crate::base::{listed, over};
use crate::component::{Component, quoted};
use crate::fault::Fault;
use crate::key::Signer;
use crate::message::Message;
use crate::read::Parameters;

/// The values of the two fields, and what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub signature_input: String,
    pub signature: String,
    pub base: String,
}

/// Signs a message under a label; of the parameters only those that are there are written.
///
/// # Errors
/// [`Fault`] when the message lacks something that is covered, or a text has no structured form.
pub fn sign(
    message: &Message<'_>,
    label: &str,
    covers: &[Component],
    said: &Parameters,
    signer: &Signer,
) -> Result<Made, Fault> {
    KeyRef::from_str(label).map_err(|_| Fault::NoName(label.to_owned()))?;
    if let Some(odd) = covers.iter().find(|component| !component.is_writable()) {
        return Err(Fault::Unknown(odd.identifier()));
    }
    let mut written = String::with_capacity(256);
    listed(covers, &mut written);
    write(said, &mut written)?;
    let base = over(covers, &written, message)?;
    let signature = STANDARD.encode(signer.sign(&base));
    Ok(Made {
        signature_input: format!("{label}={written}"),
        signature: format!("{label}=:{signature}:"),
        base,
    })
}

/// The largest integer of a structured field (RFC 9651, 3.3.1).
const MOST: i64 = 999_999_999_999_999;

/// Appends the parameters.
fn write(said: &Parameters, out: &mut String) -> Result<(), Fault> {
    let Parameters {
        created,
        expires,
        nonce,
        alg,
        keyid,
        tag,
    } = said;
    for (name, seconds) in [("created", created), ("expires", expires)] {
        let Some(seconds) = seconds else { continue };
        if !(0..=MOST).contains(seconds) {
            return Err(Fault::Parameter(name, "seconds since 1970"));
        }
        out.push_str(&format!(";{name}={seconds}"));
    }
    for (name, text) in [
        ("keyid", keyid),
        ("nonce", nonce),
        ("alg", alg),
        ("tag", tag),
    ] {
        let Some(text) = text else { continue };
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Fault::Parameter(name, "visible ASCII"));
        }
        out.extend([";", name, "="]);
        quoted(text, out);
    }
    Ok(())
}
