//! What a client shows is taken once: sent again a hundred times, by many at once, and after a restart.

use std::sync::Barrier;

use strongroom_testkit::holder::Holder;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

use crate::{Fapi, TOKEN_URL, post, refused, server, settings};

/// A request for a token, with an assertion and a proof that are good.
fn whole(client: &mut Fapi<'_>) -> strongroom_testkit::exchange::Outgoing {
    client.token(None);
    let (assertion, seconds) = (client.assertion(), client.server.seconds());
    let mut fields = client.fields(&assertion);
    fields.push(("grant_type", "client_credentials"));
    let nonce = client.nonce.as_deref();
    let proof = client
        .proof_key
        .proof(("POST", TOKEN_URL), seconds, nonce, None);
    post(client.server, "/oauth/token", &fields).header("DPoP", proof)
}

#[test]
fn an_assertion_is_taken_once_wherever_it_is_shown() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    for (target, field) in [
        ("/oauth/introspect", ("token", "at_test_x")),
        ("/oauth/revoke", ("token", "at_test_x")),
    ] {
        let assertion = client.assertion();
        let mut fields = client.fields(&assertion);
        fields.push(field);
        post(&server, target, &fields).send().expect(200);
        for again in ["/oauth/introspect", "/oauth/revoke"] {
            let reply = post(&server, again, &fields).send();
            refused(&reply, 401, "invalid_client");
        }
    }
}

#[test]
fn of_many_at_once_one_is_answered() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    client.token(None);
    let (assertion, seconds) = (client.assertion(), server.seconds());
    let nonce = client.nonce.clone();
    let start = Barrier::new(8);
    let given: usize = std::thread::scope(|scope| {
        let ask = |_| {
            let mut fields = client.fields(&assertion);
            fields.push(("grant_type", "client_credentials"));
            let proof =
                client
                    .proof_key
                    .proof(("POST", TOKEN_URL), seconds, nonce.as_deref(), None);
            let request = post(&server, "/oauth/token", &fields).header("DPoP", proof);
            let start = &start;
            scope.spawn(move || {
                start.wait();
                usize::from(request.send().status == 200)
            })
        };
        let all: Vec<_> = (0..8).map(ask).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(given, 1);
}

#[test]
fn after_a_restart_nothing_of_before_is_taken_and_tokens_go_on() {
    let server = TestServer::start_in_files(settings());
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let token = client.token(None);
    let revoked = client.token(None);
    client
        .asks("/oauth/revoke", &[("token", &revoked)])
        .expect(200);
    let mut asked = whole(&mut client).bytes();
    let mut read = client.request(&token, "GET", "/v1/account").bytes();
    for bytes in [&asked, &read] {
        let reply = strongroom_testkit::exchange::exchange(server.address, bytes);
        assert!(
            reply.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&reply)
        );
    }
    let (id, nonce) = (client.id.clone(), client.nonce.clone());
    // It holds on to the store.
    drop(acme);
    let server = server.restart(settings());
    for bytes in [&mut asked, &mut read] {
        for _ in 0..100 {
            let reply = strongroom_testkit::exchange::exchange(server.address, bytes);
            assert!(
                !reply.starts_with(b"HTTP/1.1 2"),
                "{}",
                String::from_utf8_lossy(&reply)
            );
        }
    }
    // The assertion alone, under a fresh proof, was spent with the commit.
    let mut client = Fapi {
        server: &server,
        id,
        key: Holder::p256(),
        proof_key: Holder::ed25519(200),
        nonce,
    };
    client.token(None);
    client.get(&token, "/v1/account").expect(200);
    client
        .get(&revoked, "/v1/account")
        .refused(401, "unauthorized");
}
