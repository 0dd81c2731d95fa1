//! Proofs with one thing wrong each, at the API.

use serde_json::{Value, json};
use strongroom_testkit::holder::{Holder, b64};

use super::{ACCOUNT_URL, Draft, Plan, account};
use crate::pushed::redeems;
use crate::server;

/// A token, and whoever may use it.
struct Bound<'p, 's> {
    plan: &'p Plan<'s>,
    token: String,
}

impl Bound<'_, '_> {
    fn draft(&self) -> Draft {
        Draft::proof(&self.plan.one, ("GET", ACCOUNT_URL), Some(&self.token))
    }

    fn holder(&self) -> &Holder {
        &self.plan.one.proof_key
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.draft().claim(name, value).signed(self.holder())
    }

    fn head(&self, name: &str, value: Value) -> String {
        self.draft().head(name, value).signed(self.holder())
    }

    /// Its parts changed after it was signed.
    fn parts(&self, change: impl Fn(&str, &str, &str) -> String) -> String {
        let good = self.draft().signed(self.holder());
        let parts: Vec<&str> = good.split('.').collect();
        change(parts[0], parts[1], parts[2])
    }
}

/// What is wrong with the header, the key and the signature.
fn of_the_message(bound: &Bound<'_, '_>) -> Vec<(&'static str, String)> {
    let mut private = bound.holder().jwk();
    private["d"] = json!("AAAA");
    let other = Holder::ed25519(9);
    vec![
        ("no typ", bound.head("typ", Value::Null)),
        ("another typ", bound.head("typ", json!("JWT"))),
        ("no alg", bound.head("alg", Value::Null)),
        ("an HMAC", bound.head("alg", json!("HS256"))),
        ("RSA of PKCS 1", bound.head("alg", json!("RS256"))),
        ("not the key's algorithm", bound.head("alg", json!("ES256"))),
        ("no key", bound.head("jwk", Value::Null)),
        ("a private key", bound.head("jwk", private)),
        (
            "a symmetric key",
            bound.head("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        ),
        (
            "another's key for this signature",
            bound.head("jwk", other.jwk()),
        ),
        (
            "another key and its signature",
            bound.draft().head("jwk", other.jwk()).signed(&other),
        ),
        ("critical", bound.head("crit", json!(["nonce"]))),
        (
            "none",
            bound.parts(|_, claims, _| {
                let mut header = bound.draft().header;
                header["alg"] = json!("none");
                format!("{}.{claims}.", b64(header.to_string().as_bytes()))
            }),
        ),
        (
            "an altered signature",
            bound.parts(|header, claims, signature| {
                let first = if signature.starts_with('A') { 'B' } else { 'A' };
                format!("{header}.{claims}.{first}{}", &signature[1..])
            }),
        ),
        (
            "no signature",
            bound.parts(|header, claims, _| format!("{header}.{claims}.")),
        ),
        (
            "two parts",
            bound.parts(|header, claims, _| format!("{header}.{claims}")),
        ),
        (
            "five parts",
            bound.parts(|header, claims, rest| format!("{header}.{claims}.{rest}.AA.AA")),
        ),
        (
            "padding",
            bound.parts(|header, claims, rest| format!("{header}.{claims}.{rest}=")),
        ),
        ("a word", "proof".to_owned()),
    ]
}

/// What is wrong with the claims.
fn of_the_claims(bound: &Bound<'_, '_>) -> Vec<(&'static str, String)> {
    let now = bound.plan.one.server.seconds();
    let hash = b64(&strongroom_crypto::sha256(&[b"at_test_another"]));
    vec![
        ("no jti", bound.claim("jti", Value::Null)),
        ("an empty jti", bound.claim("jti", json!(""))),
        ("a jti that is a number", bound.claim("jti", json!(7))),
        ("no method", bound.claim("htm", Value::Null)),
        ("another method", bound.claim("htm", json!("PUT"))),
        (
            "a method in small letters",
            bound.claim("htm", json!("get")),
        ),
        ("no address", bound.claim("htu", Value::Null)),
        (
            "another path",
            bound.claim("htu", json!("https://pay.example/v1/wallets")),
        ),
        (
            "another host",
            bound.claim("htu", json!("https://evil.example/v1/account")),
        ),
        (
            "another scheme",
            bound.claim("htu", json!("http://pay.example/v1/account")),
        ),
        (
            "another port",
            bound.claim("htu", json!("https://pay.example:8443/v1/account")),
        ),
        (
            "a name before the host",
            bound.claim("htu", json!("https://pay.example@evil.example/v1/account")),
        ),
        ("no time", bound.claim("iat", Value::Null)),
        ("a time as text", bound.claim("iat", json!(now.to_string()))),
        ("an hour old", bound.claim("iat", json!(now - 3_600))),
        ("an hour ahead", bound.claim("iat", json!(now + 3_600))),
        ("no token", bound.claim("ath", Value::Null)),
        ("another token", bound.claim("ath", json!(hash))),
    ]
}

#[test]
fn module_dpop_negative_tests() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let given = redeems(&mut plan.one, &code).expect(200);
    let bound = Bound {
        plan: &plan,
        token: given.field("access_token"),
    };
    let mut wrong = of_the_message(&bound);
    wrong.extend(of_the_claims(&bound));
    assert!(wrong.len() >= 30, "{}", wrong.len());
    for (what, proof) in wrong {
        let reply = account(&plan.one, &bound.token, &proof);
        assert_eq!(
            (reply.status, reply.field("code").as_str()),
            (401, "invalid_dpop_proof"),
            "{what}: {}",
            reply.text()
        );
    }
    // Sent in another way, or twice.
    let by = |scheme: &str, proofs: &[String]| {
        let request = server.request("GET", "/v1/account");
        let request = request.header("Authorization", format!("{scheme} {}", bound.token));
        let add = |request: crate::Outgoing, proof: &String| request.header("DPoP", proof);
        proofs.iter().fold(request, add).send()
    };
    let proof = || bound.draft().signed(bound.holder());
    for reply in [
        by("DPoP", &[]),
        by("Bearer", &[]),
        by("Bearer", &[proof()]),
        by("DPoP", &[proof(), proof()]),
    ] {
        reply.refused(401, "invalid_dpop_proof");
    }
    for nonce in [Value::Null, json!("another")] {
        let reply = account(&plan.one, &bound.token, &bound.claim("nonce", nonce));
        reply.refused(401, "use_dpop_nonce");
    }
    let again = proof();
    account(&plan.one, &bound.token, &again).expect(200);
    for _ in 0..100 {
        account(&plan.one, &bound.token, &again).refused(401, "invalid_dpop_proof");
    }
    taken_all_the_same(&bound);
}

/// What is said in another way, or besides, is no fault.
fn taken_all_the_same(bound: &Bound<'_, '_>) {
    for (what, proof) in [
        (
            "a query and a fragment",
            bound.claim("htu", json!(format!("{ACCOUNT_URL}?a=b#c"))),
        ),
        (
            "capitals",
            bound.claim("htu", json!("HTTPS://PAY.EXAMPLE/v1/account")),
        ),
        (
            "the port that goes without saying",
            bound.claim("htu", json!("https://pay.example:443/v1/account")),
        ),
        ("one claim more", bound.claim("more", json!({ "a": [1] }))),
        ("one member more", bound.head("more", json!("x"))),
        ("nothing unusual", bound.draft().signed(bound.holder())),
    ] {
        let reply = account(&bound.plan.one, &bound.token, &proof);
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    }
}
