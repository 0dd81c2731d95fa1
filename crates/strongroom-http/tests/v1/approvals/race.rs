//! Many last approvals at once: it is done once.

use std::sync::Barrier;

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::VISA;

use crate::v1::approvals::{Held, approve, policy, text};
use crate::v1::tenant;

const WAYS: usize = 32;

/// Runs `act` on threads that begin together.
fn at_once(act: impl Fn(usize) -> Reply + Sync) -> Vec<Reply> {
    let gate = Barrier::new(WAYS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WAYS)
            .map(|n| {
                let (gate, act) = (&gate, &act);
                scope.spawn(move || {
                    gate.wait();
                    act(n)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[test]
fn thirty_two_last_approvals_make_one_payout() {
    let held = Held::new(tenant(), 2);
    let keys: Vec<Key> = (0..WAYS).map(|_| held.acme.key(Role::Owner)).collect();
    let first = held.acme.key(Role::Owner);
    for round in 1..=3 {
        let asked = held.waiting(1_500);
        held.approve(&first, &asked).expect(200);
        let replies = at_once(|n| held.approve(&keys[n], &asked));
        let done: Vec<&Reply> = replies.iter().filter(|r| r.status == 200).collect();
        assert_eq!(done.len(), 1, "round {round}");
        assert_eq!(done[0].field("status"), "executed");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (409, "invalid_state")
            );
        }
        assert_eq!(held.acme.available(&held.to), 1_500 * round);
        assert_eq!(text(&held.now(&asked), "status"), "executed");
    }
    assert_eq!(held.acme.all("/v1/payouts").len(), 3);
}

#[test]
fn one_person_at_once_with_himself_counts_once() {
    let held = Held::new(tenant(), 2);
    let key = held.acme.key(Role::Owner);
    let asked = held.waiting(1_500);
    let replies = at_once(|_| held.approve(&key, &asked));
    let counted = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(counted, 1);
    held.is_untouched();
}

#[test]
fn a_reveal_that_was_agreed_to_is_shown_once_however_often_it_is_asked_for() {
    let acme = tenant();
    policy(&acme, "token_reveal", 1);
    let path = format!("/v1/tokens/{}/reveal", acme.token(VISA).expect(201).id());
    let body = json!({ "reason": "race" });
    let asked = acme.post(&path, &body).expect(202).json();
    approve(&acme, &acme.key(Role::Owner), &asked).expect(200);
    let replies = at_once(|_| {
        let request = acme.request("POST", &path).json(&body);
        request.header("Approval-Id", text(&asked, "id")).send()
    });
    let shown = replies.iter().filter(|reply| reply.text().contains(VISA));
    assert_eq!(shown.count(), 1);
}
