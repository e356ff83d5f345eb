//! The digest by which bytes are known again: it tells accidents, not attacks.

/// Of no bytes at all.
const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits. Each byte enters by steps that can be undone, so that no change of a single byte goes
/// unseen; any other change does with probability 2⁻⁶⁴.
pub fn digest(bytes: &[u8]) -> u64 {
    digest_of(&[bytes])
}

/// That of `pieces` one after another.
pub(super) fn digest_of(pieces: &[&[u8]]) -> u64 {
    let bytes = pieces.iter().copied().flatten();
    bytes.fold(EMPTY, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How a digest is written down.
pub fn digits(digest: u64) -> String {
    format!("{digest:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the published test vectors of FNV-1a.
    #[test]
    fn known_digests() {
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(digest(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(digest_of(&[b"foo", b"", b"bar"]), digest(b"foobar"));
        assert_eq!(digits(0xab), "00000000000000ab");
    }
}
