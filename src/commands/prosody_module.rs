//! `prosody-module`: the module by which Prosody asks the daemon, so that both always fit.

use super::ending::Failure;
use super::print::print_text;
use crate::exit::Code;

/// Also a file of its own, because Lua's tools read it.
pub(super) const MODULE: &str = include_str!("../mod_auth_xmpp_ldap.lua");

/// Prints `mod_auth_xmpp_ldap.lua`, for a directory of Prosody's `plugin_paths`.
pub fn prosody_module() -> Result<Code, Failure> {
    print_text(MODULE.as_bytes())?;
    Ok(Code::OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::native::READ_AHEAD;
    use crate::listen::settings::ListenerTerms;
    use crate::protocol::native::{LONGEST_LINE, LONGEST_REPLY};

    #[test]
    fn the_module_greets_with_the_version_of_its_binary() {
        let client = concat!("\"mod_auth_xmpp_ldap ", env!("CARGO_PKG_VERSION"), "\"");
        assert!(MODULE.contains(client), "{client}");
    }

    #[test]
    fn the_module_keeps_to_the_bounds_of_the_daemon() {
        let window = ListenerTerms::default().window;
        for (name, bound) in [
            ("max_sent", LONGEST_LINE),
            ("max_read", LONGEST_REPLY),
            ("max_waiting", window + READ_AHEAD),
        ] {
            let line = format!("\nlocal {name} = {bound};");
            assert!(MODULE.contains(&line), "{line}");
        }
    }
}
