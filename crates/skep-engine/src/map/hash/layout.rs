//! Where everything of a hash lies in the control piece of its region.
//!
//! Computed once from the attributes, with checked arithmetic; afterwards only added to and
//! multiplied. The drawing is in the module above.

use skep_abi::Errno;

use super::HashAttr;
use crate::region::HEADER_SIZE;

/// Bytes of a group, and of whatever else must not share a cache line.
pub(super) const LINE: usize = 64;

/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// Keys and values together stay below this: Linux's largest element less its header.
const ELEMENT_LIMIT: u64 = (4 << 20) - 48;
/// The largest value of a CPU, rounded up.
const PER_CPU_LIMIT: u64 = 32 << 10;
/// More elements than this need a bucket array longer than Linux makes.
const ENTRIES_LIMIT: u32 = 1 << 27;
/// Elements to a group of eight cells on average, when the map is full.
const LOAD: u32 = 6;
/// The least load: offsets of groups are computed in 64 bits.
const LEAST_LOAD: u32 = 4;
/// Free lists at most.
const SHARDS_LIMIT: u32 = 16;

/// The counter of slots used at least once.
pub(super) const SLOT_BUMP: usize = HEADER_SIZE;
/// The counter of overflow groups used at least once.
pub(super) const POOL_BUMP: usize = HEADER_SIZE + LINE;
/// The list of free overflow groups.
pub(super) const POOL_HEAD: usize = POOL_BUMP + 8;
/// The first free list of slots.
pub(super) const SHARD_BASE: usize = HEADER_SIZE + 2 * LINE;
/// The first home group.
pub(super) const GROUP_BASE: usize = SHARD_BASE + SHARDS_LIMIT as usize * LINE;

/// Offsets and strides, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Home groups, in number.
    pub(super) groups: u32,
    /// Overflow groups, in number.
    pub(super) pool_groups: u32,
    /// Free lists, in number: a power of two.
    pub(super) shards: u32,
    /// Slots that elements are made of, in number: `max_entries`. The spares come after them.
    pub(super) slots: u32,
    /// Words of a slot. A slot goes by the number of its first word, counted from the first slot.
    pub(super) slot_words: u32,
    /// The number after the last slot's.
    pub(super) slot_limit: u32,
    /// The first overflow group.
    pub(super) pool_base: usize,
    /// The first slot.
    pub(super) slot_base: usize,
    /// From a slot to the value in it.
    pub(super) value_offset: usize,
    /// The value of slot 0 on CPU 0.
    pub(super) value_base: usize,
    /// What a slot's number is multiplied by to get to its value.
    pub(super) value_stride: usize,
    /// From a CPU's area to the next; 0 if there is one value for all.
    pub(super) cpu_stride: usize,
    /// Bytes of the control piece, its header not counted.
    pub(super) len: u64,
}

impl Layout {
    /// EINVAL for a size of 0, E2BIG for what Linux finds too big, ENOMEM for what no address
    /// space holds.
    pub(super) fn new(attr: &HashAttr) -> Result<Self, Errno> {
        check(attr)?;
        let load = if attr.load == 0 {
            LOAD
        } else {
            attr.load.max(LEAST_LOAD)
        };
        let slots = attr.max_entries;
        let groups = slots.div_ceil(load);
        // A chain of more than its home exists only where there are more elements than its cells.
        let pool_groups = if slots > 8 { slots } else { 0 };
        let shards = attr.cpus.clamp(1, SHARDS_LIMIT).next_power_of_two();
        let spares = if attr.per_cpu { 0 } else { groups };

        let key_words = if attr.key_size <= 4 {
            1
        } else {
            1 + attr.key_size.div_ceil(8)
        };
        let value_words = attr.value_size.div_ceil(8);
        // Numbers of slots become offsets of values by one multiplication, so a value of a CPU is
        // as many words as a slot, or a multiple of it in bytes.
        let slot_words = match attr.per_cpu {
            true => key_words.next_power_of_two(),
            false => key_words + value_words,
        };
        let all_slots = slots.checked_add(spares).ok_or(Errno::E2BIG)?;
        let slot_limit = all_slots.checked_mul(slot_words).ok_or(Errno::ENOMEM)?;

        let mut place = Placer {
            next: GROUP_BASE as u64,
        };
        place.take(groups, LINE)?;
        let slot_base = place.take(slot_limit, WORD)?;
        let value_offset = key_words as usize * WORD;
        let (value_base, value_stride, cpu_stride) = if attr.per_cpu {
            let value = (value_words as usize * WORD).next_multiple_of(slot_words as usize);
            let area = u64::from(slots) * value as u64;
            let area = usize::try_from(area.next_multiple_of(area_alignment(area)));
            let area = area.map_err(|_| Errno::ENOMEM)?;
            (
                place.take(attr.cpus, area)?,
                value / slot_words as usize,
                area,
            )
        } else {
            (slot_base + value_offset, WORD, 0)
        };
        let pool_base = place.take(pool_groups, LINE)?;
        Ok(Self {
            groups,
            pool_groups,
            shards,
            slots,
            pool_base,
            slot_base,
            slot_words,
            slot_limit,
            value_offset,
            value_base,
            value_stride,
            cpu_stride,
            len: place.next - HEADER_SIZE as u64,
        })
    }

    /// Bytes that the map may come to use, given all its elements; chains need more or less.
    pub(super) fn memory(&self) -> u64 {
        self.len - u64::from(self.pool_groups) * LINE as u64
    }
}

/// CPUs' areas share no line, and no page when they are larger than one.
fn area_alignment(len: u64) -> u64 {
    if len > 4096 { 4096 } else { LINE as u64 }
}

fn check(attr: &HashAttr) -> Result<(), Errno> {
    if attr.key_size == 0 || attr.value_size == 0 || attr.max_entries == 0 || attr.cpus == 0 {
        return Err(Errno::EINVAL);
    }
    if u64::from(attr.key_size) + u64::from(attr.value_size) >= ELEMENT_LIMIT {
        return Err(Errno::E2BIG);
    }
    if attr.per_cpu && u64::from(attr.value_size).next_multiple_of(8) > PER_CPU_LIMIT {
        return Err(Errno::E2BIG);
    }
    if attr.max_entries > ENTRIES_LIMIT {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

/// Hands out offsets, each on its own cache line.
struct Placer {
    next: u64,
}

impl Placer {
    fn take(&mut self, count: u32, size: usize) -> Result<usize, Errno> {
        let base = self.next.next_multiple_of(LINE as u64);
        self.next = u64::from(count)
            .checked_mul(size as u64)
            .and_then(|len| base.checked_add(len))
            .filter(|end| *end <= isize::MAX as u64)
            .ok_or(Errno::ENOMEM)?;
        usize::try_from(base).map_err(|_| Errno::ENOMEM)
    }
}
