//! Inputs to begin with, made by our own encoders where text by hand would not get far.

use strongroom_channel::link::encoded;
use strongroom_channel::message::{
    CardShape, FromApi, FromVault, Head, Header, NumberShape, Place, Request, SecretBytes, ToApi,
    ToVault,
};
use strongroom_crypto::shares::split;
use strongroom_crypto::{Custodian, PassphraseCost, RootKeys};
use strongroom_domain::action::Action;
use strongroom_domain::entry::{EntryChanges, encode};
use strongroom_testkit::bank::{Line, iban, statement, status_report};
use strongroom_types::card::Brand;
use strongroom_types::id::{RawId, TokenId};
use zeroize::Zeroizing;

const JSON: &str = r#"{"card":{"number":"4242 4242 4242 4242","exp_month":12,"exp_year":2031,"cvv":"737","name":"A \u0042"},"use":"x","metadata":{"a":["b",1,-0.5,null,true]}}"#;
const HEADER: &str = r#"{"alg":"ECDH-ES","enc":"A256GCM","kid":"KID","apu":"QQ","apv":""}"#;
const PINS: &str = r#"{"sequence":7,"issued_at":1000,"expires_at":9000,"hosts":["pay.example"],"pins":[{"use":"current","spki_sha256":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},{"use":"backup","spki_sha256":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}]}"#;
const HEADERS: &str = "x-forwarded-for: 198.51.100.1, [fd00::1]:80, 10.0.0.2\nidempotency-key: \"a\\\"b\"\nauthorization: Bearer sk_test_x\napproval-id: apr_000000000000000000000001\nstrongroom-client: 10.0.0.1\nstrongroom-live: yes\nstrongroom-body: late";
const DELIVERY: &str = "webhook-id: evt_1\nwebhook-timestamp: 1700000000\nwebhook-signature: v1,AAAA v1a,AAAA\nNextAPI-Signature: sha256=00\nX-NoPOS-Signature: 00\n\n{\"id\":\"evt_1\",\"type\":\"a.b\"}";
const EVENTS: &str = "retry: 1000\nid: evt_0\n\n:\n\nid: evt_1\nevent: a.b\ndata: {\"note\":\"Pe\u{f1}a\"}\n\ndata:one\r\ndata: two\r\n\r\n";
const QUERY: &str = "limit=20&after=evt_000000000000000000000001&created_after=2026-01-15T10%3A30%3A00Z&min_amount=100&reference_id=a-1";
const NUMBERS: &str = "order 12 4242 4242 4242 4242 exp 12/30; 5555-5555-5555-4444, 378282246310005 +4915112345678 tok_0197f5c0ffee4242424242424242ab";
const SIGNED: &str = "0000000000000000000000000000000000000000000000000000000000000000\n1700000000\n/v1/payouts?a=1\n{\"amount\":1}";
const BUNDLE: &str = r#"{"format":"strongroom/bundle/1","log":{"organization":"org_000000000000000000000001","mode":"test"},"entries":[{"seq":1,"time":1,"parts":[]}],"checkpoint":"strongroom/org/test\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— strongroom/org/test AAAAAAAA\n"}"#;

const ISO8583: &str = "01107220000002C08000165555555555554444000000000000001234112719520000004200TERM1   MERCHANT1      978";
const ISO8583_ECHO: &str = "0800822000000000000004000000000000001127195200000001301";

/// What a target begins with beside its corpus.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts = |all: &[&str]| all.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "api_key" => texts(&["sk_test_abcdefghijklmnopqrstuvwxyz012345ABCDEF"]),
        "backup" => backups(),
        "bank_file" => bank_files(),
        "body" | "json" | "redact" => texts(&[JSON, "{}", r#"{"key":"sk_test_x"}"#]),
        "bundle" => texts(&[BUNDLE]),
        "cbor" => cbor(),
        "certificates" => certificates(),
        "channel" => messages(),
        "delivery" => texts(&[DELIVERY]),
        "event_stream" => texts(&[EVENTS]),
        "headers" => texts(&[HEADERS]),
        "iso8583" => texts(&[ISO8583, ISO8583_ECHO]),
        "jwe" => texts(&[
            HEADER,
            "eyJhbGciOiJFQ0RILUVTIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
        ]),
        "keyring" => keyrings(),
        "notice" => vec![notice()],
        "oauth" => texts(&[
            "{\"alg\":\"EdDSA\"}\n{\"iss\":\"c\",\"sub\":\"c\",\"jti\":\"1\",\"exp\":1767225660}",
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
            "https://shop.example/cb?x=1",
        ]),
        "pins" => texts(&[PINS]),
        "query" => texts(&[QUERY]),
        "share" => shares(),
        "signature" => texts(&[SIGNED]),
        "stored" => stored(),
        "tripwire" => texts(&[NUMBERS, JSON]),
        "words" => texts(&[
            "https://pay.example:8443/hook?x=1",
            "https://[2001:db8::1]/",
            "2026-01-15T10:30:00.123Z",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "100.00",
            "203.0.113.0/24",
            "wallet_000000000000000000000001",
            "evt_1 2",
        ]),
        _ => Vec::new(),
    }
}

fn bank_files() -> Vec<Vec<u8>> {
    let account = iban(7);
    let name = "PO000000000000000000000001";
    let lines = [
        Line::debit(name, "1.00"),
        Line::back(name, "1.00", "AC04"),
        Line {
            batch: Some("SR000000000000000000000001".into()),
            ..Line::debit("", "2.00")
        },
    ];
    let said = [(name, "RJCT", Some("AM04"))];
    [
        statement("02", "S1", &account, "EUR", &lines),
        statement("08", "S1", &account, "EUR", &lines),
        status_report("B1", "SR000000000000000000000001", Some("PART"), &said),
        account,
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn backups() -> Vec<Vec<u8>> {
    let body = [
        &[7; 16][..],
        &[0, 0, 1, 0x9b, 0, 0, 0, 0],
        &[1],
        &[3; 8],
        &[4; 80],
        &[0],
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let header = [b"strongroom/backup/1\n".as_slice(), &length, &body].concat();
    let record = [
        &[3, 0, 0, 0, 1, 5][..],
        &[9; 12],
        &[0; 24],
        &[1],
        &[0, 0, 0, 2, 1, 0],
    ]
    .concat();
    let locator = [&[4, 0, 0, 0, 1][..], &[9; 12], &[5], &[0; 8]].concat();
    let index = [&[5, 0, 0, 0, 1, 0, 2][..], &[8; 16], &[5], &[9; 12], &[1]].concat();
    vec![header, record, locator, index]
}

fn cbor() -> Vec<Vec<u8>> {
    let mut changes = Vec::new();
    encode(&EntryChanges(Vec::new()), &mut changes);
    let code = Action::PayoutCreated.code().to_be_bytes();
    // A version byte, and an array of what bodies are made of.
    let mixed = [
        &[1, 0x8a, 0x19][..],
        &code,
        &[0x82, 0x4c],
        &[7; 12],
        &[0x01, 0x63, b'a', b'b', b'c', 0xf6, 0x1b],
        &[0; 8],
        &[0x80, 0xa0, 0xf5, 0x20],
    ]
    .concat();
    vec![changes, mixed]
}

fn certificates() -> Vec<Vec<u8>> {
    let made = rcgen::generate_simple_self_signed(vec!["pay.example".to_owned()]);
    let Ok(made) = made else { return Vec::new() };
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    vec![
        certificate.clone().into_bytes(),
        key.clone().into_bytes(),
        format!("{certificate}{certificate}{key}").into_bytes(),
        b"-----BEGIN X509 CRL-----\nMIIBAAAA\n-----END X509 CRL-----\n".to_vec(),
    ]
}

fn messages() -> Vec<Vec<u8>> {
    let place = Place {
        scope: 7,
        token: TokenId(RawId([9; 12])),
    };
    let head = || Head {
        peer: [0; 16],
        method: "POST".to_owned(),
        target: "/v1/tokens".to_owned(),
        headers: vec![Header {
            name: "a".to_owned(),
            value: b"b".to_vec(),
        }],
    };
    let body = || SecretBytes(Zeroizing::new(b"{}".to_vec()));
    let card = CardShape {
        number: Some(NumberShape::Good {
            brand: Brand::Visa,
            bin: "424242".to_owned(),
            last4: "4242".to_owned(),
        }),
        code: Some(3),
        code_unopened: None,
    };
    let request = Request {
        visit: 1,
        head: head(),
        body: b"{}".to_vec(),
        card,
        marker: "00".to_owned(),
    };
    let frames = [
        encoded(&ToVault::Keep { visit: 1, scope: 7 }),
        encoded(&ToVault::Import {
            place,
            digits: body(),
        }),
        encoded(&ToVault::Forward {
            head: head(),
            body: body(),
        }),
        encoded(&FromVault::Is(true)),
        encoded(&ToApi::Request(request)),
        encoded(&ToApi::Needed(vec![place])),
        encoded(&FromApi::Needed(vec![true])),
    ];
    frames.iter().map(|frame| frame.to_vec()).collect()
}

fn keyrings() -> Vec<Vec<u8>> {
    let root = RootKeys::generate();
    let cost = PassphraseCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };
    let sealed = Custodian::of_passphrase(b"a passphrase", cost).seal(&root);
    let shared = Custodian::of_shares(2, 3).map(|(custodian, _)| custodian.seal(&root));
    let mut all = vec![
        sealed.into_bytes(),
        root.recovery_text().as_bytes().to_vec(),
    ];
    all.extend(shared.map(String::into_bytes));
    all
}

fn notice() -> Vec<u8> {
    [&[1][..], &[1; 16], &[2; 32], b"[::1]:7072"].concat()
}

fn shares() -> Vec<Vec<u8>> {
    let shares = split(&[9; 32], 2, 3).unwrap_or_default();
    shares
        .iter()
        .map(|share| share.text().as_bytes().to_vec())
        .collect()
}

fn stored() -> Vec<Vec<u8>> {
    let body = [
        &[1, 2, 0, 0, 0, 0, 3][..],
        b"abc",
        &[1],
        &[9; 12],
        &[0, 0, 0, 1],
        b"d",
    ]
    .concat();
    let filter = [
        &[0; 8][..],
        &[0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0; 64],
    ]
    .concat();
    vec![
        body,
        filter,
        [b"strongroom journal".as_slice(), &[0; 128]].concat(),
    ]
}
