//! HASH and PERCPU_HASH: a hash table in a region, read without a lock.
//!
//! Answers to: kernel/bpf/hashtab.c. What differs by intention: the order of the walk (Linux leaves
//! it open), and how the memory lies.
//!
//! # Layout of the control piece
//!
//! ```text
//!  header | counters | free lists | home groups | slots, spares | [CPUs' areas] | overflow groups
//!                      a line each  a line each                   per-CPU only    touched as needed
//!
//!  home group 17                                         slot 5         slot 9
//!  +------+-----------------+-----------------+------+   +------------+ +------------+
//!  | lock | tags            | cells           | link |   |link|key|val| |link|key|val|
//!  |      | a3 00 7f 00 ... | 5  -  9  -  ... |  3 --+-. +-^----------+ +-^----------+
//!  +------+--+-----+--------+-+-----+---------+------+ |   |              |
//!            |     |          '-----|------------------|---'              |
//!            |     '- tag of key 9  '------------------|------------------'
//!            '- tag of key 5             overflow group 2 (link 3 = number + 1)
//!                                        | - | tags | cells | link 0 |
//! ```
//!
//! A key hashes to a home group (high half of the hash, scaled to the number of groups) and a tag
//! (low byte). Its element is a slot that a cell of the home group, or of an overflow group chained
//! to it, leads to. A slot goes by the number of its first word, counted from the first slot, so that
//! its place is one addition away. `group` draws the group, `key` the slot, `free` keeps what is free.
//!
//! # Invariants
//!
//! 1. A key is in at most one cell with a tag, in its home's chain. **It stays in that cell until it
//!    is deleted**: elements are never moved, so a walk passes each exactly once whatever else is
//!    deleted.
//! 2. A slot is in exactly one of these: one cell with a tag, the spare of one home group, the free
//!    lists, above the counter, or the hands of one writer.
//! 3. A group in a chain is its home, or has an element; who empties it takes it out. So
//!    `max_entries` overflow groups suffice whatever the hashes are.
//! 4. Tags, cells, links and the spare change only under the home's lock. Slots are written only
//!    while in a writer's hands, save values, which programs write in place.
//!
//! # How a change is published
//!
//! * **insert**: write a free slot, lead an empty cell to it, then one release store of the tags.
//! * **update**: write the home's spare slot, then one release store of the cell; the old slot is
//!   the new spare. An old pointer reads the old element until the chain's next update. Per-CPU
//!   values are written in place, as on Linux.
//! * **delete**: one store of the tags; then the slot goes to a free list.
//! * **extend**: fill the new group, then one release store of the last link.
//! * **unlink** of an emptied overflow group: one store of the link to it; its own link stays for
//!   readers that stand there, until the group is used again.
//!
//! # Why a lookup is right
//!
//! A program's lookup takes no lock and never waits. It reads the lock word, tags, for each match
//! the cell and the slot's key, then the link and so on, then the lock word again. "Unchanged" below
//! is an equal lock word at both ends: at most one change to the chain was under way, the same all
//! the time, and if the word says unlocked, none. (Stores under a lock come after a release fence
//! after taking it, and a reader's last look at the lock comes after an acquire fence: a reader that
//! saw any such store sees the lock taken, or what came later. The same holds for a slot freed here
//! and written again under another chain's lock, through the free list and the fence after it.)
//!
//! *A hit, unchanged and unlocked*: nothing changed; right. *A hit otherwise* could be a lie in these
//! ways: the slot was taken from its cell after the cell was read and holds (a) a key that is just
//! being written and not yet an element, or (b) for keys of several words, half of one key and half
//! of another. So the cell is read again. If it no longer leads there, look again. If it does:
//! unchanged under a lock means that the one change under way did not touch this cell, or is what
//! put the slot there; a slot does not leave a cell and come back within one change; right. Changed,
//! with a key of one word: had the slot left the cell and come back, it did so as a published element
//! each time; since the key compared equal, the key was either published in this cell when the cell
//! was read, or the slot held it on the way to another cell of this chain, and it was published there
//! before the slot could leave for here: in either case it was an element during the lookup; right.
//! Changed, with several words: look again; somebody made progress.
//!
//! *A miss* could be a lie if the key is there all the time (otherwise a miss is right). By invariant
//! 1 its cell does not change, so if its group is reached, its tag is seen. Then the cell is read:
//! right slot or, after updates, a newer one; the key can differ only if that slot was used again
//! meanwhile, which takes updates in this chain. And the group is not reached only if the reader
//! stands in a group that is unlinked, and follows the link it was given later. So without a matching
//! tag and without a link, which are the usual misses, no check is needed: a single look at the tags
//! is a consistent picture. Otherwise: unchanged and unlocked, right. Unchanged under a lock: the one
//! change under way may have unlinked a group, once, so of two searches one after the other under the
//! same lock word one has an undisturbed way; when both miss, right. Changed: look again.
//!
//! *No end?* Each repetition means that a writer finished something, save one for a lock that is
//! held. A reader that wandered to other chains, through a link given anew, passes as many groups as
//! there are at most, and finds no key of its own there, for it compares keys.
//!
//! *User space* gets copies. A copy is made between two looks at an unlocked lock word that are
//! equal, else again; after some attempts, under the lock. Stores of programs to a value in place
//! are not seen by that, as on Linux.
//!
//! # Order of locks
//!
//! Home group; no second lock is taken under it, the free lists have none. So a lock is held for one
//! short change, by who is named in it.

mod free;
mod group;
mod key;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

use rapidhash::v3::RapidSecrets;
use skep_abi::Errno;

use crate::region::{Mem, RawMem, Region, RegionAttr};
use layout::{GROUP_BASE, LINE, Layout, WORD};
pub use value::ValueLayout;

/// `BPF_MAP_TYPE_HASH`.
const TYPE_HASH: u32 = 1;
/// `BPF_MAP_TYPE_PERCPU_HASH`.
const TYPE_PERCPU_HASH: u32 = 5;

/// What a hash is made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct HashAttr {
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value (of one CPU).
    pub value_size: u32,
    /// Elements at most.
    pub max_entries: u32,
    /// Creation flags, for the region's header.
    pub map_flags: u32,
    /// CPUs of the engine.
    pub cpus: u32,
    /// Whether each CPU has its own value.
    pub per_cpu: bool,
    /// The secret of the hash function: random, or 0 for `BPF_F_ZERO_SEED`.
    pub seed: u64,
    /// Elements to a group of eight cells, on average, when the map is full; 0 for what is best.
    /// Larger numbers make chains longer, which is what tests want.
    pub load: u32,
}

/// A hash. All operations take `&self`, from any thread, and allocate nothing.
pub struct Hash<M: Mem = RawMem> {
    region: Region<M>,
    layout: Layout,
    secrets: RapidSecrets,
    attr: HashAttr,
}

impl Hash<RawMem> {
    /// A new, empty hash in this process's memory.
    ///
    /// EINVAL for a size of 0, E2BIG for sizes that Linux finds too big, ENOMEM if there is no
    /// memory.
    pub fn create(attr: &HashAttr) -> Result<Self, Errno> {
        Self::create_in(attr)
    }
}

impl<M: Mem> Hash<M> {
    /// As [`create`](Hash::create), in memory of another kind.
    pub fn create_in(attr: &HashAttr) -> Result<Self, Errno> {
        let layout = Layout::new(attr)?;
        let header = RegionAttr {
            map_type: if attr.per_cpu {
                TYPE_PERCPU_HASH
            } else {
                TYPE_HASH
            },
            key_size: attr.key_size,
            value_size: attr.value_size,
            max_entries: attr.max_entries,
            map_flags: attr.map_flags,
            cpus: attr.cpus,
            secret: attr.seed,
        };
        let region = Region::create(&header, 0, layout.len)?;
        Ok(Self {
            region,
            layout,
            secrets: RapidSecrets::seed(attr.seed),
            attr: *attr,
        })
    }

    /// What the hash was made from.
    pub fn attr(&self) -> &HashAttr {
        &self.attr
    }

    /// The memory; values lie in its control piece, at [`value_layout`](Self::value_layout).
    pub fn region(&self) -> &Region<M> {
        &self.region
    }

    /// Where values lie.
    pub fn value_layout(&self) -> ValueLayout {
        ValueLayout {
            base: self.layout.value_base,
            stride: self.layout.value_stride,
            cpu_stride: self.layout.cpu_stride,
            value_size: self.attr.value_size,
            slots: self.layout.slot_limit,
        }
    }

    /// What every slot's number is a multiple of.
    pub fn slot_step(&self) -> u32 {
        self.layout.slot_words.max(1)
    }

    /// Bytes that the hash takes when full, overflow groups not counted.
    pub fn memory(&self) -> u64 {
        self.layout.memory()
    }

    /// The number of a hash's home group.
    #[inline(always)]
    fn home_number(&self, hash: u64) -> u32 {
        // Below `groups`, for the high half is below 2^32.
        (((hash >> 32) * u64::from(self.layout.groups)) >> 32) as u32
    }

    /// The offset of a home group.
    #[inline(always)]
    fn home(&self, number: u32) -> usize {
        GROUP_BASE + number as usize * LINE
    }

    /// The offset of a hash's home group.
    #[inline(always)]
    fn home_of(&self, hash: u64) -> usize {
        // As `home(home_number(hash))`; in 64 bits, for there are at most 2^25 groups.
        let scaled = (hash >> 32) * (u64::from(self.layout.groups) * LINE as u64);
        GROUP_BASE + ((scaled >> 32) as usize & !(LINE - 1))
    }

    /// The offset of a slot.
    #[inline(always)]
    fn slot_at(&self, slot: u32) -> usize {
        self.layout.slot_base.wrapping_add(slot as usize * WORD)
    }
}

/// Runs `$body` with the key in its size class, or `$wrong` if its length is not the map's.
macro_rules! with_key {
    ($hash:expr, $bytes:expr, |$key:ident| $body:expr, $wrong:expr) => {{
        let bytes: &[u8] = $bytes;
        if bytes.len() != $hash.attr.key_size as usize {
            $wrong
        } else if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            let $key = $crate::map::hash::key::Key4::new(bytes);
            $body
        } else if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
            let $key = $crate::map::hash::key::Key8::new(bytes);
            $body
        } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
            let $key = $crate::map::hash::key::Key16::new(bytes);
            $body
        } else {
            let $key = $crate::map::hash::key::KeyAny::new(bytes);
            $body
        }
    }};
}
use with_key;
