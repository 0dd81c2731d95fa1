//! Reading everything back, page by page, and holding it against the reference.

use serde_json::{Value, json};
use strongroom_auth::permission::{ReadAudit, ReadTransactions};
use strongroom_domain::view::{self, PayoutView, StatementLineView, TransactionView, WalletView};
use strongroom_engine::{
    AuditFilter, Engine, Listing, PageQuery, PayoutFilter, ReadFault, TransactionFilter, View,
    WalletFilter,
};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::reference::{List, Reference, compare, page};
use strongroom_types::id::{PayoutId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use tokio::runtime::Runtime;

use crate::clients::caller;

/// What is read of one organization agrees: everything, or a choice of it.
pub fn agree(
    engine: &Engine,
    runtime: &Runtime,
    scope: Scope,
    reference: &mut Reference,
    dice: &mut Dice,
    everything: bool,
) {
    let statement = List::Statement(dice.below(reference.wallet_count()));
    let mut lists = vec![
        List::Events,
        List::Wallets,
        List::Payouts,
        List::Transactions,
        statement,
    ];
    if !everything {
        dice.shuffle(&mut lists);
        lists.truncate(2);
    }
    for list in lists {
        let limit = 1 + dice.below(100);
        walk(engine, runtime, scope, reference, list, limit);
    }
    assert_eq!(
        reference.imbalance(),
        0,
        "the reference itself does not balance"
    );
}

fn walk(
    engine: &Engine,
    runtime: &Runtime,
    scope: Scope,
    reference: &mut Reference,
    list: List,
    limit: usize,
) {
    let statement = match list {
        List::Statement(n) => match reference.names.id("wallet", n).and_then(WalletId::parse) {
            Some(wallet) => Some(wallet),
            None => return,
        },
        _ => None,
    };
    let items = reference.list(list, &[]);
    let mut start = 0;
    let mut after = None;
    loop {
        let query = PageQuery {
            limit,
            after: after.take(),
            before: None,
        };
        let work = move |view: &mut View<'_>| read_page(view, list, statement, &query);
        let found = runtime.block_on(engine.read(&caller::<ReadTransactions>(scope), work));
        let found = found.unwrap_or_else(|failure| panic!("{list:?} cannot be read: {failure:?}"));
        let wanted = page(&items, start, limit, false);
        if let Err(difference) = compare(
            &wanted,
            &found,
            &mut reference.names,
            &format!("{list:?} from {start}"),
        ) {
            panic!("{difference}");
        }
        start += limit;
        match found["next_cursor"].as_str() {
            Some(cursor) => after = Some(cursor.to_owned()),
            None => return,
        }
    }
}

fn read_page(
    view: &mut View<'_>,
    list: List,
    statement: Option<WalletId>,
    query: &PageQuery,
) -> Result<Value, ReadFault> {
    let all = TransactionFilter::default();
    Ok(match (list, statement) {
        (List::Wallets, _) => shown(
            &view.wallets(&WalletFilter::default(), query)?,
            |(wallet, books)| view::json(&WalletView::new(wallet, books)),
        ),
        (List::Payouts, _) => shown(&view.payouts(&PayoutFilter::default(), query)?, |payout| {
            view::json(&PayoutView::new(payout))
        }),
        (List::Statement(_), Some(wallet)) => shown(
            &view.statement(wallet, &all, query)?,
            |(transaction, time)| {
                view::json(&StatementLineView::new(transaction, wallet, *time).unwrap())
            },
        ),
        (List::Events, _) => shown(&view.events(&[], query)?, |event| {
            event.body.clone().into_bytes()
        }),
        _ => shown(&view.transactions(&all, query)?, |(transaction, time)| {
            view::json(&TransactionView::new(transaction, *time))
        }),
    })
}

fn shown<T>(listing: &Listing<T>, show: impl Fn(&T) -> Vec<u8>) -> Value {
    let data: Vec<Value> = listing
        .items
        .iter()
        .map(|item| serde_json::from_slice(&show(item)).unwrap())
        .collect();
    json!({ "data": data, "has_more": listing.has_more, "next_cursor": listing.next_cursor })
}

/// The newest acts of a log, newest first.
pub fn newest_acts(engine: &Engine, runtime: &Runtime, scope: Scope, limit: usize) -> Vec<Value> {
    acts(engine, runtime, scope, AuditFilter::default(), limit)
}

/// When the newest act on a payout was.
pub fn last_act_on(engine: &Engine, runtime: &Runtime, scope: Scope, payout: &str) -> i64 {
    let resource = PayoutId::parse(payout).map(PayoutId::any);
    let acts = acts(
        engine,
        runtime,
        scope,
        AuditFilter {
            resource,
            ..AuditFilter::default()
        },
        1,
    );
    Timestamp::parse(acts[0]["timestamp"].as_str().unwrap())
        .unwrap()
        .0
}

fn acts(
    engine: &Engine,
    runtime: &Runtime,
    scope: Scope,
    filter: AuditFilter,
    limit: usize,
) -> Vec<Value> {
    let query = PageQuery {
        limit,
        after: None,
        before: None,
    };
    let work = move |view: &mut View<'_>| {
        let listing = view.audit_logs(&filter, &query)?;
        Ok(listing
            .items
            .iter()
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect())
    };
    runtime
        .block_on(engine.read(&caller::<ReadAudit>(scope), work))
        .unwrap()
}

/// One payout as it is shown.
pub fn payout(engine: &Engine, runtime: &Runtime, scope: Scope, id: &str) -> Value {
    let id = PayoutId::parse(id).unwrap();
    let work = move |view: &mut View<'_>| Ok(view::json(&PayoutView::new(&view.payout(id)?)));
    let bytes = runtime
        .block_on(engine.read(&caller::<ReadTransactions>(scope), work))
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
