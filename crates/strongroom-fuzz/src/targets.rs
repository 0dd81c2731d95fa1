//! The list, and what each target asks of its reader.

use std::sync::OnceLock;

use strongroom_audit::{Checkpoint, decode_parts, encode_parts, verify_bundle};
use strongroom_auth::key_text::is_well_formed;
use strongroom_auth::signing::SignedRequest;
use strongroom_auth::{Range, Thumbprint};
use strongroom_channel::link::{Frame, decoded, encoded};
use strongroom_channel::message::{FromApi, FromVault, ToApi, ToVault};
use strongroom_client::webhook::Verifier;
use strongroom_crypto::shares::{combine, split};
use strongroom_crypto::{Compact, Keyring, MacKey, Recipient, RootKeys, SealedView, Share};
use strongroom_domain::entry::{EntryActor, EntryChanges, EntryFacts, decode, encode};
use strongroom_domain::record::{PersonalPart, Record};
use strongroom_iso20022::{BankMessage, Iban, Limits, latin, read as read_bank_file};
use strongroom_json::{Object, Value, parse_object};
use strongroom_listen::Position;
use strongroom_outbound::{Outbound, Policy};
use strongroom_scan::Canaries;
use strongroom_types::currency::Currency;
use strongroom_types::id::{Kind, PayoutId, RawId, TokenId, WalletId};
use strongroom_types::money::{LIMIT, Money};
use strongroom_types::reference::ReferenceId;
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;
use strongroom_vault::{CardNumber, SecurityCode, find as find_number, scrub};
use zeroize::Zeroizing;

use crate::words;

/// One reader under test.
pub struct Target {
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    pub run: fn(&[u8]),
    /// Words that its input is made of.
    pub words: &'static [&'static str],
}

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    targets().iter().find(|target| target.name == name)
}

/// Every target.
pub fn targets() -> &'static [Target] {
    &TARGETS
}

const fn target(
    name: &'static str,
    about: &'static str,
    run: fn(&[u8]),
    words: &'static [&'static str],
) -> Target {
    Target {
        name,
        about,
        run,
        words,
    }
}

static TARGETS: [Target; 25] = [
    target("api_key", "the text of an API key", api_key, &words::KEYS),
    target(
        "backup",
        "a backup's header and rows",
        strongroom_engine::fuzzing::backup,
        &[],
    ),
    target(
        "bank_file",
        "a bank's file: pain.002, camt.053, camt.054",
        bank_file,
        &words::XML,
    ),
    target(
        "body",
        "a body before the tripwire of every route",
        strongroom_http::fuzzing::body,
        &words::JSON,
    ),
    target(
        "bundle",
        "a proof bundle, and the notes in it",
        bundle,
        &words::BUNDLE,
    ),
    target(
        "cbor",
        "stored facts, actors, changes and records",
        cbor,
        &[],
    ),
    target(
        "certificates",
        "PEM files: certificates, keys, revoked certificates",
        strongroom_tls::fuzzing::files,
        &words::PEM,
    ),
    target(
        "channel",
        "messages between the API process and the vault",
        channel,
        &[],
    ),
    target(
        "delivery",
        "a webhook's headers and body",
        delivery,
        &words::HEADERS,
    ),
    target(
        "event_stream",
        "server-sent events",
        strongroom_client::fuzzing::event_stream,
        &words::EVENTS,
    ),
    target(
        "headers",
        "a request's headers",
        strongroom_http::fuzzing::headers,
        &words::HEADERS,
    ),
    target(
        "iso8583",
        "messages of an acquirer, in every profile",
        strongroom_iso8583::fuzzing::message,
        &[],
    ),
    target("json", "the strict reader of bodies", json, &words::JSON),
    target("jwe", "encrypted card fields", jwe, &words::JOSE),
    target(
        "keyring",
        "the keyring file, recovery kits, recipients",
        keyring,
        &words::KEYRING,
    ),
    target("notice", "the notice of the deciding node", notice, &[]),
    target(
        "oauth",
        "what clients of OAuth sign, their keys and addresses",
        oauth,
        &words::OAUTH,
    ),
    target(
        "pins",
        "the pin set",
        strongroom_tls::fuzzing::pin_set,
        &words::PINS,
    ),
    target("query", "query strings and cursors", query, &words::QUERY),
    target(
        "redact",
        "a request whose card is taken out",
        strongroom_vaultd::fuzzing::redacted,
        &words::JSON,
    ),
    target("share", "a share of the root", share, &[]),
    target(
        "signature",
        "a request's signature",
        signature,
        &words::HEADERS,
    ),
    target(
        "stored",
        "rows, filters and journals",
        strongroom_engine::fuzzing::stored,
        &[],
    ),
    target(
        "tripwire",
        "card numbers in text",
        tripwire,
        &words::NUMBERS,
    ),
    target(
        "words",
        "ids, amounts, times, networks, URLs",
        small_words,
        &words::SMALL,
    ),
];

/// The bytes as text, what is none replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn query(bytes: &[u8]) {
    strongroom_http::fuzzing::query(&text(bytes));
}

fn api_key(bytes: &[u8]) {
    let text = text(bytes);
    if is_well_formed(&text) {
        assert!(text.is_ascii() && text.len() == 46, "{text}");
    }
}

/// What was read is bounded, and identifiers are what they say.
fn bank_file(bytes: &[u8]) {
    let limits = Limits {
        bytes: 1 << 16,
        entries: 100,
    };
    match read_bank_file(bytes, &limits) {
        Err(fault) => assert!(fault.line >= 1 && fault.path.len() <= 4_096, "{fault}"),
        Ok(BankMessage::Status(report)) => {
            let named = report.payments.iter().map(|p| p.transactions.len());
            assert!(named.sum::<usize>() <= limits.entries);
            assert!(report.message_id.chars().count() <= 35);
        }
        Ok(BankMessage::Report(report)) => {
            let lines = report.accounts.iter().flat_map(|account| &account.entries);
            for line in lines {
                assert!((0..=LIMIT).contains(&line.amount.minor));
            }
        }
    }
    let text = text(bytes);
    if let Some(iban) = Iban::parse(&text) {
        assert_eq!(Iban::parse(iban.as_str()).as_ref(), Some(&iban));
    }
    let written = latin(&text, 140);
    assert!(written.is_ascii() && (1..=140).contains(&written.len()));
}

fn bundle(bytes: &[u8]) {
    let _ = verify_bundle(bytes, None);
    let text = text(bytes);
    let _ = verify_bundle(bytes, Some(&text));
    let _ = Checkpoint::open(&text, "strongroom/org/test", &[7; 32]);
    let _ = strongroom_audit::VerifierKey::parse(&text);
    if let Ok(parts) = decode_parts(bytes) {
        assert_eq!(encode_parts(&parts), bytes);
    }
}

fn cbor(bytes: &[u8]) {
    kept::<EntryFacts>(bytes);
    kept::<EntryActor>(bytes);
    kept::<EntryChanges>(bytes);
    let personal = [PersonalPart {
        subject: strongroom_types::id::SubjectId(RawId([1; 12])),
        bytes: bytes.to_vec(),
    }];
    for kind in Kind::ALL {
        let _ = Record::read(*kind, true, bytes, &[]);
        let _ = Record::read(*kind, false, bytes, &personal);
    }
}

/// What is read and written again says the same.
fn kept<T>(bytes: &[u8])
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    if let Ok(value) = decode::<T>(bytes) {
        let mut once = Vec::new();
        encode(&value, &mut once);
        let again: Result<T, String> = decode(&once);
        let mut twice = Vec::new();
        again.iter().for_each(|again| encode(again, &mut twice));
        assert_eq!(once, twice);
    }
}

fn channel(bytes: &[u8]) {
    let frame: Frame = Zeroizing::new(bytes.to_vec());
    carried::<ToVault>(&frame);
    carried::<FromVault>(&frame);
    carried::<ToApi>(&frame);
    carried::<FromApi>(&frame);
}

fn carried<T>(frame: &Frame)
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    if let Some(message) = decoded::<T>(frame) {
        let once = encoded(&message);
        let again = decoded::<T>(&once).map(|message| encoded(&message));
        assert!(
            again.is_some_and(|again| again == once),
            "it changed on its way"
        );
    }
}

/// Headers in lines, an empty one, the body.
fn delivery(bytes: &[u8]) {
    let text = text(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|l| l.split_once(": ")).collect();
    let secret = SecretText::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let verifier = Verifier::new().secret(&secret);
    if let Ok(verifier) = verifier {
        let _ = verifier.verify(body.as_bytes(), headers.clone(), 1_700_000_000);
        let untimed = verifier.allow_untimed();
        let _ = untimed.verify(body.as_bytes(), headers, 1_700_000_000);
    }
    let _ = Verifier::new().public_key(&text);
    let _ = Verifier::new().secret(&SecretText::new(text));
}

fn json(bytes: &[u8]) {
    if let Ok(object) = parse_object(bytes) {
        assert!(depth(&object) <= 64, "it is nested deeper than any body");
        // What is strict here is JSON for everybody else.
        let other: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
        assert!(other.is_ok() || number_too_great(bytes), "{other:?}");
    }
}

/// It is JSON, but for a number no `f64` holds: how great one may be, the grammar leaves open
/// (RFC 8259, 6), and the strict reader keeps numbers as they are written.
fn number_too_great(bytes: &[u8]) -> bool {
    let skipped: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(bytes);
    let read: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    let unread = read.err().map(|error| error.to_string());
    skipped.is_ok() && unread.is_some_and(|error| error.starts_with("number out of range"))
}

fn depth(object: &Object<'_>) -> usize {
    let values = object.0.iter().map(|(_, value)| depth_of(value));
    1 + values.max().unwrap_or(0)
}

fn depth_of(value: &Value<'_>) -> usize {
    match value {
        Value::Object(object) => depth(object),
        Value::List(list) => 1 + list.iter().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

fn jwe(bytes: &[u8]) {
    let text = text(bytes);
    strongroom_vaultd::fuzzing::encrypted(&text);
    if let Some(compact) = Compact::parse(&text) {
        assert!(compact.header().len() <= text.len());
    }
    // The same bytes as a header, with all that belongs behind it.
    let key = strongroom_vaultd::fuzzing::key();
    let header = text.replace("KID", key.id());
    let message =
        strongroom_crypto::jwe::client::encrypted(key.public(), &header, b"4242424242424242");
    strongroom_vaultd::fuzzing::encrypted(&message);
}

fn keyring(bytes: &[u8]) {
    let text = text(bytes);
    let _ = Keyring::parse(&text);
    let _ = RootKeys::from_recovery_text(&text);
    let _ = Recipient::parse(&text);
    let _ = Canaries::parse(&text);
    let _ = SealedView::parse(bytes);
}

fn notice(bytes: &[u8]) {
    static ROOT: OnceLock<RootKeys> = OnceLock::new();
    strongroom_nodes::fuzzing::notice(bytes, ROOT.get_or_init(RootKeys::generate));
}

fn oauth(bytes: &[u8]) {
    strongroom_oauth::fuzzing::messages(&text(bytes));
}

fn share(bytes: &[u8]) {
    static OTHERS: OnceLock<Vec<Share>> = OnceLock::new();
    let Ok(share) = Share::parse(&text(bytes)) else {
        return;
    };
    let again = Share::parse(&share.text());
    assert!(again.is_ok_and(|again| again.mark() == share.mark()));
    let others = OTHERS.get_or_init(|| split(&[9; 32], 2, 3).unwrap_or_default());
    let mixed: Vec<Share> = others
        .iter()
        .take(1)
        .filter_map(|s| Share::parse(&s.text()).ok())
        .chain([share])
        .collect();
    let _ = combine(&mixed);
}

/// Signature, time, target and body, one a line.
fn signature(bytes: &[u8]) {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let (signature, timestamp) = (lines.next(), lines.next());
    let target = text(lines.next().unwrap_or_default());
    let request = SignedRequest {
        method: "POST",
        target: &target,
        origins: &["https://pay.example".to_owned()],
        body: lines.next().unwrap_or_default(),
        signature,
        timestamp,
    };
    let now = Timestamp(1_700_000_000_000);
    let _ = request.presented(now);
    assert!(
        request.verify(&MacKey::new(&[3; 32]), now).is_err(),
        "nobody knows the key"
    );
    assert!(!request.prefixes().is_empty() && !request.message().is_empty());
}

fn tripwire(bytes: &[u8]) {
    if let Some(found) = find_number(bytes) {
        let digits: String = text(bytes.get(found).unwrap_or_default());
        let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
        assert!((12..=19).contains(&digits.len()), "{digits}");
    }
    let clean = scrub(bytes);
    assert_eq!(clean.len(), bytes.len());
    assert_eq!(
        find_number(&clean),
        None,
        "a number is left in {}",
        text(&clean)
    );
    let text = text(bytes);
    let _ = SecurityCode::parse(&text);
    if let Ok(number) = CardNumber::parse(&text) {
        assert!(number.expose().ends_with(number.last4()));
    }
}

fn small_words(bytes: &[u8]) {
    static OUTBOUND: OnceLock<Option<Outbound>> = OnceLock::new();
    let text = text(bytes);
    if let Some(outbound) = OUTBOUND.get_or_init(|| Outbound::new(Policy::default()).ok()) {
        if let Ok(target) = outbound.check(&text, true) {
            assert!(text.starts_with("https://"), "{text}");
            assert!(!target.host().is_empty() && target.path().starts_with('/'));
        }
        let _ = outbound.network(&text, true);
    }
    if let Some(time) = Timestamp::parse(&text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
    let _ = Timestamp::parse_http_date(&text);
    if let Some(id) = WalletId::parse(&text) {
        assert_eq!(id.to_string(), text);
    }
    let _ = (PayoutId::parse(&text), TokenId::parse(&text));
    let _ = (ReferenceId::parse(&text), Position::parse(&text));
    let _ = (Range::parse(&text), Thumbprint::parse(&text));
    for code in ["PHP", "JPY", "KWD"] {
        if let Some(currency) = Currency::parse(code)
            && let Ok(money) = Money::parse_decimal(&text, currency)
        {
            assert!(money.minor >= 0, "{text}");
        }
    }
}
