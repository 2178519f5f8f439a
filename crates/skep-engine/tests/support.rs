//! `SUPPORT.md` is what the engine's tables say.
//!
//! `UPDATE_SUPPORT=1 cargo test -p skep-engine --test support` writes it anew.

use std::path::Path;

use skep_engine::support::render_support;

#[test]
fn the_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../SUPPORT.md");
    let page = render_support();
    if std::env::var_os("UPDATE_SUPPORT").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "SUPPORT.md is stale: run UPDATE_SUPPORT=1 cargo test -p skep-engine --test support"
    );
}
