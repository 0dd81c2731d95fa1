//! Who may stay: connections of clients at a time, so that nobody without a key can keep others out.
//!
//! A connection has *shown* something once a request on it was let in with a good credential. While there is room all stay.
//! Where there is none, or an address has its share of those that showed nothing, the oldest of these goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Connections at a time, and those of one address that showed nothing.
pub(crate) const MOST: usize = 4_096;
const OF_AN_ADDRESS: usize = 256;

/// A connection, as those know it who decide whether it stays.
#[derive(Clone)]
struct Guest {
    address: IpAddr,
    mark: Mark,
    leave: Arc<Notify>,
}

/// Whether a connection showed a good credential.
#[derive(Clone, Default)]
pub(crate) struct Mark(Arc<AtomicBool>);

impl Mark {
    pub fn show(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_shown(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// All connections that are attended to.
#[derive(Clone)]
pub(crate) struct Lounge {
    slots: Arc<Semaphore>,
    guests: Arc<Mutex<(u64, BTreeMap<u64, Guest>)>>,
}

/// A connection's place; given back when dropped.
pub(crate) struct Place {
    lounge: Lounge,
    number: u64,
    pub mark: Mark,
    leave: Arc<Notify>,
    _slot: OwnedSemaphorePermit,
}

impl Lounge {
    pub fn new(most: usize) -> Lounge {
        Lounge {
            slots: Arc::new(Semaphore::new(most)),
            guests: Arc::default(),
        }
    }

    /// A place, for which somebody who showed nothing may have to go. `None` once nobody is let in any more.
    pub async fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = neighbourhood(address);
        self.make_room(address);
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let guest = Guest {
            address,
            mark: Mark::default(),
            leave: Arc::new(Notify::new()),
        };
        let mut guests = self.lock();
        guests.0 += 1;
        let number = guests.0;
        guests.1.insert(number, guest.clone());
        Some(Place {
            lounge: self.clone(),
            number,
            mark: guest.mark,
            leave: guest.leave,
            _slot: slot,
        })
    }

    fn make_room(&self, address: IpAddr) {
        let full = self.slots.available_permits() == 0;
        let guests = self.lock();
        let unknown = guests.1.values().filter(|guest| !guest.mark.has_shown());
        let of_it = unknown.clone().filter(|guest| guest.address == address);
        let has_share = of_it.clone().count() >= OF_AN_ADDRESS;
        let oldest = match has_share {
            true => of_it.clone().next(),
            false if full => unknown.clone().next(),
            false => None,
        };
        if let Some(guest) = oldest {
            // One that was told to go does not count any more.
            guest.mark.show();
            guest.leave.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Guest>)> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until this connection has to go.
    pub async fn left(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lounge.lock().1.remove(&self.number);
    }
}

/// Who has one address of version 6 has 2⁶⁴.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_mins(1);

    fn host(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    async fn is_told_to_go(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_millis(1), place.left())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn those_who_showed_nothing_make_room_for_others() {
        let lounge = Lounge::new(3);
        let mut places = Vec::new();
        for last in 1..=3 {
            places.push(lounge.enter(host(last)).await.unwrap());
        }
        places[0].mark.show();
        let entering = lounge.clone();
        let waiting = tokio::spawn(async move { entering.enter(host(4)).await });
        let second = places.remove(1);
        tokio::time::timeout(SOON, second.left()).await.unwrap();
        assert!(!is_told_to_go(&places[0]).await && !is_told_to_go(&places[1]).await);
        drop(second);
        assert!(
            tokio::time::timeout(SOON, waiting)
                .await
                .unwrap()
                .unwrap()
                .is_some()
        );
    }

    #[tokio::test]
    async fn an_address_has_a_share_of_those_who_showed_nothing() {
        let lounge = Lounge::new(MOST);
        let near = |n: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, 0, 0, n));
        let other = lounge.enter(host(1)).await.unwrap();
        let known = lounge.enter(near(0)).await.unwrap();
        known.mark.show();
        let mut places = Vec::new();
        for n in 0..u16::try_from(OF_AN_ADDRESS).unwrap() {
            places.push(lounge.enter(near(n)).await.unwrap());
        }
        assert!(!is_told_to_go(&places[0]).await);
        let last = lounge.enter(near(7)).await.unwrap();
        assert!(
            is_told_to_go(&places[0]).await,
            "the oldest of this address"
        );
        for place in [&places[1], &last, &known, &other] {
            assert!(!is_told_to_go(place).await);
        }
    }
}
