//! The examples of RFC 9421, appendix B: every base of a request, and the signatures by the algorithms that are served here.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use strongroom_crypto::MacKey;
use strongroom_httpsig::{
    Algorithm, Component, Fault, Message, Parameters, PublicKey, Signed, Signer, Verifier, base,
    digest, read, sign,
};

const DIGEST: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";
const ED25519_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";
const P256_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
";
const CLIENT_CERT: &str = concat!(
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxB",
    "IEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZI",
    "zj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJi",
    "Ny6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMC",
    "BsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUC",
    "IBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
);

type Lines = Vec<(String, String)>;

fn lines(fields: &[(&str, &str)]) -> Lines {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(own).collect()
}

/// The test-request of appendix B.2, with what is added to it.
fn request(more: &[(&str, &str)]) -> Lines {
    let mut fields = lines(&[
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", DIGEST),
        ("Content-Length", "18"),
    ]);
    fields.extend(lines(more));
    fields
}

fn message<'a>(origin: &'a str, fields: &'a Lines) -> Message<'a> {
    Message {
        method: "POST",
        target: "/foo?param=Value&Pet=dog",
        origin: Some(origin),
        fields,
    }
}

fn only(fields: &Lines) -> Signed {
    read(fields).unwrap().remove(0)
}

/// The base of an example, by its two fields.
fn example(origin: &str, fields: &Lines) -> (Signed, String) {
    let signed = only(fields);
    let text = base(&signed, &message(origin, fields)).unwrap();
    (signed, text)
}

fn signed_request(input: &str, signature: &str) -> Lines {
    request(&[("Signature-Input", input), ("Signature", signature)])
}

#[test]
fn b_2_1_nothing_is_covered() {
    let input =
        r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
    let fields = signed_request(input, "sig-b21=:aGVsbG8=:");
    let (signed, text) = example("https://example.com", &fields);
    assert_eq!(
        text,
        r#""@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#
    );
    assert_eq!(
        signed.parameters.nonce.as_deref(),
        Some("b3k2pp5k7z-50gnwp.yemd")
    );
}

#[test]
fn b_2_2_a_query_parameter() {
    let list = r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#;
    let fields = signed_request(&format!("sig-b22={list}"), "sig-b22=:aGVsbG8=:");
    let (_, text) = example("https://example.com", &fields);
    let expected = format!(
        "\"@authority\": example.com\n\"content-digest\": {DIGEST}\n\"@query-param\";name=\"Pet\": dog\n\"@signature-params\": {list}"
    );
    assert_eq!(text, expected);
}

#[test]
fn b_2_3_everything_is_covered() {
    let list = r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
    let fields = signed_request(&format!("sig-b23={list}"), "sig-b23=:aGVsbG8=:");
    let (_, text) = example("https://example.com", &fields);
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\
         \"@authority\": example.com\n\"content-type\": application/json\n\"content-digest\": {DIGEST}\n\
         \"content-length\": 18\n\"@signature-params\": {list}"
    );
    assert_eq!(text, expected);
}

#[test]
fn b_2_5_hmac_sha256_is_made_and_checked() {
    let input = r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let signature = "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
    let fields = signed_request(input, signature);
    let (signed, text) = example("https://example.com", &fields);
    let secret = base64_decode(SECRET);
    let key = MacKey::new(&secret);
    assert!(Verifier::Shared(&key).accepts(&text, &signed.signature));
    let covers = ["date", "@authority", "content-type"].map(Component::named);
    let said = Parameters {
        created: Some(1_618_884_473),
        keyid: Some("test-shared-secret".into()),
        ..Parameters::default()
    };
    let fields = request(&[]);
    let made = sign(
        &message("https://example.com", &fields),
        "sig-b25",
        &covers,
        &said,
        &Signer::Shared(Box::new(MacKey::new(&secret))),
    );
    let made = made.unwrap();
    assert_eq!(
        (made.signature_input.as_str(), made.signature.as_str()),
        (input, signature)
    );
}

#[test]
fn b_2_6_ed25519_is_made_and_checked() {
    let input = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let signature = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
    let fields = signed_request(input, signature);
    let (signed, text) = example("https://example.com", &fields);
    let public = PublicKey::from_pem(ED25519_PUBLIC).unwrap();
    assert!(Verifier::Public(&public).accepts(&text, &signed.signature));
    assert_eq!(public.to_pem(), ED25519_PUBLIC);
    let names = [
        "date",
        "@method",
        "@path",
        "@authority",
        "content-type",
        "content-length",
    ];
    let said = Parameters {
        created: Some(1_618_884_473),
        keyid: Some("test-key-ed25519".into()),
        ..Parameters::default()
    };
    let signer = Signer::from_pem(ED25519_PRIVATE).unwrap();
    assert_eq!(signer.algorithm(), Algorithm::Ed25519);
    let fields = request(&[]);
    let made = sign(
        &message("https://example.com", &fields),
        "sig-b26",
        &names.map(Component::named),
        &said,
        &signer,
    );
    assert_eq!(made.unwrap().signature, signature);
}

/// B.2.4 signs a response, by a base that a request cannot have; its signature still tries the algorithm.
#[test]
fn b_2_4_ecdsa_p256_is_checked() {
    let text = concat!(
        "\"@status\": 200\n\"content-type\": application/json\n",
        "\"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n",
        "\"content-length\": 23\n",
        "\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\""
    );
    let signature = base64_decode(
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
    );
    let public = PublicKey::from_pem(P256_PUBLIC).unwrap();
    assert!(Verifier::Public(&public).accepts(text, &signature));
    assert!(!Verifier::Public(&public).accepts(&text.replace("23", "24"), &signature));
    assert_eq!(public.to_pem(), P256_PUBLIC);
}

#[test]
fn b_3_a_proxy_that_signs() {
    let list = r#"("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256""#;
    let signature = "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:";
    let fields = request(&[
        ("Client-Cert", CLIENT_CERT),
        ("Signature-Input", &format!("ttrp={list}")),
        ("Signature", signature),
    ]);
    let (signed, text) = example("https://service.internal.example", &fields);
    let expected = format!(
        "\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\"@method\": POST\n\"@authority\": service.internal.example\n\
         \"client-cert\": {CLIENT_CERT}\n\"@signature-params\": {list}"
    );
    assert_eq!(text, expected);
    let public = PublicKey::from_pem(P256_PUBLIC).unwrap();
    assert!(Verifier::Public(&public).accepts(&text, &signed.signature));
}

#[test]
fn b_4_what_changes_a_base_and_what_does_not() {
    let input = r#"transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    let signature = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:";
    let fields = |accepts: &[&str]| {
        let mut fields = lines(&[("Signature-Input", input), ("Signature", signature)]);
        fields.extend(
            accepts
                .iter()
                .map(|accept| ("Accept".into(), (*accept).into())),
        );
        fields
    };
    let text = |method: &str, origin: &str, target: &str, fields: &Lines| {
        let message = Message {
            method,
            target,
            origin: Some(origin),
            fields,
        };
        base(&only(fields), &message).unwrap()
    };
    let (plain, query) = (
        fields(&["application/json", "*/*"]),
        "/demo?name1=Value1&Name2=value2",
    );
    let first = text("GET", "https://example.org", query, &plain);
    let public = PublicKey::from_pem(ED25519_PUBLIC).unwrap();
    assert!(Verifier::Public(&public).accepts(&first, &only(&plain).signature));
    let collapsed = fields(&["application/json, */*"]);
    let same = [
        text(
            "GET",
            "https://example.org",
            "/demo?name1=Value1&Name2=value2&param=added",
            &plain,
        ),
        text("GET", "https://EXAMPLE.org:443", query, &plain),
        text("GET", "https://example.org", query, &collapsed),
    ];
    assert!(same.iter().all(|text| *text == first));
    let reordered = fields(&["*/*", "application/json"]);
    let other = [
        text("POST", "https://example.org", query, &plain),
        text("GET", "https://example.com", query, &plain),
        text("GET", "https://example.org", query, &reordered),
    ];
    assert!(other.iter().all(|text| *text != first));
}

#[test]
fn digests_are_of_all_their_kinds() {
    let content = br#"{"hello": "world"}"#;
    let long = digest::Digests::read(&[DIGEST.as_bytes()]).unwrap();
    assert!(long.are_of(content) && !long.are_of(b"{}"));
    let short = digest::of(content);
    assert_eq!(
        short,
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    );
    let both = format!("{short}, {DIGEST}");
    let both = digest::Digests::read(&[both.as_bytes()]).unwrap();
    assert!(both.are_of(content));
    let one_off = format!("{}, {DIGEST}", digest::of(b"other"));
    let one_off = digest::Digests::read(&[one_off.as_bytes()]).unwrap();
    assert!(!one_off.are_of(content));
    let unknown = digest::Digests::read(&[b"md5=:aGVsbG8=:"]).unwrap();
    assert!(!unknown.is_any() && !unknown.are_of(content));
    for odd in [
        &b"sha-256=:aGVsbG8=:"[..],
        b"sha-256=1",
        b"sha-256=:a",
        b"\xff",
        b"(",
    ] {
        assert!(digest::Digests::read(&[odd]).is_err(), "{odd:?}");
    }
}

#[test]
fn what_is_malformed_is_named() {
    let fault = |input: &str, signature: &str| {
        let fields = signed_request(input, signature);
        let read = read(&fields);
        let built = read.and_then(|mut signed| {
            let signed = signed.remove(0);
            base(&signed, &message("https://example.com", &fields))
        });
        built
            .err()
            .map_or_else(String::new, |fault| fault.to_string())
    };
    let good = "s=:aGVsbG8=:";
    for (input, signature, words) in [
        ("s=(\"@method\"", good, "`Signature-Input` is no dictionary"),
        (
            "s=(\"@method\")",
            "s=:aGVsbG8",
            "`Signature` is no dictionary",
        ),
        ("s=\"@method\"", good, "must be a list of components"),
        (
            "s=(\"@method\")",
            "s=hello",
            "must be base64 between colons",
        ),
        (
            "s=(\"@method\")",
            "t=:aGVsbG8=:",
            "the label `t` stands in one",
        ),
        ("s=(\"@method\"),t=()", good, "the label `t` stands in one"),
        ("", "", "between one and eight"),
        (
            "s=(\"@method\" \"@method\")",
            good,
            "`\"@method\"` stands twice",
        ),
        ("s=(\"@status\")", good, "is not one that can be covered"),
        (
            "s=(\"@signature-params\")",
            good,
            "is not one that can be covered",
        ),
        ("s=(\"date\";sf)", good, "is not one that can be covered"),
        (
            "s=(\"@query-param\")",
            good,
            "is not one that can be covered",
        ),
        ("s=(\"Date\")", good, "is not one that can be covered"),
        ("s=(date)", good, "must be a name between quotes"),
        ("s=(\"x-missing\")", good, "is not in the request"),
        (
            "s=(\"@query-param\";name=\"none\")",
            good,
            "is not in the request",
        ),
        ("s=();created=now", good, "`created` must be an integer"),
        ("s=();created=-1", good, "`created` must be an integer"),
        ("s=();expires=1.5", good, "`expires` must be an integer"),
        ("s=();keyid=k", good, "`keyid` must be a string"),
    ] {
        let told = fault(input, signature);
        assert!(told.contains(words), "{input} {signature}: {told}");
    }
    let half = request(&[("Signature", good)]);
    assert_eq!(
        read(&half).unwrap_err(),
        Fault::HalfSigned("Signature-Input")
    );
    let half = request(&[("Signature-Input", "s=()")]);
    assert_eq!(read(&half).unwrap_err(), Fault::HalfSigned("Signature"));
    assert!(read(&request(&[])).unwrap().is_empty());
    // Without an origin that is configured nothing is guessed from what the client says.
    let fields = signed_request("s=(\"@authority\")", good);
    let unplaced = Message {
        origin: None,
        ..message("", &fields)
    };
    let told = base(&only(&fields), &unplaced).unwrap_err();
    assert_eq!(told, Fault::NoOrigin("\"@authority\"".into()));
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}
