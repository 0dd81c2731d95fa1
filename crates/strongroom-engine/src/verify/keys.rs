//! The key table: every row unwraps, has a plausible period, and no key that something needs is missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use strongroom_crypto::{DataKey, Hierarchy, KeyError, Purpose, RootKeys};
use strongroom_store::{KeyRow, Reader, StoreError};
use strongroom_types::mode::INSTALLATION;
use strongroom_types::time::{DAY, Timestamp};

use crate::start::StartError;
use crate::verify::report::Damages;

/// Subject rows read at once.
const PAGE: usize = 1_000;

/// What a key row says in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPlace {
    pub scope: u32,
    pub purpose: u8,
    pub period: u32,
}

/// The keys of a store, as far as they open.
pub(super) struct Keys {
    pub hierarchy: Arc<Hierarchy>,
    places: HashMap<u32, KeyPlace>,
    /// Named as damaged already.
    refused: HashSet<u32>,
    /// Keys that something is sealed under and that are not there.
    missing: BTreeMap<u32, Missing>,
    /// Keys of stored replies that an entry says were destroyed.
    destroyed: HashSet<u32>,
}

/// What cannot be opened without a key.
struct Missing {
    first: String,
    count: u64,
    /// All of it are stored replies, whose keys go after a day.
    replies: bool,
}

impl Keys {
    /// Opens what unwraps and names what does not.
    ///
    /// # Errors
    /// [`StartError::Keys`] when the root does not open the installation key: then nothing opens.
    pub fn open(
        reader: &mut dyn Reader,
        root: RootKeys,
        damages: &mut Damages,
    ) -> Result<Keys, StartError> {
        let rows = reader.keys()?;
        let places = rows.iter().map(|row| (row.number, place(row))).collect();
        let (hierarchy, errors) = Hierarchy::open_what_unwraps(root, rows);
        let lost = |e: &KeyError| matches!(e, KeyError::NoInstallationKey);
        if errors.iter().any(lost) {
            let first = errors
                .into_iter()
                .next()
                .unwrap_or(KeyError::NoInstallationKey);
            return Err(StartError::Keys(first));
        }
        errors
            .iter()
            .for_each(|error| damages.note(error.to_string()));
        let refused = errors.iter().filter_map(number_of).collect();
        Ok(Keys {
            hierarchy: Arc::new(hierarchy),
            places,
            refused,
            missing: BTreeMap::new(),
            destroyed: HashSet::new(),
        })
    }

    pub fn find(&self, number: u32) -> Option<Arc<DataKey>> {
        self.hierarchy.find(number)
    }

    /// What the key's row says; nothing for subjects' keys.
    pub fn place(&self, number: u32) -> Option<KeyPlace> {
        self.places.get(&number).copied()
    }

    /// The key of job marks and spent hashes.
    pub fn spent(&self) -> Option<Arc<DataKey>> {
        self.hierarchy.existing(INSTALLATION, Purpose::Spent, 0)
    }

    /// The keys of a scope's blind indexes, the newest first; none if none was ever made. Never makes one.
    pub fn blind_index(&self, scope: u32) -> Vec<Arc<DataKey>> {
        let newest = self.hierarchy.existing(scope, Purpose::BlindIndex, 0);
        let older = self.hierarchy.older(scope, Purpose::BlindIndex);
        newest.into_iter().chain(older).collect()
    }

    /// Remembers that `what`, a stored reply or something else, is sealed under a key that is not there.
    pub fn lacks(&mut self, number: u32, reply: bool, what: impl FnOnce() -> String) {
        let fresh = || Missing {
            first: what(),
            count: 0,
            replies: true,
        };
        let missing = self.missing.entry(number).or_insert_with(fresh);
        missing.count += 1;
        missing.replies &= reply;
    }

    /// Takes in what an entry about destroyed keys says: of stored replies, it lists each in a detail `keys`.
    pub fn destroyed(&mut self, details: &[(String, String)]) {
        let detail = |wanted: &str| {
            details
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        if let (Some("stored_replies"), Some(keys)) = (detail("policy"), detail("keys")) {
            self.destroyed.extend(
                keys.split(',')
                    .filter_map(|number| number.parse::<u32>().ok()),
            );
        }
    }

    /// Names the missing keys that no entry says were destroyed.
    pub fn finish(&self, damages: &mut Damages) {
        for (
            number,
            Missing {
                first,
                count,
                replies,
            },
        ) in &self.missing
        {
            if self.refused.contains(number) || (*replies && self.destroyed.contains(number)) {
                continue;
            }
            let more = match count - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = format!(
                "key {number} is missing and no entry says it was destroyed: {first}{more} cannot be opened"
            );
            damages.note(text);
        }
    }
}

/// Checks the clear times of all key rows, and that every subject's key unwraps.
pub(super) fn check_rows(
    reader: &mut dyn Reader,
    keys: &Keys,
    latest: Timestamp,
    damages: &mut Damages,
) -> Result<(), StoreError> {
    for row in reader.keys()? {
        check_times(&row, latest, damages);
    }
    let mut after = 0;
    loop {
        let rows = reader.subject_keys(after, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.number;
        for row in &rows {
            check_times(row, latest, damages);
            if let Err(error) = keys.hierarchy.open_subject(row) {
                damages.note(error.to_string());
            }
        }
    }
}

/// A key is made in its period, and not after the store's last act.
fn check_times(row: &KeyRow, latest: Timestamp, damages: &mut Damages) {
    let created = Timestamp(row.created);
    let expected = match row.period {
        0 => 0,
        period if period < 1_000_000 => created.month(),
        _ => created.day(),
    };
    // A journal has keys without an entry near them, and may write a day's last line after its midnight.
    let journals = [Purpose::RequestLog, Purpose::Attempts].map(Purpose::number);
    let journal = journals.contains(&row.purpose);
    let late = journal && created.plus(-DAY).day() == row.period;
    // A later version is made whenever its key is replaced, which may be long after the period.
    let replaced = row.version > 1 && row.period < expected;
    let outside = row.created < 0 || (created > latest.plus(DAY) && !journal);
    if outside || (row.period != expected && !late && !replaced) {
        damages.note(format!(
            "key {}: its time of making does not fit",
            row.number
        ));
    }
}

fn place(row: &KeyRow) -> KeyPlace {
    KeyPlace {
        scope: row.scope,
        purpose: row.purpose,
        period: row.period,
    }
}

fn number_of(error: &KeyError) -> Option<u32> {
    match error {
        KeyError::NoInstallationKey => None,
        KeyError::UnknownPurpose { number, .. }
        | KeyError::Duplicate { number }
        | KeyError::MissingParent { number, .. }
        | KeyError::RootVersion { number, .. }
        | KeyError::NotAuthentic { number } => Some(*number),
    }
}
