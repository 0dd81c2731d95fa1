//! Every built-in role against every route, in both modes, as a key and as a person: as the committed tables say, and as the server
//! decides. No route is left out, so there is no cell that nobody asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};

use serde_json::json;
use strongroom_auth::Role;
use strongroom_http::{ReplyKind, Route, SignatureClass, routes};
use strongroom_testkit::exchange::{Outgoing, Reply, connect};
use strongroom_testkit::pipeline;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::sample::{guarded, name, tenant};

/// A column of the matrix.
#[derive(Clone, Copy)]
struct Who {
    role: Role,
    is_person: bool,
}

/// The columns of a section: a role of keys alone is no person's.
fn columns(is_person: bool) -> impl Iterator<Item = Who> {
    let roles = Role::BUILT_IN.iter();
    let roles = roles.filter(move |role| !is_person || **role != Role::Publishable);
    roles.map(move |role| Who {
        role: *role,
        is_person,
    })
}

/// The sections, in the order of the committed file.
const SECTIONS: [(&str, bool, bool); 4] = [
    ("test", false, false),
    ("live", true, false),
    ("test, a person", false, true),
    ("live, a person", true, true),
];

fn committed(file: &str) -> String {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
    std::fs::read_to_string(format!("{docs}{file}")).unwrap()
}

/// Which roles hold a permission, from the committed table.
pub fn holders() -> BTreeMap<String, Vec<String>> {
    let text = committed("permissions.txt");
    let roles: Vec<&str> = text.lines().next().unwrap()["permission".len()..]
        .split_whitespace()
        .collect();
    let held = |line: &str| {
        let (permission, marks) = line.split_at(24);
        let marks: Vec<&str> = marks.split_whitespace().collect();
        assert_eq!(marks.len(), roles.len(), "a cell is missing: {line}");
        let marked = roles.iter().zip(marks).filter(|(_, mark)| *mark == "yes");
        let marked = marked.map(|(role, _)| (*role).to_owned()).collect();
        (permission.trim().to_owned(), marked)
    };
    text.lines().skip(1).map(held).collect()
}

fn is_personal(route: &Route) -> bool {
    route.line().contains("(own)")
}

/// What somebody meets at a route who asks without further words: `-` nothing, `yes`, `signed` for who signs the request, `factor` for
/// who shows a second factor, `open` for everybody.
fn cell(
    table: &BTreeMap<String, Vec<String>>,
    who: Who,
    route: &Route,
    live: bool,
) -> &'static str {
    let is_sensitive = route.signature == SignatureClass::Sensitive;
    let is_allowed = match (is_personal(route), route.permission) {
        (true, _) => who.is_person,
        (false, None) => return "open",
        (false, Some(permission)) => {
            let kept = route.secret_keys && who.role == Role::Publishable;
            let holders = table
                .get(permission)
                .unwrap_or_else(|| panic!("no row of {permission}"));
            !kept && holders.iter().any(|role| role == who.role.as_str())
        }
    };
    // CONTRACT 4: secret live keys sign what is sensitive; a person shows a second factor instead.
    let proves = match who.is_person {
        true => route.recent || (live && is_sensitive),
        false => live && (route.step_up || (is_sensitive && who.role != Role::Publishable)),
    };
    match (is_allowed, proves, who.is_person) {
        (false, ..) => "-",
        (true, false, _) => "yes",
        (true, true, true) => "factor",
        (true, true, false) => "signed",
    }
}

/// The matrix of some cells, as the committed file writes it.
fn written(mut cell: impl FnMut(Who, &'static Route, bool) -> &'static str) -> String {
    let mut lines = Vec::new();
    for (title, live, is_person) in SECTIONS {
        let mut head = format!("{title:<46}");
        columns(is_person).for_each(|who| head.push_str(&format!("{:<12}", who.role.as_str())));
        lines.push(head.trim_end().to_owned());
        for route in routes() {
            let mut line = format!("{:<46}", name(route));
            columns(is_person)
                .for_each(|who| line.push_str(&format!("{:<12}", cell(who, route, live))));
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

#[test]
fn the_committed_matrix_is_true() {
    let table = holders();
    let matrix = written(|who, route, live| cell(&table, who, route, live));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access-matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &matrix).unwrap();
    }
    assert_eq!(
        committed("access-matrix.txt"),
        matrix,
        "run with UPDATE_GOLDEN=1 and review the change"
    );
}

/// What must hold whatever routes and permissions are added, over every cell of keys and people.
#[test]
fn what_the_roles_promise() {
    let table = holders();
    let may = |role: Role, route: &Route| {
        let as_who = |is_person| cell(&table, Who { role, is_person }, route, false) != "-";
        as_who(false) || (as_who(true) && role != Role::Publishable)
    };
    for route in guarded() {
        let row = name(route);
        assert!(may(Role::Owner, route), "an owner may do everything: {row}");
        if may(Role::Viewer, route) {
            // Asking for a report changes nothing that it could be a report of.
            let asks = route.path == "/v1/reports";
            assert!(
                asks || !route.is_mutating(),
                "a viewer mutates nothing: {row}"
            );
            let hidden = ["api-keys", "/access/", "tokens"];
            assert!(
                hidden.iter().all(|word| !route.path.contains(word)),
                "{row}"
            );
        }
        if route.is_mutating() && route.path.starts_with("/v1/api-keys") {
            for role in Role::BUILT_IN {
                let is_theirs = matches!(role, Role::Owner | Role::Admin);
                assert_eq!(
                    may(*role, route),
                    is_theirs,
                    "only owners and administrators change keys: {row}"
                );
            }
        }
        let of_owners = route.path.ends_with("/reveal")
            || (route.is_mutating() && route.path.contains("approval-policies"));
        if of_owners {
            for role in Role::BUILT_IN.iter().filter(|role| **role != Role::Owner) {
                assert!(!may(*role, route), "only an owner: {row}");
            }
        }
        let takes_money_out = ["/debit", "/payouts", "/refunds"]
            .iter()
            .any(|word| route.path.contains(word));
        if route.is_mutating() && takes_money_out {
            for role in [Role::Viewer, Role::Publishable, Role::Cashier] {
                assert!(!may(role, route), "{row}");
            }
            let owner = |is_person| Who {
                role: Role::Owner,
                is_person,
            };
            let live = [false, true].map(|is_person| cell(&table, owner(is_person), route, true));
            assert_eq!(
                live,
                ["signed", "factor"],
                "live money leaves by signed requests, or after a second factor: {row}"
            );
        }
    }
}

/// What somebody sends requests by.
struct Holder {
    text: String,
    signing_secret: Option<String>,
}

/// A key of a role that was made without further words, or the session of a person who has no second factor.
fn holder(acme: &Tenant<'_>, who: Who) -> Holder {
    let role = who.role.as_str();
    if who.is_person {
        let (text, signing_secret) = (crate::people::session(acme, role), None);
        return Holder {
            text,
            signing_secret,
        };
    }
    let body = match who.role {
        Role::Publishable => json!({ "type": "publishable" }),
        _ => json!({ "role": role }),
    };
    let made = acme.post("/v1/api-keys", &body).expect(201);
    let signs = who.role != Role::Publishable;
    Holder {
        text: made.field("key"),
        signing_secret: signs.then(|| made.field("signing_secret")),
    }
}

/// A request that is about nothing: it gets as far as the permission, and no further.
fn about_nothing(acme: &Tenant<'_>, route: &Route) -> Outgoing {
    let target = route.path.replace("{id}", "x");
    let request = acme.server.request(route.verb.as_str(), &target);
    match (route.is_mutating(), route.xml) {
        (false, _) => request,
        (true, false) => request.idempotent(&fresh("cell")).body("{\"nothing\":1}"),
        (true, true) => request
            .idempotent(&fresh("cell"))
            .header("Content-Type", "application/xml")
            .body("<nothing/>"),
    }
}

/// What a cell is asked: signed, and as it is.
fn questions(acme: &Tenant<'_>, holder: &Holder, route: &Route) -> [Outgoing; 2] {
    let ask = || about_nothing(acme, route).bearer(&holder.text);
    let signed = match &holder.signing_secret {
        Some(secret) => ask().signed(secret, acme.server.seconds()),
        None => ask(),
    };
    [signed, ask()]
}

/// Status and code: what two answers have in common that say the same.
type Said = (u16, String);

fn said(reply: &Reply) -> Said {
    (reply.status, reply.code())
}

/// What the answers make of a cell. `nobody` is what somebody without a credential is told.
fn decided(route: &Route, who: Who, [signed, bare]: [&Said; 2], nobody: &Said) -> &'static str {
    let is = |said: &Said, status: u16, code: &str| *said == (status, code.to_owned());
    let is_open = route.permission.is_none() && !is_personal(route);
    let passes = |said: &Said| said.0 != 401 && said.0 != 403;
    let row = || format!("{} {}", who.role.as_str(), name(route));
    match is_open {
        // What needs no credential is the same with one.
        true if bare == nobody => return "open",
        true => panic!("{}: {bare:?}, and without a key {nobody:?}", row()),
        false => assert!(is(nobody, 401, "unauthorized"), "{}: {nobody:?}", row()),
    }
    let refusal = match is_personal(route) {
        true => "session_required",
        false => "permission_denied",
    };
    match (signed, bare) {
        (signed, _) if is(signed, 403, refusal) => "-",
        // A publishable key has nothing to sign with.
        (signed, _) if is(signed, 401, "signature_missing") && who.role == Role::Publishable => "-",
        (_, bare) if is(bare, 403, "step_up_required") && who.is_person => "factor",
        (signed, bare) if is(bare, 401, "signature_missing") && passes(signed) => "signed",
        (signed, bare) if signed == bare && passes(bare) => "yes",
        _ => panic!("{}: signed {signed:?}, as it is {bare:?}", row()),
    }
}

/// A stream has no end to wait for: how it begins is read, and no more.
fn beginning(request: &Outgoing) -> Said {
    let mut line = String::new();
    let mut socket = BufReader::new(connect(request.address()));
    socket.get_mut().write_all(&request.bytes()).unwrap();
    socket.read_line(&mut line).unwrap();
    match line.starts_with("HTTP/1.1 200 ") {
        true => (200, String::new()),
        false => said(&request.send()),
    }
}

fn asked(requests: &[(&'static Route, Outgoing)]) -> Vec<Said> {
    let is_stream = |route: &Route| route.reply == ReplyKind::Stream;
    let ends = requests.iter().filter(|(route, _)| !is_stream(route));
    let ends: Vec<Outgoing> = ends.map(|(_, request)| request.clone()).collect();
    let mut replies = pipeline::all(&ends).into_iter();
    let answered = requests
        .iter()
        .map(|(route, request)| match is_stream(route) {
            true => beginning(request),
            false => said(&replies.next().unwrap()),
        });
    answered.collect()
}

/// The server decides every cell, and what comes of it is the committed matrix, letter by letter.
#[test]
fn the_wire_agrees_with_every_cell() {
    let acme = tenant();
    let live = acme.live();
    let mut requests = Vec::new();
    for (_, is_live, is_person) in SECTIONS {
        let books = if is_live { &live } else { &acme };
        let nobody = routes().iter();
        requests.extend(nobody.map(|route| (route, about_nothing(books, route))));
        for who in columns(is_person) {
            let holder = holder(books, who);
            for route in routes() {
                let both = questions(books, &holder, route);
                requests.extend(both.map(|request| (route, request)));
            }
        }
    }
    let answers = asked(&requests);
    let (mut rest, mut found) = (answers.as_slice(), BTreeMap::new());
    for (_, is_live, is_person) in SECTIONS {
        let (nobody, others) = rest.split_at(routes().len());
        rest = others;
        for who in columns(is_person) {
            let (both, others) = rest.split_at(2 * routes().len());
            rest = others;
            for ((route, pair), nobody) in routes().iter().zip(both.chunks_exact(2)).zip(nobody) {
                let cell = decided(route, who, [&pair[0], &pair[1]], nobody);
                found.insert((is_live, is_person, who.role.as_str(), name(route)), cell);
            }
        }
    }
    assert!(rest.is_empty());
    let columns: usize = SECTIONS.iter().map(|(.., is)| columns(*is).count()).sum();
    assert_eq!(found.len(), columns * routes().len(), "no missing cell");
    let matrix =
        written(|who, route, live| found[&(live, who.is_person, who.role.as_str(), name(route))]);
    let wrong: Vec<(&str, String)> = committed("access-matrix.txt")
        .lines()
        .zip(matrix.lines())
        .filter(|(committed, decided)| committed != decided)
        .map(|(_, decided)| ("decided otherwise", decided.to_owned()))
        .collect();
    println!(
        "roles × routes × modes: {} cells by {} requests, {} wrong rows",
        found.len(),
        requests.len(),
        wrong.len()
    );
    assert_eq!(wrong, [], "the committed matrix says otherwise");
    assert_eq!(committed("access-matrix.txt"), matrix);
}
