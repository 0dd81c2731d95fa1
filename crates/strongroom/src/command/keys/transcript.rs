//! The transcript of a ceremony: steps in a chain of hashes, the last of which is on the log and signed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strongroom_crypto::{sha256, verify_ed25519};
use strongroom_engine::{ceremony_entry_message, ceremony_message};
use strongroom_types::time::Timestamp;

use crate::acts::hex;
use crate::custody;
use crate::fault::Fault;
use crate::folder;
use crate::out::say;
use crate::root::RootArguments;

const FORMAT: &str = "strongroom/ceremony/1";

/// Transcripts of ceremonies
#[derive(Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
}

/// Compute a transcript's hashes and signature again, and hold it against what is at hand
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom keys transcript verify ceremony.json
  strongroom keys transcript verify ceremony.json --key 6fd4…  --keyring ./keyring.toml --share-file ./share-1.txt …

Without --key the signatures are checked against the key that the transcript names: compare that with the one of an
earlier transcript, or of a checkpoint. With --keyring the root keys are opened and their check value
computed again. A transcript that has its place on the log signed too is held against that; of an older one the place is
said to be not verified. Exit code 0 when all of it fits, 1 when anything does not.")]
pub(crate) struct Verify {
    /// The transcript
    file: PathBuf,

    /// The installation's public key, in hex, from somewhere else than the transcript
    #[arg(long, value_name = "HEX")]
    key: Option<String>,

    /// The keyring that the ceremony made
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,

    #[command(flatten)]
    root: RootArguments,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    what: String,
    values: Value,
    hash: String,
}

/// A transcript, being written or read back.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transcript {
    format: String,
    at: String,
    steps: Vec<Step>,
    #[serde(default)]
    log_sequence: u64,
    #[serde(default)]
    public_key: String,
    /// Over the last hash.
    #[serde(default)]
    signature: String,
    /// Over the last hash and the place on the log; transcripts from before there was one have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    entry_signature: String,
}

impl Transcript {
    pub fn begin(at: Timestamp) -> Transcript {
        Transcript {
            format: FORMAT.to_owned(),
            at: at.to_string(),
            steps: Vec::new(),
            log_sequence: 0,
            public_key: String::new(),
            signature: String::new(),
            entry_signature: String::new(),
        }
    }

    pub fn step(&mut self, what: &str, values: Value) {
        let hash = self.next_hash(self.steps.len(), what, &values);
        self.steps.push(Step {
            what: what.to_owned(),
            values,
            hash,
        });
    }

    /// The hash of the last step, which covers all.
    pub fn hash(&self) -> String {
        self.hash_before(self.steps.len())
    }

    fn hash_before(&self, number: usize) -> String {
        match number.checked_sub(1).and_then(|last| self.steps.get(last)) {
            Some(step) => step.hash.clone(),
            None => hex(&sha256(&[FORMAT.as_bytes(), b"\n", self.at.as_bytes()])),
        }
    }

    fn next_hash(&self, number: usize, what: &str, values: &Value) -> String {
        // Keys of objects stand in order, so that the same values have the same text.
        let fields = [
            self.hash_before(number),
            what.to_owned(),
            values.to_string(),
        ];
        let lengths = fields
            .each_ref()
            .map(|field| u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        let parts = lengths
            .iter()
            .zip(&fields)
            .flat_map(|(length, field)| [length.as_slice(), field.as_bytes()]);
        hex(&sha256(&parts.collect::<Vec<&[u8]>>()))
    }

    /// The text with what the engine signed.
    pub fn signed(mut self, answer: &Value) -> Result<String, Fault> {
        let text = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        self.log_sequence = answer.get("sequence").and_then(Value::as_u64).unwrap_or(0);
        self.public_key = text("public_key");
        self.signature = text("signature");
        self.entry_signature = text("entry_signature");
        self.text()
    }

    /// The text as far as it is.
    pub fn text(&self) -> Result<String, Fault> {
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| Fault::new(error.to_string()))?;
        text.push('\n');
        Ok(text)
    }

    /// Holds every hash, and the signatures that it has.
    fn check(&self, key: Option<&str>) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("its format is not `{FORMAT}`"));
        }
        for (number, step) in self.steps.iter().enumerate() {
            if self.next_hash(number, &step.what, &step.values) != step.hash {
                return Err(format!(
                    "the hash of step {} (`{}`) does not fit",
                    number + 1,
                    step.what
                ));
            }
        }
        let wanted = ["participants", "opened", "made", "wrapped"];
        if !self.steps.iter().map(|step| step.what.as_str()).eq(wanted) {
            return Err("its steps are not those of a ceremony, or it was cut short".to_owned());
        }
        if self.signature.is_empty() {
            return Err("it is not signed: the ceremony was cut short".to_owned());
        }
        if key.is_some_and(|key| !key.trim().eq_ignore_ascii_case(&self.public_key)) {
            return Err("it is signed by another key than the one given".to_owned());
        }
        let hash = self.hash();
        self.signs(&self.signature, &ceremony_message(&hash))?;
        match self.tells_its_place() {
            true => {
                let message = ceremony_entry_message(&hash, self.log_sequence);
                self.signs(&self.entry_signature, &message)
            }
            false => Ok(()),
        }
    }

    /// Whether its place on the log is signed too.
    const fn tells_its_place(&self) -> bool {
        !self.entry_signature.is_empty()
    }

    fn signs(&self, signature: &str, message: &str) -> Result<(), String> {
        let public = bytes(&self.public_key).ok_or("its public key is none")?;
        let signature = bytes(signature).ok_or("its signature is none")?;
        match verify_ed25519(&public, message.as_bytes(), &signature) {
            true => Ok(()),
            false => Err("its signature does not fit".to_owned()),
        }
    }

    fn made(&self) -> &Value {
        let made = self.steps.iter().find(|step| step.what == "made");
        made.map_or(&Value::Null, |step| &step.values)
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (place, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(out)
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    let Command::Verify(options) = command;
    let text = folder::read_text(&options.file)?;
    let fault = |words: String| Fault::new(format!("`{}`: {words}", options.file.display()));
    let read: Transcript = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    read.check(options.key.as_deref()).map_err(&fault)?;
    if let Some(keyring) = &options.keyring {
        check_keyring(&read, keyring, &options.root)?;
    }
    tell(&read, options);
    Ok(ExitCode::SUCCESS)
}

/// What was held against what, and nothing else.
fn tell(read: &Transcript, options: &Verify) {
    let place = match read.tells_its_place() {
        true => format!(", as entry {} of the installation's log", read.log_sequence),
        false => String::new(),
    };
    let whose = match &options.key {
        Some(_) => ", the key given",
        None => ", the key that it names itself",
    };
    let checked = match &options.keyring {
        Some(_) => "; the keyring's check value is the one it names",
        None => "",
    };
    say!(
        "verified: {} steps{place}, signed by {}{whose}{checked}",
        read.steps.len(),
        read.public_key
    );
    if !read.tells_its_place() {
        say!(
            "not verified: that it is entry {} of the installation's log, which this transcript does not have signed; `strongroom audit export --opened` shows the entry with its hash {}",
            read.log_sequence,
            read.hash()
        );
    }
}

fn check_keyring(read: &Transcript, keyring: &Path, root: &RootArguments) -> Result<(), Fault> {
    let (keys, _) = custody::open(keyring, &root.alone())?;
    let value = hex(&keys.check_value());
    match read.made().get("check_value").and_then(Value::as_str) == Some(value.as_str()) {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "the keyring's roots have the check value {value}, which is not the one of the transcript"
        ))),
    }
}
