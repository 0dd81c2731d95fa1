//! The signature base: what is signed (RFC 9421, 2.5).

use crate::component::Component;
use crate::fault::Fault;
use crate::message::Message;
use crate::read::Signed;

/// The text that a signature of a message is over.
///
/// # Errors
/// [`Fault`] when the message lacks something that is covered.
pub fn base(signed: &Signed, message: &Message<'_>) -> Result<String, Fault> {
    over(&signed.covers, &signed.written, message)
}

/// The same, of the components and of what `Signature-Input` says of them.
pub(crate) fn over(
    covers: &[Component],
    written: &str,
    message: &Message<'_>,
) -> Result<String, Fault> {
    let mut text = String::with_capacity(512 + written.len());
    for component in covers {
        component.write(&mut text);
        text.push_str(": ");
        component.write_value(message, &mut text)?;
        text.push('\n');
    }
    text.push_str("\"@signature-params\": ");
    text.push_str(written);
    Ok(text)
}

/// The list of components in the one form it has, before its parameters.
pub(crate) fn listed(covers: &[Component], out: &mut String) {
    out.push('(');
    for (place, component) in covers.iter().enumerate() {
        if place > 0 {
            out.push(' ');
        }
        component.write(out);
    }
    out.push(')');
}
