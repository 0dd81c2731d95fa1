//! What an acquirer's connector keeps, in the vault's store: sealed under a key of its books, at a seat that names it.

use std::sync::{Arc, Mutex, PoisonError};

use strongroom_acquirer::{Answering, Seat, Sheet, Shelf, ShelfFault, Stored};
use strongroom_crypto::{DataKey, Hierarchy, Purpose, SealedView, random, write_sealed_header};
use strongroom_store::{Reader, RecordRow, Wanted};
use strongroom_types::id::RawId;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::cards::VaultError;
use crate::serve::Clock;
use crate::writer::{Change, Writing};

/// The status of a row, in clear: whether a card number is in it.
const WITHOUT_NUMBER: u8 = 0;
const WITH_NUMBER: u8 = 1;

pub(crate) struct VaultShelf {
    pub hierarchy: Arc<Hierarchy>,
    pub reader: Mutex<Box<dyn Reader>>,
    pub writing: Arc<Writing>,
    pub clock: Clock,
}

impl Shelf for VaultShelf {
    fn get(&self, seat: Seat) -> Result<Option<Zeroizing<Vec<u8>>>, ShelfFault> {
        let wanted = Wanted {
            records: vec![(seat.scope, seat.stored.code(), seat.id.0)],
            ..Wanted::default()
        };
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = reader
            .load(&wanted)
            .map_err(|error| failed(&error.into()))?;
        match loaded.records.first() {
            None => Ok(None),
            Some(row) => match opened(&self.hierarchy, seat, &row.body) {
                Some(body) => Ok(Some(body)),
                None => {
                    tracing::error!("what the vault keeps of an acquirer's exchange was altered");
                    Err(ShelfFault)
                }
            },
        }
    }

    fn put(&self, sheet: Sheet) -> Answering<Result<(), ShelfFault>> {
        let Sheet {
            seat,
            body,
            since,
            has_number,
        } = sheet;
        let now = (self.clock)();
        let key = self
            .hierarchy
            .current(seat.scope, Purpose::AcquirerExchange, 0, now.0);
        let row = RecordRow {
            scope: seat.scope,
            kind: seat.stored.code(),
            id: seat.id.0,
            version: 1,
            seq: 0,
            time: since.0,
            status: if has_number {
                WITH_NUMBER
            } else {
                WITHOUT_NUMBER
            },
            body: sealed(&key, seat, &body),
        };
        let writing = Arc::clone(&self.writing);
        Box::pin(async move {
            let put = writing.apply(Change::Put(row)).await;
            put.map_err(|error| failed(&error))
        })
    }

    fn with_numbers(&self, before: Timestamp) -> Result<Vec<Seat>, ShelfFault> {
        let mut seats = Vec::new();
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let read = reader.all_records(&mut |row| {
            let is_old = row.time < before.0 && row.status == WITH_NUMBER;
            if is_old && row.kind == Stored::Payment.code() {
                seats.push(Seat {
                    scope: row.scope,
                    stored: Stored::Payment,
                    id: RawId(row.id),
                });
            }
        });
        read.map_err(|error| failed(&error.into()))?;
        Ok(seats)
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// A sheet's body under another key; `None` for a row that is none, and for one that does not open.
pub(crate) fn resealed(hierarchy: &Hierarchy, new: &DataKey, row: &RecordRow) -> Option<Vec<u8>> {
    let stored = Stored::ALL
        .into_iter()
        .find(|stored| stored.code() == row.kind)?;
    let seat = Seat {
        scope: row.scope,
        stored,
        id: RawId(row.id),
    };
    let body = opened(hierarchy, seat, &row.body)?;
    Some(sealed(new, seat, &body))
}

fn failed(error: &VaultError) -> ShelfFault {
    tracing::error!(%error, "what is to be kept of an acquirer's exchange cannot be");
    ShelfFault
}

fn sealed(key: &DataKey, seat: Seat, body: &[u8]) -> Vec<u8> {
    let nonce = random::<24>();
    let mut sealed = Vec::with_capacity(body.len() + 96);
    write_sealed_header(key.number, &nonce, &mut sealed);
    key.seal_key()
        .seal(&nonce, &place(seat, key.number), body, &mut sealed);
    sealed
}

fn opened(hierarchy: &Hierarchy, seat: Seat, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let view = SealedView::parse(body).ok()?;
    let key = hierarchy.find(view.key)?;
    let opened = key
        .seal_key()
        .open(view.nonce, &place(seat, view.key), view.ciphertext);
    opened.ok().map(Zeroizing::new)
}

/// What a sheet is bound to: it opens nowhere else.
fn place(seat: Seat, key: u32) -> Vec<u8> {
    [
        b"strongroom/vault/acquirer/1".as_slice(),
        &seat.scope.to_be_bytes(),
        &[seat.stored.code()],
        &seat.id.0,
        &key.to_be_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::RootKeys;

    use super::*;
    use crate::cards::Cards;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn seat(scope: u32, id: u8) -> Seat {
        Seat {
            scope,
            stored: Stored::Payment,
            id: RawId([id; 12]),
        }
    }

    fn sheet(seat: Seat, text: &str, has_number: bool) -> Sheet {
        Sheet {
            seat,
            body: Zeroizing::new(text.as_bytes().to_vec()),
            since: NOW,
            has_number,
        }
    }

    #[tokio::test]
    async fn sheets_outlive_the_process_sealed_where_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let cards = Cards::open(dir.path(), root.copy(), NOW).unwrap();
        let shelf = cards.shelf(Arc::new(|| NOW)).unwrap();
        shelf
            .put(sheet(seat(7, 1), "4242424242424242", true))
            .await
            .unwrap();
        shelf
            .put(sheet(seat(7, 2), "nothing", false))
            .await
            .unwrap();
        assert_eq!(shelf.with_numbers(NOW.plus(1)).unwrap(), [seat(7, 1)]);
        assert!(shelf.with_numbers(NOW).unwrap().is_empty());
        cards.stop();
        drop((cards, shelf));
        let stored = std::fs::read(dir.path().join("strongroom.db")).unwrap();
        assert!(
            !stored
                .windows(16)
                .any(|window| window == b"4242424242424242")
        );

        let cards = Cards::open(dir.path(), root, NOW).unwrap();
        let shelf = cards.shelf(Arc::new(|| NOW)).unwrap();
        let found = shelf.get(seat(7, 1)).unwrap().unwrap();
        assert_eq!(found.as_slice(), b"4242424242424242");
        assert!(shelf.get(seat(8, 1)).unwrap().is_none());
        // Without its number it is found no more.
        shelf.put(sheet(seat(7, 1), "", false)).await.unwrap();
        assert!(shelf.with_numbers(NOW.plus(1)).unwrap().is_empty());
        cards.stop();
        assert!(shelf.put(sheet(seat(7, 3), "", false)).await.is_err());
    }

    #[test]
    fn a_sheet_opens_at_its_own_seat_alone() {
        let hierarchy = Hierarchy::create(RootKeys::generate(), NOW.0);
        let key = hierarchy.current(7, Purpose::AcquirerExchange, 0, NOW.0);
        let body = sealed(&key, seat(7, 1), b"kept");
        assert!(opened(&hierarchy, seat(7, 1), &body).is_some());
        for other in [seat(8, 1), seat(7, 2)] {
            assert!(opened(&hierarchy, other, &body).is_none());
        }
        let refund = Seat {
            stored: Stored::Refund,
            ..seat(7, 1)
        };
        assert!(opened(&hierarchy, refund, &body).is_none());
    }
}
