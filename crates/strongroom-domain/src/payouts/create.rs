//! Making a payout: to a wallet it completes at once, to a bank it begins with a hold.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::CreatePayouts;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::currency::Currency;
use strongroom_types::id::{PayoutId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key};
use crate::fees::{FeeOn, PayoutFee, fee_schedules_key, fees_key};
use crate::payout_rails::rail_key;
use crate::rejection::{Code, Rejection};
use crate::view;

use super::on_file::seat_for;
use super::steps::{hold, transaction};
use super::{BankAccount, Payout, PayoutBody, PayoutStatus, Recipient};

/// Who is to be paid, as the request says.
#[derive(Clone, Encode, Decode)]
pub enum NewRecipient {
    #[n(0)]
    Wallet(#[n(0)] WalletId),
    #[n(1)]
    Bank {
        #[n(0)]
        bank_code: Option<String>,
        #[n(1)]
        account: BankAccount,
    },
}

impl NewRecipient {
    /// The text by which the same account is found again.
    pub(crate) fn index_text(&self) -> Option<String> {
        let NewRecipient::Bank { bank_code, account } = self else {
            return None;
        };
        account.index_text(bank_code.as_deref())
    }

    /// Whether a file rail could carry it.
    fn has_iban(&self) -> bool {
        matches!(self, NewRecipient::Bank { account, .. } if account.iban.is_some())
    }
}

/// `POST /v1/payouts`.
#[derive(Clone, Encode, Decode)]
pub struct CreatePayout {
    #[n(0)]
    pub amount: Money,
    /// The operating wallet of the currency when absent.
    #[n(1)]
    pub source: Option<WalletId>,
    #[n(2)]
    pub recipient: NewRecipient,
    #[n(3)]
    pub reference_id: Option<ReferenceId>,
    #[n(4)]
    pub description: Option<String>,
    #[n(5)]
    pub metadata: Metadata,
}

impl Command for CreatePayout {
    type Permission = CreatePayouts;

    fn action(&self) -> Action {
        Action::PayoutCreated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::Payout)
    }

    /// With its source by name: who approves sees which wallet pays.
    fn parked(&self, facts: &Facts, scope: Scope) -> Option<Parked> {
        let source = self.source_in(facts, scope);
        Some(Parked::Payout(CreatePayout {
            source,
            ..self.clone()
        }))
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = Keys::default().record(fee_schedules_key());
        if facts.fee_schedules().is_some() {
            keys = keys.record(fees_key(self.amount.currency));
        }
        match self.source_in(facts, scope) {
            Some(source) => keys = keys.books(source),
            None => keys = keys.record(scope.organization.any()),
        }
        if self.source.is_none() {
            keys = keys.record(scope.organization.any());
        }
        if let NewRecipient::Wallet(wallet) = &self.recipient {
            keys = keys.books(*wallet);
        }
        if let Some(text) = self.recipient.index_text() {
            keys = keys.holder(Field::BankAccount, &text);
        }
        if let (Some(source), true) = (self.source_in(facts, scope), self.recipient.has_iban()) {
            keys = keys.record(rail_key(source));
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PayoutReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let source = self
            .source_in(facts, moment.scope)
            .ok_or_else(|| no_default(self.amount.currency))?;
        check_wallet(facts, source, self.amount.currency, "/source_wallet_id")?;
        if let NewRecipient::Wallet(wallet) = &self.recipient {
            check_wallet(facts, *wallet, self.amount.currency, "/recipient/id")?;
            if *wallet == source {
                return Err(Rejection::at(
                    Code::SameWallet,
                    "/recipient/id",
                    "a wallet cannot be paid from itself",
                ));
            }
        }
        facts.free(
            Field::PayoutReference,
            self.reference_id.as_ref().map(ReferenceId::as_str),
        )?;
        match &self.recipient {
            NewRecipient::Wallet(wallet) => self.to_wallet(facts, moment, source, *wallet),
            NewRecipient::Bank { bank_code, account } => {
                self.to_bank(facts, moment, source, bank_code, account)
            }
        }
    }
}

fn no_default(currency: Currency) -> Rejection {
    Rejection::at(
        Code::NoDefaultWallet,
        "/source_wallet_id",
        format!("there is no operating wallet in {currency}: name a source"),
    )
}

/// Refuses unless money of `currency` may move in the wallet.
pub(crate) fn check_wallet(
    facts: &Facts,
    id: WalletId,
    currency: Currency,
    pointer: &str,
) -> Result<(), Rejection> {
    let missing = || Rejection::at(Code::WalletNotFound, pointer, "there is no such wallet");
    let books = facts.books(id).ok_or_else(missing)?;
    if books.account.currency != currency {
        return Err(Rejection::at(
            Code::CurrencyMismatch,
            "/currency",
            format!("`{id}` is kept in {}", books.account.currency),
        ));
    }
    books.open(id)
}

impl CreatePayout {
    fn source_in(&self, facts: &Facts, scope: Scope) -> Option<WalletId> {
        self.source.or_else(|| {
            facts
                .tenant(scope.organization)?
                .operating(self.amount.currency)
        })
    }

    fn body(
        &self,
        id: PayoutId,
        source: WalletId,
        recipient: Recipient,
        moment: &Moment,
    ) -> PayoutBody {
        PayoutBody {
            id,
            status: PayoutStatus::Initiated,
            amount: self.amount,
            source,
            recipient,
            reference_id: self.reference_id.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            processed_at: None,
            failure: None,
            seat: None,
            fee: None,
        }
    }

    /// What is charged for it now.
    fn fee(&self, facts: &Facts, moment: &Moment) -> Option<PayoutFee> {
        let terms = facts.fee_terms(FeeOn::Payouts, self.amount.currency, moment.now)?;
        Some(PayoutFee {
            schedule: terms.schedule,
            minor: terms.of(self.amount.minor),
        })
    }

    /// Completes in the commit that makes it.
    fn to_wallet(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        source: WalletId,
        target: WalletId,
    ) -> Result<Decision, Rejection> {
        let id = PayoutId(moment.fresh());
        let fee = self.fee(facts, moment);
        let mut legs = vec![
            Leg::new(books_key(source), Bucket::Available, -self.amount.minor),
            Leg::new(books_key(target), Bucket::Available, self.amount.minor),
        ];
        if let Some(fee) = fee.filter(|fee| fee.minor > 0) {
            let fees = fees_key(self.amount.currency);
            legs.push(Leg::new(books_key(source), Bucket::Available, -fee.minor));
            legs.push(Leg::new(fees, Bucket::Available, fee.minor));
        }
        let transaction = transaction(TransactionKind::Payout, id, id.0, self.amount);
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let mut body = self.body(id, source, Recipient::Wallet(target), moment);
        body.fee = fee;
        body.status = PayoutStatus::Completed;
        body.processed_at = Some(moment.now);
        let events = vec![
            EventFact {
                event: EventType::PayoutInitiated,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::PayoutPending,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::PayoutProcessing,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::WalletDebited,
                about: Some(source.any()),
            },
            EventFact {
                event: EventType::WalletCredited,
                about: Some(target.any()),
            },
            EventFact {
                event: EventType::PayoutCompleted,
                about: Some(id.any()),
            },
        ];
        Ok(
            Decision::new(facts, Action::PayoutCreated, id.any(), movement, events)
                .create(id.any())
                .claim(
                    Field::PayoutReference,
                    self.reference_id.as_ref().map(ReferenceId::as_str),
                    id.any(),
                )
                .about_payout(Payout { body, bank: None }, false),
        )
    }

    /// Holds the money and leaves the rest to the rail.
    fn to_bank(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        source: WalletId,
        bank_code: &Option<String>,
        account: &BankAccount,
    ) -> Result<Decision, Rejection> {
        let seat = seat_for(facts, source, account)?;
        // SECURITY: the sandbox never pretends to have paid live money.
        if seat.is_none() && moment.scope.mode.is_live() {
            let text = "no rail carries this in live mode: the wallet is on no file rail, or the recipient has no IBAN";
            return Err(Rejection::at(Code::NoRail, "/recipient/type", text));
        }
        let id = PayoutId(moment.fresh());
        let transaction = transaction(TransactionKind::PayoutHold, id, id.0, self.amount);
        let fee = self.fee(facts, moment);
        let held = fee.map_or(0, |fee| fee.minor);
        let movement = Movement::post(
            facts,
            transaction,
            &hold(source, self.amount.minor.saturating_add(held)),
            moment.sequence,
        )?;

        // From here it must succeed.
        let index = self.recipient.index_text();
        let known = index
            .as_deref()
            .and_then(|text| facts.holder(Field::BankAccount, text));
        let subject = SubjectId(known.map_or_else(|| moment.fresh(), |id| id.raw));
        let recipient = Recipient::BankAccount {
            subject,
            bank_code: bank_code.clone(),
        };
        let body = PayoutBody {
            seat,
            fee,
            ..self.body(id, source, recipient, moment)
        };
        let payout = Payout {
            body,
            bank: Some(account.clone()),
        };
        let events = vec![
            EventFact {
                event: EventType::PayoutInitiated,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::WalletReserved,
                about: Some(source.any()),
            },
        ];
        let mut decision = Decision::new(facts, Action::PayoutCreated, id.any(), movement, events)
            .create(id.any())
            .claim(
                Field::PayoutReference,
                self.reference_id.as_ref().map(ReferenceId::as_str),
                id.any(),
            )
            .job(Job::Rail(id, moment.now))
            .reply(Reply::Stored(view::json(&view::PayoutView::new(&payout))));
        if known.is_none() {
            decision = decision.claim(Field::BankAccount, index.as_deref(), subject.any());
        }
        Ok(decision.about_payout(payout, true))
    }
}
