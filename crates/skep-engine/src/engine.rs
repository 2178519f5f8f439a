//! The engine: a kernel's BPF in user space.
//!
//! An [`Engine`] is a handle on objects, shared by its clones, and the
//! [`Credential`] in whose name this handle's commands are given. Engines know
//! nothing of each other.
//!
//! Answers to: kernel/bpf/syscall.c.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::credential::Credential;
use crate::limit::MemoryLimit;
use crate::object::{BtfObject, Files, Ids, Link, MapObject};
use crate::program::Program;
use crate::run::Cpus;
use crate::world::{self, Deterministic, World};

/// Descriptors an engine has at the most, unless told otherwise: Linux's `fs.nr_open`.
const DESCRIPTORS: usize = 1 << 20;

/// The most cpus an engine may have.
#[doc(alias = "NR_CPUS")]
pub const MAX_CPUS: u32 = 4096;

/// A BPF subsystem of its own. Clones share all objects.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    credential: Credential,
}

struct Shared {
    files: Files,
    maps: Arc<Ids<MapObject>>,
    progs: Arc<Ids<Program>>,
    btfs: Arc<Ids<BtfObject>>,
    links: Arc<Ids<Link>>,
    memory: Arc<MemoryLimit>,
    cpus: Cpus,
    secrets: AtomicU64,
    world: Arc<dyn World>,
}

/// An engine in the making.
#[derive(Clone)]
pub struct Builder {
    cpus: u32,
    seed: Option<u64>,
    credential: Credential,
    memory_limit: u64,
    descriptors: usize,
    world: Option<Arc<dyn World>>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            cpus: 1,
            seed: None,
            credential: Credential::ROOT,
            memory_limit: u64::MAX,
            descriptors: DESCRIPTORS,
            world: None,
        }
    }
}

impl Builder {
    /// How many cpus there are (1 unless said): at least 1, at most [`MAX_CPUS`].
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus.clamp(1, MAX_CPUS);
        self
    }

    /// What everything random about the engine is made from: equal seeds give
    /// equal orders of a hash's keys, and unless a world is given too, equal
    /// answers of a [`Deterministic`] one. Without a seed, orders are as for 0 and
    /// the world is the system's. Where strangers choose the keys, give a seed they
    /// cannot know: who knows it can choose keys that all fall into one chain.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// In whose name commands are given (root's unless said).
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// How many bytes all objects together may take (no limit unless said).
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How many descriptors may be open at once (about a million unless said).
    #[doc(alias = "RLIMIT_NOFILE")]
    pub fn descriptors(mut self, limit: usize) -> Self {
        self.descriptors = limit;
        self
    }

    /// What helpers learn of the outside: time, randomness.
    pub fn world(mut self, world: Arc<dyn World>) -> Self {
        self.world = Some(world);
        self
    }

    /// The engine.
    pub fn build(self) -> Engine {
        let world = match (self.world, self.seed) {
            (Some(world), _) => world,
            (None, Some(seed)) => Arc::new(Deterministic::new(seed)),
            (None, None) => world::default(),
        };
        let shared = Shared {
            files: Files::new(self.descriptors),
            maps: Ids::new(),
            progs: Ids::new(),
            btfs: Ids::new(),
            links: Ids::new(),
            memory: MemoryLimit::new(self.memory_limit),
            cpus: Cpus::new(self.cpus),
            secrets: AtomicU64::new(self.seed.unwrap_or(0)),
            world,
        };
        Engine {
            shared: Arc::new(shared),
            credential: self.credential,
        }
    }
}

impl Engine {
    /// An engine as [`Builder`] makes it unless told otherwise.
    pub fn new() -> Engine {
        Builder::default().build()
    }

    /// An engine with what you ask for.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The same engine, used in another's name.
    pub fn with_credential(&self, credential: Credential) -> Engine {
        Engine {
            shared: Arc::clone(&self.shared),
            credential,
        }
    }

    /// In whose name this handle gives commands.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Bytes its objects take.
    pub fn memory_used(&self) -> u64 {
        self.shared.memory.used()
    }

    /// How many cpus it has.
    pub fn cpus(&self) -> u32 {
        self.shared.cpus.len()
    }

    /// The cpus, to run on.
    pub(crate) fn cpu_slots(&self) -> &Cpus {
        &self.shared.cpus
    }

    /// The descriptors.
    #[inline]
    pub(crate) fn files(&self) -> &Files {
        &self.shared.files
    }

    /// The maps.
    pub(crate) fn maps(&self) -> &Arc<Ids<MapObject>> {
        &self.shared.maps
    }

    /// The programs.
    pub(crate) fn progs(&self) -> &Arc<Ids<Program>> {
        &self.shared.progs
    }

    /// The BTFs.
    pub(crate) fn btfs(&self) -> &Arc<Ids<BtfObject>> {
        &self.shared.btfs
    }

    /// The links.
    pub(crate) fn links(&self) -> &Arc<Ids<Link>> {
        &self.shared.links
    }

    /// The memory objects are charged to.
    pub(crate) fn memory(&self) -> &Arc<MemoryLimit> {
        &self.shared.memory
    }

    /// What helpers learn of the outside.
    pub fn world(&self) -> &Arc<dyn World> {
        &self.shared.world
    }

    /// A number that outsiders cannot guess if they cannot guess the seed,
    /// another one each time: the secret of a new map.
    #[doc(alias = "splitmix64")]
    pub(crate) fn next_secret(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let before = self.shared.secrets.fetch_add(STEP, Ordering::Relaxed);
        let mut word = before.wrapping_add(STEP);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Default for Engine {
    fn default() -> Self {
        Engine::new()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("cpus", &self.cpus())
            .field("memory_used", &self.memory_used())
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}
