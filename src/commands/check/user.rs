//! Becoming the user for whom root checks: the files are read, and the program is started, as that one.

use std::ffi::CString;

use nix::unistd::{User, initgroups, setgid, setuid};

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
