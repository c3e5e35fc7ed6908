//! A page for a browser: its Markdown in HTML, beside a list of all pages.

use std::fmt::Write;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::{PROGRAM, Page, linked, pages};

const STYLE: &str = "\
body { margin: auto; max-width: 72rem; padding: 1rem; font: 1rem/1.5 sans-serif; color-scheme: light dark; \
display: grid; grid-template-columns: 14rem minmax(0, 1fr); gap: 2rem }\n\
nav ul { list-style: none; padding: 0 }\n\
pre, table { overflow-x: auto; display: block }\n\
td, th { padding: 0.25rem 1rem 0.25rem 0; text-align: left; vertical-align: top }\n\
@media (max-width: 48rem) { body { display: block } }\n";

/// The name of a page's file.
pub fn file_name(page: &Page) -> String {
    let name = if page.name == PROGRAM { "index" } else { page.name };
    format!("{name}.html")
}

/// The page in HTML.
pub fn render(page: &Page) -> String {
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}: {PROGRAM}</title>\n\
         <style>\n{STYLE}</style>\n<nav>\n<ul>\n",
        page.title()
    );
    for other in pages() {
        let mark = if other.name == page.name { " aria-current=\"page\"" } else { "" };
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "<li><a href=\"{}\"{mark}>{}</a></li>", file_name(&other), other.name);
    }
    text.push_str("</ul>\n</nav>\n<main>\n");
    html::push_html(&mut text, events(&page.markdown).into_iter());
    text.push_str("</main>\n</html>\n");
    text
}

/// What a page consists of, with links that lead to files of HTML, and none to what is beside the
/// manual in the repository.
fn events(markdown: &str) -> Vec<Event<'_>> {
    let mut is_kept = Vec::new();
    let mut events = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = match linked(&dest_url) {
                    Some(page) => Some(CowStr::from(file_name(&page))),
                    None => Some(dest_url).filter(|link| link.starts_with("https://")),
                };
                is_kept.push(dest_url.is_some());
                events
                    .extend(dest_url.map(|dest_url| {
                        Event::Start(Tag::Link { link_type, dest_url, title, id })
                    }));
            }
            Event::End(TagEnd::Link) => {
                events.extend(is_kept.pop().filter(|is_kept| *is_kept).map(|_| event));
            }
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) | Event::Html(_) => {}
            event => events.push(event),
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_of_the_site() {
        let markdown =
            "# x\n\n[a](guard.md#b), [c](../../examples/x.toml), [d](https://e.example/), <f>\n";
        let page = Page { name: "cache", section: 7, markdown: markdown.into() };
        let text = render(&page);
        for part in [
            "<p><a href=\"guard.html\">a</a>, c, <a href=\"https://e.example/\">d</a>",
            "<li><a href=\"cache.html\" aria-current=\"page\">cache</a></li>",
            "<li><a href=\"index.html\">xmpp-ldap-auth</a></li>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
