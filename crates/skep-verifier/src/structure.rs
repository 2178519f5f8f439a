//! Placeholder, replaced at once: the structural judgement.
