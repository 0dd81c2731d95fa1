//! Request heads that no client library would send.

use strongroom_testkit::exchange::exchange;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .unwrap_or(0)
}

#[test]
fn broken_heads_are_400_or_a_closed_connection() {
    let server = TestServer::shared();
    let acme = Tenant::found(server);
    let mark = acme.mark();
    let key = &acme.owner.text;
    let good = format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n");
    let body = r#"{"type":"master"}"#;
    let heads: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v1/account\r\n\r\n".to_vec(),
        b"GET /v1/account HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/acc ount HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"G\0T / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}Content-Length: -1\r\n\r\n{body}").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}Content-Length: 1e2\r\n\r\n{body}").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}Content-Length: 17\r\nContent-Length: 5\r\n\r\n{body}").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}Transfer-Encoding: sausage\r\n\r\n{body}").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{body}\r\n0\r\n\r\n").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b: c\r\n{good}Bad Header: x\r\n\r\n").into_bytes(),
        format!("POST /v1/wallets HTTP/1.1\r\nHost: x\r\n{good}X-Nul: a\0b\r\nContent-Length: 17\r\n\r\n{body}").into_bytes(),
    ];
    for head in heads {
        let answer = exchange_and_hang_up(server, &head);
        let shown = String::from_utf8_lossy(&head).replace(key, "…");
        assert!(
            matches!(status(&answer), 0 | 400),
            "{shown:?}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(
        acme.events_since(&mark).len(),
        0,
        "something was carried out"
    );
    acme.get("/v1/account").expect(200);
}

/// Sends bytes, closes this side, and reads what comes.
fn exchange_and_hang_up(server: &TestServer, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut stream = strongroom_testkit::exchange::connect(server.address);
    drop(stream.write_all(bytes));
    drop(stream.shutdown(std::net::Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

#[test]
fn one_message_is_never_two() {
    let server = TestServer::shared();
    let acme = Tenant::found(server);
    let key = &acme.owner.text;
    let mark = acme.mark();
    // Length and chunks at once: whoever stands in front may read another length than we do.
    let inner = format!(
        "POST /v1/wallets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 17\r\n\r\n{{\"type\":\"master\"}}"
    );
    let outer = format!(
        "POST /v1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
    );
    let answer = exchange_and_hang_up(server, outer.as_bytes());
    let answers = String::from_utf8_lossy(&answer)
        .matches("HTTP/1.1 201")
        .count();
    assert_eq!(
        (answers, acme.events_since(&mark).len()),
        (0, 0),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[test]
fn too_much_head_is_refused() {
    let server = TestServer::shared();
    let acme = Tenant::found(server);
    let long = format!("/v1/wallets?email={}", "x".repeat(8_200));
    acme.get(&long).refused(414, "uri_too_long");
    let wide = acme
        .request("GET", "/v1/account")
        .header("X-Padding", "y".repeat(40_000))
        .bytes();
    assert_eq!(status(&exchange(server.address, &wide)), 431);
    let mut many = acme.request("GET", "/v1/account");
    for n in 0..150 {
        many = many.header(&format!("X-Header-{n}"), "1");
    }
    assert_eq!(status(&exchange(server.address, &many.bytes())), 431);
}

#[test]
fn an_agent_may_call_itself_anything() {
    let acme = Tenant::found(TestServer::shared());
    let agents: [&[u8]; 4] = [b"", b"\xff\xfe", "日本 ₱ ñ".as_bytes(), &[b'a'; 5_000]];
    for agent in agents {
        let request = acme
            .request("POST", "/v1/wallets")
            .header("User-Agent", agent)
            .body(r#"{"type":"master"}"#);
        request.send().expect(201);
    }
    for record in acme.all("/v1/audit-logs?action=wallet_created") {
        assert!(
            record["user_agent"].as_str().unwrap().chars().count() <= 256,
            "{record}"
        );
    }
}

#[test]
fn every_answer_has_a_request_id_of_its_own() {
    let acme = Tenant::found(TestServer::shared());
    let mut seen = std::collections::HashSet::new();
    for path in [
        "/v1/account",
        "/v1/nothing",
        "/health",
        "/v1/wallets/x",
        "/openapi.json",
    ] {
        for request in [acme.request("GET", path), acme.server.request("GET", path)] {
            let reply = request
                .header("X-Request-Id", "req_000000000000000000000000")
                .send();
            let id = reply.header("x-request-id").unwrap().to_owned();
            assert!(
                id.starts_with("req_") && id.len() == 28 && id != "req_000000000000000000000000",
                "{id}"
            );
            assert!(
                reply.status < 400 || reply.field("request_id") == id,
                "{}",
                reply.text()
            );
            assert!(seen.insert(id), "{path}");
        }
    }
}

/// Each read of a body holds 8 KiB for as long as the request lasts, however little it brought.
#[test]
fn a_body_that_comes_a_byte_at_a_time_is_cut_short() {
    use std::io::{Read, Write};
    let server = TestServer::shared();
    let acme = Tenant::found(server);
    let length = 16_384;
    let mut stream = strongroom_testkit::exchange::connect(server.address);
    stream.set_nodelay(true).unwrap();
    let key = &acme.owner.text;
    let head = format!(
        "POST /v1/wallets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let byte_by_byte = (0..length).take_while(|_| {
            // So long that each is read by itself.
            std::thread::park_timeout(std::time::Duration::from_millis(1));
            writer.write_all(b" ").is_ok()
        });
        byte_by_byte.count()
    });
    let mut answer = [0; 4_096];
    let read = stream.read(&mut answer).unwrap();
    assert_eq!(status(&answer[..read]), 413);
    drop(stream);
    assert!(sending.join().unwrap() > 128);
}
