//! The packet of a run: what a caller keeps from one run to the next.
//!
//! Answers to: struct xdp_buff and struct sk_buff as net/bpf/test_run.c makes them.

use skep_vm::Packet;

/// A packet, and the context a program finds it in. It is made by
/// [`Runner::fill`](super::Runner::fill), and can be made anew any number of
/// times; that allocates only when it needs more room than any time before.
#[derive(Clone, Debug, Default)]
pub struct PacketBuf {
    /// The linear part, which programs reach by pointer.
    pub(crate) packet: Packet,
    /// What comes after it.
    pub(crate) fragments: Vec<u8>,
    /// The context in its native layout.
    pub(crate) context: Vec<u8>,
    /// Where bytes wait on their way in.
    pub(crate) buffer: Vec<u8>,
    /// Bytes of the link-layer header before a packet that programs see from
    /// behind it.
    pub(crate) pushed: usize,
}

/// What is given out in the place of a link-layer header that programs do not see.
static ZEROS: [u8; 14] = [0; 14];

impl PacketBuf {
    /// An empty packet.
    pub fn new() -> PacketBuf {
        PacketBuf::default()
    }

    /// Forgets what a packet before may have been made with.
    pub(crate) fn reset(&mut self) {
        self.packet.set_read_only(false);
        self.fragments.clear();
        self.context.clear();
        self.pushed = 0;
    }

    /// The zeros that stand for the link-layer header, if programs of the type
    /// see a packet from behind it: Linux gives out no other.
    pub fn link_header(&self) -> &'static [u8] {
        ZEROS.get(..self.pushed).unwrap_or(&ZEROS)
    }

    /// The part of the packet that programs reach by pointer: all of it, unless
    /// it is longer than a page or the context said so.
    pub fn linear(&self) -> &[u8] {
        self.packet.data()
    }

    /// What comes after [`linear`](Self::linear).
    pub fn fragments(&self) -> &[u8] {
        &self.fragments
    }

    /// The metadata before the packet.
    pub fn meta(&self) -> &[u8] {
        self.packet.meta()
    }

    /// Bytes of metadata and packet, with what stands for its link-layer header.
    pub fn len(&self) -> usize {
        self.link_header().len() + self.packet.meta_len() + self.packet.len() + self.fragments.len()
    }

    /// The context as the program sees it, of types that get a context alone.
    pub fn context(&self) -> &[u8] {
        &self.context
    }

    /// Whether there is not a byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Metadata and packet, as PROG_TEST_RUN gives them out.
    pub fn to_vec(&self) -> Vec<u8> {
        let parts = [
            self.link_header(),
            self.meta(),
            self.linear(),
            self.fragments(),
        ];
        parts.concat()
    }
}
