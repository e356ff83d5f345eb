//! Damage: bits, bytes, numbers, pieces of text, fixed by a seed and a number.

/// Numbers that parsers and arithmetic stumble over.
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "2",
    "-1",
    "0.5",
    "3",
    "7",
    "1e-320",
    "1e-200",
    "1e-160",
    "1e-60",
    "1e-7",
    "1e60",
    "1e61",
    "1e160",
    "1e200",
    "1e308",
    "1e309",
    "-1e300",
    "nan",
    "inf",
    "-inf",
    "2147483648",
    "4294967297",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1_0",
    "0x10",
    "1.0000001",
    "0.1000000149011612",
];
/// Other values, and what stands between them.
const PIECES: &[&str] = &[
    "[]",
    "{}",
    "[[]]",
    "\"\"",
    "null",
    "true",
    "\"kaiming\"",
    "\"identity\"",
    "\"power-law\"",
    "\"λ\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "=",
    ":",
    "\n",
    "\"",
    "\\u0000",
    "\u{feff}",
    "#",
    "kind",
    "dimension",
    "hidden_widths",
    "start_weights",
    "basis_seed",
    "problem",
    "measure",
    "<script>",
    "</style>",
    " onload=\"alert(1)\"",
    " href=\"javascript:alert(1)\"",
    "url(",
    "../",
];
/// Integers of a header that say too much.
const WORDS: &[u64] = &[
    0,
    1,
    2,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// The damage of input `number` of a target.
    pub fn new(target: &str, seed: u64, number: u64) -> Self {
        let name = target.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut mutator = Self { state: name };
        mutator.state = mutator.next() ^ number;
        mutator
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`; 0 where there is nothing to choose from.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of the whole inputs, damaged in one to three places.
    pub fn input(&mut self, seeds: &[Vec<u8>], text: bool) -> Vec<u8> {
        let mut bytes = self.one(seeds).clone();
        let other = self.one(seeds).clone();
        for _ in 0..=self.below(3) {
            if text && self.below(4) > 0 {
                self.damage_text(&mut bytes);
            } else {
                self.damage_bytes(&mut bytes, &other);
            }
        }
        bytes
    }

    fn damage_bytes(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        match self.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = *self.one(&[0, 1, 0x20, 0x7f, 0x80, 0xff]),
            2 => bytes.truncate(at),
            3 => bytes.extend_from_slice(&other[self.below(other.len())..]),
            4 => {
                let end = (at + 1 + self.below(32)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + 1 + self.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => {
                let word = *self.one(WORDS);
                let width = *self.one(&[2, 4, 8]);
                let word = if self.below(2) == 0 {
                    word.to_le_bytes()[..width].to_vec()
                } else {
                    word.to_be_bytes()[8 - width..].to_vec()
                };
                // Headers are where sizes stand.
                let at = if self.below(2) == 0 {
                    at
                } else {
                    self.below(64)
                };
                for (place, byte) in bytes.iter_mut().skip(at).zip(word) {
                    *place = byte;
                }
            }
            _ => {
                let from = self.below(other.len());
                let piece = &other[from..(from + self.below(48)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }

    fn damage_text(&mut self, bytes: &mut Vec<u8>) {
        let places = numbers(bytes);
        if !places.is_empty() && self.below(3) > 0 {
            let (start, end) = *self.one(&places);
            bytes.splice(start..end, self.one(NUMBERS).bytes());
            return;
        }
        let at = self.below(bytes.len() + 1);
        match self.below(3) {
            0 => {
                bytes.splice(at..at, self.one(PIECES).bytes());
            }
            1 => {
                // One line less, or twice.
                let start = bytes[..at]
                    .iter()
                    .rposition(|&b| b == b'\n')
                    .map_or(0, |i| i + 1);
                let end = bytes[at..]
                    .iter()
                    .position(|&b| b == b'\n')
                    .map_or(bytes.len(), |i| at + i + 1);
                if self.below(2) == 0 {
                    bytes.drain(start..end);
                } else {
                    let line = bytes[start..end].to_vec();
                    bytes.splice(start..start, line);
                }
            }
            _ => {
                let place = self.below(bytes.len());
                let number = self.one(NUMBERS);
                bytes.splice(place..place, number.bytes());
            }
        }
    }
}

/// Where numbers stand in a text.
fn numbers(text: &[u8]) -> Vec<(usize, usize)> {
    let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'e');
    let mut places = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|byte| part(byte)).count();
        if text[at..at + length].iter().any(u8::is_ascii_digit) {
            places.push((at, at + length));
        }
        at += length + 1;
    }
    places
}
