//! What keys there are, and how much is sealed under each.

use std::collections::HashMap;

use strongroom_crypto::Purpose;
use strongroom_store::{KeyRow, StoreError};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::rotation::pages::{Place, counted};
use crate::rotation::{DAY, KeyPolicy, purpose_name};
use crate::scopes::installation;

/// Subject keys read at once.
const PAGE: usize = 1_000;

/// One key as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    pub number: u32,
    pub scope: u32,
    pub purpose: Purpose,
    /// `YYYYMM`, `YYYYMMDD` or 0.
    pub period: u32,
    pub version: u32,
    /// The key that wraps it; 0 is root custody.
    pub parent: u32,
    pub created: Timestamp,
    /// Whether its slot has no newer version.
    pub newest: bool,
    /// Messages sealed with it, never fewer than there were.
    pub uses: u64,
    /// Parts of rows sealed under it, rows of indexes hashed under it, or subjects' keys wrapped under it, if counted.
    pub sealed: Option<u64>,
    /// When it is replaced, if by age.
    pub due: Option<Timestamp>,
    /// Whether its time or its uses are over.
    pub is_due: bool,
}

impl KeyLine {
    /// Its place in the hierarchy.
    pub const fn level(&self) -> &'static str {
        match self.purpose {
            Purpose::Installation => "installation",
            Purpose::Scope => "scope",
            Purpose::Shred | Purpose::Subject => "subject",
            Purpose::BlindIndex => "index",
            _ => "data",
        }
    }

    pub const fn algorithm(&self) -> &'static str {
        match self.purpose {
            Purpose::BlindIndex
            | Purpose::Spent
            | Purpose::Credential
            | Purpose::CardFingerprint => "HMAC-SHA-256",
            Purpose::Checkpoint => "Ed25519",
            Purpose::Backup => "X25519",
            Purpose::CardEncryption => "P-256",
            _ => "XAES-256-GCM",
        }
    }

    pub const fn name(&self) -> &'static str {
        purpose_name(self.purpose)
    }
}

/// A key as somebody else keeps it: the vault.
#[derive(Clone, Copy, Debug)]
pub struct StoredKey {
    pub number: u32,
    pub scope: u32,
    /// As it is stored.
    pub purpose: u8,
    pub period: u32,
    pub version: u32,
    pub parent: u32,
    pub created: Timestamp,
    pub newest: bool,
    pub uses: u64,
    pub sealed: Option<u64>,
}

/// All keys of an installation.
#[derive(Clone, Debug, Default)]
pub struct KeyStatus {
    /// By number; those of data subjects are only counted.
    pub keys: Vec<KeyLine>,
    pub subjects: u64,
    /// Versions of the installation root and the shred root.
    pub roots: (u32, u32),
    /// Parts of rows under keys that are not there.
    pub orphans: u64,
}

impl Engine {
    /// Lists every key; with `scan`, counts what is sealed under each by reading everything.
    ///
    /// # Errors
    /// [`Failure`] of a read.
    pub async fn key_status(&self, scan: bool) -> Result<KeyStatus, Failure> {
        let rows = self
            .with_view(installation(), |view| Ok(view.reader.keys()?))
            .await?;
        let subjects = match scan {
            true => {
                self.with_view(installation(), |view| Ok(subject_keys(view.reader)?))
                    .await?
            }
            false => Vec::new(),
        };
        let mut sealed = HashMap::new();
        if scan {
            for scope in self.scopes() {
                self.count(scope, &mut sealed).await?;
            }
            self.count_indexes(&mut sealed).await?;
            for row in &subjects {
                *sealed.entry(row.parent).or_default() += 1;
            }
        }
        let hierarchy = &self.shared().hierarchy;
        let uses: HashMap<u32, _> = hierarchy
            .uses()
            .into_iter()
            .map(|held| (held.number, held))
            .collect();
        let lines = rows.iter().filter_map(|row| {
            let held = uses.get(&row.number)?;
            self.key_line(StoredKey {
                number: row.number,
                scope: row.scope,
                purpose: row.purpose,
                period: row.period,
                version: row.version,
                parent: row.parent,
                created: Timestamp(row.created),
                newest: held.newest,
                uses: held.uses,
                sealed: scan.then(|| sealed.get(&row.number).copied().unwrap_or(0)),
            })
        });
        let keys: Vec<KeyLine> = lines.collect();
        let known = |number: &u32| {
            rows.iter()
                .chain(&subjects)
                .any(|row| row.number == *number)
        };
        let orphans = sealed.iter().filter(|(number, _)| !known(number));
        Ok(KeyStatus {
            keys,
            subjects: u64::try_from(subjects.len()).unwrap_or(u64::MAX),
            roots: hierarchy.root_versions(),
            orphans: orphans.map(|(_, count)| count).sum(),
        })
    }

    /// A key as an operator sees it, with its end by this installation's policy.
    pub fn key_line(&self, key: StoredKey) -> Option<KeyLine> {
        let (now, policy) = (self.now(), self.inner.key_policy);
        let mut line = KeyLine {
            number: key.number,
            scope: key.scope,
            purpose: Purpose::from_number(key.purpose)?,
            period: key.period,
            version: key.version,
            parent: key.parent,
            created: key.created,
            newest: key.newest,
            uses: key.uses,
            sealed: key.sealed,
            due: None,
            is_due: false,
        };
        line.due = due(&line, policy);
        line.is_due =
            line.newest && (line.due.is_some_and(|due| due <= now) || line.uses >= policy.max_uses);
        Some(line)
    }

    /// Parts of a scope's rows under any of these keys.
    pub(super) async fn count_under(&self, scope: Scope, numbers: &[u32]) -> Result<u64, Failure> {
        let mut sealed = HashMap::new();
        self.count(scope, &mut sealed).await?;
        Ok(numbers.iter().filter_map(|number| sealed.get(number)).sum())
    }

    async fn count(&self, scope: Scope, sealed: &mut HashMap<u32, u64>) -> Result<(), Failure> {
        let mut place = Some(Place::start());
        while let Some(at) = place {
            let (next, page) = self
                .with_view(scope, move |view| {
                    let mut page: HashMap<u32, u64> = HashMap::new();
                    let next = counted(view, at, &mut |key| *page.entry(key).or_default() += 1)?;
                    Ok((next, page))
                })
                .await?;
            place = next;
            for (key, count) in page {
                *sealed.entry(key).or_default() += count;
            }
        }
        Ok(())
    }
}

/// When a key is replaced for its age. Keys of a period end with it; keyed hashes and signatures stay (SECURITY.md).
fn due(line: &KeyLine, policy: KeyPolicy) -> Option<Timestamp> {
    let days = match line.purpose {
        Purpose::Installation | Purpose::Scope => policy.wrapping_days,
        Purpose::BlindIndex | Purpose::Shred => policy.data_days,
        purpose if purpose.is_resealed() && line.period == 0 => policy.data_days,
        _ => return None,
    };
    line.newest
        .then(|| line.created.plus(i64::from(days) * DAY))
}

fn subject_keys(reader: &mut dyn strongroom_store::Reader) -> Result<Vec<KeyRow>, StoreError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |row: &KeyRow| row.number);
        let rows = reader.subject_keys(after, PAGE)?;
        if rows.is_empty() {
            return Ok(all);
        }
        all.extend(rows);
    }
}
