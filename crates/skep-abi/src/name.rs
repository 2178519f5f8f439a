//! The name of an object: fifteen bytes and a NUL.
//!
//! Linux takes letters (Latin-1's too), digits, `_` and `.`; what it does not take, it refuses
//! at creation, so a `Name` from outside may hold anything.
//!
//! Answers to: bpf_obj_name_cpy in kernel/bpf/syscall.c.

use crate::{Errno, Result};
use core::fmt;

/// The name of an object, as it crosses the interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Name([u8; Name::LEN]);

impl Name {
    /// `BPF_OBJ_NAME_LEN`, the NUL included.
    pub const LEN: usize = 16;

    /// The name in a raw attribute.
    pub const fn from_bytes(bytes: [u8; Name::LEN]) -> Name {
        Name(bytes)
    }

    /// The first fifteen bytes of `text`, as libbpf cuts names; what Linux would
    /// refuse in a name becomes `_`.
    pub fn cut(text: &str) -> Name {
        let mut bytes = [0; Name::LEN];
        for (to, from) in bytes.iter_mut().zip(text.bytes().take(Name::LEN - 1)) {
            *to = if is_name_byte(from) { from } else { b'_' };
        }
        Name(bytes)
    }

    /// EINVAL unless Linux takes it: name bytes, then nothing but NULs.
    pub fn check(&self) -> Result<()> {
        let end = self.0.iter().position(|&b| b == 0).ok_or(Errno::EINVAL)?;
        let (text, rest) = self.0.split_at(end);
        if text.iter().all(|&b| is_name_byte(b) || is_latin1_letter(b))
            && rest.iter().all(|&b| b == 0)
        {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// All sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; Name::LEN] {
        &self.0
    }

    /// The text up to the NUL.
    pub fn to_text(&self) -> String {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(Name::LEN);
        String::from_utf8_lossy(&self.0[..end]).into_owned()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

/// A letter past ASCII as the kernel's isalnum has them, which takes bytes for Latin-1.
fn is_latin1_letter(byte: u8) -> bool {
    byte >= 0xc0 && byte != 0xd7 && byte != 0xf7
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::cut(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &[u8]) -> Name {
        let mut bytes = [0; Name::LEN];
        bytes[..text.len()].copy_from_slice(text);
        Name::from_bytes(bytes)
    }

    #[test]
    fn linux_takes_letters_digits_underscores_and_dots() {
        for good in ["", "a", "A_z.09", "fifteen_letters"] {
            assert_eq!(bytes(good.as_bytes()).check(), Ok(()), "{good}");
        }
        for bad in [
            &b"sixteen__letters"[..],
            b"a b",
            b"a-b",
            b"a/b",
            b"a\xc3\xa4",
            b"a\0b",
            b"\0\0b",
            b"a\n",
        ] {
            assert_eq!(bytes(bad).check(), Err(Errno::EINVAL), "{bad:?}");
        }
    }

    #[test]
    fn a_cut_name_is_always_taken() {
        let cut = Name::cut("a name-that is too long");
        assert_eq!(cut.to_text(), "a_name_that_is_");
        assert_eq!(cut.check(), Ok(()));
        assert_eq!(Name::cut("äö\0").check(), Ok(()));
        assert_eq!(Name::from("x").to_string(), "x");
        assert!(Name::cut("").is_empty() && Name::default().is_empty());
    }

    #[test]
    fn any_bytes_print() {
        let name = Name::from_bytes([0xff; Name::LEN]);
        assert_eq!(name.to_text(), "\u{fffd}".repeat(Name::LEN));
        assert_eq!(
            format!("{:>4}|{:?}", bytes(b"ab"), bytes(b"a\"")),
            "  ab|\"a\\\"\""
        );
    }
}
