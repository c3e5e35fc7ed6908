//! What `tests/run` builds, below the target directory.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// Where this is; the error says how to build it.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let path = root.join(target).join("fixtures").join(name);
    ensure!(path.exists(), "{} is missing; tests/run builds it", path.display());
    Ok(path.canonicalize()?)
}
