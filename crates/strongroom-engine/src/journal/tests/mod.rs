//! The whole request log over a running engine and a directory.

mod damage;
mod keys;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use strongroom_crypto::RootKeys;
use strongroom_store::MemoryStore;
use strongroom_types::currency::Currency;
use strongroom_types::id::{RawId, RequestId};
use strongroom_types::mode::Mode;
use strongroom_types::time::{DAY, SECOND, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::scopes::installation;
use crate::start::Settings;

/// 2024-01-15T10:30:00Z.
const START: i64 = 1_705_314_600_000;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// An engine with one organization and a request log.
struct Desk {
    store: MemoryStore,
    clock: Arc<TestClock>,
    engine: Engine,
    dir: TempDir,
    scope: Scope,
    other: Scope,
    log: Journal<RequestLine>,
}

impl Desk {
    fn new() -> Desk {
        let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let own = Arc::clone(&clock);
        let engine =
            Engine::start(&store, RootKeys::generate(), own, Settings::default(), None).unwrap();
        let organization = engine
            .create_organization("Tills", Currency::parse("PHP").unwrap())
            .unwrap();
        let scope = engine.scope_of(organization, Mode::Test).unwrap();
        let other = engine.scope_of(organization, Mode::Live).unwrap();
        let log = open(&engine, dir.path().join("requests"));
        Desk {
            store,
            clock,
            engine,
            dir,
            scope,
            other,
            log,
        }
    }

    fn restart(&mut self) {
        self.log.flush();
        self.log = open(&self.engine, self.folder());
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("requests")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("20240115.log")
    }

    /// Adds a line of the scope whose time is `after` milliseconds behind the start.
    fn add(&self, after: i64) {
        self.log.add(line(Some(self.scope), after));
    }

    fn read(&self, page: &PageQuery) -> Listing<Vec<u8>> {
        self.log
            .read(&self.scope, &RequestFilter::default(), page)
            .unwrap()
    }

    /// The times of all lines, in milliseconds behind the start.
    fn all(&self) -> Vec<i64> {
        times(&self.filtered(&RequestFilter::default()))
    }

    fn filtered(&self, filter: &RequestFilter) -> Listing<Vec<u8>> {
        self.log
            .read(&self.scope, filter, &page(10_000, None, None))
            .unwrap()
    }
}

fn open(engine: &Engine, dir: PathBuf) -> Journal<RequestLine> {
    Journal::start(dir, Arc::clone(engine.shared())).unwrap()
}

fn id(after: i64) -> RequestId {
    RequestId(RawId::from_parts(u64::try_from(START + after).unwrap(), 7))
}

fn line(scope: Option<Scope>, after: i64) -> RequestLine {
    RequestLine {
        scope,
        time: Timestamp(START + after),
        request: id(after),
        method: "POST".into(),
        path: format!("/v1/payouts/{after}"),
        status: if after % 2 == 0 { 201 } else { 422 },
        duration_us: 900,
        credential: None,
        address: "192.0.2.7".into(),
        user_agent: "till/1.0".into(),
        code: None,
    }
}

fn page(limit: usize, after: Option<String>, before: Option<String>) -> PageQuery {
    PageQuery {
        limit,
        after,
        before,
    }
}

fn times(listing: &Listing<Vec<u8>>) -> Vec<i64> {
    let path = |item: &Vec<u8>| {
        let value: serde_json::Value = serde_json::from_slice(item).unwrap();
        value["path"]
            .as_str()
            .unwrap()
            .strip_prefix("/v1/payouts/")
            .unwrap()
            .parse()
            .unwrap()
    };
    listing.items.iter().map(path).collect()
}

/// Lines over three days, in blocks whose ids overlap: requests end in another order than they began.
fn three_days(desk: &Desk) -> Vec<i64> {
    let mut expected = Vec::new();
    for day in 0..3 {
        for n in 0..60 {
            let after = day * DAY + (n * 7_919) % 60 * SECOND;
            desk.add(after);
            desk.log.add(line(Some(desk.other), after));
            expected.push(after);
            if n % 4 == 3 {
                desk.log.flush();
            }
        }
    }
    desk.clock
        .0
        .fetch_add(2 * DAY + 60 * SECOND, Ordering::Relaxed);
    expected.sort_unstable_by(|a, b| b.cmp(a));
    expected
}

#[test]
fn lines_come_back_newest_first_to_their_own_scope_only() {
    let mut desk = Desk::new();
    for after in [3, 1, 2] {
        desk.add(after);
    }
    desk.log.add(line(Some(desk.other), 9));
    desk.log.add(line(None, 10));
    assert_eq!(desk.all(), [3, 2, 1]);
    desk.add(4);
    desk.restart();
    assert_eq!(desk.all(), [4, 3, 2, 1]);
    desk.add(5);
    assert_eq!(desk.all(), [5, 4, 3, 2, 1]);
    let installation = desk
        .log
        .read(
            &installation(),
            &RequestFilter::default(),
            &page(9, None, None),
        )
        .unwrap();
    assert_eq!(times(&installation), [10]);
    assert_eq!(desk.log.dropped(), 0);
}

#[test]
fn what_is_on_disk_is_sealed_and_for_the_server_only() {
    let desk = Desk::new();
    desk.add(1);
    desk.log.flush();
    let bytes = fs::read(desk.file()).unwrap();
    for clear in [&b"payouts"[..], b"192.0.2.7", b"till/1.0"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear));
    }
    assert_eq!(
        fs::metadata(desk.file()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(desk.folder()).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn pages_are_cut_from_one_list() {
    let mut desk = Desk::new();
    let expected = three_days(&desk);
    assert_eq!(desk.all(), expected);
    desk.restart();
    for limit in [1, 7, 60, 179, 180, 500] {
        let mut walked = Vec::new();
        let mut after = None;
        loop {
            let listing = desk.read(&page(limit, after, None));
            walked.extend(times(&listing));
            assert_eq!(listing.has_more, listing.next_cursor.is_some());
            assert_eq!(listing.has_more, walked.len() < expected.len());
            after = listing.next_cursor;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(walked, expected, "pages of {limit}");
    }
}

#[test]
fn pages_before_a_line_end_at_it() {
    let desk = Desk::new();
    let expected = three_days(&desk);
    for limit in [1, 7, 61, 200] {
        for at in [0, 1, 8, 90, 179] {
            let listing = desk.read(&page(limit, None, Some(id(expected[at]).to_string())));
            let from = at.saturating_sub(limit);
            assert_eq!(
                times(&listing),
                expected[from..at],
                "{limit} before line {at}"
            );
            assert_eq!(listing.has_more, from > 0);
        }
    }
}

#[test]
fn filters_narrow_and_cursors_are_ids() {
    let desk = Desk::new();
    let expected = three_days(&desk);
    let day_two = |after: &i64| (DAY..2 * DAY).contains(after);
    let filter = RequestFilter {
        created_after: Some(Timestamp(START + DAY)),
        created_before: Some(Timestamp(START + 2 * DAY)),
        ..RequestFilter::default()
    };
    let second: Vec<i64> = expected.iter().copied().filter(day_two).collect();
    assert_eq!(times(&desk.filtered(&filter)), second);
    let one = RequestFilter {
        request: Some(id(DAY + 5 * SECOND)),
        ..RequestFilter::default()
    };
    assert_eq!(times(&desk.filtered(&one)), [DAY + 5 * SECOND]);
    assert!(
        desk.filtered(&RequestFilter {
            status: Some(422),
            ..one.clone()
        })
        .items
        .is_empty()
    );
    assert_eq!(
        desk.filtered(&RequestFilter {
            status: Some(201),
            ..one
        })
        .items
        .len(),
        1
    );
    for cursor in ["", "req_1", "wallet_018f0123456789abcdef0123"] {
        let read = desk.log.read(
            &desk.scope,
            &RequestFilter::default(),
            &page(5, Some(cursor.into()), None),
        );
        assert!(matches!(read, Err(ReadFault::BadCursor)), "{cursor}");
    }
    let newest = RequestId(RawId([255; 12])).to_string();
    assert_eq!(
        times(&desk.read(&page(2, Some(newest.clone()), None))),
        expected[..2]
    );
    assert!(desk.read(&page(2, None, Some(newest))).items.is_empty());
}

#[test]
fn a_line_just_past_midnight_keeps_its_place() {
    let desk = Desk::new();
    let midnight = 13 * 3_600 * SECOND + 30 * 60 * SECOND;
    // Begun before midnight and written down after it, behind a request that began and ended later.
    let late = RequestLine {
        time: Timestamp(START + midnight + 5),
        ..line(Some(desk.scope), midnight - 2)
    };
    desk.add(midnight - 3);
    desk.add(midnight - 1);
    desk.add(midnight + 1);
    desk.log.flush();
    desk.log.add(late);
    desk.clock.0.fetch_add(midnight + 10, Ordering::Relaxed);
    let expected = [midnight + 1, midnight - 1, midnight - 2, midnight - 3];
    assert_eq!(desk.all(), expected);
    assert_eq!(desk.log.folder.days().unwrap(), [20_240_115, 20_240_116]);
    for limit in 1..4 {
        let first = desk.read(&page(limit, None, None));
        let rest = desk.read(&page(4, first.next_cursor.clone(), None));
        assert_eq!(
            [times(&first), times(&rest)].concat(),
            expected,
            "pages of {limit}"
        );
    }
}

#[test]
fn reading_is_bounded() {
    let desk = Desk::new();
    for burst in 0..11 {
        for n in 0..10_000 {
            desk.add(2 * (burst * 10_000 + n));
        }
        desk.log.flush();
    }
    let filter = RequestFilter {
        status: Some(500),
        ..RequestFilter::default()
    };
    let read = |filter: &RequestFilter| desk.log.read(&desk.scope, filter, &page(5, None, None));
    assert!(matches!(read(&filter), Err(ReadFault::NarrowTheRange)));
    let range = RequestFilter {
        created_after: Some(Timestamp(START + 20_000)),
        ..filter
    };
    assert!(read(&range).unwrap().items.is_empty());
    assert_eq!(times(&desk.read(&page(2, None, None))), [219_998, 219_996]);
    assert_eq!(desk.log.dropped(), 0);
}

#[test]
fn a_second_is_the_longest_wait() {
    let desk = Desk::new();
    desk.add(1);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while fs::metadata(desk.file()).map_or(0, |data| data.len()) == 0 {
        assert!(std::time::Instant::now() < deadline, "nothing was written");
        std::thread::yield_now();
    }
}
