//! A payout joins the open file of its rail, or leaves it again.

use strongroom_types::id::{FilePageId, PayoutFileId};
use strongroom_types::money::Money;

use crate::command::Moment;
use crate::decision::{Decision, Job};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payout_rails::{OpenFile, PayoutRail};
use crate::payouts::Payout;
use crate::record::Record;
use crate::rejection::{Code, Rejection};

use super::close::closed;
use super::{FilePage, PAGE, PayoutFile, PayoutFileStatus, Seat, SeatInFile};

/// What a payout on a file rail needs besides its own books: its rail, then the file that it is in or would join.
pub(crate) fn file_keys(facts: &Facts, keys: Keys, payout: &Payout) -> Keys {
    let Some(seat) = payout.body.seat else {
        return keys;
    };
    let keys = keys.record(seat.rail.any());
    let open = facts.payout_rail(seat.rail).and_then(|rail| rail.open);
    let place = seat.place.or_else(|| {
        open.map(|open| SeatInFile {
            file: open.file,
            page: open.page,
        })
    });
    match place {
        Some(place) => keys.record(place.file.any()).record(place.page.any()),
        None => keys,
    }
}

/// What joining a file changes.
pub(crate) struct Joined {
    pub seat: Seat,
    rail: Option<PayoutRail>,
    file: PayoutFile,
    page: FilePage,
    begins: bool,
}

/// Finds the payout's place in the open file of its rail, beginning one where there is none.
pub(crate) fn collect(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    seat: Seat,
) -> Result<Joined, Rejection> {
    let rail = facts
        .payout_rail(seat.rail)
        .ok_or_else(|| Rejection::new(Code::PayoutRailNotFound, "there is no such rail"))?;
    let amount = payout.body.amount;
    let open = rail.open.and_then(|open| {
        let file = facts.payout_file(open.file)?;
        Some((file.clone(), facts.file_page(open.page)?.clone()))
    });
    let begins = open.is_none();
    let (mut file, mut page) = open.unwrap_or_else(|| begin(rail, moment, amount));
    let mut next = None;
    if page.payouts.len() >= PAGE {
        page = blank(file.id, FilePageId(moment.fresh()));
        file.pages.push(page.id);
    }
    // INVARIANT(one-file): a payout without a place is in no file; from here on it has one, for ever.
    page.payouts.push(payout.body.id);
    file.count = file.count.saturating_add(1);
    file.sum = plus(file.sum, amount.minor)?;
    let place = SeatInFile {
        file: file.id,
        page: page.id,
    };
    let now_open = OpenFile {
        file: file.id,
        page: page.id,
    };
    if rail.open != Some(now_open) {
        next = Some(PayoutRail {
            open: Some(now_open),
            ..rail.clone()
        });
    }
    if file.count >= rail.batch_limit {
        file = closed(&file, rail, moment.now);
        next = Some(PayoutRail {
            open: None,
            ..rail.clone()
        });
    }
    Ok(Joined {
        seat: Seat {
            place: Some(place),
            ..seat
        },
        rail: next,
        file,
        page,
        begins,
    })
}

impl Joined {
    /// Adds to a payout's step what it changes beside the payout.
    pub fn written(self, decision: Decision, moment: &Moment) -> Decision {
        let id = self.file.id;
        let is_closed = self.file.status == PayoutFileStatus::Closed;
        let mut decision = decision.change(self.page.id.any(), Record::FilePage(self.page));
        if self.begins {
            decision = decision.event(EventFact::new(EventType::PayoutFileCreated, id.any()));
        }
        if is_closed {
            decision = decision.event(EventFact::new(EventType::PayoutFileClosed, id.any()));
        }
        decision = match (is_closed, self.begins) {
            (true, _) => decision.job(Job::PayoutFile(id, moment.now)),
            (false, true) => decision.job(Job::PayoutFile(id, self.file.cut_off)),
            (false, false) => decision,
        };
        if let Some(rail) = self.rail {
            decision = decision.change(rail.id.any(), Record::PayoutRail(rail));
        }
        decision.change(id.any(), Record::PayoutFile(self.file))
    }
}

/// Takes a cancelled payout out of its file.
///
/// # Errors
/// [`Code::InvalidState`] once the file is closed: what may be with the bank is not taken back here.
pub(crate) fn withdraw(facts: &Facts, payout: &Payout) -> Result<Option<Withdrawn>, Rejection> {
    let Some(place) = payout.body.seat.and_then(|seat| seat.place) else {
        return Ok(None);
    };
    let (Some(file), Some(page)) = (facts.payout_file(place.file), facts.file_page(place.page))
    else {
        return Err(Rejection::new(Code::NotFound, "there is no such payout"));
    };
    if file.status != PayoutFileStatus::Open {
        let text = format!(
            "`{}` is in the file `{}`, which is closed, and cannot be cancelled",
            payout.body.id, file.id
        );
        return Err(Rejection::new(Code::InvalidState, text));
    }
    let mut file = file.clone();
    let mut page = page.clone();
    page.payouts.retain(|id| *id != payout.body.id);
    file.count = file.count.saturating_sub(1);
    file.sum = plus(file.sum, -payout.body.amount.minor)?;
    Ok(Some(Withdrawn { file, page }))
}

/// What leaving a file changes.
pub(crate) struct Withdrawn {
    file: PayoutFile,
    page: FilePage,
}

impl Withdrawn {
    pub fn written(self, decision: Decision) -> Decision {
        decision
            .change(self.page.id.any(), Record::FilePage(self.page))
            .change(self.file.id.any(), Record::PayoutFile(self.file))
    }
}

fn plus(sum: Money, change: i64) -> Result<Money, Rejection> {
    let minor = sum.minor.checked_add(change).ok_or_else(|| {
        // What one wallet holds is bounded far below: the ledger refuses first.
        Rejection::new(Code::BalanceLimit, "the sum of a file has a limit")
    })?;
    Ok(Money { minor, ..sum })
}

fn begin(rail: &PayoutRail, moment: &mut Moment, amount: Money) -> (PayoutFile, FilePage) {
    let id = PayoutFileId(moment.fresh());
    let page = blank(id, FilePageId(moment.fresh()));
    let file = PayoutFile {
        id,
        rail: rail.id,
        status: PayoutFileStatus::Open,
        sum: Money { minor: 0, ..amount },
        count: 0,
        pages: vec![page.id],
        created_at: moment.now,
        cut_off: rail.cut_off.next(moment.now),
        closing: None,
        content: None,
        sent_at: None,
        released: 0,
    };
    (file, page)
}

fn blank(file: PayoutFileId, id: FilePageId) -> FilePage {
    FilePage {
        id,
        of: file.any(),
        payouts: Vec::new(),
        entries: Vec::new(),
    }
}
