//! Making signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItem, InnerList, Integer, Key};

use crate::base::{over, parameters};
use crate::component::Component;
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
    Key::from_string(label.to_owned()).map_err(|_| Fault::NoName(label.to_owned()))?;
    let items = covers.iter().map(|component| {
        let name = || Fault::NoName(component.identifier());
        component.item().ok_or_else(name)
    });
    let mut list = InnerList::new(items.collect::<Result<_, _>>()?);
    write(&mut list, said)?;
    let base = over(covers, &list, message)?;
    let signature = STANDARD.encode(signer.sign(&base));
    Ok(Made {
        signature_input: format!("{label}={}", parameters(&list)),
        signature: format!("{label}=:{signature}:"),
        base,
    })
}

fn write(list: &mut InnerList, said: &Parameters) -> Result<(), Fault> {
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
        let integer = Integer::try_from(*seconds);
        let integer = integer.map_err(|_| Fault::Parameter(name, "seconds since 1970"))?;
        insert(list, name, BareItem::Integer(integer))?;
    }
    for (name, text) in [
        ("keyid", keyid),
        ("nonce", nonce),
        ("alg", alg),
        ("tag", tag),
    ] {
        let Some(text) = text else { continue };
        let string = sfv::String::from_string(text.clone());
        let string = string.map_err(|_| Fault::Parameter(name, "visible ASCII"))?;
        insert(list, name, BareItem::String(string))?;
    }
    Ok(())
}

fn insert(list: &mut InnerList, name: &'static str, value: BareItem) -> Result<(), Fault> {
    let key = Key::from_string(name.to_owned()).map_err(|_| Fault::Parameter(name, "a key"))?;
    list.params.insert(key, value);
    Ok(())
}
