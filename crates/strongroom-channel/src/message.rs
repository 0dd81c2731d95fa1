//! The vocabulary of the channel. Fields are only added at the end; both ends are the same program.
//!
//! Of a card's number and code the API process is told what [`CardShape`] holds and no more. [`SecretBytes`] go the
//! other way only: out of an old store, or out of a connection that is encrypted as far as the API process.

use std::net::IpAddr;

use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use strongroom_types::card::{Brand, Expiry};
use strongroom_types::id::{PaymentId, RefundId, TokenId};
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::keys::{Replaced, VaultKey};
use crate::transit::{Digested, Holding, Verify};

/// Bytes that are wiped when dropped. No `Debug`, no `Clone`.
pub struct SecretBytes(pub Zeroizing<Vec<u8>>);

impl<C> Encode<C> for SecretBytes {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SecretBytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<SecretBytes, DecodeError> {
        Ok(SecretBytes(Zeroizing::new(d.bytes()?.to_vec())))
    }
}

/// What a number turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum NumberShape {
    #[n(0)]
    Good {
        #[n(0)]
        brand: Brand,
        #[n(1)]
        bin: String,
        #[n(2)]
        last4: String,
    },
    /// What is said to the client of why it is none.
    #[n(1)]
    Faulty(#[n(0)] String),
    #[n(2)]
    Unopened(#[n(0)] Unopened),
}

/// Why an encrypted field does not open.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unopened {
    /// It names a key that the vault does not have.
    #[n(0)]
    pub key_unknown: bool,
    /// What is said to the client.
    #[n(1)]
    pub text: String,
}

/// A P-256 public key that card fields are encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PublishedKey {
    #[n(0)]
    pub id: String,
    /// Coordinates, in base64url.
    #[n(1)]
    pub x: String,
    #[n(2)]
    pub y: String,
    #[n(3)]
    pub created: Timestamp,
    /// When it opens no message any more, once there is a newer one.
    #[n(4)]
    pub expires: Option<Timestamp>,
}

/// What is known outside of the vault of the card that a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct CardShape {
    /// Nothing where the request has no text there.
    #[n(0)]
    pub number: Option<NumberShape>,
    /// How many digits the security code has: three or four, or 0 where it is none.
    #[n(1)]
    pub code: Option<u8>,
    /// Why an encrypted security code is none.
    #[n(2)]
    pub code_unopened: Option<Box<Unopened>>,
}

/// A request's head, as it came.
#[derive(Clone, Encode, Decode)]
pub struct Head {
    /// The other end of the client's connection.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub peer: [u8; 16],
    #[n(1)]
    pub method: String,
    /// Path and query.
    #[n(2)]
    pub target: String,
    #[n(3)]
    pub headers: Vec<Header>,
}

#[derive(Clone, Encode, Decode)]
pub struct Header {
    #[n(0)]
    pub name: String,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// A client's request without the card that it carried.
#[derive(Encode, Decode)]
pub struct Request {
    /// Under what the vault keeps the card while the request is answered.
    #[n(0)]
    pub visit: u64,
    #[n(1)]
    pub head: Head,
    /// JSON in which marks stand for number and code.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    #[n(3)]
    pub card: CardShape,
    /// What stands for a number in the answer of a reveal; the vault puts the number there.
    #[n(4)]
    pub marker: String,
}

/// An answer to a client.
#[derive(Encode, Decode)]
pub struct Response {
    #[n(0)]
    pub status: u16,
    #[n(1)]
    pub headers: Vec<Header>,
    #[n(2)]
    pub body: SecretBytes,
}

/// A sealed number, as the core may know it.
#[derive(Clone, Encode, Decode)]
pub struct Kept {
    #[n(0)]
    pub id: TokenId,
    #[n(1)]
    pub brand: Brand,
    #[n(2)]
    pub bin: String,
    #[n(3)]
    pub last4: String,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub fingerprint: [u8; 16],
    /// SHA-256 of the salted number; the salt stays in the vault.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// A token's number among those of its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Place {
    #[n(0)]
    pub scope: u32,
    #[n(1)]
    pub token: TokenId,
}

/// A number that a token commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    #[n(0)]
    pub place: Place,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub fingerprint: [u8; 16],
}

/// An installation's answer to a vault's challenge: which one it is, and that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// The public key of its checkpoints, which stays the same as long as it lives.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub installation: [u8; 32],
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// An authorization to ask for; it is on record that it is sent.
#[derive(Encode, Decode)]
pub struct Authorize {
    #[n(0)]
    pub place: Place,
    #[n(1)]
    pub payment: PaymentId,
    #[n(2)]
    pub minor: i64,
    #[n(3)]
    pub currency: String,
    #[n(4)]
    pub expiry: Expiry,
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// Whether the cardholder has identified himself.
    #[n(25)]
    pub identified: bool,
    /// Whether it is of live mode.
    #[n(30)]
    pub live: bool,
}

/// A payment, as an acquirer is asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ordered {
    #[n(0)]
    pub scope: u32,
    #[n(1)]
    pub live: bool,
    #[n(2)]
    pub payment: PaymentId,
    #[n(3)]
    pub currency: String,
}

/// What an acquirer is asked or told without a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Matter {
    /// Whether it can be asked now.
    #[n(0)]
    IsReached,
    #[n(1)]
    Inquire,
    #[n(2)]
    Reverse,
    #[n(3)]
    Capture {
        #[n(0)]
        total: i64,
        /// What the books know that was refused of it.
        #[cbor(n(1), default)]
        refused: i64,
    },
    #[n(4)]
    Refund {
        #[n(0)]
        id: RefundId,
        #[n(1)]
        minor: i64,
    },
    #[n(5)]
    InquireRefund(#[n(0)] RefundId),
}

/// What the API process asks of the vault. The numbers 6 to 9 were questions to an acquirer that did not name the books.
#[derive(Encode, Decode)]
pub enum ToVault {
    /// Seal and store the number that a request brought.
    #[n(0)]
    Keep {
        #[n(0)]
        visit: u64,
        #[n(1)]
        scope: u32,
    },
    #[n(1)]
    Verify(#[n(0)] Verify),
    /// Keep the security code that a request brought, in memory, for the token's first authorization.
    #[n(2)]
    Hold {
        #[n(0)]
        visit: u64,
        #[n(1)]
        holding: Holding,
    },
    /// Put a number into the answer of a request that is a reveal of it.
    #[n(3)]
    Reveal {
        #[n(0)]
        visit: u64,
        #[n(1)]
        place: Place,
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        digest: [u8; 32],
    },
    /// The core has no such number any more.
    #[n(4)]
    Drop(#[n(0)] Place),
    #[n(5)]
    Authorize(#[n(0)] Authorize),
    /// Take a number over from a store of before there was a vault process.
    #[n(10)]
    Import {
        #[n(0)]
        place: Place,
        #[n(1)]
        digits: SecretBytes,
    },
    /// A request for the vault that came by a connection which is encrypted as far as the API process.
    #[n(11)]
    Forward {
        #[n(0)]
        head: Head,
        #[n(1)]
        body: SecretBytes,
    },
    /// Whether it is ready, and what it wants signed.
    #[n(12)]
    Hello,
    /// Whose process asks. Before it nothing but [`ToVault::Hello`] is answered.
    #[n(14)]
    Prove(#[n(0)] Proof),
    /// Which of these numbers the vault has, as their tokens commit to them.
    #[n(15)]
    Holds(#[n(0)] Vec<Claim>),
    /// The keys that card fields may be encrypted to.
    #[n(20)]
    EncryptionKeys,
    /// Make a new one of these; those before it end at once, or after a while.
    #[n(21)]
    RotateEncryption {
        #[n(0)]
        at_once: bool,
    },
    #[n(22)]
    Digested(#[n(0)] Digested),
    #[n(30)]
    Acquire {
        #[n(0)]
        order: Ordered,
        #[n(1)]
        matter: Matter,
    },
    /// The keys that the vault has, from the lowest number behind `after`; with `scan`, and what is under each. A page is as
    /// long as the vault likes; an empty one is the last.
    #[n(35)]
    Keys {
        #[n(0)]
        scan: bool,
        #[n(1)]
        after: Option<u32>,
    },
    /// How far the replacement of the vault's keys is; `begin` asks for one.
    #[n(36)]
    ReplaceKeys {
        #[n(0)]
        begin: bool,
    },
}

/// Also of a signature or digests: `Kept` says that they fit and what was kept, `Is` the one without the other.
#[derive(Encode, Decode)]
pub enum FromVault {
    #[n(0)]
    Done,
    /// It is not there, or may not be done.
    #[n(1)]
    Refused,
    /// The vault's store failed.
    #[n(2)]
    Failed,
    #[n(3)]
    Kept(#[n(0)] Kept),
    #[n(4)]
    Is(#[n(0)] bool),
    #[n(5)]
    Answer(#[n(0)] AcquirerSaid),
    #[n(6)]
    Response(#[n(0)] Response),
    /// Fresh for each connection.
    #[n(14)]
    Challenge(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        [u8; 32],
    ),
    /// It keeps the cards of another installation.
    #[n(15)]
    Stranger,
    /// One for each, in their order.
    #[n(16)]
    Holds(#[n(0)] Vec<bool>),
    /// Newest first.
    #[n(20)]
    EncryptionKeys(#[n(0)] Vec<PublishedKey>),
    #[n(35)]
    Keys(#[n(0)] Vec<VaultKey>),
    #[n(36)]
    Replaced(#[n(0)] Replaced),
}

/// What an acquirer said, in words: failures by their names.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AcquirerSaid {
    #[n(0)]
    Approved(#[n(0)] String),
    #[n(1)]
    Declined(#[n(0)] String),
    #[n(2)]
    Unknown,
    #[n(3)]
    NeverArrived,
    #[n(4)]
    Reversed,
    /// The cardholder has to identify himself first.
    #[n(25)]
    Challenged,
    /// It does not take some of what is captured, and never did: so much in all, for a reason of this name.
    #[n(80)]
    CaptureRefused {
        #[n(0)]
        name: String,
        #[n(1)]
        minor: i64,
    },
}

/// What the vault asks of the API process.
#[derive(Encode, Decode)]
pub enum ToApi {
    #[n(0)]
    Request(#[n(0)] Request),
    /// Which of these numbers a token still needs.
    #[n(1)]
    Needed(#[n(0)] Vec<Place>),
}

#[derive(Encode, Decode)]
pub enum FromApi {
    #[n(0)]
    Response {
        #[n(0)]
        response: Response,
        /// What [`ToVault::Hold`] would ask before, of a request that is answered now.
        #[n(40)]
        hold: Option<Holding>,
    },
    /// One for each, in their order.
    #[n(1)]
    Needed(#[n(0)] Vec<bool>),
    #[n(2)]
    Failed,
}

/// An address in sixteen bytes.
pub fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address in sixteen bytes; mapped ones are of version 4 again.
pub fn address(octets: [u8; 16]) -> IpAddr {
    IpAddr::from(octets).to_canonical()
}
