//! Keys: stored before anything is sealed under them, destroyed after 90 days.

use strongroom_crypto::Purpose;
use strongroom_domain::action::Action;
use strongroom_store::{MAX_SEQ, Store};

use super::*;

#[test]
fn keys_are_stored_before_blocks() {
    let desk = Desk::new();
    let numbers = || {
        let rows = desk.store.reader().unwrap().keys().unwrap();
        let ours = rows
            .into_iter()
            .filter(|row| row.purpose == Purpose::RequestLog.number());
        ours.map(|row| (row.scope, row.period, row.number))
            .collect::<Vec<_>>()
    };
    assert!(numbers().is_empty());
    desk.add(1);
    desk.log.flush();
    let stored = numbers();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].0, stored[0].1), (desk.scope.number, 20_240_115));
    let bytes = fs::read(desk.file()).unwrap();
    assert_eq!(&bytes[93..97], &stored[0].2.to_be_bytes());
    // A store that takes nothing any more: the keys of a new scope cannot be stored, its lines are dropped.
    desk.engine.stop();
    desk.log.add(line(Some(desk.other), 2));
    desk.add(3);
    assert_eq!(desk.all(), [3, 1]);
    assert_eq!(desk.log.dropped(), 1);
    assert_eq!(numbers(), stored);
}

#[test]
fn after_90_days_keys_and_files_are_destroyed_on_record() {
    let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let clock = Arc::new(TestClock(AtomicI64::new(START)));
    let own = Arc::clone(&clock);
    let folder = Some(dir.path());
    let engine = Engine::start(
        &store,
        RootKeys::generate(),
        own,
        Settings::default(),
        folder,
    )
    .unwrap();
    let purge = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(engine.purge_journals())
    };
    let read = || {
        let page = page(100, None, None);
        let listing = engine.view_now(installation(), |view| {
            view.request_logs(&RequestFilter::default(), &page)
        });
        times(&listing.unwrap())
    };
    let kept = || {
        let rows = store.reader().unwrap().keys().unwrap();
        let ours = rows
            .into_iter()
            .filter(|row| row.purpose == Purpose::RequestLog.number());
        let mut periods: Vec<u32> = ours.map(|row| row.period).collect();
        periods.sort_unstable();
        periods
    };
    engine.log_request(line(None, 1));
    engine.log_request(line(None, DAY));
    assert_eq!(read(), [DAY, 1]);
    assert_eq!(kept(), [20_240_115, 20_240_116]);
    clock.0.store(START + 90 * DAY, Ordering::Relaxed);
    assert_eq!(purge().unwrap(), 0);
    assert_eq!(read(), [DAY, 1]);
    clock.0.store(START + 91 * DAY, Ordering::Relaxed);
    assert_eq!(purge().unwrap(), 1);
    assert_eq!(read(), [DAY]);
    assert_eq!(kept(), [20_240_116]);
    assert!(!dir.path().join("requests/20240115.log").exists());
    assert_eq!(purge().unwrap(), 0);
    let entries = store
        .reader()
        .unwrap()
        .entries(installation().number, 1, MAX_SEQ, false, 100)
        .unwrap();
    let destroyed: Vec<_> = entries
        .iter()
        .filter(|row| row.action == Action::KeysDestroyed.code())
        .collect();
    assert_eq!(destroyed.len(), 1);
    let opener = Opener::new(Arc::clone(&engine.shared().hierarchy));
    let details = opener
        .entry(&installation(), destroyed[0])
        .unwrap()
        .facts
        .unwrap()
        .details;
    assert!(
        details.contains(&("from".into(), "20240115".into()))
            && details.contains(&("keys".into(), "1".into()))
    );
    // A line of a destroyed day does not bring its key back.
    engine.log_request(line(None, 2));
    assert_eq!(read(), [DAY]);
    assert_eq!(
        (kept(), engine.stats().request_lines_dropped),
        (vec![20_240_116], 1)
    );
    engine.stop();
}
