//! Selling.

use strongroom_auth::permission::CreateSales;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AuditId, CustomerId, SaleId, TillId, TokenId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::customers;
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, external_key};
use crate::payments::{CreatePayment, PaymentBody, with_token};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sales::cart::{Cart, NewItem, Rules, item_keys};
use crate::sales::charged::charged;
use crate::sales::settle::{cash, counted, for_customer};
use crate::sales::{OfflinePlace, SaleBody, SaleStatus, SaleView};
use crate::shifts::{ShiftBody, at_work, cash_key};
use crate::tills::{Hand, TillBody, in_use, of_this_till, till_of};
use crate::view::json;

/// What is sold.
pub struct NewSale {
    pub currency: Currency,
    pub items: Vec<NewItem>,
    /// Off everything.
    pub discount: Option<Money>,
    /// Prices are without tax, which comes on top.
    pub taxes_added: bool,
    /// What the client takes the total to be.
    pub amount: Option<Money>,
    pub customer: Option<CustomerId>,
    pub reference_id: Option<ReferenceId>,
    pub description: Option<String>,
    pub metadata: Metadata,
}

/// How it is paid: in cash, by a card, or both. Amounts are minor units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tender {
    pub cash: bool,
    /// Of the total; all that is left when absent.
    pub cash_amount: Option<i64>,
    /// What was handed over; just that when absent.
    pub tendered: Option<i64>,
    pub card: Option<TokenId>,
    pub card_amount: Option<i64>,
}

/// `POST /v1/transactions`.
pub struct CreateSale {
    pub sale: NewSale,
    pub tender: Tender,
    /// The till of the key when absent.
    pub till: Option<TillId>,
    pub hand: Hand,
}

/// What a total is paid with.
#[derive(Clone, Copy)]
struct Paid {
    cash: i64,
    tendered: i64,
    card: i64,
}

impl Tender {
    fn pay(&self, total: i64) -> Result<Paid, Rejection> {
        let rest = |other: Option<i64>| total.saturating_sub(other.unwrap_or(0));
        let (cash, card) = match (self.cash, self.card.is_some()) {
            (true, true) => {
                let cash = self.cash_amount.unwrap_or_else(|| rest(self.card_amount));
                (cash, self.card_amount.unwrap_or_else(|| rest(Some(cash))))
            }
            (true, false) => (self.cash_amount.unwrap_or(total), 0),
            (false, _) => (0, self.card_amount.unwrap_or(total)),
        };
        let least = [(self.cash, cash), (self.card.is_some(), card)];
        let empty = least.iter().any(|(is, minor)| *is && *minor <= 0);
        if empty || cash.saturating_add(card) != total {
            let text = format!("the tenders must add up to {total} minor units");
            return Err(Rejection::at(Code::AmountMismatch, "/tenders", text));
        }
        let tendered = self.tendered.filter(|_| self.cash).unwrap_or(cash);
        if tendered < cash {
            let text = format!("{cash} minor units are to be paid in cash");
            return Err(Rejection::at(Code::AmountMismatch, "/tendered", text));
        }
        Ok(Paid {
            cash,
            tendered,
            card,
        })
    }
}

impl NewSale {
    /// What any sale asks for.
    pub(super) fn keys(&self, facts: &Facts, keys: Keys) -> Keys {
        let mut keys = item_keys(facts, keys, &self.items);
        if let Some(customer) = self.customer {
            keys = keys.record(customer.any());
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::SaleReference, reference.as_str()),
            None => keys,
        }
    }

    fn discount_minor(&self) -> Result<i64, Rejection> {
        match self.discount {
            Some(discount) if discount.currency != self.currency => {
                let text = format!("the transaction is in {}", self.currency);
                Err(Rejection::at(Code::CurrencyMismatch, "/currency", text))
            }
            discount => Ok(discount.map_or(0, |money| money.minor)),
        }
    }

    fn total_agrees(&self, total: i64) -> Result<(), Rejection> {
        let found = Money::new(total, self.currency);
        match self.amount {
            Some(amount) if amount != found => {
                let text = format!("the items come to {total} minor units of {}", self.currency);
                Err(Rejection::at(Code::AmountMismatch, "/amount", text))
            }
            _ => Ok(()),
        }
    }
}

/// What a shift's sale asks for besides.
pub(crate) fn till_keys(facts: &Facts, keys: Keys, till: TillId) -> Keys {
    let keys = keys.record(till.any());
    let Some(till) = facts.till(till) else {
        return keys;
    };
    let keys = keys.record(external_key(till.currency));
    match till.open_shift {
        Some(shift) => keys.record(shift.any()).record(cash_key(shift)),
        None => keys,
    }
}

impl Command for CreateSale {
    type Permission = CreateSales;

    fn action(&self) -> Action {
        Action::TransactionCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = self.hand.keys(Keys::default());
        let mut keys = self.sale.keys(facts, keys);
        let till = self.till.or_else(|| till_of(facts, self.hand.key));
        if let Some(till) = till {
            keys = till_keys(facts, keys, till);
        }
        let till = till.and_then(|id| facts.till(id));
        let Some(payment) = self.payment(till, 0) else {
            return keys;
        };
        let more = payment.keys(facts, scope);
        keys.records.extend(more.records);
        keys.indexes.extend(more.indexes);
        keys
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let place = self.place(facts)?;
        let booking = Booking {
            action: Action::TransactionCreated,
            new: &self.sale,
            place,
            tender: self.tender,
            offline: None,
            payment: &|minor| self.payment(place.map(|(till, _)| till), minor),
        };
        let (decision, _) = booking.decide(facts, moment)?;
        Ok(decision)
    }
}

impl CreateSale {
    /// The till and its open shift, where it is sold at one.
    fn place<'f>(
        &self,
        facts: &'f Facts,
    ) -> Result<Option<(&'f TillBody, &'f ShiftBody)>, Rejection> {
        let Some(id) = self.till.or_else(|| till_of(facts, self.hand.key)) else {
            return match self.tender.cash {
                true => {
                    let text = "cash is taken at a till: name one, or use the key of one";
                    Err(Rejection::at(Code::TillNotFound, "/till_id", text))
                }
                false => Ok(None),
            };
        };
        let till = in_use(facts, id)?;
        of_this_till(facts, &self.hand, id)?;
        let shift = open_shift(facts, till)?;
        Ok(Some((till, at_work(facts, &self.hand, shift)?)))
    }

    /// The card's payment, of so many minor units.
    fn payment(&self, till: Option<&TillBody>, minor: i64) -> Option<CreatePayment> {
        Some(CreatePayment {
            token: self.tender.card?,
            amount: Money::new(minor, self.sale.currency),
            wallet: till.and_then(|till| till.wallet),
            capture: true,
            reference_id: None,
            customer_id: self.sale.customer.map(|id| id.to_string()),
            description: self.sale.description.clone(),
            metadata: Metadata::default(),
            link: None,
            return_url: None,
            maker: None,
        })
    }
}

/// The open shift of a till.
///
/// # Errors
/// [`Code::ShiftClosed`].
pub(crate) fn open_shift<'f>(
    facts: &'f Facts,
    till: &TillBody,
) -> Result<&'f ShiftBody, Rejection> {
    let closed = || {
        let text = format!("`{}` has no open shift", till.id);
        Rejection::at(Code::ShiftClosed, "/till_id", text)
    };
    let id = till.open_shift.ok_or_else(closed)?;
    facts.shift(id).ok_or_else(closed)
}

/// A sale on its way into the books.
pub(super) struct Booking<'a> {
    pub action: Action,
    pub new: &'a NewSale,
    pub place: Option<(&'a TillBody, &'a ShiftBody)>,
    pub tender: Tender,
    pub offline: Option<OfflinePlace>,
    pub payment: &'a dyn Fn(i64) -> Option<CreatePayment>,
}

impl Booking<'_> {
    /// Decides it.
    ///
    /// # Errors
    /// Whatever does not fit, first of all what is sold, then what it is paid with.
    pub fn decide(
        &self,
        facts: &Facts,
        moment: &mut Moment,
    ) -> Result<(Decision, SaleBody), Rejection> {
        let audit = AuditId(moment.ids.last());
        let new = self.new;
        if let Some((till, _)) = self.place.filter(|(till, _)| till.currency != new.currency) {
            let text = format!("`{}` sells in {}", till.id, till.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        self.customer_is_there(facts)?;
        let reference = self.reference(facts)?;
        let rules = Rules {
            currency: new.currency,
            discount: new.discount_minor()?,
            taxes_added: new.taxes_added,
            past: self.offline.map(|place| place.sold_at),
        };
        let (cart, price_differs) = match rules.past {
            Some(_) => charged(facts, new, rules, self.tender.tendered)?,
            None => (Cart::fill(facts, &new.items, rules)?, false),
        };
        new.total_agrees(cart.sums.total)?;
        let paid = self.tender.pay(cart.sums.total)?;
        let id = SaleId(moment.fresh());
        let payment = (self.payment)(paid.card);
        let begun = payment
            .as_ref()
            .map(|payment| payment.begun(facts, moment))
            .transpose()?;
        let payment = begun.map(|(body, token)| {
            let sale = Some(id);
            (PaymentBody { sale, ..body }, token)
        });
        let mut decision = self.drafted(facts, id, payment.as_ref().map(|(body, _)| body));
        let text = reference.map(ReferenceId::as_str);
        decision = decision.claim(Field::SaleReference, text, id.any());
        let mut sale = self.body(
            (id, audit),
            &cart,
            paid,
            payment.as_ref().map(|p| &p.0),
            moment,
        );
        sale.reference_id = reference.cloned();
        if let Some(place) = sale.offline.as_mut().filter(|_| price_differs) {
            place.price_differs = Some(true);
            decision = decision.detail("price_differs", "true");
        }
        let shift = self.shift_after(&sale)?;
        if let Some((_, shift)) = self.place.filter(|_| paid.cash > 0 && paid.card == 0) {
            let kind = (TransactionKind::SaleCash, shift.id);
            decision = cash(decision, facts, moment, kind, &sale, paid.cash)?;
        }

        // From here it must succeed.
        decision = cart.taken(decision);
        if let Some((body, token)) = payment {
            let begun = decision.about_payment(body, moment.now, 0);
            decision = with_token(begun.counting_payment(facts), token);
        }
        if let Some(next) = shift {
            decision = decision.change(next.id.any(), Record::Shift(next));
        }
        Ok((Booking::effects(decision, facts, &sale), sale))
    }

    /// The act and what it tells.
    fn drafted(&self, facts: &Facts, id: SaleId, payment: Option<&PaymentBody>) -> Decision {
        let mut events = vec![EventFact::new(EventType::TransactionCreated, id.any())];
        events.push(match payment {
            Some(payment) => EventFact::new(EventType::PaymentCreated, payment.id.any()),
            None => EventFact::new(EventType::TransactionCompleted, id.any()),
        });
        Decision::new(facts, self.action, id.any(), Movement::none(), events)
    }

    /// Refuses a customer who is not there. One who was erased after a sale was his customer then.
    fn customer_is_there(&self, facts: &Facts) -> Result<(), Rejection> {
        let Some(customer) = self.new.customer else {
            return Ok(());
        };
        match customers::present(facts, customer) {
            Err(rejection) if rejection.code == Code::CustomerErased && self.is_past() => Ok(()),
            present => present.map(drop),
        }
    }

    /// The reference that it has, which nothing else may have. What has happened happens no less for that: it goes without.
    fn reference(&self, facts: &Facts) -> Result<Option<&ReferenceId>, Rejection> {
        let reference = self.new.reference_id.as_ref();
        match facts.free(Field::SaleReference, reference.map(ReferenceId::as_str)) {
            Err(_) if self.is_past() => Ok(None),
            free => free.map(|()| reference),
        }
    }

    fn is_past(&self) -> bool {
        self.offline.is_some()
    }

    /// The shift, with the sale in its sums or among what it waits for.
    fn shift_after(&self, sale: &SaleBody) -> Result<Option<ShiftBody>, Rejection> {
        let Some((_, shift)) = self.place else {
            return Ok(None);
        };
        let next = match sale.status {
            SaleStatus::Completed => counted(shift, sale, 1)?,
            _ => ShiftBody {
                pending: shift.pending.saturating_add(1),
                ..shift.clone()
            },
        };
        Ok(Some(next))
    }

    /// What else a sale changes, and the sale itself.
    fn effects(mut decision: Decision, facts: &Facts, sale: &SaleBody) -> Decision {
        if sale.status == SaleStatus::Completed {
            decision = for_customer(decision, facts, sale, true);
        }
        decision
            .about_sale(sale)
            .reply(Reply::Stored(json(&SaleView::new(sale))))
            .change(sale.id.any(), Record::Sale(sale.clone()))
    }

    fn body(
        &self,
        (id, audit): (SaleId, AuditId),
        cart: &Cart,
        paid: Paid,
        payment: Option<&PaymentBody>,
        moment: &Moment,
    ) -> SaleBody {
        let new = self.new;
        SaleBody {
            id,
            status: match payment {
                Some(_) => SaleStatus::Pending,
                None => SaleStatus::Completed,
            },
            amount: Money::new(cart.sums.total, new.currency),
            till: self.place.map(|(till, _)| till.id),
            store: self.place.map(|(till, _)| till.store),
            shift: self.place.map(|(_, shift)| shift.id),
            customer: new.customer,
            lines: cart.lines.clone(),
            subtotal: cart.sums.subtotal,
            discount: new.discount.map_or(0, |money| money.minor),
            taxes: cart.sums.taxes.clone(),
            taxes_added: new.taxes_added,
            cash: paid.cash,
            tendered: paid.tendered,
            card: paid.card,
            payment: payment.map(|payment| payment.id),
            cash_refunded: 0,
            card_refunded: 0,
            reference_id: None,
            description: new.description.clone(),
            metadata: new.metadata.clone(),
            created_at: moment.now,
            audit,
            offline: self.offline,
            voided_at: None,
            void_reason: None,
            completed_at: payment.is_none().then_some(moment.now),
        }
    }
}
