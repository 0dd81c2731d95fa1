//! Every built-in role against every route, in both modes: as committed, as decided, and as answered over the wire.

use strongroom_auth::{Role, SigningPolicy};
use strongroom_http::{Route, SignatureClass};
use strongroom_testkit::books::Key;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::sample::{guarded, name, tenant};

/// What a key of a role that was made without further words meets at a route: `-` nothing, `yes`, or `signed`.
fn cell(role: Role, route: &Route, live: bool) -> &'static str {
    let permission = route.permission.unwrap();
    let is_kept_from = route.secret_keys && role == Role::Publishable;
    if is_kept_from || role.permissions().allows(permission).is_none() {
        return "-";
    }
    // Secret live keys sign what is sensitive unless told otherwise (CONTRACT 4).
    let policy = match live && role != Role::Publishable {
        true => SigningPolicy::Sensitive,
        false => SigningPolicy::Never,
    };
    let signed = (live && route.step_up)
        || (policy == SigningPolicy::Sensitive && route.signature == SignatureClass::Sensitive);
    if signed { "signed" } else { "yes" }
}

/// The matrix as committed in `docs/access-matrix.txt`.
fn matrix() -> String {
    let mut lines = Vec::new();
    for (mode, live) in [("test", false), ("live", true)] {
        let mut head = format!("{mode:<46}");
        Role::BUILT_IN
            .iter()
            .for_each(|role| head.push_str(&format!("{:<12}", role.as_str())));
        lines.push(head.trim_end().to_owned());
        for route in guarded() {
            let mut line = format!("{:<46}", name(route));
            let cells = Role::BUILT_IN.iter().map(|role| cell(*role, route, live));
            cells.for_each(|cell| line.push_str(&format!("{cell:<12}")));
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

#[test]
fn the_committed_matrix_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access-matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, matrix()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        committed,
        matrix(),
        "run with UPDATE_GOLDEN=1 and review the change"
    );
}

/// What must hold whatever routes and permissions are added, over every cell.
#[test]
fn what_the_roles_promise() {
    let may = |role: Role, route: &Route| cell(role, route, false) != "-";
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
            for role in [Role::Operator, Role::Viewer, Role::Publishable] {
                assert!(
                    !may(role, route),
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
            for role in [Role::Viewer, Role::Publishable] {
                assert!(!may(role, route), "{row}");
            }
            let live = cell(Role::Owner, route, true);
            assert_eq!(
                live, "signed",
                "live money leaves by signed requests: {row}"
            );
        }
    }
}

/// The wire says what the matrix says: a request that is about nothing gets as far as the permission, and no further.
#[test]
fn the_wire_agrees_with_every_cell() {
    let acme = tenant();
    let live = acme.live();
    let mut cells = 0;
    for (tenant, is_live) in [(&acme, false), (&live, true)] {
        for role in Role::BUILT_IN {
            let key = tenant.key(*role);
            for route in guarded() {
                cells += 1;
                let refused = is_refused(tenant, &key, route);
                let expected = cell(*role, route, is_live) == "-";
                assert_eq!(
                    refused,
                    expected,
                    "{} {}, live: {is_live}",
                    role.as_str(),
                    name(route)
                );
            }
        }
    }
    assert_eq!(cells, 2 * Role::BUILT_IN.len() * guarded().count());
}

fn is_refused(tenant: &Tenant<'_>, key: &Key, route: &Route) -> bool {
    let target = route.path.replace("{id}", "x");
    let request = tenant
        .server
        .request(route.verb.as_str(), &target)
        .bearer(&key.text);
    let request = match route.is_mutating() {
        true => request.idempotent(&fresh("cell")).body("{\"nothing\":1}"),
        false => request,
    };
    // What must be signed is not asked about before that.
    let seconds = tenant.server.seconds();
    let reply = request.signed(&key.signing_secret, seconds).send();
    assert!(reply.status < 500, "{}: {}", name(route), reply.text());
    reply.status == 403 && reply.code() == "permission_denied"
}
