//! The packet of a run: one buffer, and bounds that move in it.
//!
//! The buffer is headroom, then metadata, then the packet, then tailroom.
//! `meta <= data <= end <= buffer.len()` holds always. Whatever moves a bound
//! begins a new generation, by which pointers from before are known as stale.
//!
//! Answers to: struct xdp_buff, struct sk_buff; bpf_xdp_adjust_head,
//! bpf_xdp_adjust_meta and bpf_xdp_adjust_tail in net/core/filter.c.

/// A packet with room before and after it. Refilling it allocates only when the
/// new one needs more room than any before.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    buffer: Vec<u8>,
    meta: usize,
    data: usize,
    end: usize,
    generation: u16,
    read_only: bool,
    mac: Option<usize>,
    network: usize,
}

impl Packet {
    /// An empty packet without room.
    pub fn new() -> Packet {
        Packet::default()
    }

    /// Takes new contents: no metadata, zeroed room, headers at the first byte.
    pub fn fill(&mut self, headroom: usize, data: &[u8], tailroom: usize) {
        self.buffer.clear();
        self.buffer.resize(headroom, 0);
        self.buffer.extend_from_slice(data);
        self.end = self.buffer.len();
        self.buffer.resize(self.end + tailroom, 0);
        self.meta = headroom;
        self.data = headroom;
        self.mac = None;
        self.network = headroom;
        self.new_generation();
    }

    /// Makes every packet pointer the program holds a stale one.
    pub fn new_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1) & 0x0fff;
    }

    /// The packet's bytes.
    pub fn data(&self) -> &[u8] {
        self.buffer.get(self.data..self.end).unwrap_or_default()
    }

    /// The packet's bytes, to change.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.data..self.end).unwrap_or_default()
    }

    /// The metadata before the packet.
    pub fn meta(&self) -> &[u8] {
        self.buffer.get(self.meta..self.data).unwrap_or_default()
    }

    /// Bytes of the packet.
    pub fn len(&self) -> usize {
        self.end - self.data
    }

    /// Whether the packet has no byte.
    pub fn is_empty(&self) -> bool {
        self.end == self.data
    }

    /// Bytes of metadata.
    pub fn meta_len(&self) -> usize {
        self.data - self.meta
    }

    /// Bytes of room before the metadata.
    pub fn headroom(&self) -> usize {
        self.meta
    }

    /// Bytes of room after the packet.
    pub fn tailroom(&self) -> usize {
        self.buffer.len() - self.end
    }

    /// The generation that fresh pointers carry.
    pub fn generation(&self) -> u16 {
        self.generation
    }

    /// Whether the program may only read the packet.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Says whether the program may only read the packet.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
    }
}
