//! `man`, `schema` and `completions`: what packagers install beside the binary.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use clap_complete::Shell;

use super::ending::Failure;
use super::print::{print_text, unless_closed};
use crate::cli::{Cli, ManArgs};
use crate::config;
use crate::exit::Code;
use crate::manual::{self, Page, html, roff};

/// Prints a page of the manual, or lists the pages, or writes them all.
pub fn man(args: &ManArgs) -> Result<Code, Failure> {
    match (&args.all, &args.page) {
        (Some(directory), _) => write_all(directory, args.html)?,
        (None, Some(name)) => {
            let page = manual::page(name).ok_or_else(|| {
                Failure::usage(format!("there is no page {name}; `xmpp-ldap-auth man` lists them"))
            })?;
            match args.html {
                false if io::stdout().is_terminal() => show(&page)?,
                false => print_text(roff::render(&page).as_bytes())?,
                true => print_text(html::render(&page).as_bytes())?,
            }
        }
        (None, None) => {
            let lines = manual::pages().map(|page| format!("{:18}  {}\n", page.name, page.title()));
            print_text(lines.collect::<String>().as_bytes())?;
        }
    }
    Ok(Code::OK)
}

/// Lets the system's `man` show a page, or prints its Markdown where there is none.
fn show(page: &Page) -> io::Result<()> {
    match Command::new("man").args(["--local-file", "-"]).stdin(Stdio::piped()).spawn() {
        Ok(mut reader) => {
            let mut input = reader.stdin.take();
            let text = roff::render(page);
            let written = input.as_mut().map_or(Ok(()), |input| input.write_all(text.as_bytes()));
            drop(input);
            reader.wait()?;
            unless_closed(written)
        }
        Err(_) => print_text(page.markdown.as_bytes()),
    }
}

fn write_all(directory: &Path, in_html: bool) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for page in manual::pages() {
        let (name, text) = match in_html {
            true => (html::file_name(&page), html::render(&page)),
            false => (format!("{}.{}", page.man_name(), page.section), roff::render(&page)),
        };
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}

/// Prints the JSON schema of the configuration.
pub fn schema() -> Result<Code, Failure> {
    print_text(format!("{:#}\n", config::schema::schema()).as_bytes())?;
    Ok(Code::OK)
}

/// Prints a shell's completion script.
pub fn completions(shell: Shell) -> Result<Code, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "xmpp-ldap-auth", &mut text);
    print_text(&text)?;
    Ok(Code::OK)
}
