//! What is sent: payouts between wallets, spread or hot, and before them the wallets and their
//! funds. Every body differs, because two equal signed requests in one second are a replay.

use std::mem;
use std::net::SocketAddr;

use serde::Deserialize;

use super::load::Traffic;
use super::request::Requests;

/// Funds of each wallet in minor units, and of the hot one; all together stay below 2^53.
pub const FUNDS: u64 = 100_000_000_000;
const HOT_FUNDS: u64 = 1_000_000_000_000_000;
const LARGEST_AMOUNT: u64 = 100_000;

/// Which wallets the payouts touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Random pairs.
    Spread,
    /// All leave one wallet, to random others.
    Hot,
}

impl Shape {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Hot => "hot",
        }
    }
}

/// The signed payouts of a run; goes on over many runs, so that no key is used twice.
pub struct Payouts {
    requests: Requests,
    wallets: Vec<String>,
    shape: Shape,
    random: Random,
    sequence: u64,
    left: u64,
}

impl Payouts {
    /// Payouts between `wallets` of one server; the first wallet is the hot one.
    pub fn new(requests: Requests, wallets: Vec<String>) -> Self {
        let random = Random(7);
        Self {
            requests,
            wallets,
            shape: Shape::Spread,
            random,
            sequence: 0,
            left: u64::MAX,
        }
    }

    /// Sends `shape` from now on, with pairs drawn anew from `seed`, at most `limit` of them.
    pub fn begin(&mut self, shape: Shape, seed: u64, limit: u64) {
        self.shape = shape;
        self.random = Random(seed);
        self.left = limit;
    }

    /// How many payouts were sent in all.
    pub fn sent(&self) -> u64 {
        self.sequence
    }

    fn pair(&mut self) -> (usize, usize) {
        let count = self.wallets.len();
        let source = match self.shape {
            Shape::Spread => self.random.below(count),
            Shape::Hot => 0,
        };
        let step = 1 + self.random.below(count - 1);
        (source, (source + step) % count)
    }
}

impl Traffic for Payouts {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.sequence += 1;
        let (source, target) = self.pair();
        let (source, target) = (self.wallets.get(source)?, self.wallets.get(target)?);
        let amount = 1 + self.sequence % LARGEST_AMOUNT;
        let key = format!("bench-{}", self.sequence);
        let body = format_args!(
            r#"{{"amount":{amount},"currency":"PHP","source_wallet_id":"{source}","recipient":{{"type":"wallet","id":"{target}"}}}}"#
        );
        self.requests.post(out, "/v1/payouts", &key, body);
        Some(self.sequence)
    }

    fn reply(&mut self, _: u64, _: u16, _: &[u8]) {}
}

/// Makes `left` wallets and keeps their ids.
pub struct MakeWallets {
    requests: Requests,
    left: u64,
    /// The ids of the wallets made so far.
    pub ids: Vec<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

impl MakeWallets {
    /// For `count` wallets.
    pub fn new(requests: Requests, count: u64) -> Self {
        Self {
            requests,
            left: count,
            ids: Vec::new(),
        }
    }
}

impl Traffic for MakeWallets {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let body = format_args!(
            r#"{{"type":"sub_merchant","currency":"PHP","metadata":{{"bench":"{}"}}}}"#,
            self.left
        );
        self.requests.post(
            out,
            "/v1/wallets",
            &format!("bench-wallet-{}", self.left),
            body,
        );
        Some(self.left)
    }

    fn reply(&mut self, _: u64, _: u16, body: &[u8]) {
        self.ids
            .extend(serde_json::from_slice::<Made>(body).map(|made| made.id));
    }
}

/// Credits each wallet once, the first one with the hot wallet's funds.
pub struct FundWallets {
    requests: Requests,
    wallets: Vec<String>,
    next: usize,
}

impl FundWallets {
    /// For all of `wallets`.
    pub fn new(requests: Requests, wallets: Vec<String>) -> Self {
        Self {
            requests,
            wallets,
            next: 0,
        }
    }

    /// The funded wallets.
    pub fn into_wallets(mut self) -> Vec<String> {
        mem::take(&mut self.wallets)
    }
}

impl Traffic for FundWallets {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let wallet = self.wallets.get(self.next)?;
        let funds = if self.next == 0 { HOT_FUNDS } else { FUNDS };
        let reference = format!("bench-funds-{}", self.next);
        self.next += 1;
        let path = format!("/v1/wallets/{wallet}/credit");
        let body =
            format_args!(r#"{{"amount":{funds},"currency":"PHP","reference":"{reference}"}}"#);
        self.requests.post(out, &path, &reference, body);
        u64::try_from(self.next).ok()
    }

    fn reply(&mut self, _: u64, _: u16, _: &[u8]) {}
}

/// Requests for the server at `address`, as its own line at start-up named the credentials.
pub fn requests(address: SocketAddr, credentials: &Credentials) -> Requests {
    Requests::new(
        address,
        &credentials.secret_key,
        &credentials.signing_secret,
    )
}

/// What a server prints about itself when it listens.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    /// Where it listens.
    pub base_url: String,
    secret_key: String,
    signing_secret: String,
}

/// SplitMix64: small, seeded, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is at least 1.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Payouts, Shape};
    use crate::bench::load::Traffic;
    use crate::bench::request::Requests;

    fn bodies(shape: Shape, count: u64) -> Vec<String> {
        let requests = Requests::new("127.0.0.1:9".parse().unwrap(), "k", "s");
        let wallets = ["w0", "w1", "w2"].map(String::from).to_vec();
        let mut payouts = Payouts::new(requests, wallets);
        payouts.begin(shape, 1, count);
        let mut bodies = Vec::new();
        let mut out = Vec::new();
        while payouts.next(&mut out).is_some() {
            let text = String::from_utf8(std::mem::take(&mut out)).unwrap();
            bodies.push(text.split_once("\r\n\r\n").unwrap().1.to_owned());
        }
        bodies
    }

    #[test]
    fn no_two_payouts_are_equal_and_none_goes_to_itself() {
        let bodies = bodies(Shape::Spread, 2_000);
        assert_eq!(bodies.len(), 2_000);
        assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), 2_000);
        for wallet in ["w0", "w1", "w2"] {
            let to_itself =
                format!("\"{wallet}\",\"recipient\":{{\"type\":\"wallet\",\"id\":\"{wallet}\"");
            assert!(!bodies.iter().any(|body| body.contains(&to_itself)));
        }
    }

    #[test]
    fn hot_payouts_all_leave_the_first_wallet() {
        let bodies = bodies(Shape::Hot, 100);
        assert!(
            bodies
                .iter()
                .all(|body| body.contains(r#""source_wallet_id":"w0""#))
        );
    }
}
