//! What clients ask for, chosen by seed: mostly sensible, sometimes at a limit, sometimes nonsense.

use crate::dice::Dice;
use crate::reference::{Fund, NewPayment, NewPayout, NewWallet, Op, Reference, To};

/// The largest amount, 2^53 − 1.
const MOST: i64 = (1 << 53) - 1;

const CURRENCIES: [&str; 2] = ["PHP", "JPY"];
const KINDS: [&str; 4] = ["master", "operating", "reserve", "sub_merchant"];
const BANKS: [&str; 3] = ["BDO", "bdo", "BPI"];

/// Chooses requests for one organization.
pub struct Script<'a> {
    pub dice: &'a mut Dice,
    pub reference: &'a Reference,
    /// Ids of another organization.
    pub foreign: &'a [String],
    /// Whether the rail's steps are among the requests.
    pub rail: bool,
    /// Whether cards are among them.
    pub cards: bool,
}

impl Script<'_> {
    /// The next request.
    pub fn op(&mut self) -> Op {
        let wallets = self.reference.wallet_count();
        if wallets < 4 || (wallets < 24 && self.dice.one_in(20)) {
            return self.create_wallet();
        }
        if self.cards && self.dice.one_in(3) {
            return self.card_op();
        }
        match self.dice.below(if self.rail { 100 } else { 84 }) {
            0..4 => Op::UpdateWallet {
                wallet: self.wallet(),
                email: self.sometimes(2, |s| s.email()),
                threshold: self.sometimes(2, |s| s.sometimes(2, |s| s.dice.between(1, 5_000))),
                note: self.sometimes(2, |s| format!("note {}", s.dice.below(9))),
            },
            4..9 => self.set_status(),
            9..25 => Op::Credit(self.fund()),
            25..32 => Op::Debit(self.fund()),
            32..45 => Op::Transfer {
                from: self.wallet(),
                to: self.wallet(),
                amount: self.amount(),
                currency: self.currency(),
                reference: self.reference_id(),
            },
            45..72 => Op::Payout(self.payout()),
            72..78 => Op::Cancel(self.payout_id()),
            78..84 => Op::Reverse(self.payout_id()),
            _ => Op::Advance(self.payout_id()),
        }
    }

    /// Something about cards; tokens are used up, so there are many.
    fn card_op(&mut self) -> Op {
        let tokens = self.reference.token_count();
        let payments = self.reference.payment_count();
        match self.dice.below(20) {
            0..5 => Op::Token {
                // Mostly one that is approved.
                card: self.dice.below(5).saturating_sub(2),
                multi: self.dice.one_in(4),
            },
            5..11 if tokens > 0 => Op::Pay(NewPayment {
                token: self.id("tok", tokens),
                amount: self.amount(),
                wallet: self
                    .sometimes(6, |_| ())
                    .map_or_else(|| Some(self.wallet()), |()| None),
                currency: self.currency(),
                capture: self.dice.one_in(2),
                reference: self.reference_id(),
            }),
            11..14 if payments > 0 => Op::Capture {
                payment: self.id("pay", payments),
                amount: self.sometimes(2, Script::amount),
            },
            14..15 if payments > 0 => Op::Void(self.id("pay", payments)),
            15..20 if payments > 0 => Op::Refund {
                payment: self.id("pay", payments),
                amount: self.sometimes(2, Script::amount),
                reference: self.reference_id(),
            },
            _ => Op::Token {
                card: 0,
                multi: false,
            },
        }
    }

    fn create_wallet(&mut self) -> Op {
        let kind = match self.reference.wallet_count() {
            0 => "master",
            1 => "operating",
            _ => self.dice.pick(&KINDS).copied().unwrap_or("master"),
        };
        Op::CreateWallet(NewWallet {
            kind,
            currency: self.sometimes(2, |s| s.dice.pick(&CURRENCIES).copied().unwrap_or("PHP")),
            parent: self.sometimes(3, Script::wallet),
            email: self.sometimes(2, |s| s.email()),
            reference: self.reference_id(),
            threshold: self.sometimes(2, |s| s.dice.between(1, 5_000)),
            note: self.sometimes(3, |s| format!("note {}", s.dice.below(9))),
        })
    }

    fn set_status(&mut self) -> Op {
        // Mostly back to active, so that money keeps moving.
        let status = match self.dice.below(6) {
            0 => "closed",
            1 | 2 => "frozen",
            _ => "active",
        };
        Op::SetStatus {
            wallet: self.wallet(),
            status,
        }
    }

    fn fund(&mut self) -> Fund {
        Fund {
            wallet: self.wallet(),
            amount: self.amount(),
            currency: self.currency(),
            reference: self.sometimes(3, |s| format!("slip {}", s.dice.below(9))),
        }
    }

    fn payout(&mut self) -> NewPayout {
        let to = match self.dice.below(2) {
            0 => To::Wallet(self.wallet()),
            _ => To::Bank {
                name: format!("Ana {}", self.dice.below(5)),
                code: self.dice.pick(&BANKS).copied().unwrap_or("BDO"),
                number: format!("00{}", 12_340 + self.dice.below(8)),
            },
        };
        NewPayout {
            from: self
                .sometimes(6, |_| ())
                .map_or_else(|| Some(self.wallet()), |()| None),
            to,
            amount: self.amount(),
            currency: self.currency(),
            reference: self.reference_id(),
            note: self.sometimes(4, |s| format!("note {}", s.dice.below(9))),
        }
    }

    fn amount(&mut self) -> i64 {
        match self.dice.below(40) {
            0 => MOST,
            1 => MOST - self.dice.between(0, 5_000),
            2 => MOST / 2,
            3..8 => 100 * self.dice.between(1, 20) + self.dice.between(1, 3),
            _ => self.dice.between(1, 3_000),
        }
    }

    /// Mostly the wallet's own.
    fn currency(&mut self) -> Option<&'static str> {
        self.sometimes(8, |s| s.dice.pick(&CURRENCIES).copied().unwrap_or("PHP"))
    }

    fn email(&mut self) -> String {
        let name = if self.dice.one_in(2) { "Ana" } else { "ana" };
        format!("{name}{}@example.org", self.dice.below(5))
    }

    fn reference_id(&mut self) -> Option<String> {
        let letters = if self.dice.one_in(2) { "ref" } else { "REF" };
        self.sometimes(3, |s| format!("{letters}-{}", s.dice.below(200)))
    }

    fn wallet(&mut self) -> String {
        self.id("wallet", self.reference.wallet_count())
    }

    fn payout_id(&mut self) -> String {
        self.id("payout", self.reference.payout_count())
    }

    /// Mostly one that exists, the newer the likelier; else another organization's, a wrong kind's, or nobody's.
    fn id(&mut self, kind: &str, count: usize) -> String {
        match self.dice.below(30) {
            0 => self
                .dice
                .pick(self.foreign)
                .cloned()
                .unwrap_or_else(|| "wallet_1".into()),
            1 => format!("{kind}_{:024x}", self.dice.next_u64()),
            2 => self
                .reference
                .names
                .id("payout", 0)
                .or(self.reference.names.id("wallet", 0))
                .unwrap_or("x")
                .into(),
            _ => {
                let reach = if self.dice.one_in(3) {
                    count
                } else {
                    count.min(8)
                };
                let back = self.dice.below(reach);
                let known = self
                    .reference
                    .names
                    .id(kind, count.saturating_sub(1 + back));
                known.map_or_else(|| format!("{kind}_0"), str::to_owned)
            }
        }
    }

    fn sometimes<T>(&mut self, n: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.dice.one_in(n) {
            Some(make(self))
        } else {
            None
        }
    }
}
