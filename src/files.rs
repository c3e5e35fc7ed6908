//! Files that the configuration names: who may read them, and whether they have changed.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Refuses a file that anyone can read: what is secret in it is not.
pub fn check_private(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(format!("others can read or write {0}; run chmod o= {0}", path.display()));
    }
    Ok(())
}

/// Why a file that has to be read cannot be.
pub fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot read {}: {error}; the user that the XMPP server runs as must be able to, and a running process can only in the directories that it knew at its start",
        path.display()
    )
}

/// What tells one version of some files from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 4]>>);

impl Stamp {
    /// The stamp of these files now; one that is not there is a version too.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let one = |path| std::fs::metadata(path).ok().map(|metadata| version(&metadata));
        Self(paths.into_iter().map(one).collect())
    }
}

/// A file that is written anew has another time, one that is moved into its place another number.
fn version(metadata: &Metadata) -> [i64; 4] {
    let number = metadata.ino().cast_signed();
    [number, metadata.size().cast_signed(), metadata.mtime(), metadata.mtime_nsec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other, next] = ["one", "other", "next"].map(|name| directory.path().join(name));
        let stamp = || Stamp::of([one.as_path(), other.as_path()]);
        let missing = stamp();
        std::fs::write(&one, "a").unwrap();
        let there = stamp();
        assert_ne!(missing, there);
        assert_eq!(there, stamp());
        std::fs::write(&one, "ab").unwrap();
        let longer = stamp();
        assert_ne!(there, longer);
        std::fs::write(&next, "cd").unwrap();
        std::fs::rename(&next, &one).unwrap();
        assert_ne!(longer, stamp());
    }
}
