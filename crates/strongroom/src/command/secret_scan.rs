//! `strongroom secret-scan`: known secrets, searched for where none may be.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_scan::{Canaries, Report, Scanner, SelfTest, scan_path, scan_process, self_test};
use strongroom_types::secret::SecretText;

use crate::fault::Fault;
use crate::out::say;
use crate::unfinished::Unfinished;
use crate::{folder, logging};

/// The longest list of canaries, in bytes.
const MOST: u64 = 1 << 20;

/// Search files and processes for known secrets, in every form they could have
///
/// Text, UTF-16, hex, base64 at each of three places, URL-encoded, JSON, packed decimals, binary numbers, groups of
/// digits, the plain SHA-256. Folders are read with all below them, names included; links are not followed, and
/// compressed files not unpacked. A hit names the canary's line in the list, its form and its place, never itself.
///
/// Before it searches it searches itself: every form is planted in every kind of place, and each must be found.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom secret-scan --self-test
  strongroom secret-scan --canaries ./canaries.txt /var/lib/strongroom /var/log/strongroom.log /backup
  strongroom secret-scan --canaries - --process \"$(pidof strongroom)\" < canaries.txt

Memory is searched as it is mapped when the search begins: hold the process still (SIGSTOP) to have it all at one
moment. A page that cannot be read, or a process that ends meanwhile, is told of as not searched.

Exit code 0 when nothing was found and everything was read, 1 otherwise.")]
pub(crate) struct Options {
    /// What to search: files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// A file with one canary a line, of five bytes or more; `-` is standard input. Never the command line
    #[arg(long, value_name = "FILE", required_unless_present = "self_test")]
    canaries: Option<PathBuf>,

    /// A process: its arguments, its environment, its memory; needs the right to look into it
    #[arg(long, value_name = "PID")]
    process: Vec<u32>,

    /// Search itself, as every search does first, also in a process; without --canaries nothing else is done
    #[arg(long)]
    self_test: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let Some(list) = &options.canaries else {
        tested(true)?;
        return Ok(ExitCode::SUCCESS);
    };
    if options.paths.is_empty() && options.process.is_empty() {
        return Err(Fault::new(
            "there is nothing to search: name a path or a process",
        ));
    }
    let text = read(list)?;
    let canaries = Canaries::parse(text.expose())
        .map_err(|fault| Fault::new(format!("`{}`: {fault}", list.display())))?;
    let scanner = Scanner::new(&canaries).map_err(|error| Fault::new(error.to_string()))?;
    // What does not find what is there finds nothing, and would call that clean.
    tested(options.self_test || !options.process.is_empty())?;
    let mut report = Report::default();
    for path in &options.paths {
        scan_path(&scanner, path, &mut report);
    }
    for pid in &options.process {
        scan_process(&scanner, *pid, &mut report);
    }
    Ok(show(&report, canaries.count()))
}

fn read(list: &Path) -> Result<SecretText, Fault> {
    if list != Path::new("-") {
        return folder::read_secret(list);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut text);
    let text = SecretText::new(text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Fault::new(format!(
            "cannot read standard input: {}",
            error.to_string().to_lowercase()
        ))),
    }
}

fn tested(processes: bool) -> Result<(), Fault> {
    let name = format!("strongroom-self-test-{}", std::process::id());
    let folder = Unfinished::folder(&std::env::temp_dir().join(name))?;
    folder.removed_at_stop()?;
    let test = self_test(&folder.beside, processes)
        .map_err(|error| Fault::file("cannot plant in", &folder.beside, &error))?;
    let SelfTest {
        planted,
        found,
        missed,
        false_hits,
    } = &test;
    say!("self-test: {planted} planted, {found} found, {false_hits} found that were not planted");
    for missed in missed {
        say!("missed: {missed}");
    }
    match test.is_good() {
        true => Ok(()),
        false => Err(Fault::new("the search does not find what is there")),
    }
}

fn show(report: &Report, canaries: usize) -> ExitCode {
    let Report {
        found,
        hits,
        places,
        bytes,
        unread,
    } = report;
    for found in found {
        let hit = found.hit;
        say!(
            "hit: canary of line {} as {} in {} at byte {}",
            hit.line,
            hit.form,
            found.place,
            hit.place
        );
    }
    for unread in unread {
        say!("not searched: {}: {}", unread.place, unread.cause);
    }
    say!("{canaries} canaries, {places} places, {bytes} bytes: {hits} hits");
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
