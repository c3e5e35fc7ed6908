//! Files that the configuration names: who may read and write them.
//!
//! Whoever can write a file, or put another one in its place, decides who signs in. So each step of the
//! way to a file counts: the directories above it, and those of the links that lead there.

pub mod watch;

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Group, User};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat};
use rustix::io::Errno;
use secrecy::zeroize::Zeroizing;

/// Who may know what is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Anybody.
    Public,
    /// Its owner and its group alone.
    Secret,
}

/// Where the sockets of a daemon are, if nobody says anything else.
pub const RUN_DIRECTORY: &str = "/run/xmpp-ldap-auth";

/// No file that is read here is larger.
const LARGEST: u64 = 16 << 20;

/// Linux follows no more links than this.
const MOST_LINKS: usize = 40;

/// The bits of a mode: what others may do, that they may read or write, and that files in a directory can be
/// replaced by their owners alone.
const OTHERS: u32 = 0o007;
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const MODE: u32 = 0o7777;

/// The bytes of a file, which is refused where others can write it, or read its secret. The error
/// names the file only where there is one, because what was written as its path may be a secret.
pub fn read(path: &Path, privacy: Privacy) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    check_mode(path, metadata.mode(), privacy)?;
    steps(path).iter().try_for_each(PathEntry::check)?;
    // With room for all of it, because what is moved leaves a copy behind.
    let size = usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    if !read_whole(file, &mut bytes).map_err(|error| unreadable(path, &error))? {
        return Err(format!("{} is larger than {LARGEST} bytes", path.display()));
    }
    Ok(bytes)
}

/// Reads a file, and tells whether that is all of it: no more than [`LARGEST`] bytes are read.
fn read_whole(file: File, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut file = file.take(LARGEST + 1);
    file.read_to_end(bytes)?;
    Ok(file.limit() > 0)
}

/// The bytes of a file of somebody else, which may name what has no end.
pub fn bytes_of_another(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    if !read_whole(file, &mut bytes)? {
        return Err(io::Error::other("it is too large"));
    }
    Ok(bytes)
}

/// Refuses a file that others can write, or put another in the place of, and a directory in which they
/// can put files.
pub fn check_writers(path: &Path) -> Result<(), String> {
    if let Ok(metadata) = fs::metadata(path) {
        check_mode(path, metadata.mode(), Privacy::Public)?;
    }
    steps(path).iter().try_for_each(PathEntry::check)
}

/// Whether both paths lead to the same file, which is there.
pub fn are_one(one: &Path, other: &Path) -> bool {
    let id = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(one).is_some_and(|one| id(other) == Some(one))
}

/// Does not wait for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn check_mode(path: &Path, mode: u32, privacy: Privacy) -> Result<(), String> {
    let path = path.display();
    match privacy {
        Privacy::Secret if mode & OTHERS != 0 => Err(format!(
            "others can read or write {path}; run chmod o= {path}, or where it is mounted and cannot be changed, mount it with mode 0400 or 0440 (Kubernetes: defaultMode; Docker: mode, uid and gid)"
        )),
        Privacy::Public if mode & OTHERS_WRITE != 0 => {
            Err(format!("others can write {path}; run chmod o-w {path}"))
        }
        Privacy::Secret | Privacy::Public => Ok(()),
    }
}

/// What keeps this user from reading a file, and what to do about it.
fn forbidden_by(path: &Path) -> String {
    let Ok(file) = fs::metadata(path) else {
        return "the user that reads it may not enter a directory above it: run chmod o+x on that"
            .to_owned();
    };
    // Confinement forbids to open a file, and not this question.
    let may_read = accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok();
    if may_read || file.mode() & OTHERS_READ != 0 {
        return "its mode lets this user read it, so that something else forbids it: SELinux or AppArmor, or `confine`, by which a process reads only in the directories that it knew at its start: for others, it must be started anew"
            .to_owned();
    }
    let owner = User::from_uid(file.uid().into()).ok().flatten().map(|user| user.name);
    let group = Group::from_gid(file.gid().into()).ok().flatten().map(|group| group.name);
    format!(
        "its owner is {}, its group {} and its mode {:04o}: let it have a group of the user that reads it, by chgrp and chmod 640",
        owner.unwrap_or_else(|| file.uid().to_string()),
        group.unwrap_or_else(|| file.gid().to_string()),
        file.mode() & MODE,
    )
}

/// Why a file that has to be read cannot be.
fn unreadable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "cannot read the file: there is none of this name".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("cannot read the file: permission denied; {}", forbidden_by(path))
        }
        // Of sockets, and of devices that are not there.
        _ if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            "cannot read the file: it is none".to_owned()
        }
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            "cannot read the file: its links lead in a circle".to_owned()
        }
        _ => format!("cannot read the file: {error}"),
    }
}

/// An entry on the way to a file: a directory, a link, or at the end the file.
#[derive(Debug)]
struct PathEntry {
    /// The directory that it is in.
    directory: PathBuf,
    path: PathBuf,
    /// Of the entry itself, if there is one.
    metadata: Option<Metadata>,
}

impl PathEntry {
    fn is_link(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.is_symlink())
    }

    /// Refuses an entry that others can replace.
    fn check(&self) -> Result<(), String> {
        let directory = self.directory.display();
        let mode = fs::metadata(&self.directory).map_or(0, |metadata| metadata.mode());
        if mode & OTHERS_WRITE == 0 {
            return Ok(());
        }
        if mode & STICKY == 0 {
            return Err(format!(
                "others can write in the directory {directory}, and so put another file there; run chmod o-w {directory}"
            ));
        }
        let own = rustix::process::geteuid().as_raw();
        match &self.metadata {
            Some(metadata) if ![0, own].contains(&metadata.uid()) => Err(format!(
                "{} belongs to another user, in a directory where everybody can put files; move it to one where others cannot write",
                self.path.display()
            )),
            _ => Ok(()),
        }
    }
}

/// Every entry on the way from the root to a file, through all links.
fn steps(path: &Path) -> Vec<PathEntry> {
    let parts = |path: &Path| {
        let parts = path.components().map(|part| part.as_os_str().to_owned());
        parts.rev().collect::<Vec<_>>()
    };
    let mut pending = parts(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let mut directory = PathBuf::from("/");
    let mut links = 0;
    let mut steps = Vec::new();
    while let Some(part) = pending.pop() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => directory = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(directory.pop()),
            Some(Component::Normal(_)) => {
                let path = directory.join(&part);
                let metadata = fs::symlink_metadata(&path).ok();
                let step = PathEntry { directory: directory.clone(), path, metadata };
                match fs::read_link(&step.path) {
                    Ok(target) if step.is_link() && links < MOST_LINKS => {
                        links += 1;
                        pending.extend(parts(&target));
                    }
                    _ => directory.clone_from(&step.path),
                }
                steps.push(step);
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
    }
    steps
}

/// The directories in which a file may be replaced by a new one: its own, those of the links on the
/// way there, and the one where it really is. A directory is its own.
///
/// Links from the root or from `/var` are part of the system, and are not replaced.
pub fn directories(file: &Path) -> Vec<PathBuf> {
    let steps = steps(file);
    let end = steps.last().map(|end| &end.path).filter(|_| file.is_dir());
    let links = steps.iter().filter(|step| step.is_link()).map(|step| &step.directory);
    let is_of_system = |directory: &PathBuf| ["/", "/var"].map(Path::new).contains(&&**directory);
    let mut found: Vec<PathBuf> = links.filter(|link| !is_of_system(link)).cloned().collect();
    found.extend(end.or(steps.last().map(|step| &step.directory)).cloned());
    let named = if file.is_dir() { Some(file) } else { file.parent() };
    found.extend(named.map(|named| std::path::absolute(named).unwrap_or_else(|_| ".".into())));
    found
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, rename, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::watch::Watch;
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_are_followed_one_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        for (version, text) in [("1", "old"), ("2", "new")] {
            create_dir(place(version)).unwrap();
            write(place(version).join("file"), text).unwrap();
        }
        create_dir(place("own")).unwrap();
        symlink("1", place("data")).unwrap();
        symlink("data/file", place("file")).unwrap();
        symlink("../file", place("own/link")).unwrap();
        let link = place("own/link");
        let mut before = Watch::default();
        before.add(&link);
        let directories = directories(&link);
        for (needed, name) in [("own", true), ("", true), ("1", true), ("2", false)] {
            assert_eq!(directories.contains(&place(needed)), name, "{needed} of {directories:?}");
        }
        assert!(!directories.contains(&PathBuf::from("/")));
        symlink("2", place("next")).unwrap();
        rename(place("next"), place("data")).unwrap();
        assert!(before.has_changed());
        assert_eq!(&**read(&link, Privacy::Public).unwrap(), b"new");
        symlink("ring", place("ring")).unwrap();
        assert!(read(&place("ring"), Privacy::Public).is_err());
    }

    #[test]
    fn what_others_can_write_or_replace_is_refused_and_so_is_a_secret_that_they_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let (inner, file) = (directory.path().join("inner"), directory.path().join("inner/file"));
        let link = directory.path().join("link");
        create_dir(&inner).unwrap();
        write(&file, "a").unwrap();
        symlink(&file, &link).unwrap();
        for (mode, inner_mode, is_public, is_secret) in [
            (0o600, 0o755, true, true),
            (0o640, 0o770, true, true),
            (0o644, 0o755, true, false),
            (0o601, 0o755, true, false),
            (0o666, 0o755, false, false),
            (0o602, 0o755, false, false),
            (0o600, 0o777, false, false),
            (0o600, 0o703, false, false),
            (0o600, 0o1777, true, true),
        ] {
            chmod(&file, mode);
            chmod(&inner, inner_mode);
            for path in [&file, &link] {
                let done = |privacy| read(path, privacy).is_ok();
                let all = [done(Privacy::Public), done(Privacy::Secret)];
                assert_eq!(all, [is_public, is_secret], "{mode:o} in {inner_mode:o}, {path:?}");
            }
        }
        chmod(&inner, 0o755);
        chmod(directory.path(), 0o777);
        let error = read(&file, Privacy::Secret).unwrap_err();
        assert!(error.contains("others can write in the directory"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_refused_at_once_and_what_is_not_there_without_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .unwrap();
        for odd in [&pipe, directory.path(), Path::new("/dev/zero")] {
            assert!(read(odd, Privacy::Public).unwrap_err().contains("is no file"), "{odd:?}");
        }
        let (socket, ring) = (directory.path().join("socket"), directory.path().join("ring"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("ring", &ring).unwrap();
        assert!(read(&socket, Privacy::Public).unwrap_err().contains("it is none"));
        assert!(read(&ring, Privacy::Public).unwrap_err().contains("in a circle"));
        let secret = "/Zm9vYmFyc2VjcmV0/x";
        for text in [secret, "/etc/passwd/Zm9vYmFy", "/etc/\u{0}Zm9vYmFy"] {
            let error = read(Path::new(text), Privacy::Secret).unwrap_err();
            assert!(!error.contains("Zm9v"), "{error}");
        }
    }
}
