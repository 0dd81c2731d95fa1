//! The edge: forged addresses, and keys that are probed for.

use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_auth::{Role, key_text};
use strongroom_http::EdgeSettings;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::tenant;

#[test]
fn xff_spoof() {
    let settings = |trusted: &[&str]| ServerSettings {
        edge: EdgeSettings {
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            unauthenticated_limit: 5,
            ..EdgeSettings::default()
        },
        ..ServerSettings::default()
    };
    let seen = |server: &TestServer, forwarded: &[&str]| {
        let acme = Tenant::found(server);
        let mut request = acme
            .request("POST", "/v1/wallets")
            .json(&json!({ "type": "master" }));
        for line in forwarded {
            request = request.header("X-Forwarded-For", line);
        }
        request.send().expect(201);
        acme.all("/v1/audit-logs?action=wallet_created")[0]["ip_address"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let open = TestServer::start(settings(&[]));
    assert_eq!(
        seen(&open, &["198.51.100.1"]),
        "127.0.0.1",
        "nobody is believed by default"
    );
    let behind = TestServer::start(settings(&["127.0.0.0/8", "10.0.0.0/8"]));
    assert_eq!(seen(&behind, &[]), "127.0.0.1");
    assert_eq!(seen(&behind, &["198.51.100.1"]), "198.51.100.1");
    assert_eq!(
        seen(&behind, &["6.6.6.6, 198.51.100.1"]),
        "198.51.100.1",
        "the leftmost is the client's to write"
    );
    assert_eq!(
        seen(&behind, &["6.6.6.6", "198.51.100.1, 10.0.0.3"]),
        "198.51.100.1"
    );
    assert_eq!(
        seen(&behind, &["6.6.6.6, <script>, 10.0.0.3"]),
        "10.0.0.3",
        "nothing behind junk counts"
    );
    // A new leftmost address for every try buys no new tries.
    let probe = |server: &TestServer, n: usize| {
        let forged = format!("203.0.113.{n}, 198.51.100.9");
        server
            .request("GET", "/v1/account")
            .header("X-Forwarded-For", forged)
            .send()
            .status
    };
    for server in [&open, &behind] {
        let statuses: Vec<u16> = (0..8).map(|n| probe(server, n)).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    }
}

#[test]
fn timing_unknown_key() {
    let acme = tenant();
    let revoked = acme.key(Role::Viewer);
    acme.request("POST", &format!("/v1/api-keys/{}/revoke", revoked.id))
        .send()
        .expect(200);
    let good = &acme.owner.text;
    let random: Vec<u8> = (0..96_u8).map(|n| n.wrapping_mul(37) % 251).collect();
    let mint = |kind, mode| {
        key_text::mint(kind, mode, &random)
            .unwrap()
            .expose()
            .to_owned()
    };
    use strongroom_auth::KeyType::{Publishable, Secret};
    use strongroom_types::mode::Mode::{Live, Test};
    let flipped = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).unwrap()
    };
    let probes: Vec<(&str, String)> = vec![
        ("unknown but well formed", mint(Secret, Test)),
        ("unknown live", mint(Secret, Live)),
        ("unknown publishable", mint(Publishable, Test)),
        ("wrong in its first letters", flipped(9)),
        ("wrong in its last letters", flipped(good.len() - 7)),
        ("wrong checksum", flipped(good.len() - 1)),
        ("revoked", revoked.text),
        ("undefined", "undefined".into()),
        ("null", "null".into()),
        ("short", "sk_test_".into()),
        ("long", "sk_test_".repeat(200)),
        (
            "a live prefix on a test key",
            good.replace("sk_test_", "sk_live_"),
        ),
        ("padded", format!(" {good}")),
        ("the signing secret", acme.owner.signing_secret.clone()),
    ];
    let send = |key: &str| acme.server.request("GET", "/v1/account").bearer(key).send();
    let bare = |reply: &Reply| {
        let mut body = reply.json();
        body["request_id"] = json!(null);
        let names: Vec<String> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        (body, names)
    };
    let expected = bare(&acme.server.get("/v1/account").refused(401, "unauthorized"));
    for (what, key) in &probes {
        assert_eq!(
            bare(&send(key).refused(401, "unauthorized")),
            expected,
            "{what}"
        );
    }
    // Loosely, because machines are busy: no kind of wrong key stands out by a factor.
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); probes.len()];
    for _ in 0..40 {
        for ((_, key), times) in probes.iter().zip(&mut times) {
            let begun = Instant::now();
            send(key);
            times.push(begun.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let medians: Vec<Duration> = times.iter_mut().map(median).collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(
        *most < *least * 3,
        "{:?}",
        probes
            .iter()
            .map(|(what, _)| what)
            .zip(&medians)
            .collect::<Vec<_>>()
    );
}
