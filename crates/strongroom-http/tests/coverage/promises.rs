//! What the shipped policy promises, by enumeration over a real server: every role against every permission, everything that could be
//! granted against who lacks it, everybody against everybody's key, and whatever could cost an organization its last owner.

use serde_json::{Value, json};
use strongroom_auth::permission::ALL;
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::pipeline;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::matrix::holders;
use crate::sample::tenant;

const OPERATOR_S: &str = "operate:installation";

/// Every permission that is an organization's to give.
fn permissions() -> impl Iterator<Item = &'static str> {
    ALL.iter().copied().filter(|name| *name != OPERATOR_S)
}

fn holding(acme: &Tenant<'_>, held: Vec<&str>) -> Key {
    let held = held.into_iter().map(str::to_owned).collect();
    let set = PermissionSet::new(held).unwrap();
    acme.books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi)
}

fn change(acme: &Tenant<'_>, key: &Key, (method, target): (&str, &str), body: &Value) -> Outgoing {
    let request = acme.server.request(method, target).bearer(&key.text);
    request.idempotent(&fresh("promise")).json(body)
}

/// Both questions are answered by the rule that decides and that the log holds, for every role and permission.
#[test]
fn every_decision_is_explained_by_its_rule() {
    let acme = tenant();
    let table = holders();
    let keys: Vec<(&Role, Key)> = Role::BUILT_IN
        .iter()
        .map(|role| (role, acme.key(*role)))
        .collect();
    let cells: Vec<(&Role, &Key, &str)> = keys
        .iter()
        .flat_map(|(role, key)| ALL.iter().map(move |name| (*role, key, *name)))
        .collect();
    let ask = |(_, key, name): &(&Role, &Key, &str)| {
        let target = format!("/v1/access/explain?actor={}&permission={name}", key.id);
        acme.request("GET", &target)
    };
    let questions: Vec<Outgoing> = cells.iter().map(ask).collect();
    for ((role, key, name), told) in cells.iter().zip(pipeline::all(&questions)) {
        let told = told.expect(200).json();
        let allowed = table[*name].iter().any(|known| known == role.as_str());
        let what = format!("{} {name}: {told}", role.as_str());
        assert_eq!(told["allowed"], json!(allowed), "{what}");
        let pattern = role.permissions();
        let pattern = pattern.allows(name).unwrap_or("none");
        assert_eq!(
            told["rule"],
            format!("role:{}:{pattern}", role.as_str()),
            "{what}"
        );
        assert_eq!(told["actor"], json!(key.id), "{what}");
    }
    for name in ALL {
        let found = acme.all(&format!("/v1/access/who-can?permission={name}"));
        let may = |role: &Role| table[*name].iter().any(|known| known == role.as_str());
        let expected = keys
            .iter()
            .filter(|(role, _)| may(role))
            .map(|(_, key)| &key.id);
        let mut expected: Vec<&String> = expected.collect();
        // The organization has one owner besides.
        expected.extend((*name != OPERATOR_S).then_some(&acme.owner.id));
        expected.sort_unstable();
        let mut found: Vec<&str> = found
            .iter()
            .map(|one| one["actor"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
    println!("roles × permissions: {} cells, 0 wrong", cells.len());
}

/// Everything that hands on rights, of one permission.
fn grants(acme: &Tenant<'_>, by: &Key, permission: &str, role: &str) -> Vec<Outgoing> {
    let email = || format!("{}@example.org", fresh("granted"));
    let all = [permission];
    let bodies = [
        (
            ("POST", "/v1/api-keys".to_owned()),
            json!({ "permissions": all }),
        ),
        (
            ("POST", "/v1/users".to_owned()),
            json!({ "name": "Ana", "email": email(), "role": "custom", "permissions": all }),
        ),
        (
            ("POST", "/v1/roles".to_owned()),
            json!({ "name": fresh("granted"), "permissions": all }),
        ),
        (
            ("PATCH", format!("/v1/roles/{role}")),
            json!({ "permissions": all }),
        ),
    ];
    let ask = |((method, target), body): &((&str, String), Value)| {
        change(acme, by, (*method, target.as_str()), body)
    };
    bodies.iter().map(ask).collect()
}

const GRANTING: [&str; 4] = [
    "create:api_keys",
    "create:users",
    "create:roles",
    "manage:roles",
];

/// No role grants what it lacks: whoever holds everything but one permission gives that to nobody, in no way there is; and whoever
/// holds it does.
#[test]
fn nobody_grants_what_he_lacks() {
    let acme = tenant();
    let empty = json!({ "name": fresh("empty"), "permissions": ["read:account"] });
    let mut cells = 0;
    for permission in permissions() {
        let role = acme.post("/v1/roles", &empty_role(&empty)).expect(201).id();
        let without = permissions().filter(|name| *name != permission);
        let lacking = holding(&acme, without.collect());
        let refused = pipeline::all(&grants(&acme, &lacking, permission, &role));
        for (n, reply) in refused.into_iter().enumerate() {
            let lacks_the_way = GRANTING.get(n).is_some_and(|way| *way == permission);
            let code = match lacks_the_way {
                true => "permission_denied",
                false => "permission_not_held",
            };
            let told = reply.text();
            reply.refused(403, code);
            assert!(told.contains(permission), "{permission}: {told}");
            cells += 1;
        }
        let held = GRANTING.iter().copied().chain([permission, "read:account"]);
        let holder = holding(&acme, held.collect());
        for reply in pipeline::all(&grants(&acme, &holder, permission, &role)) {
            assert!(
                (200..300).contains(&reply.status),
                "{permission}: {}",
                reply.text()
            );
            cells += 1;
        }
    }
    println!("permissions × ways of granting: {cells} cells, 0 wrong");
}

fn empty_role(like: &Value) -> Value {
    let mut role = like.clone();
    role["name"] = json!(fresh("empty"));
    role
}

/// Only an owner ends or changes an owner's key, and nobody one that may do more than himself; who may not manage keys ends none.
#[test]
fn everybody_against_everybody_s_key() {
    let acme = tenant();
    let mut cells = 0;
    for by in Role::BUILT_IN {
        for of in Role::BUILT_IN {
            let actor = acme.key(*by);
            let manages = by.permissions().allows("manage:api_keys").is_some();
            let covers = of.permissions().beyond(&by.permissions()).next().is_none();
            let is_owners = *of == Role::Owner && *by != Role::Owner;
            let acts = [
                (("POST", "revoke"), json!({}), manages && !is_owners),
                (("POST", "roll"), json!({}), manages && covers),
                (("PATCH", ""), json!({ "name": "x" }), manages && covers),
            ];
            for ((method, act), body, allowed) in acts {
                let target = format!("/v1/api-keys/{}/{act}", acme.key(*of).id);
                let target = target.trim_end_matches('/');
                let reply = change(&acme, &actor, (method, target), &body).send();
                let is_done = (200..300).contains(&reply.status);
                let what = format!("{} {act} {}: {}", by.as_str(), of.as_str(), reply.text());
                assert_eq!(is_done, allowed, "{what}");
                assert!(is_done || reply.status == 403, "{what}");
                cells += 1;
            }
        }
    }
    println!("roles × roles of keys × acts: {cells} cells, 0 wrong");
}

/// What could leave an organization without an owner's key.
fn costs_the_key() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("POST", "revoke", json!({})),
        (
            "PATCH",
            "",
            json!({ "expires_at": "2026-06-01T00:00:00.000Z" }),
        ),
        ("PATCH", "", json!({ "networks": ["192.0.2.0/24"] })),
        ("PATCH", "", json!({ "limits": { "per_day": 5 } })),
        (
            "PATCH",
            "",
            json!({ "client_certificates": ["00ff".repeat(16)] }),
        ),
    ]
}

/// The last owner is protected, as a key and as a person, from whatever would end one; the last but one is not.
#[test]
fn the_last_owner_stays_whatever_is_tried() {
    let mut cells = 0;
    for (method, act, body) in costs_the_key() {
        let acme = tenant();
        let target = format!("/v1/api-keys/{}/{act}", acme.owner.id);
        let target = target.trim_end_matches('/');
        let by = |key: &Key| change(&acme, key, (method, target), &body).send();
        by(&acme.owner).refused(409, "last_owner");
        let second = acme.key(Role::Owner);
        by(&second).expect(200);
        cells += 2;
    }
    let roles = Role::BUILT_IN
        .iter()
        .filter(|role| !matches!(role, Role::Owner | Role::Publishable));
    let demoted = roles.map(|role| ("PATCH", "", json!({ "role": role.as_str() })));
    let own = json!({ "permissions": ["read:*"] });
    let others = [("PATCH", "", own), ("POST", "deactivate", json!({}))];
    for (method, act, body) in demoted.chain(others) {
        let acme = tenant();
        let (last, other) = (member(&acme), member(&acme));
        let target = |id: &str| format!("/v1/users/{id}/{act}");
        let by = |id: &str| {
            let target = target(id);
            change(
                &acme,
                &acme.owner,
                (method, target.trim_end_matches('/')),
                &body,
            )
            .send()
        };
        by(&other).expect(200);
        by(&last).refused(409, "last_owner");
        cells += 2;
    }
    println!("ways to lose the last owner: {cells} cells, 0 wrong");
}

/// An owner who has come.
fn member(acme: &Tenant<'_>) -> String {
    let email = format!("{}@example.org", fresh("owner"));
    let body = json!({ "name": "Ana Cruz", "email": email, "role": "owner" });
    let invited = acme.post("/v1/users", &body).expect(201);
    let accepted =
        json!({ "token": invited.field("invitation_token"), "password": "kelp tonic 7 umbrella" });
    let accept = acme.server.request("POST", "/v1/invitations/accept");
    accept.json(&accepted).send().expect(201);
    invited.id()
}
