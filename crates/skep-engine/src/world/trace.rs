//! Where printed lines wait for a reader.
//!
//! Invariant: at most [`TraceLog::CAPACITY`] lines are kept; when one more comes
//! the oldest goes and is counted. Locks: the log's mutex, innermost.
//!
//! Answers to: the trace buffer in kernel/trace/ring_buffer.c.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A line that a program printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceLine {
    /// The cpu it ran on.
    pub cpu: u32,
    /// When: nanoseconds since boot.
    pub time: u64,
    /// The text. A program may print bytes that are no UTF-8; they are replaced.
    pub text: String,
}

/// The last lines printed.
#[derive(Debug, Default)]
pub struct TraceLog {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<TraceLine>,
    lost: u64,
}

impl TraceLog {
    /// How many lines are kept.
    pub const CAPACITY: usize = 16 * 1024;

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn push(&self, line: TraceLine) {
        let mut lines = self.lock();
        if lines.kept.len() >= Self::CAPACITY {
            lines.kept.pop_front();
            lines.lost += 1;
        }
        lines.kept.push_back(line);
    }

    /// Gives the lines and forgets them.
    pub fn take(&self) -> Vec<TraceLine> {
        std::mem::take(&mut self.lock().kept).into()
    }

    /// How many lines nobody took in time.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_make_room_and_are_counted() {
        let log = TraceLog::default();
        for time in 0..TraceLog::CAPACITY as u64 + 3 {
            let text = time.to_string();
            log.push(TraceLine { cpu: 0, time, text });
        }
        assert_eq!(log.lost(), 3);
        let lines = log.take();
        assert_eq!(lines.len(), TraceLog::CAPACITY);
        assert_eq!(lines.first().map(|line| line.time), Some(3));
        assert!(log.take().is_empty());
    }
}
