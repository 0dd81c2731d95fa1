//! The messages that are sent. `docs/acquirers.md` lists their fields.

use strongroom_iso8583::{Fault, Message, Mti};
use strongroom_types::currency::Currency;
use strongroom_types::time::{SECOND, Timestamp};
use strongroom_vault::CardInHand;
use zeroize::Zeroizing;

use super::answers::{Verdict, verdict};
use super::kept::{Advice, Capture, KeptPayment, KeptRefund, Sent};
use super::settings::Settings;

/// Field 3: a purchase, and money that goes back.
const PURCHASE: &str = "000000";
const RETURN: &str = "200000";
/// Field 39 of a reversal: the customer wanted it, or no answer came in time.
const WANTED: &str = "17";
const UNANSWERED: &str = "68";
/// Of field 48: the security code's element.
const CODE_ELEMENT: &str = "92";

/// What a network message is about (field 70).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    SignOn,
    Echo,
}

impl Matter {
    const fn code(self) -> &'static str {
        match self {
            Matter::SignOn => "001",
            Matter::Echo => "301",
        }
    }
}

/// Field 37: month, day, hour and number, so that it is the only one of its year.
pub(crate) fn rrn(sent: Sent) -> String {
    let moment = moment(sent.at);
    let hour = moment.get(..6).unwrap_or("");
    format!("{hour}{:06}", sent.stan)
}

/// The request for an approval.
pub(crate) fn authorization(
    settings: &Settings,
    payment: &KeptPayment,
    sent: Sent,
    card: &CardInHand,
) -> Result<Message, Fault> {
    let amount = (payment.minor, payment.currency);
    let mut message = common(settings, Mti::AUTHORIZATION, PURCHASE, amount, sent)?;
    message.set(37, &payment.rrn)?;
    with_card(&mut message, payment)?;
    if let Some(code) = &card.code {
        let code = code.expose();
        // SECURITY: in this one message alone, and nowhere else but in memory.
        let element = Zeroizing::new(format!("{CODE_ELEMENT}{:02}{code}", code.len()));
        message.set(48, &element)?;
    }
    Ok(message)
}

/// That an authorization is undone.
pub(crate) fn reversal(
    settings: &Settings,
    payment: &KeptPayment,
    (original, reversal): (Sent, Advice),
    is_repeated: bool,
) -> Result<Message, Fault> {
    let mti = of_turn(settings.reversal.mti(), is_repeated);
    let amount = (payment.minor, payment.currency);
    let mut message = common(settings, mti, PURCHASE, amount, reversal.sent)?;
    follow(&mut message, settings, payment, original)?;
    let said = payment.said.as_ref();
    let is_approved = said.is_some_and(|said| verdict(&said.code) == Verdict::Approved);
    message.set(39, if is_approved { WANTED } else { UNANSWERED })?;
    Ok(message)
}

/// That a capture is undone.
pub(crate) fn capture_reversal(
    settings: &Settings,
    payment: &KeptPayment,
    (capture, reversal): (Capture, Advice),
    is_repeated: bool,
) -> Result<Message, Fault> {
    let mti = of_turn(settings.reversal.mti(), is_repeated);
    let amount = (capture.minor, payment.currency);
    let mut message = common(settings, mti, PURCHASE, amount, reversal.sent)?;
    let original = (Mti::FINANCIAL_ADVICE, capture.advice.sent);
    lead(&mut message, settings, payment, original)?;
    message.set(39, WANTED)?;
    Ok(message)
}

/// That a part of an authorization is captured, or all of it.
pub(crate) fn capture(
    settings: &Settings,
    payment: &KeptPayment,
    (original, capture): (Sent, Capture),
    is_repeated: bool,
) -> Result<Message, Fault> {
    let mti = of_turn(Mti::FINANCIAL_ADVICE, is_repeated);
    let amount = (capture.minor, payment.currency);
    let mut message = common(settings, mti, PURCHASE, amount, capture.advice.sent)?;
    follow(&mut message, settings, payment, original)?;
    message.set(39, "00")?;
    Ok(message)
}

/// The request that money goes back.
pub(crate) fn refund(
    settings: &Settings,
    payment: &KeptPayment,
    refund: &KeptRefund,
    is_repeated: bool,
) -> Result<Message, Fault> {
    let mti = of_turn(Mti::FINANCIAL, is_repeated);
    let amount = (refund.minor, refund.currency);
    let mut message = common(settings, mti, RETURN, amount, refund.sent)?;
    if let Some(original) = payment.sent {
        follow(&mut message, settings, payment, original)?;
    }
    message.set(37, &refund.rrn)?;
    Ok(message)
}

/// A message about the connection itself.
pub(crate) fn network(matter: Matter, sent: Sent) -> Result<Message, Fault> {
    Message::new(Mti::NETWORK)
        .with(7, &moment(sent.at))?
        .with(11, &format!("{:06}", sent.stan))?
        .with(70, matter.code())
}

/// What answers the acquirer's own question about the connection.
pub(crate) fn network_answer(question: &Message) -> Option<Message> {
    let mut answer = Message::new(question.mti().answer()?);
    for field in [7, 11, 70] {
        if let Some(value) = question.text(field) {
            answer.set(field, value).ok()?;
        }
    }
    answer.with(39, "00").ok()
}

fn of_turn(mti: Mti, is_repeated: bool) -> Mti {
    match is_repeated {
        true => mti.repeated(),
        false => mti,
    }
}

/// What every request about money has.
fn common(
    settings: &Settings,
    mti: Mti,
    processing: &str,
    (minor, currency): (i64, Currency),
    sent: Sent,
) -> Result<Message, Fault> {
    let local = sent
        .at
        .plus(i64::from(settings.utc_offset_minutes) * 60 * SECOND);
    let local = moment(local);
    let (day, time) = local.split_at_checked(4).unwrap_or(("", ""));
    let mut message = Message::new(mti)
        .with(3, processing)?
        .with(4, &format!("{minor:012}"))?
        .with(7, &moment(sent.at))?
        .with(11, &format!("{:06}", sent.stan))?
        .with(12, time)?
        .with(13, day)?
        .with(22, &settings.entry_mode)?
        .with(25, &settings.condition)?
        .with(32, &settings.institution)?
        .with(41, &settings.terminal)?
        .with(42, &settings.merchant)?
        .with(49, &currency.numeric())?;
    let named = [
        (18, &settings.merchant_category),
        (19, &settings.country),
        (43, &settings.merchant_name),
    ];
    for (field, value) in named {
        if let Some(value) = value {
            message.set(field, value)?;
        }
    }
    Ok(message)
}

fn with_card(message: &mut Message, payment: &KeptPayment) -> Result<(), Fault> {
    if let Some(digits) = &payment.digits {
        message.set(2, digits.expose())?;
    }
    if let Some(expiry) = payment.expiry {
        let text = format!("{:02}{:02}", expiry.year() % 100, expiry.month());
        message.set(14, &text)?;
    }
    Ok(())
}

/// What leads from a message to the authorization that it is about.
fn follow(
    message: &mut Message,
    settings: &Settings,
    payment: &KeptPayment,
    original: Sent,
) -> Result<(), Fault> {
    lead(message, settings, payment, (Mti::AUTHORIZATION, original))
}

/// What leads from a message to one that was sent before.
fn lead(
    message: &mut Message,
    settings: &Settings,
    payment: &KeptPayment,
    (mti, original): (Mti, Sent),
) -> Result<(), Fault> {
    with_card(message, payment)?;
    message.set(37, &payment.rrn)?;
    let said = payment.said.as_ref();
    if let Some(approval) = said.and_then(|said| said.approval.as_ref()) {
        message.set(38, approval)?;
    }
    let elements = format!(
        "{}{:06}{}{:0>11}{:0>11}",
        mti,
        original.stan,
        moment(original.at),
        settings.institution,
        ""
    );
    message.set(90, &elements)
}

/// `MMDDhhmmss`.
pub(crate) fn moment(at: Timestamp) -> String {
    let seconds = at.seconds().rem_euclid(86_400);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{:04}{hour:02}{minute:02}{second:02}", at.day() % 10_000)
}
