//! Signatures: spent once, whole, in time, for this host.

use serde_json::json;
use strongroom_auth::{Dialect, Role, SigningPolicy};
use strongroom_http::EdgeSettings;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::{Outgoing, signature};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, payout};

use crate::tenant;

fn signing_key(acme: &Tenant<'_>, dialect: Dialect) -> Key {
    acme.books.key_with(
        Role::Owner,
        Role::Owner.permissions(),
        SigningPolicy::Always,
        dialect,
    )
}

#[test]
fn sig_replay() {
    let mut server = TestServer::start(ServerSettings::default());
    let (key, lazy, from, to, seconds);
    {
        let acme = Tenant::found(&server);
        (key, lazy) = (
            signing_key(&acme, Dialect::Nextapi),
            signing_key(&acme, Dialect::Nopos),
        );
        (from, to, seconds) = (
            acme.funded("master", 1_000),
            acme.wallet("operating"),
            server.seconds(),
        );
    }
    let balance = |server: &TestServer| {
        let path = format!("/v1/wallets/{to}/balance");
        let request = server
            .request("GET", &path)
            .bearer(&key.text)
            .signed(&key.signing_secret, server.seconds());
        request.send().expect(200).json()["balances"]["available"].clone()
    };
    let send = |server: &TestServer, idempotency: &str| {
        let request = server
            .request("POST", "/v1/payouts")
            .bearer(&key.text)
            .json(&payout(&from, &to, 10));
        request
            .signed(&key.signing_secret, seconds)
            .idempotent(idempotency)
            .send()
    };
    // A fault before the decision spends nothing.
    send(&server, "not a key").refused(400, "idempotency_key_invalid");
    let first = send(&server, "one").expect(201);
    let retry = send(&server, "one").expect(201);
    assert_eq!(
        (&retry.body, retry.header("idempotent-replayed")),
        (&first.body, Some("true"))
    );
    let detail = send(&server, "two")
        .refused(401, "signature_replayed")
        .field("detail");
    assert!(
        detail.contains("reference_id") && detail.contains("next second"),
        "{detail}"
    );
    // Keys of the other dialect may go without an idempotency key, never without a fresh signature.
    let bare = |server: &TestServer| {
        let request = server
            .request("POST", "/v1/payouts")
            .bearer(&lazy.text)
            .json(&payout(&from, &to, 10));
        request.signed(&lazy.signing_secret, seconds).send()
    };
    // 10 major units: what is refused by the decision has spent its signature too.
    bare(&server).refused(422, "insufficient_funds");
    bare(&server).refused(401, "signature_replayed");
    // Reads may be repeated.
    assert_eq!((balance(&server), balance(&server)), (json!(10), json!(10)));
    // It is known after a restart, orderly or not.
    server = server.restart(ServerSettings::default());
    send(&server, "two").refused(401, "signature_replayed");
    bare(&server).refused(401, "signature_replayed");
    assert_eq!(send(&server, "one").expect(201).body, first.body);
    assert_eq!(balance(&server), json!(10));
}

/// What is refused for good is said again to the same bytes, and raises no alarm; another request may use the key.
#[test]
fn a_signed_request_refused_for_good_is_answered_as_before() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    let key = signing_key(&acme, Dialect::Nextapi);
    let limits = json!({ "limits": { "per_transaction": 10 } });
    acme.request("PATCH", &format!("/v1/api-keys/{}", key.id))
        .json(&limits)
        .send()
        .expect(200);
    let seconds = server.seconds();
    let send = |amount: i64| {
        let request = server.request("POST", "/v1/payouts").bearer(&key.text);
        let request = request.header("Idempotency-Key", "once");
        let request = request.json(&payout(&from, &to, amount));
        request.signed(&key.signing_secret, seconds).send()
    };
    let first = send(11).refused(403, "key_limit_exceeded");
    let again = send(11).refused(403, "key_limit_exceeded");
    assert_eq!(
        (&again.body, again.header("idempotent-replayed")),
        (&first.body, Some("true"))
    );
    assert_eq!(acme.get("/v1/alerts").expect(200).json()["data"], json!([]));
    let done = send(10).expect(201);
    assert_eq!(send(10).expect(201).body, done.body);
    send(11).refused(409, "idempotency_key_reused");
}

#[test]
fn sig_no_ts() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let key = signing_key(&acme, Dialect::Nextapi);
    let now = server.seconds();
    let get = || server.request("GET", "/v1/account").bearer(&key.text);
    let of = |timestamp: &str| {
        signature(
            &key.signing_secret,
            "GET",
            "/v1/account",
            timestamp,
            b"undefined",
        )
    };
    let with = |timestamp: &str| {
        get()
            .header("X-Signature", of(timestamp))
            .header("X-Timestamp", timestamp)
            .send()
    };
    with(&now.to_string()).expect(200);
    get()
        .header("X-Signature", of(&now.to_string()))
        .send()
        .refused(401, "signature_missing");
    get()
        .header("X-Signature", of(""))
        .send()
        .refused(401, "signature_missing");
    get()
        .header("X-Timestamp", now.to_string())
        .send()
        .refused(401, "signature_missing");
    for odd in [
        "",
        "-5",
        "1e9",
        "0x65",
        "now",
        "1767225600.0",
        "+1767225600",
        "1767225600 1",
        "9999999999999",
    ] {
        with(odd).refused(401, "signature_invalid");
    }
    for (seconds, good) in [
        (-300, true),
        (300, true),
        (-301, false),
        (301, false),
        (-now, false),
    ] {
        let reply = with(&(now + seconds).to_string());
        match good {
            true => drop(reply.expect(200)),
            false => drop(reply.refused(401, "signature_expired")),
        }
    }
    // Milliseconds are not seconds.
    with(&(now * 1_000).to_string()).refused(401, "signature_invalid");
    // An unsigned key that sends half a signature is held to it.
    let half = acme
        .request("GET", "/v1/account")
        .header("X-Timestamp", now.to_string());
    half.send().refused(401, "signature_missing");
}

#[test]
fn sig_cross_host() {
    let edge = EdgeSettings {
        public_origins: vec!["https://api.nextapi.com".into()],
        live_allowed: true,
        ..EdgeSettings::default()
    };
    let server = TestServer::start(ServerSettings {
        edge,
        ..ServerSettings::default()
    });
    let acme = Tenant::found(&server);
    let key = signing_key(&acme, Dialect::Nextapi);
    let now = server.seconds();
    let get = |url: &str| {
        server
            .request("GET", "/v1/account")
            .bearer(&key.text)
            .signed_for(url, &key.signing_secret, now)
    };
    get("/v1/account").send().expect(200);
    get("https://api.nextapi.com/v1/account").send().expect(200);
    for url in [
        "https://evil.example/v1/account",
        "http://api.nextapi.com/v1/account",
        "https://api.nextapi.com:443/v1/account",
        "https://api.nextapi.com",
        "//v1/account",
        "/v1/account?",
        "/v1/account/",
        "/V1/account",
    ] {
        let attempts: [&dyn Fn(Outgoing) -> Outgoing; 3] = [
            &|request| request,
            &|request| request.header("Host", "evil.example"),
            &|request| {
                request
                    .header("X-Forwarded-Host", "evil.example")
                    .header("Forwarded", "host=evil.example")
            },
        ];
        for attempt in attempts {
            attempt(get(url)).send().refused(401, "signature_invalid");
        }
    }
    // The Host header never takes part, in either direction.
    get("/v1/account")
        .header("Host", "anything.example")
        .send()
        .expect(200);
    // A signature for one path, query or method opens no other.
    let other = server.request("GET", "/v1/wallets").bearer(&key.text);
    other
        .clone()
        .signed_for("/v1/account", &key.signing_secret, now)
        .send()
        .refused(401, "signature_invalid");
    let query = server
        .request("GET", "/v1/wallets?limit=1")
        .bearer(&key.text);
    query
        .clone()
        .signed_for("/v1/wallets", &key.signing_secret, now)
        .send()
        .refused(401, "signature_invalid");
    query.signed(&key.signing_secret, now).send().expect(200);
    // Neither does another organization's key.
    let stranger = signing_key(&Tenant::found(&server), Dialect::Nextapi);
    other
        .signed(&stranger.signing_secret, now)
        .send()
        .refused(401, "signature_invalid");
}

#[test]
fn nonce_covered() {
    let acme = tenant();
    let key = signing_key(&acme, Dialect::Nextapi);
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let now = acme.server.seconds();
    let base = || {
        let request = acme
            .server
            .request("POST", "/v1/payouts")
            .bearer(&key.text)
            .json(&payout(&from, &to, 10));
        request.signed(&key.signing_secret, now)
    };
    base().idempotent("first").send().expect(201);
    // None of these is covered by the signature, so none of them makes an old one new.
    for (name, value) in [
        ("X-Nonce", "2"),
        ("X-Request-Id", "req_2"),
        ("X-Signature-Nonce", "2"),
        ("X-Signature-Version", "2"),
        ("Date", "Fri, 02 Jan 2026 00:00:00 GMT"),
        ("User-Agent", "another"),
    ] {
        base()
            .idempotent(&format!("again-{name}"))
            .header(name, value)
            .send()
            .refused(401, "signature_replayed");
    }
    // A second header of a name is no second chance.
    let later = (now + 1).to_string();
    let doubled = base().idempotent("doubled").header("X-Timestamp", &later);
    doubled.send().refused(401, "signature_invalid");
    let other = signature(&key.signing_secret, "POST", "/v1/payouts", &later, b"{}");
    base()
        .idempotent("doubled")
        .header("X-Signature", other)
        .send()
        .refused(401, "signature_invalid");
    assert_eq!(acme_available(&acme, &to), 10);
}

fn acme_available(acme: &Tenant<'_>, wallet: &str) -> i64 {
    acme.available(wallet)
}

/// Over the budget of entries for refusals, a refusal must still be one: its signature and its key are spent.
#[test]
fn a_refusal_over_the_budget_is_pinned_too() {
    let acme = tenant();
    let key = signing_key(&acme, Dialect::Nextapi);
    let from = acme.wallet("master");
    let to = acme.wallet("operating");
    let now = acme.server.seconds();
    let send = |n: i64, idempotency: &str| {
        let request = acme
            .server
            .request("POST", "/v1/payouts")
            .bearer(&key.text)
            .json(&payout(&from, &to, n));
        request
            .signed(&key.signing_secret, now)
            .idempotent(idempotency)
            .send()
    };
    for n in 1..=30 {
        send(n, &format!("k{n}")).refused(422, "insufficient_funds");
    }
    acme.credit(&from, 10_000);
    for n in 1..=30 {
        send(n, &format!("other{n}")).refused(401, "signature_replayed");
        send(n, &format!("k{n}")).refused(422, "insufficient_funds");
    }
    assert_eq!(acme.available(&to), 0);
}
