//! What a person let an application do ends with him, with it, and with what he takes back – also where it waits: for others to agree, in
//! the queue, or in the memory that tokens are made anew in.

use serde_json::{Value, json};
use strongroom_auth::permission::CreatePayouts;
use strongroom_auth::{Caller, Role};
use strongroom_domain::api_keys::Held;
use strongroom_domain::command::Command;
use strongroom_domain::oauth::DeleteOauthClient;
use strongroom_domain::payouts::{CreatePayout, NewRecipient};
use strongroom_domain::users::EndSessionsOf;
use strongroom_engine::{Envelope, Failure};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};
use strongroom_types::currency::Currency;
use strongroom_types::id::{OauthClientId, UserId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;

use crate::limits::Purse;
use crate::walk::{App, Person, app, person};
use crate::{post, server};

/// Payouts over 1,000 wait for one other person.
fn four_eyes(acme: &Tenant<'_>) {
    let threshold = json!({ "amount": 1_000, "currency": "PHP" });
    let policy = json!({ "act": "payout", "approvals": 1, "threshold": threshold });
    acme.post("/v1/approval-policies", &policy).expect(201);
}

/// By somebody else than whoever invited the person.
fn approve(acme: &Tenant<'_>, asked: &Value) -> Reply {
    let other = acme.key(Role::Owner);
    let path = format!("/v1/approvals/{}/approve", asked["id"].as_str().unwrap());
    let request = acme.server.request("POST", &path).bearer(&other.text);
    let request = request.idempotent(&fresh("agreed"));
    request.json(&json!({ "hash": asked["hash"] })).send()
}

fn token(shop: &App<'_>, ana: &Person<'_>) -> (String, String) {
    let given = shop.redeems(&shop.code(ana, &[]), &[]).expect(200);
    (given.field("access_token"), given.field("refresh_token"))
}

/// One way in which an application may not act for somebody any more; the text is its refresh token.
type End<'e> = &'e dyn Fn(&Person<'_>, &App<'_>, &str);

/// What an application has asked for in somebody's name is done while it may act for him, and not any more once it may not.
#[test]
fn a_request_that_waits_does_not_outlive_what_lets_the_application_ask() {
    let server = server();
    let acme = Tenant::found(&server);
    four_eyes(&acme);
    let purse = Purse::of(&acme);
    let ends: [End<'_>; 4] = [
        &|_, shop, _| {
            let request = acme.request("DELETE", &format!("/v1/oauth/clients/{}", shop.id));
            request.body("{}").send().expect(200);
        },
        &|ana, _, _| {
            let path = format!("/v1/users/{}/end-sessions", ana.id);
            acme.post(&path, &json!({})).expect(200);
        },
        &|_, shop, refresh| {
            let revoked = shop.sends("/oauth/revoke", &[("token", refresh)]);
            revoked.expect(200);
        },
        &|_, shop, _| {
            let request = acme.request("PATCH", &format!("/v1/oauth/clients/{}", shop.id));
            let narrow = request.json(&json!({ "scopes": ["read"] }));
            narrow.send().expect(200);
        },
    ];
    for end in ends {
        let ana = person(&acme, "operator");
        let shop = app(&acme, "oauth21", "none", &["read", "write"]);
        let (token, refresh) = token(&shop, &ana);
        let before = acme.available(&purse.to);
        let [kept, lost] = [0, 1].map(|_| purse.pays(&server, &token, 1_001).expect(202).json());
        assert_eq!(
            approve(&acme, &kept).expect(200).field("status"),
            "executed"
        );
        end(&ana, &shop, &refresh);
        let failed = approve(&acme, &lost).expect(200);
        assert_eq!(failed.field("status"), "failed", "{}", failed.text());
        assert_eq!(failed.field("failure_code"), "permission_denied");
        assert_eq!(acme.available(&purse.to), before + 1_001);
    }
    // Tokens end by themselves within minutes; what waits does not end with them.
    let ana = person(&acme, "operator");
    let shop = app(&acme, "oauth21", "none", &["read", "write"]);
    let asked = purse
        .pays(&server, &token(&shop, &ana).0, 1_001)
        .expect(202)
        .json();
    server.clock.advance(3_600_000);
    assert_eq!(
        approve(&acme, &asked).expect(200).field("status"),
        "executed"
    );
}

/// What waited is counted against what the person allowed when it is done, not when it was asked for.
#[test]
fn what_others_agreed_to_is_held_to_what_the_person_allowed() {
    let server = server();
    let acme = Tenant::found(&server);
    four_eyes(&acme);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["write"]);
    let detail = json!([{ "type": "payment_limit", "per_day": 3_000, "currencies": ["PHP"] }]);
    let code = shop.code(&ana, &[("authorization_details", &detail.to_string())]);
    let token = shop.redeems(&code, &[]).expect(200).field("access_token");
    purse
        .pays(&server, &token, 3_001)
        .refused(403, "consent_limit_exceeded");
    let asked = [2_000, 2_000].map(|minor| purse.pays(&server, &token, minor).expect(202).json());
    assert_eq!(
        approve(&acme, &asked[0]).expect(200).field("status"),
        "executed"
    );
    let second = approve(&acme, &asked[1]).expect(200);
    assert_eq!(second.field("failure_code"), "consent_limit_exceeded");
    purse.pays(&server, &token, 1_000).expect(201);
    purse
        .pays(&server, &token, 1)
        .refused(403, "consent_limit_exceeded");
    assert_eq!(acme.available(&purse.to), 3_000);
}

fn payout(purse: &Purse) -> CreatePayout {
    let wallet = |id: &str| WalletId::parse(id).unwrap();
    CreatePayout {
        amount: Money::new(1, Currency::parse("PHP").unwrap()),
        source: Some(wallet(&purse.from)),
        recipient: NewRecipient::Wallet(wallet(&purse.to)),
        reference_id: None,
        description: None,
        metadata: Metadata::default(),
        later: None,
    }
}

/// A payout by a token that is queued right behind what ends it, so that both are decided in one batch.
fn too_late<C: Command>(acme: &Tenant<'_>, purse: &Purse, token: &str, command: C) {
    let engine = &acme.server.engine;
    let owner = engine.credential(&acme.owner.text).unwrap();
    let owner: Caller<C::Permission> = Caller::authorize(&owner).ok().unwrap();
    let credential = engine.credential(token).unwrap();
    let payer: Caller<CreatePayouts> = Caller::authorize(&credential).ok().unwrap();
    let before = acme.available(&purse.to);
    let both = async {
        let ends = engine.execute(&owner, command, Envelope::internal());
        let pays = engine.execute(&payer, payout(purse), Envelope::internal());
        tokio::join!(ends, pays)
    };
    let (ended, paid) = acme.server.wait(both);
    ended.unwrap();
    assert_eq!(paid.err(), Some(Failure::KeyRevoked));
    assert_eq!(acme.available(&purse.to), before);
}

#[test]
fn a_token_pays_nothing_behind_the_end_of_its_client_or_of_its_person() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["write"]);
    let (text, _) = token(&shop, &ana);
    let delete = DeleteOauthClient {
        id: OauthClientId::parse(&shop.id).unwrap(),
        held: Held {
            id: strongroom_types::id::ApiKeyId::parse(&acme.owner.id).unwrap(),
            permissions: Role::Owner.permissions(),
            is_restricted: false,
        },
    };
    too_late::<DeleteOauthClient>(&acme, &purse, &text, delete);
    let other = app(&acme, "oauth21", "none", &["write"]);
    let (text, _) = token(&other, &ana);
    let id = UserId::parse(&ana.id).unwrap();
    too_late::<EndSessionsOf>(&acme, &purse, &text, EndSessionsOf { id, held: None });
}

/// SECURITY: once a minute all tokens are made anew. One that is at the moment when its person loses a right must not keep it.
#[test]
fn a_token_that_is_made_anew_beside_a_loss_of_rights_loses_them() {
    let server = server();
    let acme = Tenant::found(&server);
    let role = json!({ "name": fresh("role"), "permissions": ["read:wallets", "read:account"] });
    let role = acme.post("/v1/roles", &role).expect(201).id();
    let ana = person(&acme, &role);
    let shop = app(&acme, "oauth21", "none", &["read"]);
    let (text, _) = token(&shop, &ana);
    let change = |permissions: &[&str]| {
        let request = acme.request("PATCH", &format!("/v1/roles/{role}"));
        let request = request.json(&json!({ "permissions": permissions }));
        request.send().expect(200);
    };
    let reads = || {
        server
            .request("GET", "/v1/wallets")
            .bearer(&text)
            .send()
            .status
    };
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                server.engine.forget_ended_sessions();
            }
        });
        for _ in 0..60 {
            change(&["read:account"]);
            // Whatever was under way beside the change is done after another round.
            assert_eq!([reads(), reads()], [403, 403]);
            change(&["read:wallets", "read:account"]);
            assert_eq!(reads(), 200);
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        renewing.join().unwrap();
    });
}

/// An office of many behind one address: what its application does well is not counted as what somebody does badly there.
#[test]
fn a_public_client_does_not_use_up_what_its_network_may_fail_by() {
    let mut settings = crate::settings();
    settings.edge.unauthenticated_limit = 12;
    let server = strongroom_testkit::server::TestServer::start(settings);
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read"]);
    let (_, mut refresh) = token(&shop, &ana);
    for _ in 0..8 {
        refresh = shop.refreshes(&refresh).expect(200).field("refresh_token");
    }
    // Three of the network's twelve went by inviting, signing in and answering; none by the application.
    let wrong = || {
        server
            .request("GET", "/v1/account")
            .bearer("sk_test_wrong")
            .send()
            .status
    };
    assert_eq!([wrong(), wrong(), wrong(), wrong()], [401; 4]);
    // Its own are counted, by client and network.
    let statuses: Vec<u16> = (0..6).map(|_| shop.refreshes("rt_none").status).collect();
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    let other = app(&acme, "oauth21", "none", &["read"]);
    let asked = post(
        &server,
        "/oauth/token",
        &[("grant_type", "x"), ("client_id", &other.id)],
    );
    assert!([400, 429].contains(&asked.send().status));
}
