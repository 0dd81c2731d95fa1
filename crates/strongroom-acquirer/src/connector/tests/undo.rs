//! What is undone: a payment with its captures, and an approval that comes when nobody waits for it any more.

use super::*;

/// Field 90 of what was heard at a place: which message it leads to, and that one's number.
fn leads_to(peer: &Peer, place: usize) -> (String, String) {
    let heard = peer.heard.lock().unwrap();
    let elements = heard[place].text(90).unwrap();
    (elements[..4].to_owned(), elements[4..10].to_owned())
}

#[tokio::test]
async fn a_capture_is_known_then_undone_before_its_authorization() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    assert_eq!(capture(&connector, 1_000).await, CaptureAnswer::Heard);
    // The second is not answered, and nobody knows whether it was taken.
    peer.then(&[Act::Nothing, Act::Nothing, Act::Say("00"), Act::Nothing]);
    let open = capture(&connector, 1_234).await;
    assert_eq!(open, CaptureAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    let types = [
        "0100", "0220", "0220", "0221", "0221", "0420", "0421", "0420", "0421",
    ];
    assert_eq!(peer.types(), types);
    let heard = peer.heard();
    assert_eq!((&heard[3].1, &heard[4].1), (&heard[2].1, &heard[2].1));
    let captures = [(5, 2), (6, 2), (7, 1)];
    for (place, of) in captures {
        let expected = ("0220".to_owned(), heard[of].1.clone());
        assert_eq!(leads_to(&peer, place), expected);
    }
    let expected = ("0100".to_owned(), heard[0].1.clone());
    assert_eq!(leads_to(&peer, 8), expected);
    let minor = |place: usize| {
        peer.heard.lock().unwrap()[place]
            .text(4)
            .unwrap()
            .to_owned()
    };
    assert_eq!([minor(5), minor(7)], ["000000000234", "000000001000"]);
    // Nothing is captured of what is undone.
    let late = capture(&connector, 1_234).await;
    assert_eq!(late, CaptureAnswer::Unknown);
    assert_eq!(peer.types().len(), 9);
    line.abort();
}

#[tokio::test]
async fn a_capture_that_was_not_taken_needs_not_be_undone() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Say("00"), Act::Say("96"), Act::Say("12")]);
    assert_eq!(pay(&connector, 1).await, approved());
    let open = capture(&connector, 1_234).await;
    assert_eq!(open, CaptureAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    assert_eq!(peer.types()[..3], ["0100", "0220", "0221"]);
    assert_eq!(peer.types().len(), 4);
    assert_eq!(leads_to(&peer, 3).0, "0100");
    line.abort();
}

#[tokio::test]
async fn a_repetition_that_could_not_be_processed_leaves_its_capture_open() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    // The capture is taken, and the answer to it lost.
    peer.then(&[Act::Say("00"), Act::Nothing, Act::Say("96")]);
    assert_eq!(pay(&connector, 1).await, approved());
    let open = capture(&connector, 1_234).await;
    assert_eq!(open, CaptureAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Unknown);
    assert_eq!(peer.types(), ["0100", "0220", "0221"]);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    let types = ["0100", "0220", "0221", "0221", "0420", "0421"];
    assert_eq!(peer.types(), types);
    let heard = peer.heard();
    assert_eq!((&heard[2].1, &heard[3].1), (&heard[1].1, &heard[1].1));
    let capture = ("0220".to_owned(), heard[1].1.clone());
    assert_eq!(leads_to(&peer, 4), capture);
    let authorization = ("0100".to_owned(), heard[0].1.clone());
    assert_eq!(leads_to(&peer, 5), authorization);
    line.abort();
}

#[tokio::test]
async fn an_approval_that_comes_after_its_reversal_found_nothing_is_undone_by_its_own_number() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Hold, Act::Say("25"), Act::Nothing]);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    peer.late();
    // The first try is not answered; it is repeated, also by whoever comes after a restart.
    sent(&peer, 3).await;
    line.abort();
    drop(connector);
    let (connector, line) = connected(&peer, &shelf).await;
    sent(&peer, 4).await;
    assert_eq!(peer.types(), ["0100", "0420", "0420", "0421"]);
    let heard = peer.heard();
    assert_ne!(heard[1].1, heard[2].1, "a number of its own");
    assert_eq!(heard[2].1, heard[3].1);
    assert_eq!(leads_to(&peer, 2), leads_to(&peer, 1));
    let listed = async {
        while !connector.0.late.all().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listed).await.unwrap();
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    assert_eq!(connector.inquire(order(1)).await, AcquirerAnswer::Unknown);
    assert_eq!(peer.types().len(), 4);
    line.abort();
}

#[tokio::test]
async fn what_was_undone_or_declined_late_is_left_alone() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Hold, Act::Say("00")]);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    peer.late();
    // Another payment goes through after it, so the late answer was taken in.
    assert_eq!(pay(&connector, 2).await, approved());
    assert!(connector.0.late.all().unwrap().is_empty());
    assert_eq!(peer.types(), ["0100", "0420", "0100"]);
    line.abort();
}

/// Waits until so many messages came.
async fn sent(peer: &Peer, count: usize) {
    let waiting = async {
        while peer.types().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn while_something_is_told_nothing_else_is_begun() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Say("00"), Act::Hold]);
    assert_eq!(pay(&connector, 1).await, approved());
    let first = {
        let connector = connector.clone();
        tokio::spawn(async move { capture(&connector, 1_234).await })
    };
    sent(&peer, 2).await;
    let again = capture(&connector, 1_234).await;
    assert_eq!(again, CaptureAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Unknown);
    // Another payment is another matter.
    assert_eq!(pay(&connector, 2).await, approved());
    peer.late();
    assert_eq!(first.await.unwrap(), CaptureAnswer::Heard);
    assert_eq!(peer.types(), ["0100", "0220", "0100"]);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Reversed);
    line.abort();
}
