//! What is begun and not ended, and keys whose time or uses are over.

use strongroom_crypto::Purpose;
use strongroom_types::mode::Scope;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::rotation::{KeyLevel, KeyStatus, Rotated, purpose_name};

/// How long a destroyed key stays in memory, for requests that read a row before it was sealed again.
const GRACE: i64 = 60_000;

impl Engine {
    /// Goes on with what an earlier run began, and replaces keys whose time or uses are over. Says of how many books it
    /// was.
    ///
    /// # Errors
    /// [`Failure`] of a commit or a read.
    pub async fn resume_rotation(&self) -> Result<usize, Failure> {
        self.save_uses().await?;
        self.replace_due().await?;
        let Ok(_one) = self.inner.rotating.try_lock() else {
            return Ok(0);
        };
        let hierarchy = &self.shared().hierarchy;
        hierarchy.forget_destroyed(self.now().0 - GRACE);
        let mut books = 0;
        for scope in self.scopes() {
            books += usize::from(self.resume(scope).await?);
        }
        Ok(books)
    }

    /// Ends what was begun of one organization and mode, if anything was.
    async fn resume(&self, scope: Scope) -> Result<bool, Failure> {
        let hierarchy = &self.shared().hierarchy;
        let is_begun = |of: fn(Purpose) -> bool| !hierarchy.superseded(scope.number, of).is_empty();
        let none = Rotated::default();
        let mut any = false;
        if is_begun(Purpose::is_resealed) {
            any = true;
            self.reseal_scope(scope, none, &|_| {}).await?;
        }
        if is_begun(Purpose::is_rehashed) {
            any = true;
            self.rehash_scope(scope, none, &|_| {}).await?;
        }
        if is_begun(Purpose::is_shred) {
            any = true;
            self.replace_subjects(scope, none, &|_| {}).await?;
        }
        Ok(any)
    }

    /// Keys with a newer version that are not destroyed yet.
    pub(crate) fn superseded_keys(&self) -> u64 {
        let hierarchy = &self.shared().hierarchy;
        let scopes = self.scopes();
        let all = scopes
            .iter()
            .map(|scope| hierarchy.superseded(scope.number, |_| true).len());
        u64::try_from(all.sum::<usize>()).unwrap_or(u64::MAX)
    }

    async fn replace_due(&self) -> Result<(), Failure> {
        let status = self.key_status(false).await?;
        for level in self
            .scopes()
            .into_iter()
            .flat_map(|scope| due(&status, scope))
        {
            self.rotate(level, &|_| {}).await?;
        }
        let is_due =
            |line: &crate::rotation::KeyLine| line.is_due && line.purpose == Purpose::Installation;
        if status.keys.iter().any(is_due) {
            self.rotate(KeyLevel::Installation, &|_| {}).await?;
        }
        Ok(())
    }
}

/// What is to be replaced of one organization and mode.
fn due(status: &KeyStatus, scope: Scope) -> Vec<KeyLevel> {
    let lines = status.keys.iter();
    let lines = lines.filter(|line| line.is_due && line.scope == scope.number);
    let mut purposes: Vec<Purpose> = lines.map(|line| line.purpose).collect();
    purposes.sort_unstable();
    purposes.dedup();
    let level = |purpose: Purpose| match purpose {
        Purpose::Scope => Some(KeyLevel::Scope(scope)),
        Purpose::BlindIndex => Some(KeyLevel::Index(scope)),
        Purpose::Shred => Some(KeyLevel::Subjects(scope)),
        purpose if purpose.is_resealed() => Some(KeyLevel::Data(scope, Some(purpose))),
        _ => None,
    };
    for purpose in &purposes {
        tracing::info!(
            log = scope.number,
            purpose = purpose_name(*purpose),
            "a key's time or uses are over: it is replaced"
        );
    }
    purposes.into_iter().filter_map(level).collect()
}
