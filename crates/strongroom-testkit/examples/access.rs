//! What it costs to know who asks and whether he may: the key, the policy, the rates and the signature, among 100,000 keys
//! and 10,000 roles.
//!
//! Prints one JSON line per figure: `{"name", "value", "unit"}`. Run it in release mode. On one thread, so time is CPU time.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_auth::permission::CreatePayouts;
use strongroom_auth::signing::SignedRequest;
use strongroom_auth::{Caller, Conditions, Credential, Range, Role, SignedMessage};
use strongroom_client::signing::{MessageSigner, Signing, Unsigned, sign};
use strongroom_domain::api_keys::Held;
use strongroom_domain::roles::CreateRole;
use strongroom_engine::{Engine, Settings, WallClock};
use strongroom_http::Gcra;
use strongroom_httpsig::{Fields, Signer};
use strongroom_store::MemoryStore;
use strongroom_testkit::books::{Books, Key};
use strongroom_types::id::{ApiKeyId, RawId, RoleId};

/// How long each figure is measured, and how often: the best of them is what the work takes.
const RUN: Duration = Duration::from_millis(300);
const RUNS: usize = 7;

const BODY: &[u8] = br#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_0123456789abcdef01234567"}}"#;
const ORIGIN: &str = "https://pay.example";
const TARGET: &str = "/v1/payouts";

fn main() {
    let keys: u32 = std::env::args()
        .nth(1)
        .map_or(100_000, |text| text.parse().unwrap());
    let books = Books::found(
        &MemoryStore::new(),
        Arc::new(WallClock),
        Settings::default(),
    );
    let first = books.key(Role::Operator);
    let some = measure(|| prove(&books.engine, &first));
    (1..keys).for_each(|_| drop(books.key(Role::Operator)));
    let many = measure(|| prove(&books.engine, &first));
    figure("the key, among few", some);
    figure(&format!("the key, among {keys}"), many);
    let roles = (keys / 10).max(1);
    let first = with_roles(&books, roles);
    let held = measure(|| prove(&books.engine, &first));
    figure(&format!("the key of a role, among {roles} roles"), held);

    let credential = books.engine.credential(&first.text).unwrap();
    let rates = (
        Gcra::new("key", u32::MAX, 1_000),
        Gcra::new("organization", u32::MAX, 1_000),
    );
    figure(
        "the policy and two rates",
        measure(|| limited(&books.engine, &credential, &rates)),
    );
    let request = documents(&books.engine, &first);
    let message = message(&books.engine, &credential, &first);
    figure(
        "`X-Signature` over a payout",
        measure(|| checked(&books.engine, &credential, &request)),
    );
    figure(
        "RFC 9421 over a payout, by HMAC",
        measure(|| proven(&books.engine, &credential, &message)),
    );
    let together = |signature: &dyn Fn(&Credential)| {
        measure(|| {
            let credential = books.engine.credential(&first.text).unwrap();
            limited(&books.engine, &credential, &rates);
            signature(&credential);
        })
    };
    let by_request = together(&|credential| checked(&books.engine, credential, &request));
    figure("key, policy, rates and `X-Signature` together", by_request);
    let by_message = together(&|credential| proven(&books.engine, credential, &message));
    figure("key, policy, rates and RFC 9421 together", by_message);
    books.engine.stop();
}

/// So many roles with conditions, and a key that holds the last: what follows is measured with it.
fn with_roles(books: &Books, roles: u32) -> Key {
    let owner = Held {
        id: ApiKeyId(RawId::ZERO),
        permissions: Role::Owner.permissions(),
        is_restricted: false,
    };
    let made = (0..roles).map(|n| {
        let role = CreateRole {
            name: format!("role {n}"),
            description: None,
            permissions: Role::Operator.permissions(),
            conditions: Conditions {
                networks: vec![Range::parse("10.0.0.0/8").unwrap()],
                ..Conditions::default()
            },
            held: owner.clone(),
        };
        books.run(role).unwrap().resource().unwrap()
    });
    let made: Vec<_> = made.collect();
    let last = RoleId(made.last().unwrap().raw);
    books.key_of(last)
}

type Rates = (Gcra<ApiKeyId>, Gcra<u8>);

fn prove(engine: &Engine, key: &Key) {
    black_box(engine.credential(black_box(&key.text)).unwrap());
}

fn limited(engine: &Engine, credential: &Arc<Credential>, rates: &Rates) {
    let now = engine.now();
    black_box(rates.0.count(credential.id, 1, now));
    black_box(rates.1.count(1, 1, now));
    let bound = credential.conditions.as_ref().unwrap();
    let address = IpAddr::from([10, 1, 2, 3]);
    assert!(black_box(bound.admit(now, address)).is_ok());
    black_box(Caller::<CreatePayouts>::authorize(credential).ok().unwrap());
}

/// The two headers of the documents.
fn documents(engine: &Engine, key: &Key) -> (String, String) {
    let timestamp = engine.now().seconds().to_string();
    (
        sign(&key.signing_secret, "POST", TARGET, &timestamp, BODY),
        timestamp,
    )
}

fn checked(engine: &Engine, credential: &Credential, (signature, timestamp): &(String, String)) {
    let request = SignedRequest {
        method: "POST",
        target: TARGET,
        origins: &[],
        body: black_box(BODY),
        signature: Some(signature.as_bytes()),
        timestamp: Some(timestamp.as_bytes()),
    };
    let spent = request
        .verify(&credential.signing_key, engine.now())
        .unwrap();
    black_box(engine.signature(&credential.scope, &spent));
}

fn message(engine: &Engine, credential: &Credential, key: &Key) -> Vec<(String, String)> {
    let mut fields = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Idempotency-Key".to_owned(), "order-4711".to_owned()),
    ];
    let signer = MessageSigner {
        keyid: credential.id.to_string(),
        signer: Signer::shared(&key.signing_secret),
    };
    let request = Unsigned {
        method: "POST",
        origin: ORIGIN,
        target: TARGET,
        fields: fields.clone(),
        body: BODY,
    };
    let signing = Signing {
        created: engine.now().seconds(),
        ..Signing::default()
    };
    fields.extend(signer.sign(request, &signing).unwrap().headers);
    fields
}

fn proven(engine: &Engine, credential: &Credential, fields: &dyn Fields) {
    let message = SignedMessage {
        method: "POST",
        target: TARGET,
        origins: &[ORIGIN.to_owned()],
        fields,
        has_content: true,
    };
    let proof = message.prove(credential, engine.now()).unwrap();
    assert!(proof.digests.unwrap().are_of(black_box(BODY)));
    black_box(engine.signature(&credential.scope, &proof.spent));
}

/// Microseconds of one call.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let (started, mut calls) = (Instant::now(), 0_u32);
        while started.elapsed() < RUN {
            for _ in 0..64 {
                work();
            }
            calls += 64;
        }
        best = best.min(started.elapsed().as_secs_f64() / f64::from(calls));
    }
    best * 1e6
}

fn figure(name: &str, value: f64) {
    println!("{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"us\"}}");
}
