//! Credit and debit: money entering and leaving by the organization's account with the outside world.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::{CreateCredits, CreateDebits};
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{TransactionId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, books_key, external_key};
use crate::payouts::check_wallet;
use crate::rejection::Rejection;

/// What credit and debit have in common.
#[derive(Clone, Encode, Decode)]
pub struct Funding {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub amount: Money,
    /// The client's free text; not unique.
    #[n(2)]
    pub reference: Option<String>,
    #[n(3)]
    pub description: Option<String>,
}

/// `POST /v1/wallets/{id}/credit`.
pub struct Credit(pub Funding);

/// `POST /v1/wallets/{id}/debit`.
#[derive(Clone, Encode, Decode)]
pub struct Debit(#[n(0)] pub Funding);

impl Command for Credit {
    type Permission = CreateCredits;

    fn action(&self) -> Action {
        Action::WalletCredited
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        self.0.keys()
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        self.0.decide(facts, moment, TransactionKind::Credit, 1)
    }
}

impl Command for Debit {
    type Permission = CreateDebits;

    fn action(&self) -> Action {
        Action::WalletDebited
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Debit)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::Debit(self.clone()))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        self.0.keys()
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        self.0.decide(facts, moment, TransactionKind::Debit, -1)
    }
}

impl Funding {
    fn keys(&self) -> Keys {
        Keys::default()
            .books(self.wallet)
            .record(external_key(self.amount.currency))
    }

    fn decide(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        kind: TransactionKind,
        sign: i64,
    ) -> Result<Decision, Rejection> {
        check_wallet(facts, self.wallet, self.amount.currency, "/wallet_id")?;
        let id = TransactionId(moment.fresh());
        let amount = self.amount.minor * sign;
        let legs = [
            Leg::new(books_key(self.wallet), Bucket::Available, amount),
            Leg::new(
                external_key(self.amount.currency),
                Bucket::Available,
                -amount,
            ),
        ];
        let transaction = Transaction {
            id,
            kind,
            amount: self.amount,
            cause: None,
            reference: self.reference.clone(),
            description: self.description.clone(),
            postings: Vec::new(),
        };
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let (action, event) = match kind {
            TransactionKind::Credit => (Action::WalletCredited, EventType::WalletCredited),
            _ => (Action::WalletDebited, EventType::WalletDebited),
        };
        let events = vec![EventFact {
            event,
            about: Some(self.wallet.any()),
        }];
        Ok(Decision::new(facts, action, id.any(), movement, events).create(id.any()))
    }
}
