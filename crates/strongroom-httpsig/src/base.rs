//! The signature base: what is signed (RFC 9421, 2.5).

use sfv::{InnerList, ListSerializer};

use crate::component::Component;
use crate::fault::Fault;
use crate::message::Message;
use crate::read::Signed;

/// The text that a signature of a message is over.
///
/// # Errors
/// [`Fault`] when the message lacks something that is covered.
pub fn base(signed: &Signed, message: &Message<'_>) -> Result<String, Fault> {
    over(&signed.covers, &signed.list, message)
}

pub(crate) fn over(
    covers: &[Component],
    list: &InnerList,
    message: &Message<'_>,
) -> Result<String, Fault> {
    let mut text = String::with_capacity(512);
    for component in covers {
        component.write(&mut text);
        text.push_str(": ");
        text.push_str(&component.value(message)?);
        text.push('\n');
    }
    text.push_str("\"@signature-params\": ");
    text.push_str(&parameters(list));
    Ok(text)
}

/// The member of `Signature-Input` in the one form it has.
pub(crate) fn parameters(list: &InnerList) -> String {
    let mut serializer = ListSerializer::new();
    let mut inner = serializer.inner_list();
    inner.items(&list.items);
    inner.finish().parameters(&list.params);
    serializer.finish().unwrap_or_default()
}
