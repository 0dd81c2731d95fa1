//! `/v1/events/stream`

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::roles::{bound, holder};
use crate::v1::tenant;

/// An open stream.
struct Stream(BufReader<TcpStream>);

/// One event as it came.
#[derive(Debug, PartialEq)]
struct Came {
    id: String,
    event: String,
    data: String,
}

impl Stream {
    fn open(request: &Outgoing) -> Stream {
        let mut socket = TcpStream::connect(request.address()).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        socket.write_all(&request.bytes()).unwrap();
        let mut stream = Stream(BufReader::new(socket));
        assert_eq!(stream.line().unwrap(), "HTTP/1.1 200 OK");
        while stream.line().unwrap() != "retry: 1000" {}
        stream
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.0.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// The id that the stream says it goes on after, if any.
    fn begins_after(&mut self) -> Option<String> {
        let line = self.line().unwrap();
        line.strip_prefix("id: ").map(str::to_owned)
    }

    /// The next event; `None` at the end.
    fn next(&mut self) -> Option<Came> {
        let (mut id, mut event) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", text)) => id = text.to_owned(),
                Some(("event", text)) => event = text.to_owned(),
                Some(("data", text)) => {
                    let data = text.to_owned();
                    return Some(Came { id, event, data });
                }
                _ => {}
            }
        }
    }
}

fn open(acme: &Tenant<'_>, query: &str) -> Stream {
    Stream::open(&acme.request("GET", &format!("/v1/events/stream{query}")))
}

fn ids(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect()
}

#[test]
fn events_come_as_they_are_committed() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let before = acme.all("/v1/events").len();
    let mut stream = open(&acme, "");
    let mut slowest = Duration::ZERO;
    for n in 1..=20 {
        acme.pay(&from, &to, n).expect(201);
        let begin = Instant::now();
        // Six events of one commit.
        for _ in 0..6 {
            let came = stream.next().unwrap();
            let stored = acme.get(&format!("/v1/events/{}", came.id)).expect(200);
            assert_eq!(stored.text(), came.data, "the same bytes");
            assert_eq!(stored.json()["type"], came.event.as_str());
        }
        slowest = slowest.max(begin.elapsed());
    }
    assert_eq!(acme.all("/v1/events").len(), before + 120);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

/// Read on from every place, by both ways of saying it: nothing missing, nothing twice.
#[test]
fn a_stream_goes_on_where_it_was_left() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    for n in 1..=5 {
        acme.pay_bank(&from, n).expect(201);
    }
    let all = acme.all("/v1/events");
    for place in 0..all.len() - 1 {
        let last = all[place]["id"].as_str().unwrap();
        let mut by_query = open(&acme, &format!("?after={last}"));
        let request = acme.request(
            "GET",
            "/v1/events/stream?after=evt_0123456789abcdef01234567",
        );
        let mut by_header = Stream::open(&request.header("Last-Event-ID", last));
        for expected in ids(&all[place + 1..]) {
            assert_eq!(by_query.next().unwrap().id, expected);
            assert_eq!(by_header.next().unwrap().id, expected);
        }
    }
}

/// Who is cut off before the first event must know where he stood.
#[test]
fn a_stream_says_where_it_begins() {
    let acme = tenant();
    acme.funded("master", 1_000);
    let all = acme.all("/v1/events");
    let all = ids(&all);
    let newest = all.last().copied().unwrap();
    let begins = |query: &str| open(&acme, query).begins_after();
    assert_eq!(begins("").as_deref(), Some(newest));
    assert_eq!(begins("?type=payout.failed").as_deref(), Some(newest));
    for id in &all {
        assert_eq!(begins(&format!("?after={id}")).as_deref(), Some(*id));
    }
    // It is no event.
    acme.funded("operating", 1);
    let expected = acme.all(&format!("/v1/events?after={newest}"));
    let came = open(&acme, &format!("?after={newest}")).next().unwrap();
    assert_eq!(came.id, ids(&expected)[0]);
}

#[test]
fn types_are_chosen() {
    let acme = tenant();
    let mut stream = open(&acme, "?type=payout.initiated");
    let from = acme.funded("master", 1_000);
    for n in 1..=3 {
        acme.pay_bank(&from, n).expect(201);
        assert_eq!(stream.next().unwrap().event, "payout.initiated");
    }
}

#[test]
fn a_stream_is_refused_like_any_read() {
    let acme = tenant();
    let server = acme.server;
    server
        .request("GET", "/v1/events/stream")
        .send()
        .refused(401, "unauthorized");
    acme.get("/v1/events/stream?after=evt_0123456789abcdef01234567")
        .refused(400, "bad_cursor");
    acme.get("/v1/events/stream?type=none")
        .refused(400, "invalid_parameter");
    acme.get("/v1/events/stream?limit=1")
        .refused(400, "unknown_parameter");
    let other = tenant();
    other.funded("master", 5);
    let theirs = other.all("/v1/events").remove(0);
    let theirs = theirs["id"].as_str().unwrap();
    acme.get(&format!("/v1/events/stream?after={theirs}"))
        .refused(400, "bad_cursor");
    let head = acme.request("HEAD", "/v1/events/stream").send().expect(200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
}

/// Whoever may not read events reads none live, and neither does a key that is not a secret one.
#[test]
fn a_stream_needs_the_permission_to_read_events() {
    let acme = tenant();
    acme.funded("master", 1_000);
    let key = |permissions: &[&str]| {
        let set = PermissionSet::new(permissions.iter().map(|p| (*p).to_owned()).collect());
        let (set, never) = (set.unwrap(), SigningPolicy::Never);
        acme.books
            .key_with(Role::Custom, set, never, Dialect::Nextapi)
            .text
    };
    let stream = |key: &str| {
        let request = acme.server.request("GET", "/v1/events/stream").bearer(key);
        request.header("Last-Event-ID", "evt_0123456789abcdef01234567")
    };
    let almost = key(&["read:account", "read:wallets", "create:payouts"]);
    let refused = stream(&almost).send().refused(403, "permission_denied");
    assert!(refused.text().contains("read:events"), "{}", refused.text());
    let publishable = acme.key(Role::Publishable).text;
    stream(&publishable)
        .send()
        .refused(403, "permission_denied");
    let enough = key(&["read:events"]);
    Stream::open(
        &acme
            .server
            .request("GET", "/v1/events/stream")
            .bearer(&enough),
    );
}

#[test]
fn a_key_has_eight_streams_and_gets_them_back() {
    let acme = tenant();
    let open: Vec<Stream> = (0..8).map(|_| open(&acme, "")).collect();
    acme.get("/v1/events/stream").refused(429, "rate_limited");
    drop(open);
    let begin = Instant::now();
    let request = acme.request("HEAD", "/v1/events/stream");
    while request.send().status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_stream_ends_with_its_key() {
    let acme = tenant();
    let from = acme.funded("master", 100);
    let key = acme.key(Role::Viewer);
    let request = acme
        .server
        .request("GET", "/v1/events/stream")
        .bearer(&key.text);
    let mut stream = Stream::open(&request);
    acme.post(&format!("/v1/api-keys/{}/revoke", key.id), &json!({}))
        .expect(200);
    acme.pay_bank(&from, 5).expect(201);
    while let Some(came) = stream.next() {
        assert!(!came.event.starts_with("payout"), "{came:?}");
    }
}

#[test]
fn a_stream_ends_with_the_hours_of_its_role() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100);
    // It is 08:00 in Manila.
    let hours =
        json!({ "days": [], "from": "08:00", "until": "08:01", "time_zone": "Asia/Manila" });
    let role = bound(&acme, &["read:events"], &json!({ "hours": hours }));
    let key = holder(&acme, &role);
    let request = server.request("GET", "/v1/events/stream").bearer(&key.text);
    let mut stream = Stream::open(&request);
    server.clock.advance(60_000);
    acme.pay_bank(&from, 5).expect(201);
    while let Some(came) = stream.next() {
        assert!(!came.event.starts_with("payout"), "{came:?}");
    }
}

#[test]
fn streams_end_when_the_server_drains() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let mut stream = open(&acme, "");
    let waiting = std::thread::spawn(move || stream.next());
    let begin = Instant::now();
    drop(server);
    assert_eq!(waiting.join().unwrap(), None);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "not by the drain's deadline"
    );
}
