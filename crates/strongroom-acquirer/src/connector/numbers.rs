//! The numbers of messages (field 11): each is given once before all others were, also across restarts.
//!
//! A block of them is on the shelf as given before the first of it is used; what is left of it at a restart is skipped.

use std::sync::Arc;

use strongroom_crypto::sha256;
use strongroom_types::id::RawId;
use strongroom_types::time::Timestamp;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::shelf::{Seat, Sheet, Shelf, ShelfFault, Stored};

/// Numbers are 1 to this, then begin anew.
const LAST: u32 = 999_999;
/// Numbers of one block.
const BLOCK: u32 = 500;

pub(crate) struct Numbers {
    shelf: Arc<dyn Shelf>,
    seat: Seat,
    block: Mutex<Block>,
}

/// What is left of the block in use.
#[derive(Clone, Copy)]
struct Block {
    next: u32,
    left: u32,
}

impl Numbers {
    pub fn new(shelf: Arc<dyn Shelf>, acquirer: &str) -> Numbers {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] =
            sha256(&[b"strongroom/acquirer/numbers/1", acquirer.as_bytes()]);
        let seat = Seat {
            scope: 0,
            stored: Stored::Numbers,
            id: RawId([a, b, c, d, e, f, g, h, i, j, k, l]),
        };
        Numbers {
            shelf,
            seat,
            block: Mutex::new(Block { next: 1, left: 0 }),
        }
    }

    /// The next number.
    ///
    /// # Errors
    /// [`ShelfFault`].
    pub async fn take(&self) -> Result<u32, ShelfFault> {
        let mut block = self.block.lock().await;
        if block.left == 0 {
            let first = self.first()?;
            self.keep(after(first, BLOCK)).await?;
            *block = Block {
                next: first,
                left: BLOCK,
            };
        }
        let number = block.next;
        block.next = after(number, 1);
        block.left -= 1;
        Ok(number)
    }

    fn first(&self) -> Result<u32, ShelfFault> {
        let Some(body) = self.shelf.get(self.seat)? else {
            return Ok(1);
        };
        let bytes = body.as_slice().try_into().map_err(|_| ShelfFault)?;
        let first = u32::from_be_bytes(bytes);
        (1..=LAST)
            .contains(&first)
            .then_some(first)
            .ok_or(ShelfFault)
    }

    async fn keep(&self, first: u32) -> Result<(), ShelfFault> {
        let sheet = Sheet {
            seat: self.seat,
            body: Zeroizing::new(first.to_be_bytes().to_vec()),
            since: Timestamp(0),
            has_number: false,
        };
        self.shelf.put(sheet).await
    }
}

fn after(number: u32, count: u32) -> u32 {
    (number - 1 + count) % LAST + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::memory::MemoryShelf;

    #[tokio::test]
    async fn no_number_is_given_twice_across_restarts_and_none_is_zero() {
        let shelf = Arc::new(MemoryShelf::default());
        let mut given = Vec::new();
        for _ in 0..4 {
            let numbers = Numbers::new(Arc::<MemoryShelf>::clone(&shelf), "main");
            for _ in 0..BLOCK + 7 {
                given.push(numbers.take().await.unwrap());
            }
        }
        let other = Numbers::new(Arc::<MemoryShelf>::clone(&shelf), "other");
        assert_eq!(other.take().await.unwrap(), 1, "each acquirer has its own");
        let count = given.len();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), count);
        assert_eq!(given.first(), Some(&1));
        assert_eq!(
            (after(LAST, 1), after(LAST - 1, 1), after(LAST, BLOCK)),
            (1, LAST, BLOCK)
        );
    }

    #[tokio::test]
    async fn without_a_shelf_no_number_is_given() {
        let shelf = Arc::new(MemoryShelf::default());
        shelf.fail(true);
        let numbers = Numbers::new(Arc::<MemoryShelf>::clone(&shelf), "main");
        assert_eq!(numbers.take().await, Err(ShelfFault));
        shelf.fail(false);
        assert_eq!(numbers.take().await, Ok(1));
    }
}
