//! The manual: its pages, which are Markdown, and what each is called.
//!
//! A page about a command has what clap knows of that written before its own text, and what all
//! commands have in common behind it.

use std::borrow::Cow;

mod command;
pub mod html;
pub mod roff;

/// What every other page begins its name with.
const PROGRAM: &str = "xmpp-ldap-auth";

/// The page of the configuration.
const CONFIGURATION: &str = "configuration";

macro_rules! pages {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("manual/", $name, ".md")))),*] };
}

/// Every page by its name, in the order in which they are listed.
const PAGES: &[(&str, &str)] = pages![
    "xmpp-ldap-auth" "run" "daemon" "status" "forgive" "check" "probe" "login" "explain" "support" "man"
    "schema" "completions" "prosody-module"
    "configuration" "files"
    "prosody" "ejabberd" "mongooseim" "http" "metrics" "answers"
    "active-directory" "openldap" "389ds" "other-directories" "kerberos"
    "names" "guard" "cache" "failover"
    "log" "security" "performance"
];

/// A page.
#[derive(Debug)]
pub struct Page {
    /// What it is called here, as `guard`.
    pub name: &'static str,
    /// The section of the system's manual that it belongs to.
    pub section: u8,
    /// The whole of it, in Markdown.
    pub markdown: Cow<'static, str>,
}

impl Page {
    fn of(name: &'static str, text: &'static str) -> Self {
        let (section, markdown) = match command::page(name, text) {
            Some(markdown) => (1, markdown.into()),
            None if name == CONFIGURATION => (5, text.into()),
            None => (7, text.into()),
        };
        Self { name, section, markdown }
    }

    /// What it is called in the system's manual, as `xmpp-ldap-auth-guard`.
    pub fn man_name(&self) -> String {
        match self.name {
            PROGRAM => PROGRAM.to_owned(),
            CONFIGURATION => format!("{PROGRAM}.toml"),
            name => format!("{PROGRAM}-{name}"),
        }
    }

    /// Its heading.
    pub fn title(&self) -> &str {
        self.markdown.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// What stands below its heading.
    fn text(&self) -> &str {
        self.markdown.split_once('\n').map_or("", |(_, text)| text)
    }
}

/// Every page.
pub fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(name, text)| Page::of(name, text))
}

/// The page of a name, of either kind.
pub fn page(name: &str) -> Option<Page> {
    pages().find(|page| page.name == name || page.man_name() == name)
}

/// The page that a link leads to, as `guard.md#heading`.
fn linked(link: &str) -> Option<Page> {
    let (file, _) = link.split_once('#').unwrap_or((link, ""));
    page(file.strip_suffix(".md")?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::CommandFactory;
    use pulldown_cmark::{Event, Parser, Tag};

    use super::*;
    use crate::cli::Cli;
    use crate::exit::Code;

    fn directory() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual")
    }

    #[test]
    fn every_file_is_a_page_and_every_command_has_one() {
        for entry in fs::read_dir(directory()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if path.extension().is_some_and(|kind| kind == "md") && name != "common" {
                assert!(page(name).is_some(), "{name} is no page");
            }
        }
        for command in Cli::command().get_subcommands() {
            let page = page(command.get_name()).unwrap();
            assert_eq!(page.section, 1);
            for heading in [
                "Synopsis",
                "Options",
                "Files",
                "Environment",
                "Signals",
                "Exit status",
                "Examples",
            ] {
                let heading = format!("\n## {heading}\n");
                assert_eq!(page.markdown.matches(&heading).count(), 1, "{}{heading}", page.name);
            }
        }
    }

    #[test]
    fn every_link_leads_somewhere() {
        for page in pages() {
            assert!(page.title().len() > 3 && page.text().len() > 100, "{} is empty", page.name);
            for event in Parser::new(&page.markdown) {
                if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) =
                    event
                    && !dest_url.starts_with("https://")
                {
                    let (file, heading) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
                    let target = fs::read_to_string(directory().join(file));
                    let target = target.unwrap_or_else(|_| panic!("{}: {dest_url}", page.name));
                    let heading = heading.replace('-', " ");
                    let mut lines = target.lines().map(str::to_lowercase);
                    assert!(
                        lines.any(|line| line.ends_with(&heading)),
                        "{}: {dest_url}",
                        page.name
                    );
                }
            }
        }
    }

    #[test]
    fn every_exit_status_is_told() {
        let page = page(PROGRAM).unwrap();
        for code in Code::ALL {
            let row = format!("| {} |", code.number());
            assert!(page.markdown.contains(&row), "{row}");
        }
    }
}
