//! Beginning a refund.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::CreateRefunds;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, ApiKeyId, PaymentId, RawId, RefundId, SaleId, TillId, TransactionId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key};
use crate::payments::{Exchange, PaymentBody};
use crate::payouts::check_wallet;
use crate::record::Record;
use crate::refunds::cash::of_drawer;
use crate::refunds::{RefundBody, RefundStatus};
use crate::rejection::{Code, Rejection};
use crate::sales::SaleBody;
use crate::tills::{self, Hand};

/// `POST /v1/refunds`.
#[derive(Clone, Encode, Decode)]
pub struct CreateRefund {
    #[n(0)]
    pub payment: Option<PaymentId>,
    /// All that can be given back when absent.
    #[n(1)]
    pub amount: Option<Money>,
    /// What the caller takes the payment's currency to be, with an amount or without.
    #[n(2)]
    pub currency: Option<Currency>,
    #[n(3)]
    pub reason: String,
    #[n(4)]
    pub reference_id: Option<ReferenceId>,
    #[n(5)]
    pub metadata: Metadata,
    /// A transaction of a till, instead of a payment.
    #[n(6)]
    pub sale: Option<RefundOf>,
    /// Instead of `amount`: minor units of whatever currency the payment is in.
    #[n(7)]
    pub minor: Option<i64>,
    /// The key that asks for it, where it names a payment.
    #[n(8)]
    pub maker: Option<ApiKeyId>,
}

/// What of a transaction goes back, and who stands at the till.
#[derive(Clone, Copy, Encode, Decode)]
pub struct RefundOf {
    #[n(0)]
    pub sale: SaleId,
    /// Cash, or what a card paid; the one there is when absent.
    #[n(1)]
    pub cash: Option<bool>,
    /// The till whose drawer it comes out of; the transaction's own when absent.
    #[n(2)]
    pub till: Option<TillId>,
    #[n(3)]
    pub hand: Hand,
}

pub(super) fn transaction(
    kind: TransactionKind,
    refund: RefundId,
    id: RawId,
    amount: Money,
) -> Transaction {
    Transaction {
        id: TransactionId(id),
        kind,
        amount,
        cause: Some(refund.any()),
        reference: None,
        description: None,
        postings: Vec::new(),
    }
}

impl Command for CreateRefund {
    type Permission = CreateRefunds;

    fn action(&self) -> Action {
        Action::RefundCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Refund)
    }

    /// With the amount that it is now: what can be given back may be another once it is agreed to. What a transaction
    /// leads to is named itself, so that as little as may be is to be looked up then.
    fn parked(&self, facts: &Facts, _: Scope) -> Option<Parked> {
        let mut kept = self.clone();
        let amount = match self.cash_of(facts) {
            Some(sale) => {
                kept.sale = self.sale.map(|of| of_drawer(facts, of, sale));
                self.cash_amount(sale).ok()
            }
            None => {
                kept.payment = self.payment_in(facts);
                kept.sale = None;
                let payment = kept.payment.and_then(|id| facts.payment(id));
                payment.and_then(|payment| self.amount_of(payment).ok())
            }
        };
        kept.amount = amount.or(self.amount);
        Some(Parked::Refund(kept))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let mut keys = tills::maker_keys(Keys::default(), self.maker);
        if let Some(of) = &self.sale {
            keys = self.sale_keys(facts, keys, of);
        }
        if let Some(id) = self.payment_in(facts) {
            keys = keys.record(id.any());
            if let Some(payment) = facts.payment(id) {
                keys = keys.books(payment.wallet);
                if let Some(sale) = payment.sale {
                    keys = keys.record(sale.any());
                }
            }
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::RefundReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        if let Some(of) = &self.sale {
            let sale = self.refundable_sale(facts, of)?;
            if self.is_cash(sale)? {
                return self.give_cash(facts, moment, sale, of);
            }
        }
        self.to_card(facts, moment)
    }
}

impl CreateRefund {
    /// The payment that it is of, as far as it is known by now.
    fn payment_in(&self, facts: &Facts) -> Option<PaymentId> {
        match &self.sale {
            Some(of) => facts.sale(of.sale).and_then(|sale| sale.payment),
            None => self.payment,
        }
    }

    /// Back to the card.
    fn to_card(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || {
            let text = "there is no such payment";
            Rejection::at(Code::PaymentNotFound, "/payment_id", text)
        };
        let payment = self.payment_in(facts).and_then(|id| facts.payment(id));
        let payment = payment.ok_or_else(missing)?;
        let currency = payment.amount.currency;
        check_wallet(facts, payment.wallet, currency, "/payment_id")?;
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::RefundReference, reference)?;
        let amount = self.amount_of(payment)?;
        let id = RefundId(moment.fresh());
        let account = books_key(payment.wallet);
        let legs = [
            Leg::new(account, Bucket::Available, -amount.minor),
            Leg::new(account, Bucket::Reserved, amount.minor),
        ];
        let held = transaction(TransactionKind::RefundHold, id, moment.fresh(), amount);
        let movement = Movement::post(facts, held, &legs, moment.sequence)?;

        // From here it must succeed.
        let created = movement.transactions.iter().map(|t| t.id.any()).collect();
        let mut paid = payment.clone();
        paid.refunding = paid.refunding.saturating_add(amount.minor);
        let body = RefundBody {
            maker: tills::at_till(facts, self.maker),
            ..self.body(id, payment, amount, moment)
        };
        let events = vec![
            EventFact::new(EventType::RefundCreated, id.any()),
            EventFact::new(EventType::WalletReserved, payment.wallet.any()),
        ];
        let mut decision = Decision::new(facts, Action::RefundCreated, id.any(), movement, events)
            .claim(Field::RefundReference, reference, id.any())
            .beside_payment(paid)
            .about_refund(body, moment.now);
        decision.created = created;
        let sale = payment.sale.and_then(|sale| facts.sale(sale));
        Ok(match sale {
            Some(sale) => decision.change(
                sale.id.any(),
                Record::Sale(SaleBody {
                    card_refunded: sale.card_refunded.saturating_add(amount.minor),
                    ..sale.clone()
                }),
            ),
            None => decision,
        })
    }

    /// INVARIANT(refund-bound): no more than was captured and neither given back nor on its way back.
    fn amount_of(&self, payment: &PaymentBody) -> Result<Money, Rejection> {
        let (left, currency) = (payment.refundable(), payment.amount.currency);
        self.amount_within(left, currency, payment.id.any())
    }

    /// The amount asked for, or all that is left.
    pub(super) fn amount_within(
        &self,
        left: i64,
        currency: Currency,
        of: AnyId,
    ) -> Result<Money, Rejection> {
        let minor = self.minor.unwrap_or(left);
        let amount = self.amount.unwrap_or(Money::new(minor, currency));
        let named = self.currency.unwrap_or(amount.currency);
        if [amount.currency, named] != [currency; 2] {
            let text = format!("`{of}` is in {currency}");
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        if left <= 0 || amount.minor > left {
            let text = format!("{left} minor units of `{of}` can be given back");
            return Err(Rejection::at(Code::RefundExceeds, "/amount", text));
        }
        Ok(amount)
    }

    fn body(
        &self,
        id: RefundId,
        payment: &PaymentBody,
        amount: Money,
        moment: &Moment,
    ) -> RefundBody {
        RefundBody {
            id,
            status: RefundStatus::Pending,
            amount,
            payment: Some(payment.id),
            token: Some(payment.token),
            wallet: Some(payment.wallet),
            reason: self.reason.clone(),
            exchange: Exchange::Unsent,
            failure: None,
            reference_id: self.reference_id.clone(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            processed_at: None,
            sale: payment.sale,
            shift: None,
            fee: None,
            maker: None,
        }
    }
}
