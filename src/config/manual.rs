//! The manual page of the configuration, `xmpp-ldap-auth.toml(5)`, in roff.

use roff::{Inline, Roff, bold, roman};

use super::keys::top::TOP;
use super::keys::{AnyKey, Section};
use super::{DEFAULT_PATH, PATH_VARIABLE};

/// The page.
pub fn page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["xmpp-ldap-auth.toml", "5"]);
    page.control("SH", ["NAME"]);
    page.text([roman("xmpp-ldap-auth.toml - the configuration of xmpp-ldap-auth")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text(inline(&format!(
        "A file in TOML, found at `--config`, `${PATH_VARIABLE}` or `{DEFAULT_PATH}`, in that order. \
         Unknown keys are errors. Durations are written `\"1500ms\"`, `\"4s\"`, `\"30m\"`. \
         Sections that are referred to are those of the manual."
    )));
    TOP.sections().iter().for_each(|section| explain(&mut page, section));
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("xmpp-ldap-auth"), roman("(1)")]);
    page.render()
}

fn explain(page: &mut Roff, section: &Section) {
    if section.table.name.is_empty() {
        page.control("SH", ["AT THE TOP"]);
    } else {
        page.control("SH", [format!("[{}]", section.table.name).as_str()]);
        page.text(inline(section.text));
    }
    section.keys.iter().for_each(|key| explain_key(page, key));
    for (table, keys) in &section.shared {
        page.control("TP", []);
        page.text([bold(keys.join(", "))]);
        page.text([roman(format!("as in [{table}]"))]);
    }
}

fn explain_key(page: &mut Roff, key: &AnyKey) {
    page.control("TP", []);
    page.text([bold(key.name)]);
    page.text(inline(&format!("{} ({})", key.text, key.kind().form().words())));
    let default = key.default();
    if !default.is_empty() {
        page.control("br", []);
        page.text(inline(&format!("Default: {default}")));
    }
}

/// Markdown as roff: code is bold, and of a link its text is left.
fn inline(markdown: &str) -> Vec<Inline> {
    let parts = markdown.split('`').zip([false, true].into_iter().cycle());
    parts
        .map(|(part, is_code)| if is_code { bold(part) } else { roman(without_links(part)) })
        .collect()
}

fn without_links(text: &str) -> String {
    let mut links = text.split("](");
    let first = links.next().unwrap_or_default().to_owned();
    links.fold(first, |done, rest| {
        let (before, link) = done.rsplit_once('[').unwrap_or((&done, ""));
        let behind = rest.split_once(')').map_or("", |(_, behind)| behind);
        format!("{before}{link}{behind}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_link_its_text_is_left() {
        assert_eq!(without_links("see [One](one.md), [Two](two.md#here)."), "see One, Two.");
        assert_eq!(without_links("no [link]"), "no [link]");
    }

    #[test]
    fn every_key_is_in_the_page() {
        let page = page();
        for section in TOP.sections() {
            for key in section.keys {
                let line = format!("\\fB{}\\fR", key.name.replace('-', "\\-"));
                assert!(page.lines().any(|found| found == line), "{line} is missing");
            }
        }
    }
}
