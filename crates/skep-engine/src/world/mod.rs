//! What helpers learn of the outside: time, randomness.

use std::sync::Arc;

/// The outside.
pub trait World: Send + Sync {}

/// The system's own.
pub struct System;

impl World for System {}

/// What an engine has unless told otherwise.
pub fn default() -> Arc<dyn World> {
    Arc::new(System)
}
