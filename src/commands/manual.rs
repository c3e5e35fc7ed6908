//! `man` and `completions`: what packagers install beside the binary.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit;

/// Prints the manual page, in roff.
pub fn man() -> anyhow::Result<u8> {
    clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
    Ok(exit::OK)
}

/// Prints a shell's completion script.
pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    clap_complete::generate(shell, &mut Cli::command(), "xmpp-ldap-auth", &mut io::stdout());
    Ok(exit::OK)
}
