//! Tenants × resources × verbs: what one organization has made is for another, and for its own other mode, as if it were not there,
//! whatever is done to it. The answer to an id of somebody else's is the answer to one that nobody has, letter by letter.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strongroom_http::{Route, Verb, routes};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::pipeline;
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

use crate::sample::{sample, tenant};

/// Whose key asks, and whose records it asks about.
pub struct Pair<'t> {
    pub title: &'static str,
    pub ours: &'t Tenant<'static>,
    pub theirs: &'t Tenant<'static>,
}

/// What there is none of in live mode on a server without an acquirer: of those, live keys are tried on records of test mode alone.
const NOT_IN_LIVE: &[&str] = &[
    "/v1/me/grants/{id}",
    "/v1/payment-links/{id}",
    "/v1/payment-links/{id}/cancel",
    "/v1/payments/{id}",
    "/v1/payments/{id}/capture",
    "/v1/payments/{id}/void",
    "/v1/refunds/{id}",
    "/v1/transactions/{id}/receipt",
    "/v1/transactions/{id}/void",
];

/// Pages for whoever knows an id: it is what opens them, so that no credential makes a difference.
const BY_ID_ALONE: &[&str] = &["/pay/{id}", "/pay/{id}/qr", "/challenges/{id}"];

/// An id that a device chose, looked up in the record of the person who asks: no other record is reached by it, and any text will do.
const OF_A_DEVICE: &str = "/v1/me/passkeys/{id}";

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "DELETE", "PUT"];

/// An id like another, that nobody has: the numbers of one entry lie close together, and other entries far away.
pub fn nobody_s(id: &str) -> String {
    let (head, tail) = id.split_at(id.len() - 4);
    let number = u16::from_str_radix(tail, 16).unwrap_or_else(|_| panic!("no number in `{id}`"));
    format!("{head}{:04x}", number ^ 0x4000)
}

/// An answer without what is different in any two: the id that was asked for, and the request's own.
pub fn shape(reply: &Reply, id: &str) -> (u16, String, BTreeSet<String>) {
    let mut text = reply.text().replace(id, "{id}");
    if let Some(request) = reply.header("x-request-id") {
        text = text.replace(request, "{request}");
    }
    let names = reply.headers.iter().map(|(name, _)| name.clone());
    (reply.status, text, names.collect())
}

/// The answers to their id and to nobody's are one answer, which is no success and knows nothing.
#[track_caller]
pub fn is_as_if_it_were_not_there(what: &str, [theirs, nobody]: [(&Reply, &str); 2]) {
    let (theirs, nobody) = (shape(theirs.0, theirs.1), shape(nobody.0, nobody.1));
    assert!((400..500).contains(&theirs.0), "{what}: {theirs:?}");
    assert_eq!(theirs, nobody, "{what}");
}

/// A cell: the same request about their record and about none.
struct Cell {
    what: String,
    ids: [String; 2],
    requests: [Outgoing; 2],
}

/// Something of theirs that stands at `{id}`, in the state that each of the path's routes needs.
fn record(route: &'static Route, theirs: &Tenant<'static>) -> (String, Option<Value>) {
    if route.line().contains("(own)") {
        return match route.path {
            OF_A_DEVICE => ("AAAA0000".to_owned(), None),
            "/v1/me/grants/{id}" => (crate::people::grant(theirs), None),
            _ => (crate::people::entered(theirs, "viewer").0, None),
        };
    }
    let route = match route.path {
        // A payout that could be cancelled goes to a bank, and no live one does here: that it is not there is asked first.
        "/v1/payouts/{id}/cancel" if theirs.books.scope.mode.is_live() => {
            row("/v1/payouts/{id}/reverse", "POST").0
        }
        _ => route,
    };
    let sample = sample(route, theirs);
    let (before, after) = route.path.split_once("{id}").unwrap();
    let id = sample.target.strip_prefix(before).unwrap();
    let id = id.strip_suffix(after).unwrap().to_owned();
    (id, sample.body)
}

/// The row of a method, or one of the path's others where the path has no such method: there it has to say so.
fn row(path: &str, method: &str) -> (&'static Route, bool) {
    let of_path = || routes().iter().filter(|route| route.path == path);
    let found = of_path().find(|route| route.verb.as_str() == method);
    match found {
        Some(route) => (route, true),
        None => (of_path().next().unwrap(), false),
    }
}

/// The cells of a path: a record of its own for each of its routes, and any for the methods that it does not have.
fn cells(pair: &Pair<'_>, session: &str, path: &'static str) -> Vec<Cell> {
    let any = record(row(path, "").0, pair.theirs).0;
    let of = |method: &str| match row(path, method) {
        (route, true) => cell(pair, session, (path, method), record(route, pair.theirs)),
        (_, false) => cell(pair, session, (path, method), (any.clone(), None)),
    };
    METHODS.iter().map(|method| of(method)).collect()
}

fn cell(
    pair: &Pair<'_>,
    session: &str,
    (path, method): (&'static str, &str),
    (id, body): (String, Option<Value>),
) -> Cell {
    let (route, is_there) = row(path, method);
    let ids = [id.clone(), nobody_s(&id)];
    let ours = &pair.ours.owner;
    let requests = ids.each_ref().map(|id| {
        let request = pair.ours.server.request(method, &path.replace("{id}", id));
        let request = match &body {
            Some(body) if is_there => request.json(body),
            _ if is_there && route.is_mutating() => request.body("{}"),
            _ => request,
        };
        let request = match route.is_mutating() {
            true => request.idempotent(&fresh("stranger")),
            false => request,
        };
        match route.line().contains("(own)") {
            true => request.bearer(session),
            false => request
                .bearer(&ours.text)
                .signed(&ours.signing_secret, pair.ours.server.seconds()),
        }
    });
    Cell {
        what: format!("{}: {method} {path}", pair.title),
        ids,
        requests,
    }
}

/// All paths that are about one record.
fn paths() -> BTreeSet<&'static str> {
    let all = routes().iter().map(|route| route.path);
    all.filter(|path| path.contains("{id}")).collect()
}

#[test]
fn what_is_another_s_is_as_if_it_were_not_there() {
    let (acme, other) = (tenant(), tenant());
    let live = acme.live();
    let pairs = [
        ("another organization", &acme, &other),
        ("a live key on test records", &live, &acme),
        ("a test key on live records", &acme, &live),
    ];
    let mut cells = Vec::new();
    let mut left_out = BTreeSet::new();
    for (title, ours, theirs) in pairs {
        let pair = Pair {
            title,
            ours,
            theirs,
        };
        let session = crate::people::session(ours, "owner");
        for path in paths() {
            if BY_ID_ALONE.contains(&path) {
                continue;
            }
            if theirs.books.scope.mode.is_live() && NOT_IN_LIVE.contains(&path) {
                left_out.insert(path);
                continue;
            }
            cells.extend(self::cells(&pair, &session, path));
        }
    }
    assert_eq!(left_out, NOT_IN_LIVE.iter().copied().collect());
    let marks = [&acme, &other, &live].map(|books| books.mark());
    let requests: Vec<Outgoing> = cells
        .iter()
        .flat_map(|cell| cell.requests.clone())
        .collect();
    let replies = pipeline::all(&requests);
    for (cell, replies) in cells.iter().zip(replies.chunks_exact(2)) {
        let [theirs, nobody] = cell.ids.each_ref();
        let both = [
            (&replies[0], theirs.as_str()),
            (&replies[1], nobody.as_str()),
        ];
        is_as_if_it_were_not_there(&cell.what, both);
    }
    for (books, mark) in [&acme, &other, &live].iter().zip(&marks) {
        let done = books.audit_since(mark);
        let done = done.iter().filter(|record| record["outcome"] == "success");
        assert_eq!(done.count(), 0, "something was done to another's records");
    }
    println!(
        "tenants × resources × verbs: {} cells by {} requests, 0 wrong",
        cells.len(),
        requests.len()
    );
}

/// Nothing of what cannot exist in live mode is left out by mistake.
#[test]
fn what_is_not_in_live_mode_cannot_be_made_there() {
    let acme = tenant();
    let live = acme.live();
    let card = live.token(VISA).expect(201).id();
    let (wallet, items) = (
        live.wallet("operating"),
        [json!({ "name": "Tea", "quantity": 1, "unit_amount": 500 })],
    );
    let payment = json!({ "payment_token": card, "amount": 500, "wallet_id": wallet });
    let link = json!({ "amount": 500, "wallet_id": wallet });
    let sale = json!({ "items": items, "payment_token": card });
    for (path, body) in [
        ("payments", payment),
        ("payment-links", link),
        ("transactions", sale),
    ] {
        assert!(NOT_IN_LIVE.iter().any(|known| known.contains(path)));
        live.post(&format!("/v1/{path}"), &body).expect(422);
    }
}

/// The pages that an id opens take no credential for anything.
#[test]
fn what_an_id_opens_is_the_same_with_any_key() {
    let (acme, other) = (tenant(), tenant());
    let link = acme
        .post(
            "/v1/payment-links",
            &json!({ "amount": 500, "wallet_id": acme.wallet("master") }),
        )
        .expect(201);
    for path in BY_ID_ALONE {
        for id in [link.id(), nobody_s(&link.id())] {
            let target = path.replace("{id}", &id);
            let bare = acme.server.get(&target);
            let keyed = other.get(&target);
            assert_eq!(bare.status, keyed.status, "{target}");
            assert!(!keyed.text().contains(&acme.owner.id), "{target}");
        }
    }
    let verbs = |path: &str| routes().iter().filter(|route| route.path == path).count();
    assert!(BY_ID_ALONE.iter().all(|path| verbs(path) > 0));
    assert!(
        routes()
            .iter()
            .any(|route| route.path == OF_A_DEVICE && route.verb == Verb::Delete)
    );
}
