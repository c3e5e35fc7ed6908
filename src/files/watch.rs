//! Whether files have changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{PathEntry, steps};

/// A version of a file, by each entry on the way there; that there is none is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version(Vec<Option<[i64; 10]>>);

impl Version {
    fn of(path: &Path) -> Self {
        let mut entries = steps(path).into_iter().rev();
        let end = entries.next().and_then(|entry| entry.version(true));
        Self(std::iter::once(end).chain(entries.map(|entry| entry.version(false))).collect())
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

    /// Watches the files of another one too.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(a, _), (b, _)| a == b);
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// The same files in the versions that they have now.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let mut renewed = Self::default();
        self.paths().for_each(|path| renewed.add(path));
        renewed
    }

    /// Whether any of them has another version now.
    pub fn has_changed(&self) -> bool {
        self.0.iter().any(|(path, version)| Version::of(path) != *version)
    }
}

impl PathEntry {
    /// What changes where the entry is replaced, or becomes another's to read or write; of a file,
    /// also where it is written, and so of a directory that is itself the `end` of the way, whose entries
    /// come and go.
    fn version(&self, end: bool) -> Option<[i64; 10]> {
        let metadata = self.metadata.as_ref()?;
        let access = [metadata.mode(), metadata.uid(), metadata.gid()].map(i64::from);
        let [device, number] = [metadata.dev(), metadata.ino()].map(u64::cast_signed);
        let content = if metadata.is_dir() && !end {
            [0; 5]
        } else {
            let (changed, written) = (metadata.ctime_nsec(), metadata.mtime_nsec());
            let size = metadata.size().cast_signed();
            [size, metadata.ctime(), changed, metadata.mtime(), written]
        };
        let mut version = [0; 10];
        let parts = [&access[..], &[device, number], &content].concat();
        version.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        Some(version)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{
        Permissions, create_dir, hard_link, remove_file, rename, set_permissions, write,
    };
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn watch(paths: &[&Path]) -> Watch {
        let mut watch = Watch::default();
        paths.iter().for_each(|path| watch.add(path));
        watch
    }

    #[test]
    fn of_a_directory_that_is_watched_the_entries_count_and_of_others_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        write(&file, "a").unwrap();
        let [of_directory, of_file] = [directory.path(), &file].map(|path| watch(&[path]));
        write(directory.path().join("other"), "a").unwrap();
        assert!(of_directory.has_changed() && !of_file.has_changed());
    }

    #[test]
    fn a_change_of_any_file_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other, next] = ["one", "other", "next"].map(|name| directory.path().join(name));
        let watch = || watch(&[&one, &other]);
        let missing = watch();
        write(&one, "a").unwrap();
        assert!(missing.has_changed());
        let there = watch();
        assert!(!there.has_changed());
        assert_eq!(there, watch());
        write(&one, "ab").unwrap();
        assert!(there.has_changed());
        let longer = watch();
        write(&next, "cd").unwrap();
        assert!(!longer.has_changed());
        rename(&next, &one).unwrap();
        assert!(longer.has_changed());
        assert_ne!(longer, watch());
        let both = watch();
        write(&other, "").unwrap();
        assert!(both.has_changed());
        assert!(!both.renewed().has_changed());
        remove_file(&one).unwrap();
        assert!(longer.has_changed());
    }

    #[test]
    fn a_change_of_who_may_read_or_replace_a_file_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let (inner, file) = (directory.path().join("inner"), directory.path().join("inner/file"));
        create_dir(&inner).unwrap();
        write(&file, "a").unwrap();
        for path in [&file, &inner] {
            let before = watch(&[&file]);
            set_permissions(path, Permissions::from_mode(0o711)).unwrap();
            assert!(before.has_changed(), "{path:?}");
        }
        let before = watch(&[&file]);
        write(inner.join("neighbour"), "").unwrap();
        assert!(!before.has_changed());
        hard_link(&file, inner.join("name")).unwrap();
        assert!(before.has_changed());
    }
}
