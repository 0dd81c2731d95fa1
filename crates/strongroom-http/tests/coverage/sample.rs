//! One good request per route, on resources made for it.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_http::{ReplyKind, Route, Verb, routes};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

/// A request that its route carries out.
pub struct Sample {
    pub route: &'static Route,
    pub target: String,
    pub body: Option<Value>,
}

/// An organization of the test's own on the shared server.
pub fn tenant() -> Tenant<'static> {
    Tenant::found(TestServer::shared())
}

/// The routes behind a credential. A stream has no end to wait for; `v1/events` tests it, its refusals included. Files are no
/// JSON: `v1/banks` tests those.
pub fn guarded() -> impl Iterator<Item = &'static Route> {
    let is_json =
        |route: &&Route| !matches!(route.reply, ReplyKind::Stream | ReplyKind::File) && !route.xml;
    let routes = routes().iter().filter(is_json);
    routes.filter(|route| route.permission.is_some())
}

pub fn mutating() -> impl Iterator<Item = &'static Route> {
    guarded().filter(|route| route.is_mutating())
}

pub fn name(route: &Route) -> String {
    format!("{} {}", route.verb.as_str(), route.path)
}

impl Sample {
    /// The request, without a credential.
    pub fn request(&self) -> Outgoing {
        let request = TestServer::shared().request(self.route.verb.as_str(), &self.target);
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// The request with a key, and under a fresh idempotency key where it changes something.
    pub fn with(&self, key: &str) -> Outgoing {
        let request = self.request().bearer(key);
        match self.route.is_mutating() {
            true => request.idempotent(&fresh("sample")),
            false => request,
        }
    }

    /// Carries it out.
    pub fn done(&self, key: &str) -> Reply {
        let reply = self.with(key).send();
        assert_eq!(
            reply.status,
            self.route.success,
            "{}: {}",
            name(self.route),
            reply.text()
        );
        reply
    }
}

/// A good request for a route, on fresh resources of the organization.
pub fn sample(route: &'static Route, acme: &Tenant<'_>) -> Sample {
    let id = resource(route, acme);
    let target = route.path.replace("{id}", &id);
    let target = match route.path {
        "/v1/checkpoints/consistency" => format!("{target}?from=1"),
        "/v1/access/explain" => {
            format!("{target}?actor={}&permission=read:wallets", acme.owner.id)
        }
        "/v1/access/who-can" => format!("{target}?permission=read:wallets"),
        _ => target,
    };
    Sample {
        route,
        target,
        body: body(route, acme),
    }
}

/// What stands for `{id}`, in the state that the route needs.
fn resource(route: &Route, acme: &Tenant<'_>) -> String {
    let post = |path: String| {
        acme.request("POST", &path)
            .idempotent(&fresh("state"))
            .send()
    };
    match route.path {
        path if !path.contains("{id}") => String::new(),
        "/v1/wallets/{id}/debit" => acme.funded("master", 1_000),
        "/v1/wallets/{id}/unfreeze" => {
            let id = acme.wallet("master");
            post(format!("/v1/wallets/{id}/freeze")).expect(200);
            id
        }
        "/v1/wallets/{id}/transactions" => acme.funded("master", 1_000),
        path if path.starts_with("/v1/wallets/") => acme.wallet("master"),
        "/v1/payouts/{id}/cancel" => acme
            .pay_bank(&acme.funded("master", 100), 50)
            .expect(201)
            .id(),
        path if path.starts_with("/v1/payouts/") => {
            let (from, to) = (acme.funded("master", 100), acme.wallet("master"));
            acme.pay(&from, &to, 50).expect(201).id()
        }
        "/v1/transfers/{id}" | "/v1/transactions/{id}" => {
            let (from, to) = (acme.funded("master", 100), acme.wallet("master"));
            let body =
                json!({ "amount": 5, "source_wallet_id": from, "destination_wallet_id": to });
            acme.post("/v1/transfers", &body).expect(201).id()
        }
        "/v1/webhooks/{id}/challenge" => {
            let mut hook = hook(acme);
            hook["challenge"] = json!(true);
            acme.post("/v1/webhooks", &hook).expect(201).id()
        }
        "/v1/payments/{id}" => acme.payment(&acme.wallet("master"), 500, true),
        path if path.starts_with("/v1/payments/") => {
            acme.payment(&acme.wallet("master"), 500, false)
        }
        path if path.starts_with("/v1/refunds/") => {
            let payment = acme.paid(&acme.wallet("master"), 500);
            acme.refund(&payment, 100).expect(201).id()
        }
        path if path.starts_with("/v1/tokens/") => acme.token(VISA).expect(201).id(),
        path if path.starts_with("/v1/payment-links/") => {
            let body = json!({ "amount": 500, "wallet_id": acme.wallet("master") });
            acme.post("/v1/payment-links", &body).expect(201).id()
        }
        path if path.starts_with("/v1/webhooks/") => {
            acme.post("/v1/webhooks", &hook(acme)).expect(201).id()
        }
        path if path.starts_with("/v1/api-keys/") => acme.key(Role::Viewer).id,
        "/v1/users/{id}/password-reset" => member(acme),
        path if path.starts_with("/v1/users/") => {
            acme.post("/v1/users", &person()).expect(201).id()
        }
        path if path.starts_with("/v1/oauth/clients/") => {
            acme.post("/v1/oauth/clients", &client()).expect(201).id()
        }
        path if path.starts_with("/v1/roles/") => acme.post("/v1/roles", &role()).expect(201).id(),
        path if path.starts_with("/v1/alerts/") => alert(acme),
        path if path.starts_with("/v1/reports/") => {
            let id = acme.post("/v1/reports", &report()).expect(202).id();
            acme.attend(&id);
            id
        }
        path if path.starts_with("/v1/fee-schedules/") => {
            acme.post("/v1/fee-schedules", &charges()).expect(201).id()
        }
        "/v1/approvals/{id}/withdraw" => waiting(acme, &acme.owner.text),
        path if path.starts_with("/v1/approvals/") => waiting(acme, &acme.key(Role::Operator).text),
        path if path.starts_with("/v1/approval-policies/") => acme
            .post("/v1/approval-policies", &policy("debit"))
            .expect(201)
            .id(),
        path if path.starts_with("/v1/events/") => newest(acme, "/v1/events"),
        path if path.starts_with("/v1/audit-logs/") => newest(acme, "/v1/audit-logs"),
        path if crate::shop::is_of_it(path) => crate::shop::resource(path, acme),
        path if crate::banks::is_of_it(path) => crate::banks::resource(path, acme),
        path if crate::planned::is_of_it(path) => crate::planned::resource(path, acme),
        path => panic!("no sample for `{path}`: say here how it is used well"),
    }
}

/// An endpoint that nothing is ever sent to: the shared server has no sender.
fn hook(acme: &Tenant<'_>) -> Value {
    // In live mode addresses are of `https`.
    let url = match acme.books.scope.mode.is_live() {
        true => "https://shop.example/hook",
        false => "http://127.0.0.1:9/hook",
    };
    json!({ "url": url, "events": ["*"] })
}

/// A client of OAuth with a secret.
fn client() -> Value {
    json!({ "name": "Shop", "profile": "classic", "scopes": ["read"] })
}

/// Somebody whom no other sample invites.
fn person() -> Value {
    let email = format!("{}@example.org", fresh("person"));
    json!({ "name": "Ana Cruz", "email": email, "role": "viewer" })
}

/// Fees of a time that no other sample lives to see.
fn charges() -> Value {
    let amounts = json!([{ "currency": "PHP", "fixed": 30, "maximum": "50.00" }]);
    json!({
        "applies_to": "payouts", "percent_bps": 290, "amounts": amounts,
        "effective_from": "2027-01-01T00:00:00.000Z",
    })
}

/// A report of the day that the shared server's clock stands at.
fn report() -> Value {
    json!({
        "type": "balances", "format": "json",
        "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T00:01:00.000Z",
    })
}

/// A role that no other sample is called like.
fn role() -> Value {
    json!({ "name": fresh("role"), "permissions": ["read:products"], "conditions": { "max_amount": 5 } })
}

/// Somebody who has come.
fn member(acme: &Tenant<'_>) -> String {
    let invited = acme.post("/v1/users", &person()).expect(201);
    let body =
        json!({ "token": invited.field("invitation_token"), "password": "kelp tonic 7 umbrella" });
    let accept = TestServer::shared().request("POST", "/v1/invitations/accept");
    accept.json(&body).send().expect(201);
    invited.id()
}

/// What no other sample moves as much as.
const OVER: i64 = 100_000_001;

/// A policy that none of the other samples meets.
fn policy(act: &str) -> Value {
    let threshold = json!({ "amount": OVER - 1, "currency": "PHP" });
    json!({ "act": act, "threshold": threshold, "approvals": 2 })
}

/// A payout of a maker's that waits for two others.
pub fn waiting(acme: &Tenant<'_>, maker: &str) -> String {
    let policies = acme.get("/v1/approval-policies").expect(200).text();
    if !policies.contains("\"payout\"") {
        acme.post("/v1/approval-policies", &policy("payout"))
            .expect(201);
    }
    let (from, to) = (acme.funded("master", OVER), acme.wallet("master"));
    let body = strongroom_testkit::tenant::payout(&from, &to, OVER);
    let request = TestServer::shared().request("POST", "/v1/payouts");
    let request = request.bearer(maker).idempotent(&fresh("waiting"));
    request.json(&body).send().expect(202).id()
}

/// An open alert: a secret key sent by a browser.
fn alert(acme: &Tenant<'_>) -> String {
    let key = acme.key(Role::Viewer);
    TestServer::shared()
        .request("GET", "/v1/account")
        .bearer(&key.text)
        .header("Origin", "https://shop.example")
        .send()
        .refused(403, "secret_key_in_browser");
    newest_of(acme, "/v1/alerts")
}

fn newest(acme: &Tenant<'_>, path: &str) -> String {
    acme.wallet("master");
    newest_of(acme, path)
}

fn newest_of(acme: &Tenant<'_>, path: &str) -> String {
    acme.get(&format!("{path}?limit=1"))
        .expect(200)
        .field("data/0/id")
}

fn body(route: &Route, acme: &Tenant<'_>) -> Option<Value> {
    let pair = || (acme.funded("master", 1_000), acme.wallet("master"));
    if !route.is_mutating() {
        return None;
    }
    if crate::shop::is_of_it(route.path) {
        return Some(crate::shop::body(route.verb, route.path, acme));
    }
    if crate::banks::is_of_it(route.path) {
        return Some(crate::banks::body(route.verb, route.path, acme));
    }
    if crate::planned::is_of_it(route.path) {
        return Some(crate::planned::body(route.verb, route.path, acme));
    }
    Some(match (route.verb, route.path) {
        (Verb::Post, "/v1/wallets") => json!({ "type": "master", "metadata": { "a": "b" } }),
        (Verb::Patch, "/v1/wallets/{id}") => json!({ "metadata": { "a": "b" } }),
        (_, "/v1/wallets/{id}/credit" | "/v1/wallets/{id}/debit") => json!({ "amount": 100 }),
        (_, "/v1/transfers") => {
            let (from, to) = pair();
            json!({ "amount": 5, "source_wallet_id": from, "destination_wallet_id": to })
        }
        (_, "/v1/payouts") => {
            let (from, to) = pair();
            strongroom_testkit::tenant::payout(&from, &to, 5)
        }
        (_, "/v1/payments") => {
            let (token, wallet) = (acme.token(VISA).expect(201).id(), acme.wallet("master"));
            json!({ "payment_token": token, "amount": 500, "wallet_id": wallet })
        }
        (_, "/v1/payment-links") => {
            json!({ "amount": 500, "wallet_id": acme.wallet("master"), "description": "two chairs" })
        }
        (_, "/v1/payments/{id}/capture") => json!({ "amount": 200 }),
        (_, "/v1/refunds") => {
            let payment = acme.paid(&acme.wallet("master"), 500);
            json!({ "payment_id": payment, "amount": 100, "reason": "returned" })
        }
        (_, "/v1/tokens") => strongroom_testkit::tenant::card(VISA),
        (_, "/v1/tokens/{id}/reveal") => json!({ "reason": "chargeback 7" }),
        (Verb::Post, "/v1/webhooks") => hook(acme),
        (Verb::Patch, "/v1/webhooks/{id}") => json!({ "description": "till" }),
        (_, "/v1/webhooks/{id}/replay") => json!({ "failed": true }),
        (_, "/v1/approvals/{id}/approve") => {
            let newest = acme.get("/v1/approvals?limit=1").expect(200);
            json!({ "hash": newest.field("data/0/hash") })
        }
        (Verb::Post, "/v1/approval-policies") => policy("refund"),
        (Verb::Patch, "/v1/approval-policies/{id}") => json!({ "approvals": 3 }),
        (Verb::Post, "/v1/fee-schedules") => charges(),
        (Verb::Post, "/v1/reports") => report(),
        (Verb::Post, "/v1/users") => person(),
        (Verb::Patch, "/v1/users/{id}") => json!({ "name": "Ana Reyes" }),
        (_, "/v1/oauth/clients") => client(),
        (Verb::Patch, "/v1/oauth/clients/{id}") => json!({ "name": "Shop 2" }),
        (_, "/v1/rate-limits") => json!({ "weights": { "writes": 1 } }),
        (Verb::Post, "/v1/roles") => role(),
        (Verb::Patch, "/v1/roles/{id}") => json!({ "permissions": ["read:wallets"] }),
        (_, "/v1/api-keys") => json!({ "role": "viewer" }),
        (Verb::Patch, "/v1/api-keys/{id}") => json!({ "name": "till" }),
        _ => json!({}),
    })
}
