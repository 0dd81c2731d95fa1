//! Card numbers that were sealed just before their key was replaced, and stayed in memory.

use serde_json::json;
use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::Purpose;
use strongroom_domain::tokens::{CreateToken, TokenUse};
use strongroom_engine::verify::verify;
use strongroom_engine::{Envelope, KeyLevel};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::card::Expiry;
use strongroom_vault::CardNumber;

/// Longer than a destroyed key stays in memory.
const GRACE: i64 = 120_000;

/// The number is sealed, its key is replaced, and only then the token is made: what is stored is sealed again, and so must
/// be what is remembered, or the payment would write the number back under a key that is gone.
#[test]
fn a_token_in_memory_does_not_bring_a_destroyed_key_back() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let wallet = acme.wallet("master");
        let scope = acme.books.scope;
        let caller = Caller::system(SystemActor::Operator, scope);
        let number = CardNumber::parse("4242424242424242").ok().unwrap();
        // Another token, so that there is a key to be replaced with something under it.
        acme.token("5555555555554444").expect(201);
        let card = server.engine.seal_card(&caller, &number);
        let token = card.id.to_string();
        let level = KeyLevel::Data(scope, Some(Purpose::Card));
        let done = server.wait(server.engine.rotate(level, &|_| {})).unwrap();
        assert!(done.destroyed == 1 && done.left == 0, "{done:?}");
        let command = CreateToken {
            card,
            expiry: Expiry::new(2031, 12).unwrap(),
            name: None,
            usage: TokenUse::SingleUse,
            lifetime: None,
            reveals: true,
        };
        let made = server
            .engine
            .execute(&caller, command, Envelope::internal());
        server.wait(made).unwrap();

        server.clock.advance(GRACE);
        server.wait(server.engine.resume_rotation()).unwrap();
        let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
        let payment = acme.post("/v1/payments", &body).expect(201).id();
        acme.attend(&payment);
        let paid = acme.get(&format!("/v1/payments/{payment}")).expect(200);
        assert_eq!(paid.field("status"), "captured", "{}", paid.text());
    }
    server.halt();
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}
