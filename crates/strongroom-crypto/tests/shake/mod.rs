//! SHAKE128 (FIPS 202), the random source and hash of the accumulated XAES vector. For that test only.

const RATE: usize = 168;

/// Writes first, then reads; a sponge with nothing written is the vector's random source.
#[derive(Default)]
pub struct Shake128 {
    lanes: [u64; 25],
    place: usize,
    reading: bool,
}

impl Shake128 {
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(self.place, *byte);
            self.place += 1;
            if self.place == RATE {
                permute(&mut self.lanes);
                self.place = 0;
            }
        }
    }

    pub fn read(&mut self, count: usize) -> Vec<u8> {
        if !self.reading {
            self.mix(self.place, 0x1f);
            self.mix(RATE - 1, 0x80);
            (self.reading, self.place) = (true, RATE);
        }
        (0..count).map(|_| self.read_byte()).collect()
    }

    fn read_byte(&mut self) -> u8 {
        if self.place == RATE {
            permute(&mut self.lanes);
            self.place = 0;
        }
        let byte = self.lanes[self.place / 8].to_le_bytes()[self.place % 8];
        self.place += 1;
        byte
    }

    fn mix(&mut self, place: usize, byte: u8) {
        self.lanes[place / 8] ^= u64::from(byte) << (8 * (place % 8));
    }
}

/// Keccak-f[1600]; lane (x, y) stands at `x + 5·y`.
fn permute(a: &mut [u64; 25]) {
    let mut register = 1_u8;
    for _ in 0..24 {
        let columns: [u64; 5] =
            std::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ a[x + 5 * y]));
        for (place, lane) in a.iter_mut().enumerate() {
            let x = place % 5;
            *lane ^= columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
        }
        let before = *a;
        a[0] = before[0];
        let (mut x, mut y) = (1, 0);
        for step in 0..24_u32 {
            let turn = (step + 1) * (step + 2) / 2 % 64;
            let from = before[x + 5 * y];
            (x, y) = (y, (2 * x + 3 * y) % 5);
            a[x + 5 * y] = from.rotate_left(turn);
        }
        let before = *a;
        for (place, lane) in a.iter_mut().enumerate() {
            let row = place - place % 5;
            *lane = before[place]
                ^ (!before[row + (place - row + 1) % 5] & before[row + (place - row + 2) % 5]);
        }
        a[0] ^= round_constant(&mut register);
    }
}

/// The next round constant from its shift register (FIPS 202 section 3.2.5).
fn round_constant(register: &mut u8) -> u64 {
    (0..7).fold(0, |constant, power| {
        let bit = u64::from(*register & 1);
        *register = (*register << 1) ^ if *register & 0x80 == 0 { 0 } else { 0x71 };
        constant | bit << ((1 << power) - 1)
    })
}

#[test]
fn stream_begins_as_published() {
    let published: u128 = 0x7f9c_2ba4_e88f_827d_6160_4550_7605_853e;
    assert_eq!(Shake128::default().read(16), published.to_be_bytes());
}
