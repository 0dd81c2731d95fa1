//! Approvals that came after their reversal had found nothing to undo. Their payments have failed, and nobody asks for them any
//! more: the connector undoes each by a reversal of its own number, and goes on until that is confirmed, across restarts too.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_crypto::sha256;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RawId};
use strongroom_types::time::Timestamp;
use tokio::sync::{Mutex, Notify};

use super::kept::{load, written};
use crate::Order;
use crate::shelf::{Seat, Sheet, Shelf, ShelfFault, Stored};

/// Room that the list is written in; each of it takes less than the other.
const ROOM: usize = 64;
const ROOM_OF_ONE: usize = 32;

/// A payment as it is listed.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Owed {
    #[n(0)]
    scope: u32,
    #[n(1)]
    live: bool,
    #[n(2)]
    id: PaymentId,
    #[n(3)]
    currency: Currency,
}

impl Owed {
    fn of(order: Order) -> Owed {
        let Order {
            scope,
            live,
            id,
            currency,
        } = order;
        Owed {
            scope,
            live,
            id,
            currency,
        }
    }

    fn order(self) -> Order {
        let Owed {
            scope,
            live,
            id,
            currency,
        } = self;
        Order {
            scope,
            live,
            id,
            currency,
        }
    }
}

/// Those of one acquirer.
pub(crate) struct Late {
    shelf: Arc<dyn Shelf>,
    seat: Seat,
    changing: Mutex<()>,
    added: Notify,
}

impl Late {
    pub fn new(shelf: Arc<dyn Shelf>, acquirer: &str) -> Late {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] =
            sha256(&[b"strongroom/acquirer/late/1", acquirer.as_bytes()]);
        let seat = Seat {
            scope: 0,
            stored: Stored::Late,
            id: RawId([a, b, c, d, e, f, g, h, i, j, k, l]),
        };
        Late {
            shelf,
            seat,
            changing: Mutex::default(),
            added: Notify::new(),
        }
    }

    /// Lists one; `Ok` is durable.
    ///
    /// # Errors
    /// [`ShelfFault`].
    pub async fn add(&self, order: Order) -> Result<(), ShelfFault> {
        let _alone = self.changing.lock().await;
        let mut all = self.listed()?;
        if !all.contains(&Owed::of(order)) {
            all.push(Owed::of(order));
            self.keep(&all).await?;
        }
        self.added.notify_one();
        Ok(())
    }

    /// Takes one off the list.
    ///
    /// # Errors
    /// [`ShelfFault`].
    pub async fn done(&self, order: Order) -> Result<(), ShelfFault> {
        let _alone = self.changing.lock().await;
        let mut all = self.listed()?;
        all.retain(|owed| *owed != Owed::of(order));
        self.keep(&all).await
    }

    /// # Errors
    /// [`ShelfFault`].
    pub fn all(&self) -> Result<Vec<Order>, ShelfFault> {
        Ok(self.listed()?.into_iter().map(Owed::order).collect())
    }

    /// Waits until one is added.
    pub async fn wait(&self) {
        self.added.notified().await;
    }

    fn listed(&self) -> Result<Vec<Owed>, ShelfFault> {
        Ok(load::<Vec<Owed>>(&*self.shelf, self.seat)?.unwrap_or_default())
    }

    async fn keep(&self, all: &[Owed]) -> Result<(), ShelfFault> {
        let room = ROOM + all.len().saturating_mul(ROOM_OF_ONE);
        let sheet = Sheet {
            seat: self.seat,
            body: written(&all, room)?,
            since: Timestamp(0),
            has_number: false,
        };
        self.shelf.put(sheet).await
    }
}
