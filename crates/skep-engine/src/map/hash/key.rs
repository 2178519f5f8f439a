//! Keys: how they are hashed, compared and stored, one way for each usual size.
//!
//! A key of up to 4 bytes shares the first word of its slot with the link of the free list:
//!
//! ```text
//!   0           4           8                           8 + key rounded up
//!   | link u32  | key u32   | value ...
//!   | link u32  | unused    | key, as words u64         | value ...
//! ```
//!
//! A shorter last word of a key is padded with zeros.

use std::sync::atomic::Ordering::Relaxed;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

use crate::region::{Mem, Window, tail_word};

const SHORT: usize = 4;
const LONG: usize = 8;

/// A key of some size class.
pub(super) trait Key: Copy {
    /// Whether the key is one word, so that no half of it is ever seen.
    const ONE_WORD: bool;

    /// Its hash.
    fn hash(self, secrets: &RapidSecrets) -> u64;
    /// Whether the slot at an offset has this key.
    fn is_at<M: Mem>(self, mem: &M, slot: usize) -> bool;
    /// Writes the key to the slot at an offset.
    fn write<M: Mem>(self, mem: &M, slot: usize);
}

/// The hash is rapidhash without its last mixing, as the crate's own "fast" hasher has it. The last
/// but one mixes the whole key with the secret; one more would make the spread of regular keys
/// perfect instead of good (a test measures it), and each lookup a tenth slower.
#[inline(always)]
fn hash_fixed<const N: usize>(bytes: &[u8; N], secrets: &RapidSecrets) -> u64 {
    rapidhash_v3_inline::<false, false, false>(bytes, secrets)
}

#[inline(never)]
fn hash_any(bytes: &[u8], secrets: &RapidSecrets) -> u64 {
    rapidhash_v3_inline::<false, false, false>(bytes, secrets)
}

/// A key of 4 bytes.
#[derive(Clone, Copy)]
pub(super) struct Key4(u32);

impl Key4 {
    #[inline(always)]
    pub(super) fn new(bytes: [u8; 4]) -> Self {
        Self(u32::from_ne_bytes(bytes))
    }
}

impl Key for Key4 {
    const ONE_WORD: bool = true;

    #[inline(always)]
    fn hash(self, secrets: &RapidSecrets) -> u64 {
        hash_fixed(&self.0.to_ne_bytes(), secrets)
    }

    #[inline(always)]
    fn is_at<M: Mem>(self, mem: &M, slot: usize) -> bool {
        mem.window(slot).load_u32(SHORT, Relaxed) == self.0
    }

    #[inline(always)]
    fn write<M: Mem>(self, mem: &M, slot: usize) {
        mem.window(slot).store_u32(SHORT, self.0, Relaxed);
    }
}

/// A key of 8 bytes.
#[derive(Clone, Copy)]
pub(super) struct Key8(u64);

impl Key8 {
    #[inline(always)]
    pub(super) fn new(bytes: [u8; 8]) -> Self {
        Self(u64::from_ne_bytes(bytes))
    }
}

impl Key for Key8 {
    const ONE_WORD: bool = true;

    #[inline(always)]
    fn hash(self, secrets: &RapidSecrets) -> u64 {
        hash_fixed(&self.0.to_ne_bytes(), secrets)
    }

    #[inline(always)]
    fn is_at<M: Mem>(self, mem: &M, slot: usize) -> bool {
        mem.window(slot).load_u64(LONG, Relaxed) == self.0
    }

    #[inline(always)]
    fn write<M: Mem>(self, mem: &M, slot: usize) {
        mem.window(slot).store_u64(LONG, self.0, Relaxed);
    }
}

/// A key of 16 bytes.
#[derive(Clone, Copy)]
pub(super) struct Key16([u8; 16]);

impl Key16 {
    #[inline(always)]
    pub(super) fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[inline(always)]
    fn words(self) -> (u64, u64) {
        let whole = u128::from_ne_bytes(self.0);
        let (low, high) = (whole as u64, (whole >> 64) as u64);
        if cfg!(target_endian = "little") {
            (low, high)
        } else {
            (high, low)
        }
    }
}

impl Key for Key16 {
    const ONE_WORD: bool = false;

    #[inline(always)]
    fn hash(self, secrets: &RapidSecrets) -> u64 {
        hash_fixed(&self.0, secrets)
    }

    #[inline(always)]
    fn is_at<M: Mem>(self, mem: &M, slot: usize) -> bool {
        let (first, second) = self.words();
        let slot = mem.window(slot);
        let differ =
            (slot.load_u64(LONG, Relaxed) ^ first) | (slot.load_u64(LONG + 8, Relaxed) ^ second);
        differ == 0
    }

    #[inline(always)]
    fn write<M: Mem>(self, mem: &M, slot: usize) {
        let (first, second) = self.words();
        let slot = mem.window(slot);
        slot.store_u64(LONG, first, Relaxed);
        slot.store_u64(LONG + 8, second, Relaxed);
    }
}

/// A key of any size.
#[derive(Clone, Copy)]
pub(super) struct KeyAny<'a>(&'a [u8]);

impl<'a> KeyAny<'a> {
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline(always)]
    fn short(self) -> Option<u32> {
        if self.0.len() > SHORT {
            return None;
        }
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(self.0) {
            *to = *from;
        }
        Some(u32::from_ne_bytes(word))
    }
}

impl Key for KeyAny<'_> {
    const ONE_WORD: bool = false;

    #[inline]
    fn hash(self, secrets: &RapidSecrets) -> u64 {
        hash_any(self.0, secrets)
    }

    #[inline]
    fn is_at<M: Mem>(self, mem: &M, slot: usize) -> bool {
        if let Some(word) = self.short() {
            return mem.load_u32(slot + SHORT, Relaxed) == word;
        }
        let (words, tail) = self.0.as_chunks::<8>();
        let mut at = slot + LONG;
        for word in words {
            if mem.load_u64(at, Relaxed) != u64::from_ne_bytes(*word) {
                return false;
            }
            at += 8;
        }
        tail.is_empty() || mem.load_u64(at, Relaxed) == tail_word(tail)
    }

    #[inline]
    fn write<M: Mem>(self, mem: &M, slot: usize) {
        match self.short() {
            Some(word) => mem.store_u32(slot + SHORT, word, Relaxed),
            None => mem.copy_in(slot + LONG, self.0),
        }
    }
}

/// Copies the key of the slot at an offset out; `key` is as long as the map's keys.
#[inline]
pub(super) fn read<M: Mem>(mem: &M, slot: usize, key: &mut [u8]) {
    if key.len() > SHORT {
        return mem.copy_out(slot + LONG, key);
    }
    let word = mem.load_u32(slot + SHORT, Relaxed).to_ne_bytes();
    for (to, from) in key.iter_mut().zip(word) {
        *to = from;
    }
}
