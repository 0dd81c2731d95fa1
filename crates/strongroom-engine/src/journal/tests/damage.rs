//! Torn, altered and moved blocks, and a disk that takes nothing.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A file of five blocks with one line each; gives where each begins.
fn five_blocks(desk: &Desk) -> Vec<usize> {
    let mut starts = Vec::new();
    for after in 0..5 {
        starts
            .push(fs::metadata(desk.file()).map_or(0, |data| usize::try_from(data.len()).unwrap()));
        desk.add(after);
        desk.log.flush();
    }
    starts
}

#[test]
fn a_torn_tail_is_skipped_and_cut_off() {
    let mut desk = Desk::new();
    let starts = five_blocks(&desk);
    let whole = fs::read(desk.file()).unwrap();
    let block = whole.len() - starts[4];
    for cut in [1, 20, 91, 92, 93, 130, block - 1] {
        for tail in [&[][..], &[0; 300], b"SRQ\x01SRQ\x01SRQ"] {
            let torn = [&whole[..starts[4] + cut], tail].concat();
            fs::write(desk.file(), torn).unwrap();
            desk.restart();
            assert_eq!(desk.all(), [3, 2, 1, 0], "cut at {cut}");
            desk.add(6);
            assert_eq!(desk.all(), [6, 3, 2, 1, 0], "cut at {cut}");
            // A whole header with enough behind it counts as a block; it just does not open.
            let blocks = if cut >= 92 && cut + tail.len() >= block {
                2
            } else {
                1
            };
            let length = u64::try_from(starts[4] + blocks * block).unwrap();
            assert_eq!(
                fs::metadata(desk.file()).unwrap().len(),
                length,
                "cut at {cut}"
            );
        }
    }
    assert_eq!(desk.log.dropped(), 0);
}

#[test]
fn damage_costs_one_block_at_most() {
    let mut desk = Desk::new();
    let starts = five_blocks(&desk);
    let whole = fs::read(desk.file()).unwrap();
    for place in (starts[2]..starts[3]).step_by(3) {
        let mut changed = whole.clone();
        changed[place] ^= 0x41;
        fs::write(desk.file(), changed).unwrap();
        desk.restart();
        assert_eq!(desk.all(), [4, 3, 1, 0], "byte {place}");
        desk.add(9);
        assert_eq!(desk.all(), [9, 4, 3, 1, 0], "byte {place}");
    }
}

#[test]
fn a_block_opens_nowhere_else() {
    let mut desk = Desk::new();
    five_blocks(&desk);
    // The same bytes at the same place, in another day's file.
    fs::copy(desk.file(), desk.folder().join("20240114.log")).unwrap();
    desk.restart();
    assert_eq!(desk.all(), [4, 3, 2, 1, 0]);
    fs::remove_file(desk.file()).unwrap();
    desk.restart();
    assert!(desk.all().is_empty());
    // And under another scope's name.
    let segment = desk.log.folder.for_reading(20_240_114).unwrap().unwrap();
    let header = segment.last(desk.scope.number).unwrap().unwrap();
    assert_eq!(
        segment
            .block(&header, &desk.other, &desk.engine.shared().hierarchy)
            .unwrap(),
        None
    );
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let desk = Desk::new();
    symlink("/dev/full", desk.file()).unwrap();
    for after in 0..10 {
        desk.add(after);
    }
    desk.log.flush();
    assert_eq!(desk.log.dropped(), 10);
    desk.add(11);
    assert!(desk.all().is_empty());
    assert_eq!(desk.log.dropped(), 11);
    // A new day has a file that can be written.
    desk.clock.0.fetch_add(DAY, Ordering::Relaxed);
    desk.add(DAY);
    let filter = RequestFilter {
        created_after: Some(Timestamp(START + DAY)),
        ..RequestFilter::default()
    };
    assert_eq!(times(&desk.filtered(&filter)), [DAY]);
    assert_eq!(desk.log.dropped(), 11);
}
