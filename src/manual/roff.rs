//! A page for `man`: its Markdown in roff. A table becomes a list with a tag for each row, because on
//! 80 columns nobody can read one.

use std::mem;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, line_break, roman};

use super::{PROGRAM, Page, linked, page};

/// The page in roff, with the macros of man(7).
pub fn render(page: &Page) -> String {
    let mut writer = RoffWriter::default();
    let name = page.man_name();
    let source = concat!("xmpp-ldap-auth ", env!("CARGO_PKG_VERSION"));
    let (title, section) = (name.to_uppercase(), page.section.to_string());
    writer.page.control("TH", [&*title, &section, "\"\"", source]);
    writer.heading("SH", vec![roman("NAME")]);
    writer.page.text([roman(format!("{name} - {}", page.title()))]);
    if !page.text().trim_start().starts_with("## ") {
        writer.heading("SH", vec![roman("DESCRIPTION")]);
    }
    Parser::new_ext(page.text(), Options::ENABLE_TABLES).for_each(|event| writer.add(event));
    writer.refer(page);
    writer.page.render()
}

#[derive(Default)]
struct RoffWriter {
    page: Roff,
    /// What the block under way holds so far.
    inlines: Vec<Inline>,
    /// The macro that stands before the block, if that is not empty.
    before: Option<(&'static str, Vec<String>)>,
    /// Whether a heading stands before the block, so that it needs no macro.
    is_first: bool,
    is_strong: bool,
    is_emphasis: bool,
    is_code: bool,
    is_image: bool,
    /// The number of the next item of each list under way; none for bullets.
    lists: Vec<Option<u64>>,
    /// Where the link under way leads.
    link: String,
    /// The heads of the table under way.
    heads: Vec<Vec<Inline>>,
    /// The cells of the row under way.
    cells: Vec<Vec<Inline>>,
    /// The pages that were referred to.
    links: Vec<Page>,
}

impl RoffWriter {
    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => {
                self.page.text([roman(text.trim_end())]);
            }
            Event::Text(text) => self.push(&text),
            Event::Code(code) => self.inlines.push(bold(&*code)),
            Event::SoftBreak if self.inlines.is_empty() => {}
            Event::SoftBreak => self.push("\n"),
            Event::HardBreak => self.inlines.push(line_break()),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph if self.before.is_none() && !self.is_first => {
                self.before = Some(match self.lists.is_empty() {
                    true => ("PP", Vec::new()),
                    false => ("IP", vec!["\"\"".to_owned(), "2".to_owned()]),
                });
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.page.control("IP", []).control("EX", []);
                self.is_code = true;
            }
            Tag::List(first) => {
                self.flush();
                if !self.lists.is_empty() {
                    self.page.control("RS", ["2"]);
                }
                self.lists.push(first);
            }
            Tag::Item => {
                let item = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        vec![format!("{}.", *number - 1), "4".to_owned()]
                    }
                    _ => vec!["\\(bu".to_owned(), "2".to_owned()],
                };
                self.before = Some(("IP", item));
            }
            Tag::Strong => self.is_strong = true,
            Tag::Emphasis => self.is_emphasis = true,
            Tag::Image { .. } => self.is_image = true,
            Tag::Link { dest_url, .. } => self.link = dest_url.into_string(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let title = mem::take(&mut self.inlines);
                if level == HeadingLevel::H2 {
                    self.heading("SH", title.into_iter().map(capital).collect());
                } else {
                    self.heading("SS", title);
                }
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::CodeBlock => {
                self.page.control("EE", []);
                self.is_code = false;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if !self.lists.is_empty() {
                    self.page.control("RE", []);
                }
            }
            TagEnd::TableCell => self.cells.push(mem::take(&mut self.inlines)),
            TagEnd::TableHead => self.heads = mem::take(&mut self.cells),
            TagEnd::TableRow => self.row(),
            TagEnd::Strong => self.is_strong = false,
            TagEnd::Emphasis => self.is_emphasis = false,
            TagEnd::Image => self.is_image = false,
            TagEnd::Link => self.end_link(),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        match self.inlines.last_mut() {
            _ if self.is_image => {}
            _ if self.is_strong => self.inlines.push(bold(text)),
            _ if self.is_emphasis => self.inlines.push(italic(text)),
            Some(Inline::Roman(before)) => before.push_str(text),
            _ => self.inlines.push(roman(text)),
        }
    }

    /// Ends a block.
    fn flush(&mut self) {
        if !self.inlines.is_empty() {
            if let Some((name, arguments)) = self.before.take() {
                self.page.control(name, arguments.iter().map(String::as_str));
            }
            self.page.text(mem::take(&mut self.inlines));
        }
        self.before = None;
        self.is_first = false;
    }

    fn heading(&mut self, kind: &str, title: Vec<Inline>) {
        self.page.control(kind, []).text(title);
        self.is_first = true;
    }

    /// A row: its first cell is the tag, and of the others each has its head before it.
    fn row(&mut self) {
        let mut cells = mem::take(&mut self.cells).into_iter().zip(self.heads.clone());
        let Some((tag, _)) = cells.next() else { return };
        self.page.control("TP", []).text(tag);
        self.is_first = false;
        let mut is_first = true;
        for (mut cell, mut line) in cells.filter(|(cell, _)| !cell.is_empty()) {
            if !mem::take(&mut is_first) {
                self.page.control("br", []);
            }
            if !line.is_empty() {
                line.push(roman(": "));
            }
            line.append(&mut cell);
            self.page.text(line);
        }
    }

    fn end_link(&mut self) {
        let link = mem::take(&mut self.link);
        match linked(&link) {
            Some(page) => {
                self.push(" (");
                self.inlines.push(bold(page.man_name()));
                self.push(&format!("({}))", page.section));
                self.links.push(page);
            }
            None if link.starts_with("https://") => self.push(&format!(" ({link})")),
            // What is beside the manual in the repository is not beside it here.
            None => {}
        }
    }

    fn refer(&mut self, page_itself: &Page) {
        let mut pages = mem::take(&mut self.links);
        pages.extend(page(PROGRAM));
        pages.sort_by_key(|page| (page.section, page.name));
        pages.dedup_by_key(|page| page.name);
        pages.retain(|page| page.name != page_itself.name);
        if pages.is_empty() {
            return;
        }
        self.heading("SH", vec![roman("SEE ALSO")]);
        let mut inlines = Vec::new();
        for page in pages {
            if !inlines.is_empty() {
                inlines.push(roman(",\n"));
            }
            inlines.push(bold(page.man_name()));
            inlines.push(roman(format!("({})", page.section)));
        }
        self.page.text(inlines);
    }
}

/// Headings of the first level are written in capitals, but for code.
fn capital(inline: Inline) -> Inline {
    match inline {
        Inline::Roman(text) => roman(text.to_uppercase()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &'static str) -> String {
        let page = Page { name: "guard", section: 7, markdown: markdown.into() };
        let text = render(&page);
        text.split_once(".SH\nDESCRIPTION\n").unwrap().1.to_owned()
    }

    #[test]
    fn blocks_are_macros() {
        let text = rendered(
            "# x\n\none `a-b`,\n**two**\n\n.three\n\n- a\n- b\n\n1. c\n\n```sh\n.x\n'y\n```\n",
        );
        let expected = "one \\fBa\\-b\\fR,\n\\fBtwo\\fR\n.PP\n\\&.three\n.IP \\(bu 2\na\n.IP \\(bu 2\nb\n\
            .IP 1. 4\nc\n.IP\n.EX\n\\&.x\n\\*(Aqy\n.EE\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_row_is_a_tag_with_what_is_told_of_it() {
        let text = rendered(
            "# x\n\n| key | | value |\n|---|---|---|\n| `a` | is [b](cache.md) | c |\n| d | | e |\n",
        );
        let expected = ".TP\n\\fBa\\fR\nis b (\\fBxmpp\\-ldap\\-auth\\-cache\\fR(7))\n.br\nvalue: c\n.TP\nd\nvalue: e\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains(".SH\nSEE ALSO\n\\fBxmpp\\-ldap\\-auth\\fR(1),\n\\fBxmpp\\-ldap\\-auth\\-cache\\fR(7)"), "{text}");
    }
}
