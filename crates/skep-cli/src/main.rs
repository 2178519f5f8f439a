//! skep-cli
fn main() {}
