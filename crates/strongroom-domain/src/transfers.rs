//! Transfers between two wallets of one organization.

use strongroom_auth::permission::CreateTransfers;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{TransactionId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key};
use crate::payouts::check_wallet;
use crate::rejection::{Code, Rejection};

/// `POST /v1/transfers`.
pub struct CreateTransfer {
    pub amount: Money,
    pub source: WalletId,
    pub destination: WalletId,
    pub reference_id: Option<ReferenceId>,
    pub description: Option<String>,
}

impl Command for CreateTransfer {
    type Permission = CreateTransfers;

    fn action(&self) -> Action {
        Action::TransferCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().books(self.source).books(self.destination);
        match &self.reference_id {
            Some(reference) => keys.holder(Field::TransferReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        check_wallet(
            facts,
            self.source,
            self.amount.currency,
            "/source_wallet_id",
        )?;
        check_wallet(
            facts,
            self.destination,
            self.amount.currency,
            "/destination_wallet_id",
        )?;
        if self.source == self.destination {
            let text = "source and destination are the same wallet";
            return Err(Rejection::at(
                Code::SameWallet,
                "/destination_wallet_id",
                text,
            ));
        }
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::TransferReference, reference)?;
        let id = TransactionId(moment.fresh());
        let legs = [
            Leg::new(
                books_key(self.source),
                Bucket::Available,
                -self.amount.minor,
            ),
            Leg::new(
                books_key(self.destination),
                Bucket::Available,
                self.amount.minor,
            ),
        ];
        let transaction = Transaction {
            id,
            kind: TransactionKind::Transfer,
            amount: self.amount,
            cause: None,
            reference: reference.map(str::to_owned),
            description: self.description.clone(),
            postings: Vec::new(),
        };
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let events = vec![
            EventFact {
                event: EventType::WalletDebited,
                about: Some(self.source.any()),
            },
            EventFact {
                event: EventType::WalletCredited,
                about: Some(self.destination.any()),
            },
            EventFact {
                event: EventType::TransferCompleted,
                about: Some(id.any()),
            },
        ];
        Ok(
            Decision::new(facts, Action::TransferCreated, id.any(), movement, events)
                .create(id.any())
                .claim(Field::TransferReference, reference, id.any()),
        )
    }
}
