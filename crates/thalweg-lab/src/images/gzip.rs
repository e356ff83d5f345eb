//! The content of a gzip file: that of all its members, and nothing of the zeros that tapes and disks fill files up with.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks one member after the other, as parallel packers and `cat` put them.
pub(super) struct Members<R> {
    /// The member in work; none where all are read.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    /// Those of `file`, which has one at least.
    pub(super) fn new(file: R) -> Self {
        Self {
            member: Some(GzDecoder::new(file)),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(next).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The next member in `rest`, behind zeros; none where nothing else is there.
fn next<R: BufRead>(mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let bytes = match rest.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        match (zeros, bytes.len()) {
            (_, 0) => return Ok(None),
            (zeros, all) if zeros == all => rest.consume(zeros),
            (zeros, _) => {
                rest.consume(zeros);
                return Ok(Some(GzDecoder::new(rest)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(file: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // A short buffer: zeros and members lie across its ends.
        let file = io::BufReader::with_capacity(7, file);
        Members::new(file).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn all_members_are_read_and_zeros_are_not() {
        let (one, two, none) = (packed("one"), packed("two"), packed(""));
        assert_eq!(read(&one).unwrap(), "one");
        assert_eq!(read(&[&one[..], &none, &two].concat()).unwrap(), "onetwo");
        for zeros in [1, 6, 7, 8, 512] {
            let padding = vec![0; zeros];
            assert_eq!(read(&[&one[..], &padding].concat()).unwrap(), "one");
            let between = [&one[..], &padding, &two, &padding].concat();
            assert_eq!(read(&between).unwrap(), "onetwo");
        }
    }

    #[test]
    fn what_is_no_member_and_no_zero_is_damage() {
        let one = packed("one");
        for rest in [&b"x"[..], b"\0\0x", &one[..9], &one[..one.len() - 1]] {
            read(&[&one[..], rest].concat()).unwrap_err();
        }
    }
}
