//! Whatever bytes come: an answer, never a panic; and what is signed here verifies here.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use strongroom_crypto::MacKey;
use strongroom_httpsig::{
    Component, Fields, Message, Parameters, Signer, Verifier, base, digest, read, sign,
};

struct Raw(Vec<u8>, Vec<u8>);

impl Fields for Raw {
    fn lines(&self, name: &str) -> Vec<&[u8]> {
        match name {
            "signature-input" => vec![&self.0],
            "signature" => vec![&self.1],
            _ => vec![b"\x80 odd"],
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..200), signature in prop::collection::vec(any::<u8>(), 0..100), target in ".*") {
        let raw = Raw(input.clone(), signature);
        let message = Message { method: "GET", target: &target, origin: Some("https://a"), fields: &raw };
        if let Ok(all) = read(&raw) {
            for signed in &all {
                drop(base(signed, &message));
            }
        }
        drop(digest::Digests::read(&[&input]));
    }

    #[test]
    fn nearly_good_fields_do_not_panic(input in r#"[a-z]{1,3}=\(("@?[a-z\-]{1,12}"(;[a-z]{1,4}="[a-z %+]{0,5}")? ?){0,5}\)(;[a-z]{1,7}=("?[a-z0-9]{1,5}"?))*"#, query in r"[a-z%0-9+=&]{0,30}") {
        let raw = Raw(input.into_bytes(), b"a=:aGVsbG8=:".to_vec());
        let target = format!("/p?{query}");
        let message = Message { method: "GET", target: &target, origin: None, fields: &raw };
        if let Ok(all) = read(&raw) {
            for signed in &all {
                drop(base(signed, &message));
            }
        }
    }

    #[test]
    fn what_is_signed_verifies(method in "[A-Z]{1,7}", path in "/[a-z/%.]{0,20}", query in "[a-z=&%0-9]{0,20}", created in 0_i64..9_999_999_999, nonce in "[ -~]{0,30}", secret in ".{0,40}") {
        let target = format!("{path}?{query}");
        let fields = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let message = Message { method: &method, target: &target, origin: Some("https://pay.example"), fields: &fields };
        let covers = ["@method", "@target-uri", "@authority", "@path", "@query", "content-type"].map(Component::named);
        let said = Parameters { created: Some(created), nonce: Some(nonce), keyid: Some("k".into()), ..Parameters::default() };
        let made = sign(&message, "s", &covers, &said, &Signer::shared(&secret)).unwrap();
        let mut sent = fields.clone();
        sent.push(("Signature-Input".into(), made.signature_input));
        sent.push(("Signature".into(), made.signature));
        let received = Message { fields: &sent, ..message };
        let signed = read(&sent).unwrap().remove(0);
        prop_assert_eq!(&signed.parameters, &said);
        let text = base(&signed, &received).unwrap();
        prop_assert_eq!(&text, &made.base);
        let key = MacKey::new(secret.as_bytes());
        prop_assert!(Verifier::Shared(&key).accepts(&text, &signed.signature));
        let other = Message { method: "OTHER", ..received };
        prop_assert!(!Verifier::Shared(&key).accepts(&base(&signed, &other).unwrap(), &signed.signature));
    }
}
