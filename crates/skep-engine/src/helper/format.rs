//! Formats as programs give them: checked whole, then printed.
//!
//! Nothing is printed of a format in which anything is wrong. The text is cut at
//! the room there is; its length is told uncut.
//!
//! Answers to: bpf_bprintf_prepare in kernel/bpf/helpers.c; lib/vsprintf.c.

use skep_abi::{Errno, Result};

/// The widest field.
#[doc(alias = "FIELD_WIDTH_MAX")]
const MAX_WIDTH: usize = (1 << 23) - 1;

/// An argument: the number that was given, and the memory it points to, up to a NUL.
#[derive(Clone, Copy, Default)]
pub(super) struct Argument<'a> {
    pub(super) number: u64,
    pub(super) memory: &'a [u8],
}

/// How many bytes an integer argument has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Int,
    Long,
}

/// What a conversion prints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed(Size),
    Unsigned(Size),
    Hex(Size),
    HexUpper(Size),
    Char,
    Text,
    /// Text at an address of a user, which a program here cannot have.
    UserText,
    /// A pointer that is not to be told.
    Hashed,
    /// A pointer as it is.
    Raw,
    /// A pointer to code.
    Symbol,
    Ipv4 {
        padded: bool,
    },
    Ipv6 {
        colons: bool,
    },
}

#[derive(Clone, Copy, Default)]
struct Flags {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
}

/// A conversion, and where the text after it begins.
struct Conversion {
    flags: Flags,
    width: usize,
    kind: Kind,
    end: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Whether a name ends before `byte`.
fn ends(byte: u8) -> bool {
    byte == 0 || is_space(byte) || byte.is_ascii_punctuation()
}

/// Reads the conversion whose `%` is before `at`; past the end there are zeros.
fn conversion(format: &[u8], mut at: usize) -> Result<Conversion> {
    let byte = |at: usize| format.get(at).copied().unwrap_or(0);
    let mut flags = Flags::default();
    loop {
        match byte(at) {
            b'0' => flags.zero = true,
            b'+' => flags.plus = true,
            b'-' => flags.left = true,
            b' ' => flags.space = true,
            _ => break,
        }
        at += 1;
    }
    let mut width = 0usize;
    while byte(at).is_ascii_digit() {
        width = width.saturating_mul(10) + usize::from(byte(at) - b'0');
        width = width.min(MAX_WIDTH);
        at += 1;
    }
    let (kind, len) = match (byte(at), byte(at + 1), byte(at + 2)) {
        (b'p', b'k', b's') if ends(byte(at + 3)) => (Kind::Text, 3),
        (b'p', b'u', b's') if ends(byte(at + 3)) => (Kind::UserText, 3),
        (b'p', b'x', _) => (Kind::Raw, 2),
        (b'p', b'K', _) => (Kind::Hashed, 2),
        (b'p', b's' | b'S' | b'B', _) => (Kind::Symbol, 2),
        (b'p', case @ (b'i' | b'I'), b'4') => (
            Kind::Ipv4 {
                padded: case == b'i',
            },
            3,
        ),
        (b'p', case @ (b'i' | b'I'), b'6') => (
            Kind::Ipv6 {
                colons: case == b'I',
            },
            3,
        ),
        (b'p', next, _) if ends(next) => (Kind::Hashed, 1),
        (b's', next, _) if ends(next) => (Kind::Text, 1),
        (b'c', ..) => (Kind::Char, 1),
        (b'l', b'l', letter) => (integer(letter, Size::Long)?, 3),
        (b'l', letter, _) => (integer(letter, Size::Long)?, 2),
        (letter, ..) => (integer(letter, Size::Int)?, 1),
    };
    let end = at + len;
    Ok(Conversion {
        flags,
        width,
        kind,
        end,
    })
}

fn integer(letter: u8, size: Size) -> Result<Kind> {
    match letter {
        b'd' | b'i' => Ok(Kind::Signed(size)),
        b'u' => Ok(Kind::Unsigned(size)),
        b'x' => Ok(Kind::Hex(size)),
        b'X' => Ok(Kind::HexUpper(size)),
        _ => Err(Errno::EINVAL),
    }
}

/// The text with room for so much of it, and how long it is.
struct Output {
    text: Vec<u8>,
    room: usize,
    len: usize,
}

impl Output {
    fn put(&mut self, bytes: &[u8]) {
        let left = self.room.saturating_sub(self.text.len()).min(bytes.len());
        self.text.extend(bytes.iter().take(left));
        self.len += bytes.len();
    }

    fn fill(&mut self, byte: u8, count: usize) {
        let left = self.room.saturating_sub(self.text.len()).min(count);
        self.text.extend(std::iter::repeat_n(byte, left));
        self.len += count;
    }

    /// Text in a field.
    fn field(&mut self, sign: &str, text: &[u8], flags: Flags, width: usize) {
        let pad = width.saturating_sub(sign.len() + text.len());
        match (flags.left, flags.zero) {
            (true, _) => {
                self.put(sign.as_bytes());
                self.put(text);
                self.fill(b' ', pad);
            }
            (false, true) => {
                self.put(sign.as_bytes());
                self.fill(b'0', pad);
                self.put(text);
            }
            (false, false) => {
                self.fill(b' ', pad);
                self.put(sign.as_bytes());
                self.put(text);
            }
        }
    }

    fn convert(&mut self, conversion: &Conversion, argument: Argument<'_>) {
        let &Conversion { flags, width, .. } = conversion;
        let number = argument.number;
        let sized = |size| match size {
            Size::Int => u64::from(number as u32),
            Size::Long => number,
        };
        let no_zero = Flags {
            zero: false,
            ..flags
        };
        let memory = argument.memory;
        let byte = |at: usize| memory.get(at).copied().unwrap_or(0);
        match conversion.kind {
            Kind::Signed(size) => {
                let value = match size {
                    Size::Int => i64::from(number as i32),
                    Size::Long => number as i64,
                };
                let sign = match value {
                    ..0 => "-",
                    _ if flags.plus => "+",
                    _ if flags.space => " ",
                    _ => "",
                };
                let digits = value.unsigned_abs().to_string();
                self.field(sign, digits.as_bytes(), flags, width);
            }
            Kind::Unsigned(size) => {
                self.field("", sized(size).to_string().as_bytes(), flags, width);
            }
            Kind::Hex(size) => {
                self.field("", format!("{:x}", sized(size)).as_bytes(), flags, width);
            }
            Kind::HexUpper(size) => {
                self.field("", format!("{:X}", sized(size)).as_bytes(), flags, width);
            }
            Kind::Char => self.field("", &[number as u8], no_zero, width),
            Kind::Text => {
                let text = memory.split(|&byte| byte == 0).next().unwrap_or_default();
                self.field("", text, no_zero, width);
            }
            Kind::UserText => self.field("", b"", no_zero, width),
            Kind::Raw => self.field("", format!("{number:016x}").as_bytes(), flags, width),
            Kind::Hashed => {
                let hashed = format!("{:016x}", hash(number));
                self.field("", hashed.as_bytes(), flags, width);
            }
            Kind::Symbol => self.field("", format!("{number:#x}").as_bytes(), no_zero, width),
            Kind::Ipv4 { padded } => {
                let part = |at| match padded {
                    true => format!("{:03}", byte(at)),
                    false => byte(at).to_string(),
                };
                let text = [0, 1, 2, 3].map(part).join(".");
                self.field("", text.as_bytes(), no_zero, width);
            }
            Kind::Ipv6 { colons } => {
                let part =
                    |pair: usize| format!("{:02x}{:02x}", byte(2 * pair), byte(2 * pair + 1));
                let parts: Vec<String> = (0..8).map(part).collect();
                let text = parts.join(if colons { ":" } else { "" });
                self.field("", text.as_bytes(), no_zero, width);
            }
        }
    }
}

/// What is shown of a pointer that is not to be told: 32 bits, equal for equal ones.
#[doc(alias = "ptr_to_hashval")]
fn hash(pointer: u64) -> u32 {
    if pointer == 0 {
        return 0;
    }
    let word = pointer.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as u32 | 1
}

/// Prints: at most `room` bytes of text, and how long the whole of it is. EINVAL
/// for a format without NUL, with what cannot be printed, with an unknown
/// conversion, or with more conversions than arguments.
pub(super) fn print(
    format: &[u8],
    arguments: &[Argument<'_>],
    room: usize,
) -> Result<(Vec<u8>, usize)> {
    let end = format.iter().position(|&byte| byte == 0);
    let format = format.get(..end.ok_or(Errno::EINVAL)?).unwrap_or(format);
    let odd = |&byte: &u8| byte.is_ascii_control() && !is_space(byte);
    if format.iter().any(odd) {
        return Err(Errno::EINVAL);
    }
    let mut arguments = arguments.iter();
    let mut output = Output {
        text: Vec::new(),
        room,
        len: 0,
    };
    let mut at = 0;
    while let Some(&byte) = format.get(at) {
        if byte != b'%' {
            output.put(&[byte]);
            at += 1;
        } else if format.get(at + 1) == Some(&b'%') {
            output.put(b"%");
            at += 2;
        } else {
            let argument = arguments.next().ok_or(Errno::EINVAL)?;
            let conversion = conversion(format, at + 1)?;
            output.convert(&conversion, *argument);
            at = conversion.end;
        }
    }
    Ok((output.text, output.len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(format: &str, numbers: &[u64]) -> Result<String> {
        let mut bytes = format.as_bytes().to_vec();
        bytes.push(0);
        let memory = b"queenbee\0rest";
        let arguments: Vec<Argument<'_>> = numbers
            .iter()
            .map(|&number| Argument { number, memory })
            .collect();
        let (text, len) = print(&bytes, &arguments, 1023)?;
        assert_eq!(text.len(), len);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Each as Linux printed it.
    #[test]
    fn formats_print_as_on_linux() {
        let minus_five = -5i64 as u64;
        for (format, argument, expected) in [
            ("plain", 0, "plain"),
            ("%d", minus_five, "-5"),
            ("%u", minus_five, "4294967291"),
            ("%X", u64::MAX, "FFFFFFFF"),
            ("%ld", minus_five, "-5"),
            ("%llu", u64::MAX, "18446744073709551615"),
            ("%5d|", 7, "    7|"),
            ("%-5d|", 7, "7    |"),
            ("%05d|", 7, "00007|"),
            ("%+d", 7, "+7"),
            ("% 5d|", 3, "    3|"),
            ("%+5d|", 3, "   +3|"),
            ("%08x", 0xabc, "00000abc"),
            ("%-08x|", 0xabc, "abc     |"),
            ("%16llx|", 1, "               1|"),
            ("50%%d", 0, "50%d"),
            ("%-5c|", 0x41, "A    |"),
            ("%10s|", 1, "  queenbee|"),
            ("%-10s|", 1, "queenbee  |"),
            ("%pks", 1, "queenbee"),
            ("%pus", 1, ""),
            ("%px", 0x1234, "0000000000001234"),
            ("%ps", 0, "0x0"),
            ("%pI4", 1, "113.117.101.101"),
            ("%pi4", 1, "113.117.101.101"),
            ("%pI6", 1, "7175:6565:6e62:6565:0072:6573:7400:0000"),
            ("%x", 0x1234_5678_9abc_def0, "9abcdef0"),
            ("a\tb\u{e9}", 0, "a\tb\u{e9}"),
        ] {
            assert_eq!(
                show(format, &[argument]).as_deref(),
                Ok(expected),
                "{format}"
            );
        }
    }

    #[test]
    fn what_linux_refuses_is_refused() {
        for format in [
            "%o", "%pM", "%#x", "%.3d", "%*d", "%", "a%", "%f", "%n", "%h", "%hd", "%zd", "%lc",
            "%ll", "%l", "%q", "%.2s", "%llc", "%pd", "%p4", "\u{1}x", "a\u{7}b", "%d %d",
        ] {
            assert_eq!(show(format, &[1]), Err(Errno::EINVAL), "{format:?}");
        }
        assert_eq!(print(b"abc", &[], 8).err(), Some(Errno::EINVAL));
    }

    #[test]
    fn a_long_text_is_cut_but_measured() {
        let argument = Argument::default();
        let (text, len) = print(b"%99999999999d\0", &[argument], 10).unwrap();
        assert_eq!((text.len(), len), (10, MAX_WIDTH));
    }
}
