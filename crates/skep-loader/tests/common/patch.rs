//! Objects with a fault put in: finds headers, symbols and relocations by name
//! in the bytes of a file and changes single fields.

/// A file being spoilt.
#[derive(Clone)]
pub struct Patch {
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A field of a section header: offset in the header, bytes.
pub type Field = (usize, usize);
pub const SH_NAME: Field = (0, 4);
pub const SH_TYPE: Field = (4, 4);
pub const SH_FLAGS: Field = (8, 8);
pub const SH_OFFSET: Field = (24, 8);
pub const SH_SIZE: Field = (32, 8);
pub const SH_INFO: Field = (44, 4);
/// Fields of a symbol.
pub const ST_NAME: Field = (0, 4);
pub const ST_INFO: Field = (4, 1);
pub const ST_SHNDX: Field = (6, 2);
pub const ST_VALUE: Field = (8, 8);
pub const ST_SIZE: Field = (16, 8);
/// Fields of a relocation.
pub const R_OFFSET: Field = (0, 8);
pub const R_TYPE: Field = (8, 4);
pub const R_SYM: Field = (12, 4);

impl Patch {
    /// An object of `testdata/bpf`.
    pub fn of(name: &str) -> Patch {
        Patch {
            bytes: super::object(name),
        }
    }

    /// Reads `len` bytes as a number.
    pub fn get(&self, at: usize, len: usize) -> u64 {
        let mut word = [0; 8];
        word[..len].copy_from_slice(&self.bytes[at..at + len]);
        u64::from_le_bytes(word)
    }

    /// Writes a number.
    pub fn set(mut self, at: usize, len: usize, value: u64) -> Patch {
        self.bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
        self
    }

    fn header(&self, index: usize) -> usize {
        self.get(40, 8) as usize + index * 64
    }

    fn text(&self, at: usize) -> &str {
        let end = self.bytes[at..].iter().position(|&b| b == 0).unwrap();
        std::str::from_utf8(&self.bytes[at..at + end]).unwrap()
    }

    /// The number of the section of this name.
    pub fn section(&self, name: &str) -> usize {
        let strings = self.get(self.header(self.get(62, 2) as usize) + 24, 8) as usize;
        let count = self.get(60, 2) as usize;
        let found =
            (1..count).find(|&i| self.text(strings + self.get(self.header(i), 4) as usize) == name);
        found.unwrap_or_else(|| panic!("no section {name}"))
    }

    /// Where a section's bytes are.
    pub fn data(&self, name: &str) -> usize {
        self.get(self.header(self.section(name)) + 24, 8) as usize
    }

    /// A field of a section's header.
    pub fn section_field(&self, name: &str, field: Field) -> u64 {
        self.get(self.header(self.section(name)) + field.0, field.1)
    }

    /// Changes a field of a section's header.
    pub fn set_section(self, name: &str, field: Field, value: u64) -> Patch {
        let at = self.header(self.section(name));
        self.set(at + field.0, field.1, value)
    }

    /// Where a symbol is.
    pub fn symbol(&self, name: &str) -> usize {
        let strings = self.data(".strtab");
        let start = self.data(".symtab");
        let count = self.section_field(".symtab", SH_SIZE) as usize / 24;
        let found = (1..count)
            .map(|i| start + i * 24)
            .find(|&at| self.text(strings + self.get(at, 4) as usize) == name);
        found.unwrap_or_else(|| panic!("no symbol {name}"))
    }

    /// Changes a field of a symbol.
    pub fn set_symbol(self, name: &str, field: Field, value: u64) -> Patch {
        let at = self.symbol(name);
        self.set(at + field.0, field.1, value)
    }

    /// Changes a field of a section's first relocation.
    pub fn set_relocation(self, section: &str, field: Field, value: u64) -> Patch {
        let at = self.data(&format!(".rel{section}"));
        self.set(at + field.0, field.1, value)
    }
}
