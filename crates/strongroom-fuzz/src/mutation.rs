//! Inputs made of other inputs: bytes changed, cut, doubled and moved, words put in, two inputs spliced.

use strongroom_testkit::dice::Dice;

/// The longest input.
pub const LONGEST: usize = 16 * 1_024;

/// Bytes that stand at the edges of something.
const EDGES: [u8; 12] = [
    0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b'\\', b'%', b'0', b'{', 0xc3,
];

/// Changes an input in a few places.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], words: &[&str], dice: &mut Dice) {
    let times = 1 + dice.below(6);
    for _ in 0..times {
        once(input, other, words, dice);
    }
    input.truncate(LONGEST);
}

fn once(input: &mut Vec<u8>, other: &[u8], words: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    match dice.below(9) {
        0 => flip(input, at, dice),
        1 => replace(input, at, EDGES.get(dice.below(EDGES.len())).copied()),
        2 => insert(input, at, &[u8::try_from(dice.below(256)).unwrap_or(0)]),
        3 => drop(take(input, at, dice)),
        4 => {
            let part = take(input, at, dice);
            let to = dice.below(input.len() + 1);
            insert(input, to, &part);
        }
        5 => {
            let part = part(input, at, dice).to_vec();
            insert(input, at, &part.repeat(1 + dice.below(4)));
        }
        6 => {
            let from = dice.below(other.len() + 1);
            let part = part(other, from, dice).to_vec();
            insert(input, at, &part);
        }
        7 => number(input, at, dice),
        _ => match dice.pick(words) {
            Some(word) => insert(input, at, word.as_bytes()),
            None => flip(input, at, dice),
        },
    }
}

fn flip(input: &mut [u8], at: usize, dice: &mut Dice) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
}

fn replace(input: &mut [u8], at: usize, with: Option<u8>) {
    if let (Some(byte), Some(with)) = (input.get_mut(at), with) {
        *byte = with;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    if input.len() + part.len() <= LONGEST {
        input.splice(at..at, part.iter().copied());
    }
}

/// Some bytes at a place, mostly few.
fn part<'i>(input: &'i [u8], at: usize, dice: &mut Dice) -> &'i [u8] {
    let rest = input.get(at..).unwrap_or_default();
    let most = if dice.one_in(4) { rest.len() } else { 16 };
    rest.get(..dice.below(most.min(rest.len()) + 1))
        .unwrap_or_default()
}

fn take(input: &mut Vec<u8>, at: usize, dice: &mut Dice) -> Vec<u8> {
    let length = part(input, at, dice).len();
    input.drain(at..at + length).collect()
}

/// A number of one to eight bytes, big-endian, at an edge or by chance: lengths and counts are such.
fn number(input: &mut [u8], at: usize, dice: &mut Dice) {
    let width = [1, 2, 4, 8].get(dice.below(4)).copied().unwrap_or(1);
    let value = match dice.below(4) {
        0 => u64::MAX,
        1 => 0,
        2 => u64::try_from(input.len()).unwrap_or(0),
        _ => dice.next_u64() >> dice.below(64),
    };
    let bytes = value.to_be_bytes();
    let bytes = bytes.get(8 - width..).unwrap_or_default();
    let places = input.iter_mut().skip(at);
    places.zip(bytes).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_change_stay_bounded_and_follow_from_their_seed() {
        let made = |seed| {
            let mut dice = Dice::new(seed);
            let mut input = vec![b'x'; 64];
            for _ in 0..2_000 {
                mutate(&mut input, b"another input", &["word"], &mut dice);
                assert!(input.len() <= LONGEST);
            }
            input
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }
}
