//! The log that a load writes for its caller.
//!
//! The text is copied out when the load ends: whole, or as much as there is room
//! for, with its NUL; the end of it unless `BPF_LOG_FIXED` asks for the
//! beginning. Too little room fails the load with ENOSPC, whatever it would have
//! answered.
//!
//! Invariant: of a text that grows without end, at most twice the room is kept.
//!
//! Answers to: kernel/bpf/log.c (bpf_vlog_init, bpf_vlog_finalize).

use skep_abi::{Errno, Result, UserOut};

/// Levels that have a meaning.
#[doc(alias = "BPF_LOG_MASK")]
const LEVELS: u32 = 15;
/// Keep the beginning.
#[doc(alias = "BPF_LOG_FIXED")]
const FIXED: u32 = 8;
/// The most room there may be.
const MAX_ROOM: u32 = u32::MAX >> 2;

/// A log being written.
pub(crate) struct Log {
    level: u32,
    /// Bytes of the caller's buffer; 0 is no buffer.
    room: usize,
    /// What of the text may still be copied out.
    kept: Vec<u8>,
    /// Bytes of the text so far.
    total: u64,
}

impl Log {
    /// An empty log. EINVAL if the three arguments do not go together.
    #[doc(alias = "bpf_vlog_init")]
    pub(crate) fn begin(level: u32, size: u32, buffer: &UserOut<'_>) -> Result<Log> {
        let has_buffer = !buffer.is_null();
        let pointless = has_buffer && level == 0;
        if has_buffer != (size != 0) || pointless || level & !LEVELS != 0 || size > MAX_ROOM {
            return Err(Errno::EINVAL);
        }
        Ok(Log {
            level,
            room: usize::try_from(size).map_err(|_| Errno::EINVAL)?,
            kept: Vec::new(),
            total: 0,
        })
    }

    /// What the caller wants to read; 0 is nothing.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// Appends text, if anybody wants it.
    pub(crate) fn write(&mut self, text: &str) {
        if self.level == 0 {
            return;
        }
        self.total = self.total.saturating_add(text.len() as u64);
        if self.level & FIXED != 0 {
            let left = self.room.saturating_sub(self.kept.len()).min(text.len());
            self.kept.extend(text.bytes().take(left));
            return;
        }
        let end = text.len().saturating_sub(self.room);
        self.kept.extend(text.bytes().skip(end));
        if self.kept.len() / 2 > self.room {
            self.kept.drain(..self.kept.len() - self.room);
        }
    }

    /// Copies the text out and says in `true_size` how long it is with its NUL.
    /// ENOSPC if it was cut, EFAULT if the buffer cannot be written.
    #[doc(alias = "bpf_vlog_finalize")]
    pub(crate) fn finish(self, buffer: &mut UserOut<'_>, true_size: &mut u32) -> Result<()> {
        if self.total == 0 {
            *true_size = 0;
            // With a buffer and not a byte for it, Linux believes that a write failed.
            return if self.room == 0 || self.level == 0 {
                Ok(())
            } else {
                Err(Errno::EFAULT)
            };
        }
        let whole = self.total.saturating_add(1);
        *true_size = u32::try_from(whole).unwrap_or(u32::MAX);
        let Some(most) = self.room.checked_sub(1) else {
            return Ok(());
        };
        let len = self.kept.len().min(most);
        let start = match self.level & FIXED {
            0 => self.kept.len() - len,
            _ => 0,
        };
        let text = self.kept.get(start..start + len).unwrap_or(&[]);
        buffer.write(text)?;
        buffer.write_at(len, &[0])?;
        if whole > self.room as u64 {
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, the buffer and the true size for a text in pieces.
    fn log(level: u32, room: usize, pieces: &[&str]) -> (Result<()>, Vec<u8>, u32) {
        let mut buffer = vec![0xee; room];
        let mut out = match room {
            0 => UserOut::null(),
            _ => UserOut::new(&mut buffer),
        };
        let mut log = Log::begin(level, room as u32, &out).unwrap();
        for piece in pieces {
            log.write(piece);
        }
        let mut true_size = 77;
        let result = log.finish(&mut out, &mut true_size);
        (result, buffer, true_size)
    }

    #[test]
    fn a_text_that_fits_is_copied_with_its_nul() {
        let expected = (Ok(()), b"abcd\0\xee".to_vec(), 5);
        assert_eq!(log(1, 6, &["ab", "cd"]), expected);
        assert_eq!(log(8, 6, &["ab", "cd"]), expected);
        assert_eq!(log(1, 5, &["abcd"]).0, Ok(()));
    }

    #[test]
    fn a_text_that_does_not_fit_leaves_its_end_or_its_beginning() {
        let cut = Err(Errno::ENOSPC);
        assert_eq!(log(1, 4, &["ab", "cd"]), (cut, b"bcd\0".to_vec(), 5));
        assert_eq!(log(8, 4, &["ab", "cd"]), (cut, b"abc\0".to_vec(), 5));
        let long = "x".repeat(1000) + "end";
        assert_eq!(log(1, 4, &[&long]), (cut, b"end\0".to_vec(), 1004));
        let pieces = vec!["0123456789"; 100];
        assert_eq!(log(2, 6, &pieces), (cut, b"56789\0".to_vec(), 1001));
        assert_eq!(log(9, 6, &pieces), (cut, b"01234\0".to_vec(), 1001));
        assert_eq!(log(1, 1, &["a"]), (cut, b"\0".to_vec(), 2));
    }

    #[test]
    fn without_a_buffer_the_text_is_measured() {
        assert_eq!(log(1, 0, &["abc"]), (Ok(()), vec![], 4));
        assert_eq!(log(0, 0, &["abc"]), (Ok(()), vec![], 0));
    }

    #[test]
    fn the_arguments_must_go_together() {
        let mut room = [0; 8];
        for (level, size) in [(0, 8), (1, 0), (16, 8), (1, MAX_ROOM + 1)] {
            let buffer = UserOut::new(&mut room);
            assert_eq!(Log::begin(level, size, &buffer).err(), Some(Errno::EINVAL));
        }
        let none = UserOut::null();
        assert_eq!(Log::begin(1, 8, &none).err(), Some(Errno::EINVAL));
        assert!(Log::begin(15, 0, &none).is_ok());
        let buffer = UserOut::new(&mut room);
        assert!(Log::begin(1, MAX_ROOM, &buffer).is_ok());
    }
}
