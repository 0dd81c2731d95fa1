//! Ids: `<prefix>_` and 24 lower-case hexadecimal digits (CONTRACT 2).
//!
//! The twelve bytes are 48 bits of Unix milliseconds and 48 further bits. Within one log ids only grow, in the order
//! of the log, so an index on them only ever appends. Text that is no id of the wanted kind is `None`, which callers
//! answer as "not found", never as a fault.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};

/// The twelve bytes behind every id. All zero stands for "the installation" or "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId(pub [u8; 12]);

impl RawId {
    pub const ZERO: RawId = RawId([0; 12]);

    /// Joins milliseconds and the low 48 bits of `rest`.
    pub fn from_parts(milliseconds: u64, rest: u64) -> RawId {
        let value = (u128::from(milliseconds & LOW_48) << 48) | u128::from(rest & LOW_48);
        RawId::from_u128(value)
    }

    /// The id `n` places after this one; wraps at the end of the number range.
    pub fn plus(self, n: u64) -> RawId {
        RawId::from_u128(self.to_u128().wrapping_add(u128::from(n)))
    }

    /// How far this id is behind `earlier`, if it is at or behind it.
    pub fn distance(self, earlier: RawId) -> Option<u64> {
        self.to_u128()
            .checked_sub(earlier.to_u128())
            .and_then(|d| u64::try_from(d).ok())
    }

    /// The milliseconds the id was made at.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.to_u128() >> 48).unwrap_or(0)
    }

    /// Parses 24 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<RawId> {
        if text.len() != 24 {
            return None;
        }
        let mut bytes = [0u8; 12];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(RawId(bytes))
    }

    fn to_u128(self) -> u128 {
        self.0
            .iter()
            .fold(0, |value, byte| value << 8 | u128::from(*byte))
    }

    fn from_u128(value: u128) -> RawId {
        let mut bytes = [0; 12];
        let all = value.to_be_bytes();
        for (to, from) in bytes.iter_mut().zip(all.iter().skip(4)) {
            *to = *from;
        }
        RawId(bytes)
    }
}

const LOW_48: u64 = (1 << 48) - 1;

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            if let [high, low] = pair {
                *high = DIGITS.get(usize::from(byte >> 4)).copied().unwrap_or(b'0');
                *low = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl<C> Encode<C> for RawId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for RawId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        <[u8; 12]>::try_from(bytes)
            .map(RawId)
            .map_err(|_| minicbor::decode::Error::message("an id has twelve bytes"))
    }
}

macro_rules! registry {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $prefix:literal, $id:ident;)*) => {
        /// What an id names; the number is the one stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            pub const fn code(self) -> u8 {
                match self { $(Kind::$kind => $code,)* }
            }

            pub fn from_code(code: u8) -> Option<Kind> {
                match code { $($code => Some(Kind::$kind),)* _ => None }
            }

            pub const fn prefix(self) -> &'static str {
                match self { $(Kind::$kind => $prefix,)* }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $id(pub RawId);

            impl $id {
                /// Parses the text form; anything else is `None`.
                pub fn parse(text: &str) -> Option<$id> {
                    text.strip_prefix(concat!($prefix, "_")).and_then(RawId::from_hex).map($id)
                }

                pub fn any(self) -> AnyId {
                    AnyId { kind: Kind::$kind, raw: self.0 }
                }
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, concat!($prefix, "_{}"), self.0)
                }
            }

            impl Serialize for $id {
                fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    s.collect_str(self)
                }
            }

            impl<C> Encode<C> for $id {
                fn encode<W: minicbor::encode::Write>(
                    &self,
                    e: &mut Encoder<W>,
                    c: &mut C,
                ) -> Result<(), minicbor::encode::Error<W::Error>> {
                    self.0.encode(e, c)
                }
            }

            impl<'b, C> Decode<'b, C> for $id {
                fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, minicbor::decode::Error> {
                    RawId::decode(d, c).map($id)
                }
            }
        )*
    };
}

registry! {
    /// The books of one wallet: its balances. Shares its wallet's number.
    Account = 1, "acct", AccountId;
    /// An API key.
    ApiKey = 2, "key", ApiKeyId;
    /// An entry of the log, seen as an audit record.
    Audit = 3, "audit", AuditId;
    /// A published event.
    Event = 4, "evt", EventId;
    /// The outside world of one currency; its number is the currency's code.
    External = 5, "ext", ExternalId;
    /// An organization.
    Organization = 6, "org", OrganizationId;
    /// A payout.
    Payout = 7, "payout", PayoutId;
    /// A request as the request log knows it.
    Request = 8, "req", RequestId;
    /// A movement of money.
    Transaction = 9, "txn", TransactionId;
    /// A person or firm whose data is sealed under a key of its own.
    Subject = 10, "subj", SubjectId;
    /// A wallet.
    Wallet = 11, "wallet", WalletId;
    /// A scope: one organization in one mode, or the installation.
    Scope = 12, "scope", ScopeRecordId;
    /// A signed checkpoint of a log.
    Checkpoint = 13, "ckpt", CheckpointId;
    /// An endpoint that events are sent to.
    Webhook = 14, "whk", WebhookId;
    /// A card that may be paid with. Its number is random throughout: whoever knows it may use it.
    Token = 15, "tok", TokenId;
    /// Money coming in from a card.
    Payment = 16, "pay", PaymentId;
    /// Money of a payment going back.
    Refund = 17, "refund", RefundId;
    /// An attempt at delivering an event to an endpoint.
    WebhookAttempt = 18, "wha", WebhookAttemptId;
    /// What a key with a daily limit has moved. Shares its key's number.
    Allowance = 19, "alw", AllowanceId;
    /// An act that waits for others to agree to it.
    Approval = 33, "appr", ApprovalId;
    /// What holds acts up until others agree; the number zero is of the list of them all.
    ApprovalPolicy = 34, "apol", ApprovalPolicyId;
    /// Something that somebody should look at.
    Alert = 35, "alert", AlertId;
    /// A person who signs in.
    User = 40, "user", UserId;
    /// A person's time at the server, from signing in to its end.
    Session = 41, "sess", SessionId;
    /// The people of an organization, counted; the number zero.
    Staff = 42, "staff", StaffId;
    /// A person or firm that buys.
    Customer = 55, "cus", CustomerId;
    /// Something that is sold.
    Product = 56, "prod", ProductId;
    /// A place of sale.
    Store = 57, "store", StoreId;
    /// A device that sells in a store.
    Till = 58, "till", TillId;
    /// The time between opening a till and counting its cash.
    Shift = 59, "shift", ShiftId;
    /// The cash in the drawer of a shift. Shares its shift's number.
    Cash = 60, "cash", CashId;
    /// What was sold at once, and how it was paid. On the wire it is a transaction, like the movements of money.
    Sale = 61, "txn", SaleId;
    /// A named set of permissions.
    Role = 62, "role", RoleId;
    /// What an organization bounds its requests by; the number zero.
    RateLimits = 63, "rlim", RateLimitsId;
    /// A request for money that is paid on the hosted page. Random throughout: whoever knows it may pay.
    PaymentLink = 70, "plink", PaymentLinkId;
    /// What payouts from a wallet to banks leave by. Shares its wallet's number.
    PayoutRail = 75, "rail", PayoutRailId;
    /// Payouts that go to a bank together.
    PayoutFile = 76, "pfile", PayoutFileId;
    /// What a bank says of payouts and accounts.
    BankFile = 77, "bfile", BankFileId;
    /// A bank account that an organization pays, under a name.
    Beneficiary = 79, "ben", BeneficiaryId;
    /// A payout that is made again and again.
    PayoutSchedule = 105, "psched", PayoutScheduleId;
    /// What an organization bounds its payouts by; the number zero.
    PayoutSettings = 106, "pset", PayoutSettingsId;
    /// A page of the list that a file is made of.
    FilePage = 78, "fpage", FilePageId;
    /// What came in as fees of one currency; its number is the currency's code.
    Fees = 88, "fees", FeesId;
    /// What is charged for payments or payouts; the number zero is of the list of them all.
    FeeSchedule = 89, "fsch", FeeScheduleId;
    /// What a stretch of the log comes to.
    Report = 90, "report", ReportId;
    /// A piece of a finished report. Counts from its report's number.
    ReportPart = 91, "rpart", ReportPartId;
    /// The reports that wait, counted; the number zero.
    ReportDesk = 92, "rdesk", ReportDeskId;
    /// A program that acts by OAuth: for itself, or for people who let it.
    OauthClient = 80, "client", OauthClientId;
    /// An access token, as the log names it; its text is random.
    OauthToken = 81, "oat", OauthTokenId;
    /// What a person lets a client do for him.
    OauthGrant = 82, "grant", OauthGrantId;
}

/// An id together with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyId {
    pub kind: Kind,
    pub raw: RawId,
}

impl AnyId {
    /// Reads an id of whatever kind its prefix says.
    pub fn parse(text: &str) -> Option<AnyId> {
        let (prefix, digits) = text.split_once('_')?;
        let kind = Kind::ALL.iter().find(|kind| kind.prefix() == prefix)?;
        Some(AnyId {
            kind: *kind,
            raw: RawId::from_hex(digits)?,
        })
    }
}

impl fmt::Display for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.prefix(), self.raw)
    }
}

impl Serialize for AnyId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<C> Encode<C> for AnyId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        c: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.u8(self.kind.code())?;
        self.raw.encode(e, c)
    }
}

impl<'b, C> Decode<'b, C> for AnyId {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message(
                "an id is a kind and a number",
            ));
        }
        let kind = Kind::from_code(d.u8()?)
            .ok_or_else(|| minicbor::decode::Error::message("unknown kind of id"))?;
        Ok(AnyId {
            kind,
            raw: RawId::decode(d, c)?,
        })
    }
}

/// Hands out consecutive ids from a starting point that the engine chose.
#[derive(Clone, Debug)]
pub struct IdSource {
    next: RawId,
}

impl IdSource {
    pub fn starting_at(first: RawId) -> IdSource {
        IdSource { next: first }
    }

    pub fn take(&mut self) -> RawId {
        let id = self.next;
        self.next = id.plus(1);
        id
    }

    /// The id that `take` gives next.
    pub fn peek(&self) -> RawId {
        self.next
    }

    /// The id that was given last: before the first `take` of a decision, the base of its entry.
    pub fn last(&self) -> RawId {
        RawId::from_u128(self.next.to_u128().wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_wrong_kinds_are_nothing() {
        let id = WalletId(RawId::from_parts(0x018f_0123_4567, 0x89ab_cdef_0123));
        assert_eq!(id.to_string(), "wallet_018f0123456789abcdef0123");
        assert_eq!(WalletId::parse(&id.to_string()), Some(id));
        assert_eq!(PayoutId::parse(&id.to_string()), None);
        for text in [
            "",
            "wallet_",
            "wallet_018F0123456789abcdef0123",
            "wallet_018f0123456789abcdef01234",
            "wallet_ü",
        ] {
            assert_eq!(WalletId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_at_most_32_characters() {
        for kind in Kind::ALL {
            let id = AnyId {
                kind: *kind,
                raw: RawId([255; 12]),
            };
            assert!(id.to_string().len() <= 32, "{id}");
            assert_eq!(Kind::from_code(kind.code()), Some(*kind));
        }
    }

    #[test]
    fn neighbours_measure_their_distance() {
        let first = RawId::from_parts(5, (1 << 48) - 1);
        assert_eq!(first.plus(3).distance(first), Some(3));
        assert_eq!(first.distance(first.plus(1)), None);
        assert_eq!(first.plus(1).milliseconds(), 6);
    }

    #[test]
    fn stored_form_round_trips() {
        let id = AnyId {
            kind: Kind::Payout,
            raw: RawId([7; 12]),
        };
        let bytes = minicbor::to_vec(id).unwrap();
        assert_eq!(minicbor::decode::<AnyId>(&bytes).unwrap(), id);
    }
}
