//! Packet captures: pcap and pcapng, plain or gzipped, as Ethernet frames.
//!
//! A capture of bare IP packets gets a made-up Ethernet header, because programs
//! of the types that run here expect one; [`Capture::made_up_ethernet`] says so.
//! A broken file gives the packets before the break, then an error that names
//! the packet it broke at.

use flate2::read::MultiGzDecoder;
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes of an Ethernet header.
pub const ETHERNET_HEADER: usize = 14;

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// It is neither kind of capture.
    #[error("{} is no packet capture: it begins with neither pcap's nor pcapng's magic number", path.display())]
    NotACapture { path: PathBuf },
    /// It is broken.
    #[error("{} is broken after packet {packets}: {why}", path.display())]
    Broken {
        path: PathBuf,
        packets: u64,
        why: String,
    },
    /// Its packets are not Ethernet frames nor IP packets.
    #[error("{}: packets of link type {link} are not Ethernet frames nor IP packets", path.display())]
    Link { path: PathBuf, link: String },
}

enum Reader {
    Pcap(PcapReader<Source>),
    PcapNg(PcapNgReader<Source>),
}

type Source = Box<dyn Read>;

/// An open capture.
pub struct Capture {
    path: PathBuf,
    reader: Reader,
    packets: u64,
    made_up: bool,
    size: u64,
    position: Rc<Cell<u64>>,
    frame: Vec<u8>,
}

impl Capture {
    /// Opens a capture and reads its header.
    pub fn open(path: &Path) -> Result<Capture, CaptureError> {
        let io = |error| CaptureError::Io {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let position = Rc::new(Cell::new(0));
        let counted = Counted {
            file,
            position: Rc::clone(&position),
        };
        let (magic, source) = peek(Box::new(BufReader::new(counted))).map_err(io)?;
        let (magic, source) = match magic {
            [0x1f, 0x8b, ..] => {
                let plain: Source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
                peek(plain).map_err(io)?
            }
            _ => (magic, source),
        };
        let broken = |error: pcap_file::PcapError| CaptureError::Broken {
            path: path.to_owned(),
            packets: 0,
            why: error.to_string(),
        };
        let reader = match u32::from_be_bytes(magic) {
            0x0a0d_0d0a => Reader::PcapNg(PcapNgReader::new(source).map_err(broken)?),
            0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1 => {
                Reader::Pcap(PcapReader::new(source).map_err(broken)?)
            }
            _ => {
                return Err(CaptureError::NotACapture {
                    path: path.to_owned(),
                });
            }
        };
        let frame = Vec::new();
        let path = path.to_owned();
        Ok(Capture {
            path,
            reader,
            packets: 0,
            made_up: false,
            size,
            position,
            frame,
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

    /// Bytes of the file, and how many have been read.
    pub fn progress(&self) -> (u64, u64) {
        (self.size, self.position.get())
    }

    fn read_frame(&mut self) -> Result<bool, CaptureError> {
        let link = match &mut self.reader {
            Reader::Pcap(reader) => match reader.next_packet() {
                None => None,
                Some(Ok(packet)) => {
                    self.frame.clear();
                    self.frame.extend_from_slice(&packet.data);
                    Some(reader.header().datalink)
                }
                Some(Err(error)) => return Err(self.broken(error.to_string())),
            },
            Reader::PcapNg(reader) => match next_block(reader, &mut self.frame) {
                Ok(link) => link,
                Err(why) => return Err(self.broken(why)),
            },
        };
        let Some(link) = link else { return Ok(false) };
        self.packets += 1;
        match link {
            DataLink::ETHERNET => {}
            DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => self.make_up_ethernet(),
            // What some systems wrote for bare IP before it had a number of its own.
            DataLink::Unknown(12 | 14) => self.make_up_ethernet(),
            link => {
                let path = self.path.clone();
                return Err(CaptureError::Link {
                    path,
                    link: format!("{link:?}"),
                });
            }
        }
        Ok(true)
    }

    fn broken(&self, why: String) -> CaptureError {
        CaptureError::Broken {
            path: self.path.clone(),
            packets: self.packets,
            why,
        }
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

/// The next packet's link type, its bytes in `frame`; `None` at the end.
fn next_block(
    reader: &mut PcapNgReader<Source>,
    frame: &mut Vec<u8>,
) -> Result<Option<DataLink>, String> {
    loop {
        let (interface, data) = match reader.next_block() {
            None => return Ok(None),
            Some(Err(error)) => return Err(error.to_string()),
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
        match source.read(&mut magic[have..])? {
            0 => break,
            count => have += count,
        }
    }
    let head = io::Cursor::new(magic[..have].to_vec());
    Ok((magic, Box::new(head.chain(source))))
}

/// A file that says how far it has been read.
struct Counted {
    file: File,
    position: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.position.set(self.position.get() + count as u64);
        Ok(count)
    }
}
