//! What the vault does for the API process.
//!
//! SECURITY: no answer holds a number, a code or a key. A number leaves for an acquirer, or into the answer of a client
//! whose own request named its token.

use std::sync::atomic::Ordering;

use strongroom_acquirer::{CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer};
use strongroom_channel::link::{Frame, decoded, encoded};
use strongroom_channel::message::{
    AcquirerSaid, Authorize, FromVault, Matter, Ordered, Place, SecretBytes, ToVault,
};
use strongroom_channel::transit::{Digested, Holding, Verify};
use strongroom_crypto::{MacKey, equal, sha256, sha512};
use strongroom_domain::payments::{AcquirerAnswer, PaymentFailure, RefusedCaptures};
use strongroom_types::currency::Currency;
use strongroom_types::money::Money;
use strongroom_vault::{CardInHand, CardNumber};

use crate::bond::{self, Guest};
use crate::cards::VaultError;
use crate::front;
use crate::replace;
use crate::serve::Vault;
use crate::visits::Visit;

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
        ToVault::Keep { visit, scope } => {
            let kept = keep(vault, visit, scope).await?;
            Ok(kept.unwrap_or(FromVault::Refused))
        }
        ToVault::Verify(verify) => {
            let fits = verified(vault, &verify);
            told(vault, fits, (verify.visit, verify.keep)).await
        }
        ToVault::Digested(digested) => {
            let fits = has_digests(vault, &digested);
            told(vault, fits, (digested.visit, digested.keep)).await
        }
        ToVault::Hold { visit, holding } => {
            if let Some(visit) = vault.visits().find(visit) {
                hold(vault, &visit, holding);
            }
            Ok(FromVault::Done)
        }
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
        ToVault::Acquire { order, matter } => Ok(acquire(vault, &order, matter).await),
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
        ToVault::Keys { scan, after } => {
            let keys = replace::keys(vault.cards(), scan, after).await?;
            Ok(FromVault::Keys(keys))
        }
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

/// Keeps the number that a request brought; nothing where it brought none.
async fn keep(vault: &Vault, visit: u64, scope: u32) -> Result<Option<FromVault>, VaultError> {
    let Some(visit) = vault.visits().find(visit) else {
        return Ok(None);
    };
    let Some(number) = &visit.number else {
        return Ok(None);
    };
    let kept = vault.cards().keep(scope, number, vault.now()).await?;
    Ok(Some(FromVault::Kept(kept)))
}

/// Whether a request is whose it says, and what was kept of it then. SECURITY: of one that is not nothing is kept.
async fn told(
    vault: &Vault,
    fits: bool,
    (visit, books): (u64, Option<u32>),
) -> Result<FromVault, VaultError> {
    let kept = match books.filter(|_| fits) {
        Some(scope) => keep(vault, visit, scope).await?,
        None => None,
    };
    Ok(kept.unwrap_or(FromVault::Is(fits)))
}

fn verified(vault: &Vault, verify: &Verify) -> bool {
    let Verify {
        visit,
        key,
        prefixes,
        presented,
        keep: _,
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
        keep: _,
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

/// Has the security code of a request wait for a token's first authorization.
pub(crate) fn hold(vault: &Vault, visit: &Visit, holding: Holding) {
    let Holding {
        place: Place { scope, token },
        organization,
    } = holding;
    if let Some(code) = visit.take_code() {
        let codes = vault.codes();
        codes.keep(organization, scope, token, code, vault.now());
    }
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
        live,
    } = wanted;
    let Some(amount) = money(minor, &currency) else {
        return Ok(FromVault::Refused);
    };
    let order = Order {
        scope: place.scope,
        live,
        id: payment,
        currency: amount.currency,
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
        acquirer.authorize(order, amount, card, identified).await,
    ))
}

/// What is asked of an acquirer without a card.
async fn acquire(vault: &Vault, order: &Ordered, matter: Matter) -> FromVault {
    let Some(currency) = Currency::parse(&order.currency) else {
        return FromVault::Refused;
    };
    let order = Order {
        scope: order.scope,
        live: order.live,
        id: order.payment,
        currency,
    };
    let acquirer = vault.acquirer();
    match matter {
        Matter::IsReached => FromVault::Is(acquirer.is_reached(order).await),
        Matter::Inquire => said(acquirer.inquire(order).await),
        Matter::Reverse => said(acquirer.reverse(order).await),
        Matter::Capture { total, refused } => {
            let captured = Captured { total, refused };
            capture_said(acquirer.capture(order, captured).await)
        }
        Matter::Refund { id, minor } => {
            let amount = Money::new(minor, currency);
            refund_said(acquirer.refund(id, order, amount).await)
        }
        Matter::InquireRefund(id) => refund_said(acquirer.inquire_refund(id, order).await),
    }
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

fn capture_said(answer: CaptureAnswer) -> FromVault {
    FromVault::Answer(match answer {
        CaptureAnswer::Heard => AcquirerSaid::Approved(String::new()),
        CaptureAnswer::Refused(RefusedCaptures { minor, failure }) => {
            let name = failure.as_str().to_owned();
            AcquirerSaid::CaptureRefused { name, minor }
        }
        CaptureAnswer::Unknown => AcquirerSaid::Unknown,
    })
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
