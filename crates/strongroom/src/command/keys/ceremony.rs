//! `strongroom keys ceremony`: new roots in new hands, with witnesses and a transcript.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::{Custody, PassphraseCost, RootKeys, sha256};
use strongroom_engine::{Clock, WallClock};

use crate::acts::hex;
use crate::command::keys::rotate::{WHAT_STAYS, replace_roots};
use crate::command::keys::transcript::Transcript;
use crate::control::{self, Request};
use crate::fault::Fault;
use crate::out::{error_line, say};
use crate::place::{Place, PlaceOptions};
use crate::reserved::Reserved;
use crate::root::{self, NewRoot, RootSources};
use crate::{custody, folder};

/// Make new root keys and give them to a new keeping, before witnesses, with a signed transcript
///
/// The keyring is opened as it is kept now. New root keys are made, sealed as `--root` says, and everything is wrapped
/// again, also by a running server. At least two participants are named; at a terminal each confirms the new roots'
/// check value. The transcript's hash is put on the installation's log and signed.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom keys ceremony --config strongroom.toml --root shares --shares 5 --threshold 3 \\
      --participant 'Ana Cruz, security' --participant 'Ben Reyes, operations' --transcript ./ceremony.json
  strongroom keys ceremony --config strongroom.toml --root hsm --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
      --hsm-token pay --participant 'Ana Cruz' --participant 'Ben Reyes' --transcript ./ceremony.json

What opened the old keyring opens no newer one: old shares, old passphrase, old recovery kit. With copies of the old
keyring they open backups from before: destroy those. The keys of card fingerprints, checkpoints and API keys' hashes
are wrapped again and not replaced, and a kit of `keys vault-kit` opens the vault's folder as before.

The transcript's file is made before anything is changed, and removed if nothing was.")]
pub(crate) struct Options {
    #[command(flatten)]
    place: PlaceOptions,

    #[command(flatten)]
    new_root: NewRoot,

    /// With `--root passphrase`: a file that holds the new passphrase; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// With `--root hsm`: a file that holds the new token's PIN, where it is not that of `--pin-file`
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,

    /// Who is present; at least twice
    #[arg(long = "participant", value_name = "NAME", required = true)]
    participants: Vec<String>,

    /// Write the transcript to this new file
    #[arg(long, value_name = "FILE")]
    transcript: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    let people = participants(&options.participants)?;
    let place = options.place.place()?;
    let _alone = custody::lock(&place.keyring)?;
    // Its place first: roots are not replaced where nothing can tell of it.
    let mut file = Reserved::take(&options.transcript)?;
    let (keys, before) = place.open_keyring()?;
    let sources = RootSources {
        pin_file: options
            .new_pin_file
            .clone()
            .or(place.sources().pin_file.clone()),
        ..place.sources().clone()
    };
    let passphrase = options.new_passphrase_file.as_deref();
    let kept = options
        .new_root
        .kept(passphrase, &sources, PassphraseCost::STANDARD)?;
    let both = keys.with_next();
    let confirmed = confirm(&people, &both.newest())?;

    let mut transcript = Transcript::begin(WallClock.now());
    transcript.step(
        "participants",
        serde_json::json!({ "names": people, "confirmed_at_terminal": confirmed }),
    );
    transcript.step("opened", kept_as(before.custody(), &keys));
    transcript.step("made", kept_as(kept.custodian.custody(), &both.newest()));
    file.write(&transcript.text()?)?;
    // In the holders' hands before anything depends on them.
    root::hand_out(&kept.shares, options.new_root.share_dir.as_deref())?;
    file.keep();
    let done = replace_roots(&place, &both, &kept.custodian)?;
    let keyring = folder::read_text(&place.keyring)?;
    let wrapped = done.get("keys_wrapped").cloned();
    transcript.step(
        "wrapped",
        serde_json::json!({ "keys": wrapped, "keyring_sha256": hex(&sha256(&[keyring.as_bytes()])) }),
    );
    let kept_by = (kept.custodian.custody(), people.as_slice());
    sign(&place, &both.newest(), transcript, kept_by, &file)?;
    say!(
        "\nNew roots, version {}, kept by {}, check value {}. The transcript is in `{}`.",
        both.newest().root().0,
        kept.custodian.custody().name(),
        hex(&both.newest().check_value()),
        options.transcript.display()
    );
    say!("Replace all copies of the keyring. {WHAT_STAYS}");
    Ok(ExitCode::SUCCESS)
}

/// The same roots in another keeping, before witnesses.
pub(super) struct Witnessed<'a> {
    pub people: &'a [String],
    pub transcript: &'a Path,
    pub before: &'a Custody,
    pub after: &'a Custody,
}

impl Witnessed<'_> {
    /// Puts it on the installation's log, signed, and writes the transcript. `keyring` is the file as it will be.
    pub fn record(&self, place: &Place, keys: &RootKeys, keyring: &str) -> Result<(), Fault> {
        let people = participants(self.people)?;
        let mut file = Reserved::take(self.transcript)?;
        let confirmed = confirm(&people, keys)?;
        let mut transcript = Transcript::begin(WallClock.now());
        let present = serde_json::json!({ "names": people, "confirmed_at_terminal": confirmed });
        transcript.step("participants", present);
        transcript.step("opened", kept_as(self.before, keys));
        transcript.step("made", kept_as(self.after, keys));
        let sealed = hex(&sha256(&[keyring.as_bytes()]));
        transcript.step(
            "wrapped",
            serde_json::json!({ "keys": 0, "keyring_sha256": sealed }),
        );
        file.write(&transcript.text()?)?;
        file.keep();
        sign(place, keys, transcript, (self.after, &people), &file)
    }
}

/// Has the installation sign the transcript, and writes it; what cannot be written or signed is not lost either.
fn sign(
    place: &Place,
    keys: &RootKeys,
    transcript: Transcript,
    (custody, people): (&Custody, &[String]),
    file: &Reserved,
) -> Result<(), Fault> {
    let details = [
        ("kept_by", custody.name().to_owned()),
        ("participants", people.len().to_string()),
    ];
    let request = Request::Ceremony {
        hash: transcript.hash(),
        details: details.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    let unsigned = transcript.text()?;
    // On the disk before its hash is on the log. Where that fails it is tried again below, and shown if it fails again.
    drop(file.write(&unsigned));
    let signed = control::ask_with(place, keys.copy(), request, &|_| {});
    let text = match &signed {
        Ok(answer) => transcript.signed(answer)?,
        Err(_) => unsigned,
    };
    let written = file.write(&text);
    if written.is_err() {
        error_line(format_args!(
            "the transcript cannot be written: keep what is shown here"
        ));
        text.lines().for_each(|line| say!("{line}"));
    }
    if signed.is_err() {
        let path = file.path().display();
        error_line(format_args!("the transcript in `{path}` is not signed"));
    }
    signed.and(written)
}

/// At least two different people.
fn participants(names: &[String]) -> Result<Vec<String>, Fault> {
    let mut people: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let folded: std::collections::BTreeSet<String> =
        people.iter().map(|name| name.to_lowercase()).collect();
    if folded.contains("") || folded.len() != people.len() || people.len() < 2 {
        return Err(
            Fault::new("a ceremony needs two participants or more, each named once")
                .hint("name them with --participant, once each"),
        );
    }
    people.truncate(64);
    Ok(people)
}

/// Each participant types the check value; without a terminal the transcript says that nobody did.
fn confirm(people: &[String], keys: &RootKeys) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let value = hex(&keys.check_value());
    say!("The new roots have the check value {value}.");
    for person in people {
        error_line(format_args!("{person}: type the check value to confirm it"));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.is_err() || line.trim() != value {
            return Err(Fault::new(format!(
                "{person} did not confirm the check value; nothing was changed"
            )));
        }
    }
    Ok(true)
}

fn kept_as(custody: &Custody, keys: &RootKeys) -> serde_json::Value {
    let keeping = match custody {
        Custody::Passphrase { .. } => serde_json::json!({}),
        Custody::Shares {
            set,
            threshold,
            total,
            marks,
        } => serde_json::json!({
            "set": hex(set),
            "threshold": threshold,
            "shares": total,
            "share_marks": marks.iter().map(|mark| hex(mark)).collect::<Vec<_>>(),
        }),
        Custody::Token {
            token, serial, key, ..
        } => serde_json::json!({ "token": token, "serial": serial, "key": key }),
    };
    serde_json::json!({
        "kept_by": custody.name(),
        "keeping": keeping,
        "root_version": keys.root().0,
        "shred_root_version": keys.shred_root().0,
        "check_value": hex(&keys.check_value()),
    })
}
