//! `man`, `schema` and `completions`: what packagers install beside the binary.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::print_json;
use crate::cli::{Cli, Page};
use crate::config;
use crate::exit;

/// Prints a manual page, in roff.
pub fn man(page: Page) -> anyhow::Result<u8> {
    match page {
        Page::Program => clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?,
        Page::Configuration => io::stdout().write_all(config::manual::page().as_bytes())?,
    }
    Ok(exit::OK)
}

/// Prints the JSON schema of the configuration.
pub fn schema() -> anyhow::Result<u8> {
    print_json(&config::schema::schema());
    Ok(exit::OK)
}

/// Prints a shell's completion script.
pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    clap_complete::generate(shell, &mut Cli::command(), "xmpp-ldap-auth", &mut io::stdout());
    Ok(exit::OK)
}
