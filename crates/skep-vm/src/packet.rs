//! The packet of a run: one buffer, and bounds that move in it.
//!
//! The buffer is headroom, then metadata, then the packet, then tailroom.
//! `meta <= data <= end <= buffer.len()` holds always. Whatever moves a bound
//! begins a new generation, by which pointers from before are known as stale.
//!
//! Answers to: struct xdp_buff, struct sk_buff; bpf_xdp_adjust_head,
//! bpf_xdp_adjust_meta and bpf_xdp_adjust_tail in net/core/filter.c.

use crate::address::Address;
use crate::denied::{Allowed, Denied};
use crate::env::Width;
use crate::stack;
use crate::violation::ViolationKind;
use core::ops::Range;

/// Where offsets into the link-layer header begin, in a legacy load.
#[doc(alias = "SKF_LL_OFF")]
const LINK_LAYER: i64 = -0x20_0000;
/// Where offsets into the network header begin.
#[doc(alias = "SKF_NET_OFF")]
const NETWORK: i64 = -0x10_0000;

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
    mac: usize,
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
        self.mac = headroom;
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

    /// Says where the link-layer and the network header begin, from the packet's
    /// first byte. Legacy loads count from there. The headers stay where they are
    /// when the packet's bounds move.
    pub fn set_headers(&mut self, mac: isize, network: isize) {
        self.mac = self.data.saturating_add_signed(mac);
        self.network = self.data.saturating_add_signed(network);
    }

    /// What lies from the link-layer header on.
    #[doc(alias = "skb_mac_header")]
    pub fn from_mac(&self) -> &[u8] {
        self.buffer.get(self.mac..self.end).unwrap_or_default()
    }

    /// What lies from the network header on.
    #[doc(alias = "skb_network_header")]
    pub fn from_network(&self) -> &[u8] {
        self.buffer.get(self.network..self.end).unwrap_or_default()
    }

    /// Moves the first byte by `delta` and the metadata with it. `None`, and
    /// nothing is done, if there is no room or not as many bytes.
    #[doc(alias = "bpf_xdp_adjust_head")]
    pub fn adjust_head(&mut self, delta: isize) -> Option<()> {
        let meta = self.meta.checked_add_signed(delta)?;
        let data = self.data.checked_add_signed(delta)?;
        if data > self.end {
            return None;
        }
        self.buffer.copy_within(self.meta..self.data, meta);
        (self.meta, self.data) = (meta, data);
        self.new_generation();
        Some(())
    }

    /// Moves the first byte of the metadata by `delta`. `None`, and nothing is
    /// done, if there is no room or not as many bytes.
    #[doc(alias = "bpf_xdp_adjust_meta")]
    pub fn adjust_meta(&mut self, delta: isize) -> Option<()> {
        let meta = self.meta.checked_add_signed(delta)?;
        if meta > self.data {
            return None;
        }
        self.meta = meta;
        self.new_generation();
        Some(())
    }

    /// Moves the end by `delta`; what comes in is zeroed. `None`, and nothing is
    /// done, if there is no room or not as many bytes.
    #[doc(alias = "bpf_xdp_adjust_tail")]
    pub fn adjust_tail(&mut self, delta: isize) -> Option<()> {
        let end = self.end.checked_add_signed(delta)?;
        if end < self.data {
            return None;
        }
        if end > self.end {
            self.buffer.get_mut(self.end..end)?.fill(0);
        }
        self.end = end;
        self.new_generation();
        Some(())
    }

    /// Makes room for at least that many bytes before the metadata and after the
    /// packet, as the growth of a socket buffer does.
    #[doc(alias = "pskb_expand_head")]
    pub fn reserve(&mut self, headroom: usize, tailroom: usize) {
        let more = headroom.saturating_sub(self.headroom());
        if more > 0 {
            self.buffer.splice(0..0, core::iter::repeat_n(0, more));
            self.meta += more;
            self.data += more;
            self.end += more;
            self.mac += more;
            self.network += more;
        }
        let more = tailroom.saturating_sub(self.tailroom());
        self.buffer.resize(self.buffer.len() + more, 0);
        self.new_generation();
    }

    /// Puts `len` zeroed bytes in at `offset` from the packet's first byte, by
    /// moving what is before them into the headroom. `None`, and nothing is done,
    /// if there is no room or no such offset.
    #[doc(alias = "bpf_skb_net_hdr_push")]
    pub fn insert(&mut self, offset: usize, len: usize) -> Option<()> {
        let at = self.data.checked_add(offset).filter(|&at| at <= self.end)?;
        let meta = self.meta.checked_sub(len)?;
        self.buffer.copy_within(self.meta..at, meta);
        self.buffer.get_mut(at - len..at)?.fill(0);
        self.meta = meta;
        self.data -= len;
        self.new_generation();
        Some(())
    }

    /// Takes `len` bytes out at `offset` from the packet's first byte, by moving
    /// what is before them. `None`, and nothing is done, if there are not as many.
    #[doc(alias = "bpf_skb_net_hdr_pop")]
    pub fn remove(&mut self, offset: usize, len: usize) -> Option<()> {
        let at = self.data.checked_add(offset)?;
        at.checked_add(len).filter(|&after| after <= self.end)?;
        self.buffer.copy_within(self.meta..at, self.meta + len);
        self.meta += len;
        self.data += len;
        self.new_generation();
        Some(())
    }

    /// Where `len` bytes at a guest address lie in the buffer.
    #[inline]
    fn span(&self, address: Address, len: usize) -> Allowed<Range<usize>> {
        let offset = address.offset();
        if address.object_number() == self.generation && offset >= self.meta as i64 {
            let start = offset as usize;
            if start <= self.end && len <= self.end - start {
                return Ok(start..start + len);
            }
        }
        self.outside(address)
    }

    #[cold]
    fn outside<T>(&self, address: Address) -> Allowed<T> {
        if address.object_number() != self.generation {
            return Denied::new(
                ViolationKind::StalePacketPointer,
                "a packet pointer from before the packet moved",
                "pointers have to be loaded from the context again after a helper moved it",
            );
        }
        let offset = address.offset() - self.data as i64;
        let problem = match (offset < 0, self.meta_len()) {
            (false, _) => format!("the packet ends at {}", self.len()),
            (true, 0) => "the packet begins at 0".to_owned(),
            (true, meta) => format!("the packet's metadata begins at -{meta}"),
        };
        Denied::new(
            ViolationKind::PacketBounds,
            format!("packet offset {offset}"),
            problem,
        )
    }

    fn writable(&self, address: Address) -> Allowed<()> {
        if !self.read_only {
            return Ok(());
        }
        let offset = address.offset() - self.data as i64;
        Denied::new(
            ViolationKind::ReadOnly,
            format!("packet offset {offset}"),
            "a program of this type may only read the packet",
        )
    }

    #[inline]
    pub(crate) fn load(&self, address: Address, width: Width) -> Allowed<u64> {
        let span = self.span(address, width.bytes())?;
        Ok(stack::load(&self.buffer[span]))
    }

    #[inline]
    pub(crate) fn store(&mut self, address: Address, width: Width, value: u64) -> Allowed<()> {
        let span = self.span(address, width.bytes())?;
        self.writable(address)?;
        stack::store(&mut self.buffer[span], value);
        Ok(())
    }

    /// Bytes, for a helper.
    pub(crate) fn bytes(
        &mut self,
        address: Address,
        len: usize,
        write: bool,
    ) -> Allowed<&mut [u8]> {
        let span = self.span(address, len)?;
        if write {
            self.writable(address)?;
        }
        Ok(&mut self.buffer[span])
    }

    /// A legacy load: big-endian, at an offset from the packet's first byte or
    /// from a header.
    #[doc(alias = "bpf_skb_load_helper_convert_offset")]
    pub(crate) fn legacy_load(&self, offset: i32, width: Width) -> Option<u64> {
        let offset = i64::from(offset);
        let (base, offset) = match offset {
            0.. => (self.data, offset),
            NETWORK..0 => (self.network, offset - NETWORK),
            LINK_LAYER..NETWORK => (self.mac, offset - LINK_LAYER),
            _ => return None,
        };
        let start = base.checked_add(usize::try_from(offset).ok()?)?;
        let bytes = self.buffer.get(..self.end)?.get(start..)?;
        let value = stack::load(bytes.get(..width.bytes())?);
        Some(value.swap_bytes() >> (64 - 8 * width.bytes()))
    }
}
