//! The search, searched: by its own test, and over any bytes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests"
)]

use std::io::Read;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use strongroom_scan::{Canaries, CanaryFault, Report, Scanner, scan_path, scan_process, self_test};

#[test]
fn every_form_planted_in_every_kind_of_place_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let test = self_test(folder.path(), true).unwrap();
    assert!(test.is_good(), "{test:?}");
    println!("{} planted, {} found", test.planted, test.found);
    assert!(test.planted > 1_000 && test.found == test.planted);
}

#[test]
fn lists_that_would_find_anything_are_refused() {
    let fault = |text: &str| Canaries::parse(text).map(|c| c.count()).unwrap_err();
    assert_eq!(fault(""), CanaryFault::None);
    assert_eq!(fault("\n\n"), CanaryFault::None);
    assert_eq!(fault("long enough\n1234\n"), CanaryFault::Short(2));
    assert_eq!(fault(&"canary\n".repeat(10_001)), CanaryFault::TooMany);
    assert_eq!(
        Canaries::parse("one-canary\r\n\nanother\n")
            .unwrap()
            .count(),
        2
    );
}

#[test]
fn links_are_not_followed_and_what_is_not_there_is_not_clean() {
    let dir = tempfile::tempdir().unwrap();
    let (outside, inside) = (dir.path().join("outside"), dir.path().join("inside"));
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::create_dir_all(&inside).unwrap();
    std::fs::write(outside.join("file"), "a canary-value").unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
    std::os::unix::fs::symlink(&inside, inside.join("loop")).unwrap();
    let scanner = Scanner::new(&Canaries::parse("canary-value").unwrap()).unwrap();
    let report = |path: &std::path::Path| {
        let mut report = Report::default();
        scan_path(&scanner, path, &mut report);
        report
    };
    assert!(report(&inside).is_clean());
    assert_eq!(
        report(&inside.join("link")).hits,
        1,
        "named, it is looked at"
    );
    let missing = report(&dir.path().join("nothing"));
    assert!(!missing.is_clean() && missing.unread.len() == 1);
    assert!(!report(std::path::Path::new("/dev/null")).is_clean());
    // Also behind one that is there.
    let mut both = report(&outside.join("file"));
    scan_path(&scanner, &dir.path().join("nothing"), &mut both);
    assert_eq!((both.hits, both.unread.len()), (1, 1));
}

/// Gives what it has, and fails then.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("broken")),
            read => Ok(read),
        }
    }
}

#[test]
fn what_was_read_before_an_error_is_searched() {
    let scanner = Scanner::new(&Canaries::parse("canary-value").unwrap()).unwrap();
    for before in [0, 1_000, 3 << 20] {
        let bytes = [&vec![b'.'; before][..], b"canary-value"].concat();
        let mut hits = Vec::new();
        let (read, end) = scanner.scan(Failing(&bytes), &mut |hit| hits.push(hit.place));
        assert_eq!((read, hits), (bytes.len() as u64, vec![before as u64]));
        assert!(end.is_err());
    }
}

#[test]
fn a_process_is_clean_only_while_it_is_there() {
    let scanner = Scanner::new(&Canaries::parse("canary-value").unwrap()).unwrap();
    let report = |pid: u32| {
        let mut report = Report::default();
        scan_process(&scanner, pid, &mut report);
        report
    };
    let mut child = Command::new("sh")
        .args(["-c", "echo; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let there = report(child.id());
    assert!(there.is_clean() && there.bytes > 100_000, "{there:?}");
    // It has ended, and nobody has asked how yet; then it is gone for good.
    drop(child.stdin.take());
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    let mut ended = report(child.id());
    for _ in 0..1_000 {
        if ended.bytes == 0 {
            break;
        }
        std::thread::yield_now();
        ended = report(child.id());
    }
    assert!(!ended.is_clean() && ended.bytes == 0, "{ended:?}");
    child.wait().unwrap();
    assert!(!report(child.id()).is_clean());
}

/// Gives what it has in small pieces.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

proptest! {
    #[test]
    fn a_canary_is_found_wherever_it_stands_and_however_it_arrives(
        before in proptest::collection::vec(any::<u8>(), 0..3_000), after in proptest::collection::vec(any::<u8>(), 0..100),
        piece in 1_usize..700,
    ) {
        let scanner = Scanner::new(&Canaries::parse("a-canary-of-gold").unwrap()).unwrap();
        let bytes = [&before[..], b"a-canary-of-gold", &after].concat();
        let mut hits = Vec::new();
        let (read, end) = scanner.scan(Trickle(&bytes, piece), &mut |hit| hits.push((hit.form, hit.place)));
        prop_assert!(end.is_ok());
        prop_assert_eq!(read, bytes.len() as u64);
        prop_assert_eq!(hits, vec![("text", before.len() as u64)]);
    }
}
