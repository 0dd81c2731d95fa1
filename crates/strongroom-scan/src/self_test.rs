//! The search searched: every form of every sort of value, planted in every kind of place, and each must be found.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use strongroom_crypto::{fill_random, random};

use crate::canaries::Canaries;
use crate::forms::forms;
use crate::places::{Report, scan_path, scan_process};
use crate::scanner::{CHUNK, Scanner};

/// Files as an installation leaves them, and a memory dump.
const FILES: [&str; 7] = [
    "strongroom.db",
    "strongroom.db-wal",
    "requests/20261127.log",
    "server.log",
    "metrics.txt",
    "nightly.strongroom",
    "core.4711",
];

/// What was planted and found.
#[derive(Clone, Debug, Default)]
pub struct SelfTest {
    pub planted: u64,
    pub found: u64,
    /// What was not found: form and place.
    pub missed: Vec<String>,
    /// Hits where nothing was planted.
    pub false_hits: u64,
}

impl SelfTest {
    pub fn is_good(&self) -> bool {
        self.missed.is_empty() && self.false_hits == 0 && self.planted > 0
    }

    fn tell(&mut self, form: &str, place: &str, report: &Report, line: usize) {
        self.planted += 1;
        let hit = |found: &crate::places::Found| found.hit.line == line && found.hit.form == form;
        match report.found.iter().any(hit) {
            true => self.found += 1,
            false => self.missed.push(format!("{form} in {place}")),
        }
    }
}

/// Plants and searches, in an empty folder that is left to the caller to remove; with `processes`, also in one of its own.
///
/// # Errors
/// When a place cannot be made.
pub fn self_test(folder: &Path, processes: bool) -> io::Result<SelfTest> {
    let mut test = SelfTest::default();
    for canary in canaries() {
        let canaries = Canaries::parse(&canary).map_err(io::Error::other)?;
        let scanner = Scanner::new(&canaries).map_err(io::Error::other)?;
        in_files(&canary, &scanner, folder, &mut test)?;
        in_streams(&canary, &scanner, &mut test)?;
        if processes {
            in_a_process(&canary, &scanner, &mut test)?;
        }
    }
    Ok(test)
}

/// A card number, a key, a password with marks in it: made now, so that nothing else holds them.
fn canaries() -> Vec<String> {
    let digits = |count: usize| -> String {
        let digit = |byte: &u8| char::from(b'0' + byte % 10);
        random::<32>().iter().map(digit).take(count).collect()
    };
    let letters = |count: usize| -> String {
        let letter = |byte: &u8| char::from(b'a' + byte % 26);
        random::<32>().iter().map(letter).take(count).collect()
    };
    vec![
        format!("4{}", digits(15)),
        format!("37{}", digits(13)),
        format!("sk_live_{}", letters(30)),
        format!("{} \"+/?={}\\", letters(8), digits(6)),
        format!("\"{}\"", digits(4)),
    ]
}

/// Each form in each file, alone among noise.
fn in_files(canary: &str, scanner: &Scanner, folder: &Path, test: &mut SelfTest) -> io::Result<()> {
    for name in FILES {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, noise(20_000))?;
    }
    let mut clean = Report::default();
    scan_path(scanner, folder, &mut clean);
    test.false_hits += clean.hits;
    for (form, bytes) in forms(canary) {
        for name in FILES {
            let path = folder.join(name);
            let before = noise(9_000);
            fs::write(&path, [&before[..], &bytes, &noise(500)].concat())?;
        }
        let mut report = Report::default();
        scan_path(scanner, folder, &mut report);
        for name in FILES {
            let mut here = report.clone();
            here.found.retain(|found| found.place.ends_with(name));
            test.tell(form, name, &here, 1);
        }
    }
    // And in a name.
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if canary.chars().all(safe) {
        fs::write(folder.join(canary), "")?;
        let mut report = Report::default();
        scan_path(scanner, folder, &mut report);
        fs::remove_file(folder.join(canary))?;
        test.tell("text", "a file's name", &report, 1);
        test.false_hits += u64::from(report.found.iter().any(|f| f.place.contains(canary)));
    }
    Ok(())
}

/// Each form before, after and across the border of two reads.
fn in_streams(canary: &str, scanner: &Scanner, test: &mut SelfTest) -> io::Result<()> {
    let longest = forms(canary).iter().map(|(_, bytes)| bytes.len()).max();
    let border = CHUNK + longest.unwrap_or(0);
    let mut stream = vec![0; border + 1_000];
    for (form, bytes) in forms(canary) {
        let length = bytes.len();
        for inside in [0, 1, length / 2, length - 1, length] {
            let start = border - inside;
            let planted = stream.get_mut(start..start + length);
            let planted = planted.ok_or_else(|| io::Error::other("too long"))?;
            planted.copy_from_slice(&bytes);
            let mut hits = 0;
            let (_, end) = scanner.scan(&stream[..], &mut |hit| {
                hits += u64::from(hit.form == form && usize::try_from(hit.place) == Ok(start));
            });
            end?;
            test.planted += 1;
            match hits {
                1 => test.found += 1,
                _ => test
                    .missed
                    .push(format!("{form} at a border, {hits} times")),
            }
            if let Some(planted) = stream.get_mut(start..start + length) {
                planted.fill(0);
            }
        }
    }
    Ok(())
}

/// In the arguments, the environment and the memory of a process of our own.
fn in_a_process(canary: &str, scanner: &Scanner, test: &mut SelfTest) -> io::Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", "echo; read line", canary])
        .env("SELF_TEST", canary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // It is itself, arguments and all, once it has said something.
    if let Some(out) = &mut child.stdout {
        out.read_exact(&mut [0])?;
    }
    let mut report = Report::default();
    scan_process(scanner, child.id(), &mut report);
    end(&mut child)?;
    for place in ["cmdline", "environ", "mem"] {
        let mut here = report.clone();
        let named = format!("/{place}");
        here.found.retain(|found| {
            found
                .place
                .split(' ')
                .next()
                .is_some_and(|p| p.ends_with(&named))
        });
        test.tell("text", place, &here, 1);
    }
    Ok(())
}

fn end(child: &mut Child) -> io::Result<()> {
    if let Some(mut input) = child.stdin.take() {
        // It may have ended by itself.
        drop(input.write_all(b"\n"));
    }
    child.wait().map(drop)
}

fn noise(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    fill_random(&mut bytes);
    bytes
}
