//! Files that the configuration names: who may read them, and whether they have changed.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

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

/// A version of a file; that it is not there is one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(Option<[i64; 4]>);

impl Version {
    /// A file that is written anew has another time, one that is moved into its place another number.
    fn of(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().map(|metadata| {
            let number = metadata.ino().cast_signed();
            [number, metadata.size().cast_signed(), metadata.mtime(), metadata.mtime_nsec()]
        }))
    }
}

/// Files that were read, each in the version that it had before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch(Vec<(PathBuf, Version)>);

impl Watch {
    /// Watches a file. Call this before the file is read, so that no change goes unseen.
    pub fn add(&mut self, path: &Path) {
        self.0.push((path.to_owned(), Version::of(path)));
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// Whether any of them has another version now.
    pub fn has_changed(&self) -> bool {
        self.0.iter().any(|(path, version)| Version::of(path) != *version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other, next] = ["one", "other", "next"].map(|name| directory.path().join(name));
        let watch = || {
            let mut watch = Watch::default();
            watch.add(&one);
            watch.add(&other);
            watch
        };
        let missing = watch();
        std::fs::write(&one, "a").unwrap();
        assert!(missing.has_changed());
        let there = watch();
        assert!(!there.has_changed());
        assert_eq!(there, watch());
        std::fs::write(&one, "ab").unwrap();
        assert!(there.has_changed());
        let longer = watch();
        std::fs::write(&next, "cd").unwrap();
        assert!(!longer.has_changed());
        std::fs::rename(&next, &one).unwrap();
        assert!(longer.has_changed());
        assert_ne!(longer, watch());
        let both = watch();
        std::fs::write(&other, "").unwrap();
        assert!(both.has_changed());
        std::fs::remove_file(&one).unwrap();
        assert!(longer.has_changed());
    }
}
