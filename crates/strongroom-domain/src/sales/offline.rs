//! Taking in what a till sold without a connection: one transaction at a time, in the order of its chain.
//!
//! Idempotent by the chain itself: what is there already, with the same hash, is answered again and nothing is done.
//! An upload that was cut short goes on at the till's `offline.next_sequence`.

use strongroom_auth::permission::CreateSales;
use strongroom_types::id::{Kind, SaleId, TillId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sales::create::{Booking, open_shift, till_keys};
use crate::sales::{NewSale, OfflinePlace, SaleBody, SaleView, Tender};
use crate::shifts::at_work;
use crate::tills::{Digest, Hand, Link, TillBody, of_this_till};
use crate::view::json;

/// How far a till's clock may be ahead, in milliseconds.
const AHEAD: i64 = 5 * 60 * 1_000;

/// `POST /v1/tills/{id}/transactions`.
pub struct UploadSale {
    pub till: TillId,
    pub sequence: u64,
    pub previous: Digest,
    /// The text that was signed, of which `sale` and what follows was read.
    pub payload: String,
    pub signature: [u8; 64],
    pub sale: NewSale,
    pub tendered: Option<i64>,
    pub sold_at: Timestamp,
    pub hand: Hand,
}

impl Command for UploadSale {
    type Permission = CreateSales;

    fn action(&self) -> Action {
        Action::TransactionUploaded
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = self.hand.keys(Keys::default());
        let keys = self.sale.keys(facts, till_keys(facts, keys, self.till));
        let keys = keys.holder(Field::OfflineSale, &self.place_text());
        match self.stored_id(facts) {
            Some(id) => keys.record(id.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let till = crate::tills::in_use(facts, self.till)
            .map_err(|rejection| rejection_of_path(facts, self.till, rejection))?;
        of_this_till(facts, &self.hand, self.till)?;
        let hash = self.proven(till)?;
        if let Some(sale) = self.stored_id(facts).and_then(|id| facts.sale(id)) {
            return self.again(facts, sale, hash);
        }
        self.in_order(till)?;
        if self.sold_at > moment.now.plus(AHEAD) {
            let text = "lies ahead of the server's clock";
            return Err(Rejection::at(Code::InvalidField, "/payload", text));
        }
        let shift = at_work(facts, &self.hand, open_shift(facts, till)?)?;
        let booking = Booking {
            action: Action::TransactionUploaded,
            new: &self.sale,
            place: Some((till, shift)),
            tender: Tender {
                cash: true,
                tendered: self.tendered,
                ..Tender::default()
            },
            offline: Some(OfflinePlace {
                sequence: self.sequence,
                hash,
                sold_at: self.sold_at,
                price_differs: None,
            }),
            payment: &|_| None,
        };
        let (decision, sale) = booking.decide(facts, moment)?;
        let next = TillBody {
            sequence: self.sequence,
            head: hash,
            ..till.leased(self.sold_at, sale.amount.minor)?
        };

        // From here it must succeed.
        Ok(decision
            .claim(Field::OfflineSale, Some(&self.place_text()), sale.id.any())
            .detail("sequence", self.sequence.to_string())
            .change(self.till.any(), Record::Till(next)))
    }
}

/// A till of the path is simply not found.
fn rejection_of_path(facts: &Facts, till: TillId, rejection: Rejection) -> Rejection {
    match facts.till(till) {
        Some(_) => rejection,
        None => Rejection::new(Code::NotFound, "there is no such till"),
    }
}

/// A transaction's place in its till's chain, as it is found again.
pub fn chain_text(till: TillId, sequence: u64) -> String {
    format!("{till}:{sequence}")
}

impl UploadSale {
    fn place_text(&self) -> String {
        chain_text(self.till, self.sequence)
    }

    fn stored_id(&self, facts: &Facts) -> Option<SaleId> {
        let holder = facts.holder(Field::OfflineSale, &self.place_text())?;
        (holder.kind == Kind::Sale).then_some(SaleId(holder.raw))
    }

    /// SECURITY: only the till's own key makes its chain; what is not signed says nothing.
    fn proven(&self, till: &TillBody) -> Result<Digest, Rejection> {
        let link = Link {
            till: self.till,
            sequence: self.sequence,
            previous: self.previous,
            payload: &self.payload,
        };
        let hash = link.hash();
        let signed = till
            .public_key
            .is_some_and(|public| hash.is_signed(&public, &self.signature));
        match signed {
            true => Ok(hash),
            false => {
                let text = "is not the till's over this transaction and its place in the chain";
                Err(Rejection::at(
                    Code::TillSignatureInvalid,
                    "/signature",
                    text,
                ))
            }
        }
    }

    /// The same transaction once more: answered as it stands, and nothing is done.
    fn again(&self, facts: &Facts, sale: &SaleBody, hash: Digest) -> Result<Decision, Rejection> {
        let stored = sale.offline.map(|place| place.hash);
        if stored != Some(hash) {
            let text = format!(
                "`{}` is number {} of this till, and another transaction",
                sale.id, self.sequence
            );
            return Err(Rejection::at(Code::ChainForked, "/sequence", text));
        }
        let (action, none) = (Action::TransactionUploaded, Movement::none());
        Ok(
            Decision::new(facts, action, sale.id.any(), none, Vec::new())
                .detail("again", "true")
                .reply(Reply::Stored(json(&SaleView::new(sale)))),
        )
    }

    fn in_order(&self, till: &TillBody) -> Result<(), Rejection> {
        let next = till.sequence.saturating_add(1);
        if self.sequence > next {
            let text = format!("number {next} comes next");
            return Err(Rejection::at(Code::ChainGap, "/sequence", text));
        }
        if self.sequence < next || self.previous != till.head {
            let text = format!("number {next} follows `{}`", till.head);
            return Err(Rejection::at(Code::ChainForked, "/previous", text));
        }
        Ok(())
    }
}
