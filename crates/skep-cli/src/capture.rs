//! Packet captures: pcap and pcapng, plain or gzipped, as Ethernet frames.
//!
//! A capture of bare IP packets gets a made-up Ethernet header, because programs
//! of the types that run here expect one; [`Capture::made_up_ethernet`] says so.
//! A broken file gives the packets before the break, then an error that names
//! the packet it broke at. A packet takes at most the reader's buffer of 8 MB,
//! whatever length the file claims.

use flate2::read::MultiGzDecoder;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

#[cfg(test)]
mod tests;

/// Bytes of an Ethernet header.
pub const ETHERNET_HEADER: usize = 14;

/// The name that means standard input.
const STANDARD_INPUT: &str = "-";

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error("cannot read {name}: {error}")]
    Io { name: String, error: io::Error },
    /// It is neither kind of capture.
    #[error("{name} is no packet capture: it begins with neither pcap's nor pcapng's magic number")]
    NotACapture { name: String },
    /// Not even its header can be read.
    #[error("{name} is a capture without a whole header: {why}")]
    Header { name: String, why: String },
    /// It is broken.
    #[error("{name} is broken after packet {packets}: {why}")]
    Broken {
        name: String,
        packets: u64,
        why: String,
    },
    /// Its packets are not Ethernet frames nor IP packets.
    #[error(
        "{name}: its packets are of link type {link}; only Ethernet frames (link type 1) and bare \
         IP packets (101, 228, 229) can be given to a program"
    )]
    Link { name: String, link: String },
}

enum Reader {
    Pcap(PcapReader<Source>),
    PcapNg(PcapNgReader<Source>),
}

type Source = Box<dyn Read>;

/// An open capture.
pub struct Capture {
    name: String,
    reader: Reader,
    packets: u64,
    made_up: bool,
    size: Option<u64>,
    position: Rc<Cell<u64>>,
    frame: Vec<u8>,
}

/// What messages call a capture.
pub fn name_of(path: &Path) -> String {
    if path.as_os_str() == STANDARD_INPUT {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

impl Capture {
    /// Opens a capture and reads its header.
    pub fn open(path: &Path) -> Result<Capture, CaptureError> {
        let name = name_of(path);
        let failed = |error| CaptureError::Io {
            name: name.clone(),
            error,
        };
        if path.as_os_str() == STANDARD_INPUT {
            return Capture::read(name, Box::new(io::stdin()), None);
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let size = metadata.is_file().then_some(metadata.len());
        Capture::read(name, Box::new(file), size)
    }

    /// Reads a capture's header from `source`, of which it is known how long it is or not.
    fn read(name: String, source: Source, size: Option<u64>) -> Result<Capture, CaptureError> {
        let failed = |error| CaptureError::Io {
            name: name.clone(),
            error,
        };
        let position = Rc::new(Cell::new(0));
        let counted = Counted {
            source,
            position: Rc::clone(&position),
        };
        let (mut magic, mut source) = peek(Box::new(BufReader::new(counted))).map_err(failed)?;
        if let [0x1f, 0x8b, ..] = magic {
            let plain: Source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
            (magic, source) = peek(plain).map_err(failed)?;
        }
        let broken = |error: PcapError| CaptureError::Header {
            name: name.clone(),
            why: explain(&error, "the header"),
        };
        let reader = match u32::from_be_bytes(magic) {
            0x0a0d_0d0a => Reader::PcapNg(PcapNgReader::new(source).map_err(broken)?),
            0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1 => {
                let reader = PcapReader::new(source).map_err(broken)?;
                is_bare_ip(reader.header().datalink).map_err(|link| CaptureError::Link {
                    name: name.clone(),
                    link,
                })?;
                Reader::Pcap(reader)
            }
            _ => return Err(CaptureError::NotACapture { name }),
        };
        Ok(Capture {
            name,
            reader,
            packets: 0,
            made_up: false,
            size,
            position,
            frame: Vec::new(),
        })
    }

    /// The next frame, or `None` after the last.
    pub fn next_frame(&mut self) -> Option<Result<&[u8], CaptureError>> {
        match self.read_frame() {
            Ok(true) => Some(Ok(&self.frame)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether Ethernet headers were made up.
    pub fn made_up_ethernet(&self) -> bool {
        self.made_up
    }

    /// Bytes of the file, if it has an end, and how many have been read.
    pub fn progress(&self) -> (Option<u64>, u64) {
        (self.size, self.position.get())
    }

    fn read_frame(&mut self) -> Result<bool, CaptureError> {
        let next = match &mut self.reader {
            Reader::Pcap(reader) => next_packet(reader, &mut self.frame),
            Reader::PcapNg(reader) => next_block(reader, &mut self.frame),
        };
        let link = next.map_err(|why| CaptureError::Broken {
            name: self.name.clone(),
            packets: self.packets,
            why,
        })?;
        let Some(link) = link else { return Ok(false) };
        let bare = is_bare_ip(link).map_err(|link| CaptureError::Link {
            name: self.name.clone(),
            link,
        })?;
        self.packets += 1;
        if bare {
            self.make_up_ethernet();
        }
        Ok(true)
    }

    /// Puts a header with locally administered addresses before the IP packet.
    fn make_up_ethernet(&mut self) {
        self.made_up = true;
        let ether_type: u16 = match self.frame.first().map(|byte| byte >> 4) {
            Some(6) => 0x86dd,
            _ => 0x0800,
        };
        let mut header = [0; ETHERNET_HEADER];
        header[..6].copy_from_slice(&[0x02, 0, 0, 0, 0, 0x02]);
        header[6..12].copy_from_slice(&[0x02, 0, 0, 0, 0, 0x01]);
        header[12..].copy_from_slice(&ether_type.to_be_bytes());
        self.frame.splice(..0, header);
    }
}

/// Whether packets of this link type begin with their IP header; the type's name
/// if they begin with neither that nor an Ethernet header.
fn is_bare_ip(link: DataLink) -> Result<bool, String> {
    match link {
        DataLink::ETHERNET => Ok(false),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Ok(true),
        // What some systems wrote for bare IP before it had a number of its own.
        DataLink::Unknown(12 | 14) => Ok(true),
        other => Err(format!("{other:?} ({})", u32::from(other))),
    }
}

/// What went wrong, in words; `part` is what was being read.
fn explain(error: &PcapError, part: &str) -> String {
    match error {
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("the file ends within {part}")
        }
        PcapError::IoError(error) => error.to_string(),
        PcapError::IncompleteBuffer => format!("the file ends within {part}"),
        error => error.to_string(),
    }
}

/// The next packet's link type, its bytes in `frame`; `None` at the end.
fn next_packet(
    reader: &mut PcapReader<Source>,
    frame: &mut Vec<u8>,
) -> Result<Option<DataLink>, String> {
    // As it lies in the file: that a packet was longer than what was captured of it
    // is usual, and times do not matter here.
    match reader.next_raw_packet() {
        None => return Ok(None),
        Some(Ok(packet)) => {
            frame.clear();
            frame.extend_from_slice(&packet.data);
        }
        Some(Err(error)) => return Err(explain(&error, "a packet")),
    }
    Ok(Some(reader.header().datalink))
}

/// The same of a pcapng file, whose other blocks are skipped.
fn next_block(
    reader: &mut PcapNgReader<Source>,
    frame: &mut Vec<u8>,
) -> Result<Option<DataLink>, String> {
    loop {
        let (interface, data) = match reader.next_block() {
            None => return Ok(None),
            Some(Err(error)) => return Err(explain(&error, "a block")),
            Some(Ok(Block::EnhancedPacket(packet))) => (packet.interface_id, packet.data),
            Some(Ok(Block::SimplePacket(packet))) => {
                // The reader leaves the padding to four bytes in.
                let keep = packet.data.len().min(packet.original_len as usize);
                (0, packet.data[..keep].to_vec().into())
            }
            Some(Ok(Block::Packet(packet))) => (packet.interface_id.into(), packet.data),
            Some(Ok(_)) => continue,
        };
        frame.clear();
        frame.extend_from_slice(&data);
        drop(data);
        return match reader.interfaces().get(interface as usize) {
            Some(interface) => Ok(Some(interface.linktype)),
            None => Err(format!(
                "a packet names interface {interface}, which is not described"
            )),
        };
    }
}

/// The first four bytes and a source that begins with them.
fn peek(mut source: Source) -> io::Result<([u8; 4], Source)> {
    let mut magic = [0; 4];
    let mut have = 0;
    while have < magic.len() {
        match source.read(&mut magic[have..]) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What ends or breaks so early is no capture.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    let head = io::Cursor::new(magic[..have].to_vec());
    Ok((magic, Box::new(head.chain(source))))
}

/// A source that says how far it has been read.
struct Counted {
    source: Source,
    position: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.position.set(self.position.get() + count as u64);
        Ok(count)
    }
}
