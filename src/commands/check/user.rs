//! Becoming the user for whom root checks: the files are read, and the program is started, as that one.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{User, getgrouplist, initgroups, setgid, setuid};

use crate::commands::ending::Failure;

/// Gives up being root for good, with the groups that this user has.
pub(super) fn become_user(name: &str) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::usage(text));
    let user = match User::from_name(name) {
        Ok(Some(user)) => user,
        Ok(None) => return usage(format!("there is no user {name:?} on this machine")),
        Err(error) => return Err(std::io::Error::from(error).into()),
    };
    let own = nix::unistd::geteuid();
    if user.uid == own {
        return Ok(());
    }
    if !own.is_root() {
        return usage(format!(
            "only root can check as {name}: run sudo -u {name} without --as-user"
        ));
    }
    let name = CString::new(name).unwrap_or_default();
    initgroups(&name, user.gid)
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| std::io::Error::from(error).into())
}

/// Who looks, and whether that is root.
pub(super) fn user() -> (String, bool) {
    let own = nix::unistd::geteuid();
    let name = User::from_uid(own).ok().flatten().map(|user| user.name);
    (name.unwrap_or_else(|| own.to_string()), own.is_root())
}

/// Whether a user may write to a file, and so connect to a socket, by its owner, group and mode.
pub(super) fn may_write(name: &str, path: &Path) -> bool {
    let Ok(file) = fs::metadata(path) else { return false };
    let Ok(Some(user)) = User::from_name(name) else { return false };
    let groups = CString::new(name).ok().and_then(|name| getgrouplist(&name, user.gid).ok());
    let bit = if user.uid.as_raw() == file.uid() {
        0o200
    } else if groups.unwrap_or_default().iter().any(|group| group.as_raw() == file.gid()) {
        0o020
    } else {
        0o002
    };
    file.mode() & bit != 0
}
