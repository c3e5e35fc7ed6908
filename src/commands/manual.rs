//! `man`, `schema` and `completions`: what packagers install beside the binary.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::{print_json, unless_closed};
use crate::cli::{Cli, Page};
use crate::config;
use crate::exit;

/// Prints a manual page, in roff.
pub fn man(page: Page) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    match page {
        Page::Program => clap_mangen::Man::new(Cli::command()).render(&mut text)?,
        Page::Configuration => text = config::manual::page().into_bytes(),
    }
    print(&text)
}

/// Prints the JSON schema of the configuration.
pub fn schema() -> anyhow::Result<u8> {
    print_json(&config::schema::schema());
    Ok(exit::OK)
}

/// Prints a shell's completion script.
pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "xmpp-ldap-auth", &mut text);
    print(&text)
}

fn print(text: &[u8]) -> anyhow::Result<u8> {
    unless_closed(io::stdout().write_all(text))?;
    Ok(exit::OK)
}
