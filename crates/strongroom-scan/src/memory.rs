//! A process's memory, region by region, as it is mapped when the search begins.
//!
//! INVARIANT(nothing-unsaid): a byte of it is searched, or told of as not searched, or mapped no more.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use crate::places::Report;
use crate::scanner::Scanner;

/// The least that the system reads or cannot read as a whole, in bytes.
const PAGE: u64 = 4096;

/// Time and entry points of the kernel: not the process's, and not readable this way.
const KERNEL: [&str; 3] = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];

const GONE: &str = "the process ended, or became another program, before all of it was searched";

/// Searches what a process has mapped to read.
pub(crate) fn scan(scanner: &Scanner, folder: &Path, report: &mut Report) {
    let place = folder.join("mem").display().to_string();
    let regions = || fs::read(folder.join("maps")).map(|text| regions(&text));
    // The memory first: what is open stays this program's, and reads as empty once that has ended.
    let opened = File::open(folder.join("mem")).and_then(|memory| Ok((memory, regions()?)));
    let searched = opened.and_then(|(memory, mapped)| {
        let mut search = Search {
            scanner,
            memory,
            regions: &regions,
            place: &place,
        };
        search.all(&mapped, report)
    });
    if let Err(error) = searched {
        report.unread(&place, &error);
    }
}

/// A search of one memory.
struct Search<'a, M> {
    scanner: &'a Scanner,
    memory: M,
    /// What is mapped when it is asked.
    regions: &'a dyn Fn() -> io::Result<Vec<Range<u64>>>,
    place: &'a str,
}

impl<M: Read + Seek> Search<'_, M> {
    fn all(&mut self, mapped: &[Range<u64>], report: &mut Report) -> io::Result<()> {
        let mut is_there = !mapped.is_empty();
        for region in mapped {
            is_there = is_there && self.region(region, report)?;
        }
        match is_there && self.is_there(mapped)? {
            true => Ok(()),
            false => {
                report.not_searched(self.place, GONE.to_owned());
                Ok(())
            }
        }
    }

    /// Searches a region, around what cannot be read of it. Gives whether the memory was there to its end.
    fn region(&mut self, region: &Range<u64>, report: &mut Report) -> io::Result<bool> {
        report.places += 1;
        let (mut at, mut unread, mut cause) = (region.start, 0, None);
        while at < region.end {
            self.memory.seek(SeekFrom::Start(at))?;
            let shown = format!("{} from {at:#x}", self.place);
            let rest = (&mut self.memory).take(region.end - at);
            let (read, end) = report.part(self.scanner, &shown, rest);
            at += read;
            match end {
                // SECURITY: memory that reads as empty is gone, not clean.
                Ok(()) if at < region.end => return Ok(false),
                Ok(()) => {}
                Err(error) => {
                    let next = self.next_readable(at, region.end)?;
                    unread += self.still_mapped(&(at..next))?;
                    cause = cause.or(Some(error));
                    at = next;
                }
            }
        }
        if let Some(cause) = cause.filter(|_| unread > 0) {
            let shown = format!("{} from {:#x}", self.place, region.start);
            report.not_searched(
                &shown,
                format!("{unread} bytes of it: {cause}").to_lowercase(),
            );
        }
        Ok(true)
    }

    /// The next page that can be read, or the end.
    fn next_readable(&mut self, from: u64, end: u64) -> io::Result<u64> {
        let mut at = from;
        loop {
            at = (at / PAGE).saturating_add(1).saturating_mul(PAGE);
            if at >= end {
                return Ok(end);
            }
            match self.byte(at) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {}
                _ => return Ok(at),
            }
        }
    }

    /// Reads one byte: how many that were.
    fn byte(&mut self, at: u64) -> io::Result<usize> {
        self.memory.seek(SeekFrom::Start(at))?;
        self.memory.read(&mut [0])
    }

    /// How many bytes of a range are mapped to read now.
    fn still_mapped(&self, range: &Range<u64>) -> io::Result<u64> {
        let common = |region: Range<u64>| {
            let end = region.end.min(range.end);
            end.saturating_sub(region.start.max(range.start))
        };
        Ok((self.regions)()?.into_iter().map(common).sum())
    }

    /// Whether the memory is there at all: a region of it alone may be gone.
    fn is_there(&mut self, mapped: &[Range<u64>]) -> io::Result<bool> {
        match mapped.last() {
            Some(region) => Ok(!matches!(self.byte(region.start), Ok(0))),
            None => Ok(false),
        }
    }
}

/// The regions of a map that can be read.
fn regions(map: &[u8]) -> Vec<Range<u64>> {
    let map = String::from_utf8_lossy(map);
    map.lines().filter_map(region).collect()
}

fn region(line: &str) -> Option<Range<u64>> {
    let mut fields = line.split_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    if !fields.next()?.starts_with('r') {
        return None;
    }
    if KERNEL.contains(&fields.nth(3).unwrap_or_default()) {
        return None;
    }
    let number = |text| u64::from_str_radix(text, 16).ok();
    let region = number(from)?..number(to)?;
    (!region.is_empty()).then_some(region)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::canaries::Canaries;

    const BASE: u64 = 0x5000;
    const CANARY: &str = "a-canary-of-gold";
    const EVERYTHING: Range<u64> = 0..0x100_0000;

    /// Pages from [`BASE`] on, some of which cannot be read, of a process that may end.
    struct Pages {
        pages: Vec<Option<Vec<u8>>>,
        at: u64,
        /// Reads until it ends.
        reads: usize,
    }

    impl Pages {
        fn of(pages: &[Option<&str>]) -> Pages {
            let page = |text: &str| {
                // At the page's end, so that it is the last before a hole.
                let mut page = vec![b'.'; 4096 - text.len()];
                page.extend(text.bytes());
                page
            };
            Pages {
                pages: pages.iter().map(|text| text.map(page)).collect(),
                at: 0,
                reads: usize::MAX,
            }
        }

        fn end(&self) -> u64 {
            BASE + u64::try_from(self.pages.len()).unwrap() * PAGE
        }
    }

    impl Read for Pages {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.reads == 0 {
                return Ok(0);
            }
            self.reads -= 1;
            let offset = usize::try_from(self.at - BASE).unwrap();
            let page = self.pages.get(offset / 4096).and_then(Option::as_deref);
            let page = page.ok_or_else(|| io::Error::other("Input/output error"))?;
            let read = (&page[offset % 4096..]).read(buffer)?;
            self.at += u64::try_from(read).unwrap();
            Ok(read)
        }
    }

    impl Seek for Pages {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            let SeekFrom::Start(at) = to else {
                return Err(io::Error::other("not asked for"));
            };
            self.at = at;
            Ok(at)
        }
    }

    fn searched(memory: Pages, later: &[Range<u64>]) -> Report {
        let scanner = Scanner::new(&Canaries::parse(CANARY).unwrap()).unwrap();
        let mut report = Report::default();
        let mapped = BASE..memory.end();
        let mut search = Search {
            scanner: &scanner,
            memory,
            regions: &|| Ok(later.to_vec()),
            place: "mem",
        };
        search.all(from_ref(&mapped), &mut report).unwrap();
        report
    }

    #[test]
    fn what_lies_before_and_behind_a_hole_is_searched_and_the_hole_is_told_of() {
        let pages = [Some(CANARY), None, None, Some(""), None, Some(CANARY)];
        let report = searched(Pages::of(&pages), from_ref(&EVERYTHING));
        assert_eq!((report.hits, report.bytes), (2, 3 * PAGE));
        let unread: Vec<_> = report.unread.iter().map(|u| u.cause.as_str()).collect();
        assert_eq!(unread, ["12288 bytes of it: input/output error"]);
        // A hole alone is not clean either.
        assert!(!searched(Pages::of(&[None]), from_ref(&EVERYTHING)).is_clean());
        assert!(searched(Pages::of(&[Some("")]), &[]).is_clean());
    }

    #[test]
    fn what_is_mapped_no_more_holds_nothing() {
        let pages = [Some(""), None, None];
        let first = BASE..BASE + PAGE;
        assert!(searched(Pages::of(&pages), from_ref(&first)).is_clean());
        // The second of them is there still.
        let later = [first, BASE + 2 * PAGE..BASE + 3 * PAGE];
        let report = searched(Pages::of(&pages), &later);
        assert!(report.unread[0].cause.starts_with("4096 bytes"));
    }

    #[test]
    fn a_process_that_ends_meanwhile_is_not_clean() {
        for reads in 0..4 {
            let mut memory = Pages::of(&[Some(""), Some(""), None]);
            memory.reads = reads;
            let report = searched(memory, &[]);
            assert_eq!(report.unread.len(), 1, "after {reads} reads");
            assert_eq!(report.unread[0].cause, GONE);
        }
        let mut report = Report::default();
        let scanner = Scanner::new(&Canaries::parse(CANARY).unwrap()).unwrap();
        let mut nothing = Search {
            scanner: &scanner,
            memory: Pages::of(&[]),
            regions: &|| Ok(Vec::new()),
            place: "mem",
        };
        nothing.all(&[], &mut report).unwrap();
        assert!(!report.is_clean(), "no memory at all");
    }

    #[test]
    fn lines_of_a_map() {
        let map = b"55d0-55d2 r--p 00000000 fe:01 12 /usr/bin/x\n55d2-55d3 ---p 0 0:0 0\n7f0-7f1 r--p 0 00:00 0 [vvar]\n\
            7f2-7f3 rw-p 0 00:00 0\n7f4-7f5 r--p 0 00:00 0 /tmp/\xff\n7f6-7f6 r--p 0 00:00 0\nnonsense\n";
        let expected = [0x55d0..0x55d2, 0x7f2..0x7f3, 0x7f4..0x7f5];
        assert_eq!(regions(map), expected);
    }
}
