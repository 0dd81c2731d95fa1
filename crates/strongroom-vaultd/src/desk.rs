//! What the vault does for the API process.
//!
//! SECURITY: no answer holds a number, a code or a key. A number leaves for an acquirer, or into the answer of a client
//! whose own request named its token.

use std::sync::atomic::Ordering;

use strongroom_acquirer::{PaymentAnswer, RefundAnswer};
use strongroom_channel::link::{Frame, decoded, encoded};
use strongroom_channel::message::{
    AcquirerSaid, Authorize, Digested, FromVault, Place, SecretBytes, ToVault, Verify,
};
use strongroom_crypto::{MacKey, equal, sha256, sha512};
use strongroom_domain::payments::{AcquirerAnswer, PaymentFailure};
use strongroom_types::currency::Currency;
use strongroom_types::money::Money;
use strongroom_vault::{CardInHand, CardNumber};

use crate::bond::{self, Guest};
use crate::cards::VaultError;
use crate::front;
use crate::replace;
use crate::serve::Vault;

/// The most that may stand before a signed body.
const MOST_PREFIXES: usize = 64;

/// Answers one question.
pub(crate) async fn answer(vault: &Vault, guest: &Guest, question: &Frame) -> Frame {
    let answer = match decoded(question) {
        Some(ToVault::Hello) => Ok(FromVault::Challenge(guest.challenge())),
        Some(ToVault::Prove(proof)) => bond::admit(vault, guest, &proof).await,
        // SECURITY: nothing is done for a process that has not proven whose it is.
        Some(_) if !guest.is_proven() => Ok(FromVault::Refused),
        Some(question) => attend(vault, question).await,
        None => Ok(FromVault::Refused),
    };
    let answer = answer.unwrap_or_else(|error| {
        tracing::error!(error = %error, "the vault could not do what it was asked");
        FromVault::Failed
    });
    encoded(&answer)
}

async fn attend(vault: &Vault, question: ToVault) -> Result<FromVault, VaultError> {
    match question {
        ToVault::Keep { visit, scope } => keep(vault, visit, scope).await,
        ToVault::Verify(verify) => Ok(FromVault::Is(verified(vault, &verify))),
        ToVault::Digested(digested) => Ok(FromVault::Is(has_digests(vault, &digested))),
        ToVault::Hold {
            visit,
            place,
            organization,
        } => Ok(hold(vault, visit, place, organization)),
        ToVault::Reveal {
            visit,
            place,
            digest,
        } => reveal(vault, visit, place, &digest),
        ToVault::Drop(place) => {
            let Place { scope, token } = place;
            drop(vault.codes().take(scope, token, vault.now()));
            vault.cards().remove(place).await.map(|()| FromVault::Done)
        }
        ToVault::Authorize(wanted) => authorize(vault, wanted).await,
        ToVault::Inquire(id) => Ok(said(vault.acquirer().inquire(id).await)),
        ToVault::Reverse(id) => Ok(said(vault.acquirer().reverse(id).await)),
        ToVault::Refund {
            id,
            of,
            minor,
            currency,
        } => {
            let Some(amount) = money(minor, &currency) else {
                return Ok(FromVault::Refused);
            };
            Ok(refund_said(vault.acquirer().refund(id, of, amount).await))
        }
        ToVault::InquireRefund(id) => Ok(refund_said(vault.acquirer().inquire_refund(id).await)),
        ToVault::Import { place, digits } => import(vault, place, &digits).await,
        ToVault::Holds(claims) => vault.cards().holds(&claims).map(FromVault::Holds),
        // Answered before.
        ToVault::Hello | ToVault::Prove(_) => Ok(FromVault::Refused),
        ToVault::Forward { head, body } => {
            let response = front::forwarded(vault, head, body).await;
            Ok(FromVault::Response(response))
        }
        ToVault::EncryptionKeys => Ok(published(vault)),
        ToVault::RotateEncryption { at_once } => {
            let (keys, writing) = (vault.cards().encryption(), vault.cards().writing());
            Ok(match keys.rotate(writing, at_once, vault.now()).await? {
                true => published(vault),
                false => FromVault::Refused,
            })
        }
        ToVault::Keys { scan } => replace::keys(vault.cards(), scan).map(FromVault::Keys),
        ToVault::ReplaceKeys { begin } => {
            let replacing = vault.cards().replacing();
            Ok(FromVault::Replaced(match begin {
                true => replacing.begin(),
                false => replacing.so_far(),
            }))
        }
    }
}

fn published(vault: &Vault) -> FromVault {
    FromVault::EncryptionKeys(vault.cards().encryption().published(vault.now()))
}

async fn keep(vault: &Vault, visit: u64, scope: u32) -> Result<FromVault, VaultError> {
    let Some(visit) = vault.visits().find(visit) else {
        return Ok(FromVault::Refused);
    };
    let Some(number) = &visit.number else {
        return Ok(FromVault::Refused);
    };
    let kept = vault.cards().keep(scope, number, vault.now()).await?;
    Ok(FromVault::Kept(kept))
}

fn verified(vault: &Vault, verify: &Verify) -> bool {
    let Verify {
        visit,
        key,
        prefixes,
        presented,
    } = verify;
    let Some(visit) = vault.visits().find(*visit) else {
        return false;
    };
    if visit.checked.swap(true, Ordering::Relaxed) || prefixes.len() > MOST_PREFIXES {
        return false;
    }
    let key = MacKey::new(&key.0);
    let tag = |prefix: &String| key.tag(&[prefix.as_bytes(), &visit.body]);
    prefixes.iter().any(|prefix| equal(&tag(prefix), presented))
}

/// SECURITY: once for a request, like a signature, and only behind one: a digest is a way to try numbers.
fn has_digests(vault: &Vault, digested: &Digested) -> bool {
    let Digested {
        visit,
        sha256: short,
        sha512: long,
    } = digested;
    let Some(visit) = vault.visits().find(*visit) else {
        return false;
    };
    if visit.checked.swap(true, Ordering::Relaxed) || (short.is_none() && long.is_none()) {
        return false;
    }
    let body: &[u8] = &visit.body;
    let is_short = |digest: &Vec<u8>| equal(digest, &sha256(&[body]));
    let is_long = |digest: &Vec<u8>| equal(digest, &sha512(&[body]));
    short.as_ref().is_none_or(is_short) && long.as_ref().is_none_or(is_long)
}

fn hold(vault: &Vault, visit: u64, place: Place, organization: [u8; 12]) -> FromVault {
    let visit = vault.visits().find(visit);
    let code = visit.and_then(|visit| visit.take_code());
    if let Some(code) = code {
        let Place { scope, token } = place;
        vault
            .codes()
            .keep(organization, scope, token, code, vault.now());
    }
    FromVault::Done
}

/// SECURITY: only into the answer of a request that asks for this very token.
fn reveal(
    vault: &Vault,
    visit: u64,
    place: Place,
    digest: &[u8; 32],
) -> Result<FromVault, VaultError> {
    let visit = vault.visits().find(visit);
    let Some(visit) = visit.filter(|visit| visit.reveals == Some(place.token)) else {
        return Ok(FromVault::Refused);
    };
    match vault.cards().open_number(place, digest)? {
        Some(number) => visit.show(number),
        None => return Ok(FromVault::Refused),
    }
    Ok(FromVault::Done)
}

async fn authorize(vault: &Vault, wanted: Authorize) -> Result<FromVault, VaultError> {
    let Authorize {
        place,
        payment,
        minor,
        currency,
        expiry,
        digest,
        identified,
    } = wanted;
    let Some(amount) = money(minor, &currency) else {
        return Ok(FromVault::Refused);
    };
    let Some(number) = vault.cards().open_number(place, &digest)? else {
        return Ok(FromVault::Refused);
    };
    let code = vault.codes().take(place.scope, place.token, vault.now());
    let card = CardInHand {
        number,
        expiry,
        code,
    };
    let acquirer = vault.acquirer();
    Ok(said(
        acquirer.authorize(payment, amount, card, identified).await,
    ))
}

async fn import(
    vault: &Vault,
    place: Place,
    digits: &SecretBytes,
) -> Result<FromVault, VaultError> {
    let digits = std::str::from_utf8(&digits.0).ok();
    let Some(Ok(number)) = digits.map(CardNumber::parse) else {
        return Ok(FromVault::Refused);
    };
    let kept = vault.cards().keep_as(place, &number, vault.now()).await?;
    Ok(FromVault::Kept(kept))
}

fn money(minor: i64, currency: &str) -> Option<Money> {
    Some(Money::new(minor, Currency::parse(currency)?))
}

fn said(answer: PaymentAnswer) -> FromVault {
    FromVault::Answer(in_words(answer, PaymentFailure::as_str))
}

fn refund_said(answer: RefundAnswer) -> FromVault {
    FromVault::Answer(in_words(answer, |failure| failure.as_str()))
}

fn in_words<F: Copy>(answer: AcquirerAnswer<F>, name: impl Fn(F) -> &'static str) -> AcquirerSaid {
    match answer {
        AcquirerAnswer::Approved(code) => AcquirerSaid::Approved(code),
        AcquirerAnswer::Declined(failure) => AcquirerSaid::Declined(name(failure).to_owned()),
        AcquirerAnswer::Unknown => AcquirerSaid::Unknown,
        AcquirerAnswer::NeverArrived => AcquirerSaid::NeverArrived,
        AcquirerAnswer::Reversed => AcquirerSaid::Reversed,
        AcquirerAnswer::Challenged(_) => AcquirerSaid::Challenged,
    }
}
