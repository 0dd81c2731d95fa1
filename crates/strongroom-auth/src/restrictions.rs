//! What narrows a key beside its permissions: where it may be used from, and how much money it may move.

use std::fmt;

use ipnet::IpNet;
use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Serialize, Serializer};
use strongroom_types::currency::Currency;
use strongroom_types::money::Money;

/// A range of addresses without bits behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range(IpNet);

impl Range {
    /// Reads CIDR form.
    ///
    /// # Errors
    /// What is wrong, in words that go on "hold `…`, which …".
    pub fn parse(text: &str) -> Result<Range, String> {
        let network: IpNet = text
            .parse()
            .map_err(|_| "is no range such as `203.0.113.0/24`".to_owned())?;
        if let IpNet::V6(range) = network
            && range.addr().to_ipv4_mapped().is_some()
        {
            return Err("is of IPv4 in the form of IPv6: write it as one of IPv4".to_owned());
        }
        match network.trunc() {
            whole if whole == network => Ok(Range(network)),
            whole => Err(format!("has bits set behind its prefix: write `{whole}`")),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<C> Encode<C> for Range {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Range {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Range::parse(d.str()?).map_err(|_| minicbor::decode::Error::message("no range"))
    }
}

/// Where a key may be used from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Networks {
    #[n(0)]
    pub ranges: Vec<Range>,
    /// Uses from elsewhere are allowed, and noted.
    #[n(1)]
    pub report_only: bool,
}

impl Networks {
    /// Whether an address lies in one of the ranges. One of IPv4 must not stand in the form of IPv6.
    pub fn hold(&self, address: impl Into<IpNet>) -> bool {
        within(&self.ranges, address)
    }
}

/// Whether an address lies in one of these ranges.
pub(crate) fn within(ranges: &[Range], address: impl Into<IpNet>) -> bool {
    let address = address.into();
    ranges.iter().any(|range| range.0.contains(&address))
}

/// SHA-256 over a client's certificate, as in `x5t#S256` (RFC 8705), written in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Thumbprint(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl Thumbprint {
    /// Reads 64 hexadecimal digits, with or without colons between the bytes.
    pub fn parse(text: &str) -> Option<Thumbprint> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let pairs = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            let is_pair = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_pair.then(|| u8::from_str_radix(pair, 16).ok())?
        });
        let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
        Some(Thumbprint(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Thumbprint {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Which way money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the organization.
    #[n(0)]
    In,
    /// Out of a wallet, to whomever.
    #[n(1)]
    Out,
    /// Between wallets of the organization.
    #[n(2)]
    Internal,
}

impl Direction {
    pub const ALL: [Direction; 3] = [Direction::In, Direction::Out, Direction::Internal];

    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Internal => "internal",
        }
    }
}

/// How much money a key may move. Amounts are minor units, in each currency by itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct MoneyLimits {
    #[n(0)]
    pub per_transaction: Option<i64>,
    /// From midnight to midnight, UTC.
    #[n(1)]
    pub per_day: Option<i64>,
    /// Empty for all.
    #[n(2)]
    pub currencies: Vec<Currency>,
    /// Empty for all.
    #[n(3)]
    pub directions: Vec<Direction>,
}

/// What a limit forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    Transaction,
    Day,
    Currency,
    Direction,
}

impl MoneyLimits {
    /// Whether a movement may be made by itself, `used` having been moved of its currency today.
    ///
    /// # Errors
    /// The first limit that it passes.
    pub fn admit(&self, direction: Direction, amount: Money, used: i64) -> Result<(), Beyond> {
        let over = |limit: Option<i64>, sum: i64| limit.is_some_and(|limit| sum > limit);
        if !self.directions.is_empty() && !self.directions.contains(&direction) {
            return Err(Beyond::Direction);
        }
        if !self.currencies.is_empty() && !self.currencies.contains(&amount.currency) {
            return Err(Beyond::Currency);
        }
        if over(self.per_transaction, amount.minor) {
            return Err(Beyond::Transaction);
        }
        if over(self.per_day, used.saturating_add(amount.minor)) {
            return Err(Beyond::Day);
        }
        Ok(())
    }

    /// Whether whatever these limits let pass passes those others, too.
    pub fn within(&self, wider: &MoneyLimits) -> bool {
        let at_most = |own: Option<i64>, most: Option<i64>| match (own, most) {
            (_, None) => true,
            (Some(own), Some(most)) => own <= most,
            (None, Some(_)) => false,
        };
        at_most(self.per_transaction, wider.per_transaction)
            && at_most(self.per_day, wider.per_day)
            && among(&self.currencies, &wider.currencies)
            && among(&self.directions, &wider.directions)
    }
}

/// Whether all of some are among others, where none means all there are.
fn among<T: PartialEq>(some: &[T], others: &[T]) -> bool {
    let named = !some.is_empty() && some.iter().all(|one| others.contains(one));
    others.is_empty() || named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrower_limits_lie_within_wider_ones() {
        let wide = MoneyLimits {
            per_transaction: Some(100),
            per_day: Some(250),
            currencies: vec![Currency::parse("PHP").unwrap()],
            directions: vec![Direction::Out, Direction::In],
        };
        let narrow = MoneyLimits {
            per_transaction: Some(99),
            directions: vec![Direction::Out],
            ..wide.clone()
        };
        let none = MoneyLimits {
            per_transaction: None,
            per_day: None,
            currencies: Vec::new(),
            directions: Vec::new(),
        };
        assert!(wide.within(&wide) && narrow.within(&wide) && wide.within(&none));
        assert!(!wide.within(&narrow) && !none.within(&wide));
        let usd = vec![Currency::parse("USD").unwrap()];
        let usd = MoneyLimits {
            currencies: usd,
            ..narrow.clone()
        };
        assert!(!usd.within(&wide), "another currency is more");
        let all_ways = MoneyLimits {
            directions: Vec::new(),
            ..narrow
        };
        assert!(!all_ways.within(&wide), "all directions are more");
    }

    fn php(minor: i64) -> Money {
        Money {
            minor,
            currency: Currency::parse("PHP").unwrap(),
        }
    }

    #[test]
    fn ranges_are_whole_and_hold_their_addresses() {
        assert!(
            Range::parse("10.0.0.1/8")
                .unwrap_err()
                .contains("10.0.0.0/8")
        );
        assert!(Range::parse("::ffff:10.0.0.0/104").is_err());
        assert!(Range::parse("10.0.0.1").is_err() && Range::parse("").is_err());
        let networks = Networks {
            ranges: vec![
                Range::parse("192.0.2.0/24").unwrap(),
                Range::parse("2001:db8::/32").unwrap(),
            ],
            report_only: false,
        };
        for (address, held) in [
            ("192.0.2.255/32", true),
            ("192.0.3.0/32", false),
            ("2001:db8:ffff::1/128", true),
            ("2001:db9::1/128", false),
        ] {
            assert_eq!(
                networks.hold(address.parse::<IpNet>().unwrap()),
                held,
                "{address}"
            );
        }
    }

    #[test]
    fn a_thumbprint_is_read_as_tools_print_it() {
        let plain = "00ff".repeat(16);
        let read = Thumbprint::parse(&plain).unwrap();
        assert_eq!(read.to_string(), plain);
        let colons = vec!["00:FF"; 16].join(":");
        assert_eq!(Thumbprint::parse(&colons), Some(read));
        for odd in [
            "",
            "00ff",
            &plain[1..],
            &plain.replacen('0', "g", 1),
            &plain.replacen('0', "+", 1),
        ] {
            assert_eq!(Thumbprint::parse(odd), None, "{odd}");
        }
        let bytes = minicbor::to_vec(read).unwrap();
        assert_eq!(minicbor::decode::<Thumbprint>(&bytes).unwrap(), read);
    }

    #[test]
    fn each_limit_is_met_exactly_and_passed_by_one() {
        let limits = MoneyLimits {
            per_transaction: Some(100),
            per_day: Some(250),
            currencies: vec![Currency::parse("PHP").unwrap()],
            directions: vec![Direction::Out],
        };
        let dollars = Money {
            currency: Currency::parse("USD").unwrap(),
            ..php(1)
        };
        for (direction, amount, used, expected) in [
            (Direction::Out, php(100), 150, Ok(())),
            (Direction::Out, php(101), 0, Err(Beyond::Transaction)),
            (Direction::Out, php(100), 151, Err(Beyond::Day)),
            (Direction::Out, php(1), i64::MAX, Err(Beyond::Day)),
            (Direction::Out, dollars, 0, Err(Beyond::Currency)),
            (Direction::In, php(1), 0, Err(Beyond::Direction)),
            (Direction::Internal, php(1), 0, Err(Beyond::Direction)),
        ] {
            assert_eq!(limits.admit(direction, amount, used), expected);
        }
    }

    #[test]
    fn stored_form_round_trips() {
        let networks = Networks {
            ranges: vec![Range::parse("::/0").unwrap()],
            report_only: true,
        };
        let bytes = minicbor::to_vec(&networks).unwrap();
        assert_eq!(minicbor::decode::<Networks>(&bytes).unwrap(), networks);
        let broken = minicbor::to_vec((["10.0.0.1/8"], false)).unwrap();
        assert!(minicbor::decode::<Networks>(&broken).is_err());
    }
}
