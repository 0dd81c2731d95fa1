//! The connector against an acquirer at the other end of a real connection, which answers as each test wants it to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod capture;
mod undo;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strongroom_iso8583::{Framing, Header, Message, Mti, Profile};
use strongroom_types::card::Expiry;
use strongroom_types::currency::Currency;
use strongroom_types::id::PaymentId;
use strongroom_vault::{CardNumber, SecurityCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::memory::MemoryShelf;
use super::settings::Reversal;
use super::*;
use capture::capture;

const PATIENCE: Duration = Duration::from_mins(2);
const NUMBER: &str = "4242424242424242";

pub(super) fn settings() -> Settings {
    Settings {
        name: "main".to_owned(),
        address: "127.0.0.1:5000".parse().unwrap(),
        tls: None,
        live: true,
        test: true,
        currencies: vec![Currency::parse("EUR").unwrap()],
        profile: Profile::ASCII,
        framing: Framing {
            header: Header::Binary2,
            counts_itself: false,
        },
        merchant: "MERCHANT1".to_owned(),
        terminal: "TERM1".to_owned(),
        institution: "123456".to_owned(),
        merchant_name: None,
        merchant_category: Some("5999".to_owned()),
        country: None,
        entry_mode: "010".to_owned(),
        condition: "59".to_owned(),
        reversal: Reversal::Advice,
        answer: Duration::from_secs(4),
        echo: Duration::from_secs(60),
        in_flight: 8,
        utc_offset_minutes: 60,
        number_days: 90,
    }
}

/// What the acquirer does with the next message about money.
#[derive(Clone, Copy, Debug)]
enum Act {
    Say(&'static str),
    /// The answer comes twice.
    Twice(&'static str),
    Nothing,
    /// Nothing until that is asked for by [`Peer::late`].
    Hold,
    Garbage,
    /// The connection ends in the middle of the answer.
    Cut,
    /// An approval of another amount.
    Less,
    /// With the terminal of somebody else.
    Stranger,
}

/// An acquirer written from the wire upward.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    acts: Arc<Mutex<VecDeque<Act>>>,
    heard: Arc<Mutex<Vec<Message>>>,
    held: Arc<Mutex<Vec<Vec<u8>>>>,
    out: Arc<Mutex<Option<tokio::sync::mpsc::UnboundedSender<Vec<u8>>>>>,
}

impl Peer {
    async fn start() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer {
            address: listener.local_addr().unwrap(),
            acts: Arc::default(),
            heard: Arc::default(),
            held: Arc::default(),
            out: Arc::default(),
        };
        let serving = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whatever ends a connection, another one may come.
                drop(serving.attend(stream).await);
            }
        });
        peer
    }

    async fn attend(&self, stream: TcpStream) -> io::Result<()> {
        let (mut reader, mut writer) = stream.into_split();
        let (out, mut queue) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
        *self.out.lock().unwrap() = Some(out.clone());
        let writing = async {
            while let Some(bytes) = queue.recv().await {
                // A lone byte tells that the connection is cut after it.
                writer.write_all(&bytes).await?;
                if bytes.len() == 1 {
                    break;
                }
            }
            Ok(())
        };
        let reading = async {
            loop {
                let length = usize::from(reader.read_u16().await?);
                let mut body = vec![0; length];
                reader.read_exact(&mut body).await?;
                self.take(Message::read(&body, Profile::ASCII).unwrap(), &out);
            }
        };
        tokio::select! {
            end = writing => end,
            end = reading => end,
        }
    }

    fn take(&self, message: Message, out: &tokio::sync::mpsc::UnboundedSender<Vec<u8>>) {
        if message.mti() == Mti::NETWORK {
            out.send(framed(&answer(&message, "00", &[]))).unwrap();
            return;
        }
        let act = self
            .acts
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Act::Say("00"));
        let say = |bytes: Vec<u8>| drop(out.send(bytes));
        match act {
            Act::Say(code) => say(framed(&answer(&message, code, &[]))),
            Act::Twice(code) => {
                let bytes = framed(&answer(&message, code, &[]));
                say(bytes.clone());
                say(bytes);
            }
            Act::Nothing => {}
            Act::Hold => {
                let bytes = framed(&answer(&message, "00", &[]));
                self.held.lock().unwrap().push(bytes);
            }
            Act::Garbage => say(b"\x00\x07garbage".to_vec()),
            Act::Cut => say(vec![0]),
            Act::Less => say(framed(&answer(&message, "00", &[(4, "000000000001")]))),
            Act::Stranger => say(framed(&answer(&message, "00", &[(41, "OTHER")]))),
        }
        self.heard.lock().unwrap().push(message);
    }

    fn then(&self, acts: &[Act]) {
        self.acts.lock().unwrap().extend(acts);
    }

    fn late(&self) {
        let out = self.out.lock().unwrap().clone().unwrap();
        for bytes in self.held.lock().unwrap().drain(..) {
            out.send(bytes).unwrap();
        }
    }

    /// Types and numbers of what was heard about money.
    fn heard(&self) -> Vec<(String, String)> {
        let heard = self.heard.lock().unwrap();
        let told = heard.iter().map(|message| {
            let number = message.text(11).unwrap().to_owned();
            (message.mti().text().to_owned(), number)
        });
        told.collect()
    }

    fn types(&self) -> Vec<String> {
        self.heard().into_iter().map(|(mti, _)| mti).collect()
    }
}

impl Dial for Peer {
    fn dial(&self) -> Dialing {
        Box::pin(TcpStream::connect(self.address))
    }
}

fn answer(question: &Message, code: &str, other: &[(u8, &str)]) -> Message {
    let mut answer = Message::new(question.mti().answer().unwrap());
    for field in [3, 4, 7, 11, 12, 13, 37, 41, 42, 49, 70] {
        if let Some(text) = question.text(field) {
            answer.set(field, text).unwrap();
        }
    }
    answer.set(39, code).unwrap();
    if code == "00" {
        answer.set(38, "A1B2C3").unwrap();
    }
    for (field, text) in other {
        answer.set(*field, text).unwrap();
    }
    answer
}

fn framed(message: &Message) -> Vec<u8> {
    let body = message.write(Profile::ASCII).unwrap();
    let length = u16::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], &body].concat()
}

fn order(n: u8) -> Order {
    Order {
        scope: 7,
        live: true,
        id: PaymentId(RawId([n; 12])),
        currency: Currency::parse("EUR").unwrap(),
    }
}

fn amount(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap())
}

fn card() -> CardInHand {
    CardInHand {
        number: CardNumber::parse(NUMBER).ok().unwrap(),
        expiry: Expiry::new(2031, 2).unwrap(),
        code: SecurityCode::parse("737"),
    }
}

/// A connector that is signed on, what it keeps, and what keeps its line up.
async fn connected(peer: &Peer, shelf: &Arc<MemoryShelf>) -> (Connector, tokio::task::AbortHandle) {
    let shelf = Arc::<MemoryShelf>::clone(shelf);
    let connector = Connector::new(settings(), shelf, Arc::new(peer.clone()));
    let line = tokio::spawn(connector.keep_up()).abort_handle();
    let up = async {
        while !connector.is_reached(order(0)).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.unwrap();
    (connector, line)
}

async fn pay(connector: &Connector, n: u8) -> PaymentAnswer {
    connector
        .authorize(order(n), amount(1_234), card(), false)
        .await
}

fn approved() -> PaymentAnswer {
    AcquirerAnswer::Approved("A1B2C3".to_owned())
}

#[tokio::test]
async fn a_payment_goes_its_way_by_the_messages_of_the_document() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    assert_eq!(connector.inquire(order(1)).await, approved());
    assert_eq!(capture(&connector, 1_000).await, CaptureAnswer::Heard);
    assert_eq!(capture(&connector, 1_000).await, CaptureAnswer::Heard);
    assert_eq!(capture(&connector, 1_234).await, CaptureAnswer::Heard);
    let refund = RefundId(RawId([9; 12]));
    assert_eq!(
        connector.refund(refund, order(1), amount(34)).await,
        AcquirerAnswer::Approved("A1B2C3".to_owned())
    );
    assert_eq!(peer.types(), ["0100", "0220", "0220", "0200"]);
    let heard = peer.heard.lock().unwrap();
    let of = |index: usize, field| heard[index].text(field).unwrap_or("").to_owned();
    let [asked, first, second, back] = [0, 1, 2, 3];
    assert_eq!(heard[asked].expose(2).unwrap(), NUMBER.as_bytes());
    assert_eq!(heard[asked].expose(14).unwrap(), b"3102");
    assert_eq!(heard[asked].expose(48).unwrap(), b"9203737");
    let numbers: Vec<u8> = heard[asked].numbers().collect();
    assert_eq!(
        numbers,
        [
            2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 32, 37, 41, 42, 48, 49
        ]
    );
    assert_eq!([of(asked, 3), of(back, 3)], ["000000", "200000"]);
    // 2026-01-01T00:00:00Z, an hour later where the merchant is.
    assert_eq!(
        [of(asked, 7), of(asked, 12), of(asked, 13)],
        ["0101000000", "010000", "0101"]
    );
    assert_eq!(
        [of(asked, 4), of(first, 4), of(second, 4), of(back, 4)],
        [
            "000000001234",
            "000000001000",
            "000000000234",
            "000000000034"
        ]
    );
    for later in [first, second, back] {
        assert_eq!(of(later, 38), "A1B2C3");
        let elements = format!("0100{}010100000000000123456{:011}", of(asked, 11), 0);
        assert_eq!(of(later, 90), elements);
        assert!(heard[later].expose(48).is_none(), "the code is sent once");
        assert_eq!(heard[later].expose(2).unwrap(), NUMBER.as_bytes());
    }
    assert_eq!(of(first, 37), of(asked, 37));
    assert_ne!(of(back, 37), of(asked, 37));
    line.abort();
}

#[tokio::test]
async fn what_is_not_answered_is_unknown_then_undone_and_never_sent_again() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Nothing, Act::Nothing, Act::Say("96"), Act::Say("00")]);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    // Asked for again by whoever was restarted meanwhile.
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.inquire(order(1)).await, AcquirerAnswer::Unknown);
    for said in [
        AcquirerAnswer::Unknown,
        AcquirerAnswer::Unknown,
        AcquirerAnswer::Reversed,
        AcquirerAnswer::Reversed,
    ] {
        assert_eq!(connector.reverse(order(1)).await, said);
    }
    let heard = peer.heard();
    assert_eq!(peer.types(), ["0100", "0420", "0421", "0421"]);
    assert!(heard[1..].iter().all(|(_, number)| *number == heard[1].1));
    assert_ne!(heard[0].1, heard[1].1);
    // What was undone is not taken up again, and what never was sent never is.
    assert_eq!(connector.inquire(order(1)).await, AcquirerAnswer::Unknown);
    assert_eq!(
        connector.inquire(order(2)).await,
        AcquirerAnswer::NeverArrived
    );
    assert_eq!(connector.reverse(order(2)).await, AcquirerAnswer::Reversed);
    assert_eq!(pay(&connector, 2).await, AcquirerAnswer::Unknown);
    assert_eq!(capture(&connector, 1_234).await, CaptureAnswer::Unknown);
    assert_eq!(peer.types().len(), 4);
    line.abort();
}

#[tokio::test]
async fn answers_that_are_late_double_foreign_or_broken_are_taken_for_what_they_are() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[
        Act::Hold,
        Act::Twice("51"),
        Act::Less,
        Act::Stranger,
        Act::Garbage,
    ]);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    peer.late();
    let known = async {
        while connector.inquire(order(1)).await != approved() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
    let declined = AcquirerAnswer::Declined(PaymentFailure::InsufficientFunds);
    assert_eq!(pay(&connector, 2).await, declined);
    assert_eq!(connector.reverse(order(2)).await, AcquirerAnswer::Reversed);
    for n in [3, 4, 5] {
        assert_eq!(pay(&connector, n).await, AcquirerAnswer::Unknown, "{n}");
    }
    assert_eq!(pay(&connector, 6).await, approved());
    assert_eq!(peer.types(), ["0100"; 6]);
    line.abort();
}

#[tokio::test]
async fn a_connection_that_is_cut_comes_back_and_what_was_under_way_is_unknown() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Cut]);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    let back = async {
        while connector.reverse(order(1)).await != AcquirerAnswer::Reversed {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    assert_eq!(pay(&connector, 2).await, approved());
    line.abort();
}

#[tokio::test]
async fn a_restart_knows_what_was_sent_and_answered() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    peer.then(&[Act::Say("00"), Act::Nothing, Act::Nothing]);
    assert_eq!(pay(&connector, 1).await, approved());
    assert_eq!(pay(&connector, 2).await, AcquirerAnswer::Unknown);
    let refund = RefundId(RawId([9; 12]));
    let asked = connector.refund(refund, order(1), amount(34)).await;
    assert_eq!(asked, AcquirerAnswer::Unknown);
    line.abort();
    drop(connector);

    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(connector.inquire(order(1)).await, approved());
    assert_eq!(connector.inquire(order(2)).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(2)).await, AcquirerAnswer::Reversed);
    peer.then(&[Act::Say("96"), Act::Say("94")]);
    let open = connector.inquire_refund(refund, order(1)).await;
    assert_eq!(open, AcquirerAnswer::Unknown, "the first may be known");
    for _ in 0..2 {
        let known = connector.inquire_refund(refund, order(1)).await;
        assert!(matches!(known, AcquirerAnswer::Approved(_)));
    }
    let other = RefundId(RawId([8; 12]));
    let never = connector.inquire_refund(other, order(1)).await;
    assert_eq!(never, AcquirerAnswer::NeverArrived);
    let heard = peer.heard();
    let types = ["0100", "0100", "0200", "0420", "0201", "0201"];
    assert_eq!(peer.types(), types);
    assert_eq!(heard[2].1, heard[4].1, "the same request, repeated");
    let mut numbers: Vec<&String> = heard.iter().map(|(_, number)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "all others have numbers of their own");
    line.abort();
}

#[tokio::test]
async fn without_a_line_or_a_shelf_nothing_is_sent() {
    let (peer, shelf) = (Peer::start().await, Arc::new(MemoryShelf::default()));
    let unconnected = Connector::new(
        settings(),
        Arc::<MemoryShelf>::clone(&shelf),
        Arc::new(peer.clone()),
    );
    assert!(!unconnected.is_reached(order(1)).await);
    assert_eq!(pay(&unconnected, 1).await, AcquirerAnswer::NeverArrived);
    let (connector, line) = connected(&peer, &shelf).await;
    shelf.fail(true);
    assert_eq!(pay(&connector, 1).await, AcquirerAnswer::Unknown);
    assert_eq!(connector.reverse(order(1)).await, AcquirerAnswer::Unknown);
    assert!(peer.types().is_empty());
    shelf.fail(false);
    assert_eq!(
        connector.inquire(order(1)).await,
        AcquirerAnswer::NeverArrived
    );
    line.abort();
}

#[tokio::test]
async fn many_are_in_flight_on_one_connection() {
    let (peer, shelf) = (Peer::start().await, Arc::default());
    let (connector, line) = connected(&peer, &shelf).await;
    let all: Vec<_> = (1..=40)
        .map(|n| {
            let connector = connector.clone();
            tokio::spawn(async move { pay(&connector, n).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), approved());
    }
    assert_eq!(peer.types().len(), 40);
    line.abort();
}

#[tokio::test]
async fn a_number_is_kept_for_its_time_and_no_longer() {
    let (peer, shelf) = (Peer::start().await, Arc::new(MemoryShelf::default()));
    let (connector, line) = connected(&peer, &shelf).await;
    assert_eq!(pay(&connector, 1).await, approved());
    shelf.later(89 * DAY);
    connector.0.sweep().await.unwrap();
    assert_eq!(capture(&connector, 1_000).await, CaptureAnswer::Heard);
    shelf.later(91 * DAY);
    connector.0.sweep().await.unwrap();
    assert_eq!(capture(&connector, 1_234).await, CaptureAnswer::Heard);
    let heard = peer.heard.lock().unwrap();
    assert!(heard[1].expose(2).is_some());
    assert!(heard[2].expose(2).is_none() && heard[2].text(90).is_some());
    line.abort();
}
