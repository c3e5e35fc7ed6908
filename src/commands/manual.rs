//! `man`, `schema` and `completions`: what packagers install beside the binary.

use clap::CommandFactory;
use clap_complete::Shell;

use super::ending::Failure;
use super::print::{print_json, print_text};
use crate::cli::{Cli, Page};
use crate::config;
use crate::exit::Code;

/// Prints a manual page, in roff.
pub fn man(page: Page) -> Result<Code, Failure> {
    let mut text = Vec::new();
    match page {
        Page::Program => clap_mangen::Man::new(Cli::command()).render(&mut text)?,
        Page::Configuration => text = config::manual::page().into_bytes(),
    }
    print_text(&text)?;
    Ok(Code::OK)
}

/// Prints the JSON schema of the configuration.
pub fn schema() -> Result<Code, Failure> {
    print_json(&config::schema::schema());
    Ok(Code::OK)
}

/// Prints a shell's completion script.
pub fn completions(shell: Shell) -> Result<Code, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "xmpp-ldap-auth", &mut text);
    print_text(&text)?;
    Ok(Code::OK)
}
