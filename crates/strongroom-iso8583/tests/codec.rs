//! The codec against tables of bytes written by hand, and against itself for messages that nobody thought of.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use strongroom_iso8583::{
    Bitmap, Content, Digits, Fault, Framing, Header, LAST_FIELD, LONGEST, Length, Message, Mti,
    Profile, What, definition,
};

const HEX: Profile = Profile {
    bitmap: Bitmap::Hex,
    ..Profile::ASCII
};
const PACKED: Profile = Profile {
    numbers: Digits::Bcd,
    lengths: Digits::Bcd,
    bitmap: Bitmap::Binary,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn echo() -> Message {
    let echo = Message::new(Mti::NETWORK).with(7, "1127195200");
    let echo = echo.and_then(|message| message.with(11, "000001"));
    echo.and_then(|message| message.with(70, "301")).unwrap()
}

fn purchase() -> Message {
    let fields = [
        (2, "378282246310005"),
        (3, "000000"),
        (4, "000000001234"),
        (11, "000042"),
        (35, "378282246310005=3012"),
        (41, "TERM1"),
        (48, "9203123"),
        (49, "978"),
    ];
    let mut message = Message::new(Mti::AUTHORIZATION);
    for (number, value) in fields {
        message.set(number, value).unwrap();
    }
    message
}

#[test]
fn messages_are_the_bytes_of_the_standard() {
    let cases = [
        (
            echo(),
            HEX,
            b"0800822000000000000004000000000000001127195200000001301".to_vec(),
        ),
        (
            echo(),
            PACKED,
            bytes("0800 8220000000000000 0400000000000000 1127195200 000001 0301"),
        ),
        (
            purchase(),
            HEX,
            [
                &b"01007020000020818000"[..],
                b"15378282246310005000000000000001234000042",
                b"20378282246310005=3012TERM1   0079203123978",
            ]
            .concat(),
        ),
        (
            purchase(),
            PACKED,
            bytes(
                "0100 7020000020818000 15 0378282246310005 000000 000000001234 000042 \
                 20 378282246310005D3012 5445524D31202020 0007 39323033313233 0978",
            ),
        ),
    ];
    for (message, profile, wanted) in cases {
        let written = message.write(profile).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(&wanted)
        );
        assert!(Message::read(&wanted, profile).unwrap() == message);
    }
}

#[test]
fn what_is_no_message_is_refused_by_the_field() {
    let good = String::from_utf8(purchase().write(HEX).unwrap().to_vec()).unwrap();
    let field = |number, what| Fault::Field { number, what };
    let cases = [
        (String::new(), Fault::Mti),
        (good.replacen("0100", "1100", 1), Fault::Mti),
        (good.replacen("0100", "01x0", 1), Fault::Mti),
        (good[..12].to_owned(), Fault::Bitmap),
        (good.replacen("7020", "70zz", 1), Fault::Bitmap),
        // A second bitmap that is not there, and one with the field that nobody defined.
        (
            good.replacen("7020", "F020", 1)[..20].to_owned(),
            Fault::Bitmap,
        ),
        (
            "080080000000000000008000000000000000".to_owned(),
            field(65, What::Unknown),
        ),
        (good.replacen("153782", "203782", 1), field(2, What::Long)),
        (
            good.replacen("153782", "1x3782", 1),
            field(2, What::Characters),
        ),
        (
            good.replacen("37828", "3782A", 1),
            field(2, What::Characters),
        ),
        (good[..good.len() - 1].to_owned(), field(49, What::Short)),
        (format!("{good}00"), Fault::Trailing(2)),
        (
            good.replacen("TERM1", "TE\tM1", 1),
            field(41, What::Characters),
        ),
        (
            good.replacen("=3012", "D3012", 1),
            field(35, What::Characters),
        ),
        ("0".repeat(LONGEST + 1), Fault::TooLong),
    ];
    for (text, fault) in cases {
        let told = Message::read(text.as_bytes(), HEX);
        assert_eq!(told.err(), Some(fault), "{fault}");
        assert!(!fault.to_string().contains("3782"));
    }
    for (hex, fault) in [
        ("0100 4000000000000000 03 1234", field(2, What::Padding)),
        ("0100 4000000000000000 02 AB", field(2, What::Characters)),
        ("0100 4000000000000000 0A 12", field(2, What::Characters)),
        ("0100 4000000000000000 04 12", field(2, What::Short)),
    ] {
        assert_eq!(
            Message::read(&bytes(hex), PACKED).err(),
            Some(fault),
            "{hex}"
        );
    }
}

#[test]
fn a_value_that_does_not_fit_its_field_is_refused() {
    let mut message = Message::new(Mti::FINANCIAL);
    for (number, value, what) in [
        (1, "1", What::Unknown),
        (65, "1", What::Unknown),
        (129, "1", What::Unknown),
        (4, "123", What::Short),
        (4, "1234567890123", What::Long),
        (4, "00000000012x", What::Characters),
        (41, "123456789", What::Long),
        (41, "ümlaut", What::Characters),
        (28, "00000012", What::Short),
        (28, "X00000012", What::Characters),
        (32, "123456789012", What::Long),
    ] {
        let fault = message.set(number, value).unwrap_err();
        assert_eq!(fault, Fault::Field { number, what }, "{value}");
    }
    assert_eq!(message.numbers().count(), 0);
    message.set(28, "D00000012").unwrap();
    message.set(42, "M").unwrap();
    assert_eq!(message.text(42), Some("M"));
    assert_eq!(message.expose(42).unwrap().len(), 15);
}

#[test]
fn secrets_are_shown_nowhere() {
    let message = purchase();
    let shown = format!("{message:?}");
    assert!(
        !shown.contains("3782") && !shown.contains("9203"),
        "{shown}"
    );
    for number in [2, 35, 48] {
        assert_eq!(message.text(number), None);
        assert!(message.expose(number).is_some());
    }
    assert_eq!(message.text(4), Some("000000001234"));
}

#[test]
fn types_know_their_answers_and_repeats() {
    for (asked, answer, repeated) in [
        (Mti::AUTHORIZATION, "0110", "0101"),
        (Mti::FINANCIAL, "0210", "0201"),
        (Mti::FINANCIAL_ADVICE, "0230", "0221"),
        (Mti::REVERSAL, "0410", "0401"),
        (Mti::REVERSAL_ADVICE, "0430", "0421"),
        (Mti::NETWORK, "0810", "0801"),
    ] {
        let answered = asked.answer().unwrap();
        assert_eq!(
            (answered.text(), asked.repeated().text()),
            (answer, repeated)
        );
        assert_eq!(asked.repeated().answer(), Some(answered));
        assert_eq!(answered.answer(), None);
    }
}

#[test]
fn lengths_are_read_as_they_are_written_and_bounded() {
    for header in [Header::Binary2, Header::Binary4, Header::Ascii4] {
        for counts_itself in [false, true] {
            let framing = Framing {
                header,
                counts_itself,
            };
            for length in [0, 1, 255, 256, LONGEST] {
                let before = framing.before(length).unwrap();
                assert_eq!(before.len(), framing.size());
                assert_eq!(framing.length(&before), Some(length), "{framing:?}");
            }
            assert_eq!(framing.before(LONGEST + 1), None);
            assert_eq!(framing.length(&[]), None);
        }
    }
    let plain = |header| Framing {
        header,
        counts_itself: false,
    };
    assert_eq!(plain(Header::Binary2).before(300).unwrap(), [1, 44]);
    assert_eq!(plain(Header::Ascii4).before(300).unwrap(), b"0300");
    assert_eq!(plain(Header::Binary2).length(&[0xFF, 0xFF]), None);
    assert_eq!(plain(Header::Ascii4).length(b"03 0"), None);
    let counting = Framing {
        header: Header::Binary2,
        counts_itself: true,
    };
    assert_eq!(counting.length(&[0, 1]), None);
}

/// A value that a field may hold.
fn value(number: u8, seed: &[u8]) -> Option<String> {
    let definition = definition(number)?;
    let wanted = match definition.length {
        Length::Fixed(length) => length,
        most => usize::from(seed[0]) % (most.most() + 1),
    };
    let letters: &[u8] = match definition.content {
        Content::Digits | Content::Signed => b"0123456789",
        Content::Track => b"0123456789=",
        Content::Text | Content::Private => b"AZaz09 -~",
        // Set by nobody here; read and written as they are.
        Content::Bits => return None,
    };
    let mut text: String = (0..wanted)
        .map(|n| char::from(letters[usize::from(seed[n % seed.len()]) % letters.len()]))
        .collect();
    if definition.content == Content::Signed {
        text.replace_range(..1, "C");
    }
    Some(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back(numbers in proptest::collection::btree_set(2..=LAST_FIELD, 0..40), seed in proptest::collection::vec(any::<u8>(), 1..40)) {
        let mut message = Message::new(Mti::FINANCIAL);
        for number in numbers {
            if let Some(value) = value(number, &seed) {
                message.set(number, &value).unwrap();
            }
        }
        for profile in Profile::all() {
            if let Ok(written) = message.write(profile) {
                let again = Message::read(&written, profile).unwrap();
                prop_assert!(again == message);
                // Cut anywhere it is no message, and nothing panics.
                for cut in (0..written.len()).step_by(7) {
                    prop_assert!(Message::read(&written[..cut], profile).is_err());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        strongroom_iso8583::fuzzing::message(&bytes);
    }
}
