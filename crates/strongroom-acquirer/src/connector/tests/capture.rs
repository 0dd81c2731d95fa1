//! Captures that the acquirer does not take.

use strongroom_domain::payments::RefusedCaptures;

use super::*;

fn refused(minor: i64, failure: PaymentFailure) -> CaptureAnswer {
    CaptureAnswer::Refused(RefusedCaptures { minor, failure })
}

pub(super) async fn capture(connector: &Connector, total: i64) -> CaptureAnswer {
    connector.capture(order(1), Captured::of(total)).await
}

async fn told(connector: &Connector, total: i64, refused: i64) -> CaptureAnswer {
    let captured = Captured { total, refused };
    connector.capture(order(1), captured).await
}

/// Fields 4 of what was heard of captures, with their types.
fn amounts(peer: &Peer) -> Vec<(String, i64)> {
    let heard = peer.heard.lock().unwrap();
    let captures = heard.iter().filter(|m| m.mti().text().starts_with("022"));
    let told = captures.map(|message| {
        let minor = message.text(4).unwrap().parse().unwrap();
        (message.mti().text().to_owned(), minor)
    });
    told.collect()
}

#[tokio::test]
async fn a_capture_is_refused_by_what_is_said_of_its_repetition() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    // Neither the first refusal is one, nor that the repetition could not be processed.
    peer.then(&[
        Act::Say("54"),
        Act::Say("96"),
        Act::Say("91"),
        Act::Say("54"),
    ]);
    for _ in 0..3 {
        assert_eq!(told(&connector, 1_234, 0).await, CaptureAnswer::Unknown);
    }
    let expired = refused(1_234, PaymentFailure::ExpiredCard);
    assert_eq!(told(&connector, 1_234, 0).await, expired);
    line.abort();
    drop(connector);

    // It is said until the books know it, also after a restart, and nothing is sent for it.
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(told(&connector, 1_234, 0).await, expired);
    assert_eq!(told(&connector, 0, 1_234).await, CaptureAnswer::Heard);
    assert_eq!(peer.types(), ["0100", "0220", "0221", "0221", "0221"]);
    // What failed by it is undone by its authorization alone.
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    assert_eq!(peer.types()[5..], ["0420"]);
    line.abort();
}

#[tokio::test]
async fn what_comes_after_a_refused_capture_is_told_once_the_books_know_it() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    assert_eq!(told(&connector, 500, 0).await, CaptureAnswer::Heard);
    peer.then(&[Act::Say("51"), Act::Say("51")]);
    assert_eq!(told(&connector, 800, 0).await, CaptureAnswer::Unknown);
    // Meanwhile 100 more are captured.
    let poor = refused(300, PaymentFailure::InsufficientFunds);
    assert_eq!(told(&connector, 900, 0).await, poor);
    assert_eq!(told(&connector, 600, 300).await, CaptureAnswer::Heard);
    // The same amount once more is another capture, and may be refused by itself.
    peer.then(&[Act::Nothing, Act::Say("05")]);
    assert_eq!(told(&connector, 900, 300).await, CaptureAnswer::Unknown);
    let declined = refused(600, PaymentFailure::CardDeclined);
    assert_eq!(told(&connector, 900, 300).await, declined);
    assert_eq!(told(&connector, 600, 600).await, CaptureAnswer::Heard);
    let of = |mti: &str, minor| (mti.to_owned(), minor);
    let expected = [
        of("0220", 500),
        of("0220", 300),
        of("0221", 300),
        of("0220", 100),
        of("0220", 300),
        of("0221", 300),
    ];
    assert_eq!(amounts(&peer), expected);
    line.abort();
}

#[tokio::test]
async fn a_capture_after_all_is_heard_though_its_first_advice_was_refused() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    peer.then(&[Act::Say("54"), Act::Say("94")]);
    assert_eq!(told(&connector, 1_234, 0).await, CaptureAnswer::Unknown);
    assert_eq!(told(&connector, 1_234, 0).await, CaptureAnswer::Heard);
    assert_eq!(peer.types(), ["0100", "0220", "0221"]);
    line.abort();
}
