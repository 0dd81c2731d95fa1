//! The commit thread's sealing keys: per scope and purpose, with one nonce prefix each and a counter behind it.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_crypto::{
    BatchSealer, DataKey, Hierarchy, Purpose, RandomPool, write_sealed_header,
};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::seal::Seat;

pub(crate) struct Sealer {
    key: u32,
    period: u32,
    prefix: [u8; 12],
    cipher: BatchSealer,
    /// Never reused under one prefix: INVARIANT(nonce-unique).
    counter: u64,
}

/// Sealers in use.
pub(crate) struct Sealers {
    hierarchy: Arc<Hierarchy>,
    sealers: HashMap<(u32, Purpose), Sealer, foldhash::fast::RandomState>,
}

impl Sealers {
    pub fn new(hierarchy: Arc<Hierarchy>) -> Sealers {
        Sealers {
            hierarchy,
            sealers: HashMap::default(),
        }
    }

    /// The sealer of a slot; a key of a new period replaces the old one.
    fn sealer(&mut self, slot: KeySlot, now: Timestamp, random: &mut RandomPool) -> &mut Sealer {
        let KeySlot {
            scope,
            purpose,
            period,
        } = slot;
        let hierarchy = &self.hierarchy;
        let fresh = |random: &mut RandomPool| {
            let key = hierarchy.current(scope.number, purpose, period, now.0);
            Sealer::new(&key, period, random)
        };
        let sealer = self
            .sealers
            .entry((scope.number, purpose))
            .or_insert_with(|| fresh(random));
        if sealer.period != period {
            *sealer = fresh(random);
        }
        sealer
    }

    /// Forgets all sealers, after a batch whose new keys were not stored.
    pub fn clear(&mut self) {
        self.sealers.clear();
    }
}

impl Sealer {
    pub fn new(key: &DataKey, period: u32, random: &mut RandomPool) -> Sealer {
        let prefix = random.take();
        Sealer {
            key: key.number,
            period,
            prefix,
            cipher: key.seal_key().batch(prefix),
            counter: 0,
        }
    }

    pub fn seal(&mut self, seat: &Seat, plaintext: &[u8], out: &mut Vec<u8>) {
        self.counter += 1;
        let mut nonce = [0; 24];
        let counter = self.counter.to_be_bytes();
        let bytes = self.prefix.iter().chain(&[0; 4]).chain(&counter);
        for (to, from) in nonce.iter_mut().zip(bytes) {
            *to = *from;
        }
        let mut suffix = [0; 12];
        for (to, from) in suffix.iter_mut().skip(4).zip(counter) {
            *to = from;
        }
        write_sealed_header(self.key, &nonce, out);
        self.cipher
            .seal(suffix, &seat.aad(self.key), plaintext, out);
    }
}

/// A key by what it is for.
#[derive(Clone, Copy)]
pub(crate) struct KeySlot {
    pub scope: Scope,
    pub purpose: Purpose,
    pub period: u32,
}

/// What sealing needs besides the plaintext.
pub(crate) struct SealTools<'a> {
    pub sealers: &'a mut Sealers,
    pub random: &'a mut RandomPool,
}

impl SealTools<'_> {
    /// Appends the sealed blob of `plaintext` under the slot's key.
    pub fn seal(
        &mut self,
        slot: KeySlot,
        now: Timestamp,
        seat: &Seat,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        self.sealers
            .sealer(slot, now, self.random)
            .seal(seat, plaintext, out);
    }
}

/// Seals under one subject's key; rare, so the nonce is drawn whole.
pub(crate) fn seal_personal(
    key: &DataKey,
    random: &mut RandomPool,
    seat: &Seat,
    plaintext: &[u8],
    out: &mut Vec<u8>,
) {
    let nonce = random.take();
    write_sealed_header(key.number, &nonce, out);
    key.seal_key()
        .seal(&nonce, &seat.aad(key.number), plaintext, out);
}
