//! Destroying keys whose time has passed. What they sealed can never be read again, in backups too.

use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::Purpose;
use strongroom_domain::action::Action;
use strongroom_domain::housekeeping::Note;
use strongroom_store::Batch;
use strongroom_types::time::DAY;

use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::scopes::installation;

impl Engine {
    /// Destroys the daily keys of stored replies that are past their 25 hours.
    ///
    /// # Errors
    /// [`Failure`] of the reads and commits on the way.
    pub async fn purge_replies(&self) -> Result<(), Failure> {
        // A reply of the last second of a day is kept 25 hours: two days later its key may go.
        let before = self.now().plus(-2 * DAY).day();
        let rows = self
            .with_view(installation(), |view| Ok(view.reader.keys()?))
            .await?;
        // The highest number stays, so that no number is ever given out again.
        let highest = rows.iter().map(|row| row.number).max();
        let rows = rows.into_iter().filter(|row| Some(row.number) != highest);
        let past =
            rows.filter(|row| row.purpose == Purpose::StoredReply.number() && row.period < before);
        let removed_keys: Vec<u32> = past.map(|row| row.number).collect();
        if removed_keys.is_empty() {
            return Ok(());
        }
        let details = vec![
            ("policy".to_owned(), "stored_replies".to_owned()),
            ("before".to_owned(), before.to_string()),
            (
                "keys".to_owned(),
                removed_keys
                    .iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            ),
        ];
        let caller = Caller::system(SystemActor::Housekeeping, installation());
        self.execute(
            &caller,
            Note {
                action: Action::KeysDestroyed,
                details,
            },
            Envelope::internal(),
        )
        .await?;
        self.derive(Batch {
            removed_keys: removed_keys.clone(),
            ..Batch::default()
        })
        .await?;
        for number in removed_keys {
            self.shared().hierarchy.forget(number);
        }
        Ok(())
    }
}
