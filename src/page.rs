//! Pages: the one style, the one table and the one chart of reports, of results of feature files, and of the live page.
//!
//! All of it is made here, of text that is escaped ([`Markup`]). A page that is a file opens offline: it has no script, and its
//! policy lets a browser load nothing. The live page has a script of its own, which asks for pieces made here.

pub mod chart;
pub mod figure;
mod markup;

pub use self::markup::{Attributes, Markup};

/// A cell of a table with more letters than this may have several lines.
const LONG: usize = 40;

const STYLE: &str = include_str!("page/style.css");

/// Whether what a page tells of is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageVerdict {
    /// All is as it should be.
    Well,
    /// Nothing that was demanded failed, and something was lost all the same.
    Flawed,
    /// Something that was demanded failed.
    Bad,
    /// That cannot be said: what was measured may be the tester's own doing.
    Inconclusive,
}

/// A document: its head, with the style sheet, and its body. A `nonce` is the number by which a browser knows the page's own style
/// and script (CSP); without one the page is a file, in which nothing may run or be loaded.
fn document(title: &str, class: &str, nonce: Option<&str>, body: &Markup) -> String {
    let mut all = Markup::default();
    all.own("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
        .own("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">")
        .own("<link rel=\"icon\" href=\"data:,\">");
    if nonce.is_none() {
        all.own("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">");
    }
    all.leaf("title", "", title).line_break();
    let own: &[_] = &nonce
        .map(|nonce| ("nonce", nonce))
        .into_iter()
        .collect::<Vec<_>>();
    all.element("style", own, |all| {
        all.own(STYLE);
    });
    all.own("</head>\n");
    all.element("body", &[("class", class)], |all| {
        all.add(body);
    });
    all.own("</html>\n");
    all.into()
}

/// The document of a page with a script: both are parts of the program, and hold nothing that was told.
pub fn live(title: &str, nonce: &str, body: &'static str, script: &str) -> String {
    let mut all = Markup::default();
    all.own(body);
    all.element("script", &[("nonce", nonce)], |all| {
        all.own(script);
    });
    document(title, "live", Some(nonce), &all)
}

/// A page that is a file. What it says is added piece by piece.
#[derive(Debug)]
pub struct Page {
    title: String,
    body: Markup,
}

impl Page {
    /// A page with a heading, the verdict in a few words, and a line below.
    pub fn new(title: &str, standing: PageVerdict, words: &str, below: &str) -> Self {
        let class = match standing {
            PageVerdict::Well => "passed",
            PageVerdict::Flawed => "flawed",
            PageVerdict::Bad => "failed",
            PageVerdict::Inconclusive => "inconclusive",
        };
        let mut body = Markup::default();
        body.element("header", &[("class", class)], |header| {
            header.leaf("h1", "", title).leaf("p", "verdict", words);
            header.leaf("p", "", below);
        });
        Self {
            title: format!("{title}: {words}"),
            body,
        }
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.body.line_break().leaf("h2", "", text);
        self
    }

    /// Adds names and values.
    pub fn pairs(&mut self, pairs: &[(String, String)]) -> &mut Self {
        self.body.pairs(pairs);
        self
    }

    /// Adds a table; nothing, where it has no row.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> &mut Self {
        self.body.table(header, rows, |_| None);
        self
    }

    /// Adds a line about something that is not as it should be.
    pub fn trouble(&mut self, text: &str) -> &mut Self {
        self.body.leaf("p", "trouble", text).line_break();
        self
    }

    /// Adds a line that says how what stands above it is to be read.
    pub fn note(&mut self, text: &str) -> &mut Self {
        self.body.leaf("p", "note", text).line_break();
        self
    }

    /// Where further pieces are added.
    pub const fn body(&mut self) -> &mut Markup {
        &mut self.body
    }

    /// The whole document.
    pub fn finish(self) -> String {
        let mut main = Markup::default();
        main.element("main", &[("class", "page")], |main| {
            main.add(&self.body);
        });
        document(&self.title, "", None, &main)
    }
}

impl Markup {
    /// Adds names and values; nothing, where there are none.
    pub fn pairs(&mut self, pairs: &[(String, String)]) -> &mut Self {
        if pairs.is_empty() {
            return self;
        }
        self.element("dl", &[], |list| {
            for (name, value) in pairs {
                list.leaf("dt", "", name).leaf("dd", "", value);
            }
        })
        .line_break()
    }

    /// Adds a table, with or without a header; nothing, where it has no row. On a narrow screen it scrolls for itself. `judged` says in which class the last
    /// cell of a row is shown, `good` or `bad`, where it is a verdict.
    pub fn table(
        &mut self,
        header: &[&str],
        rows: &[Vec<String>],
        judged: impl Fn(&str) -> Option<&'static str>,
    ) -> &mut Self {
        if rows.is_empty() {
            return self;
        }
        let class = |cell: &str, is_last: bool| {
            // What is long is broken into lines; all else stays on one, so that figures and units are not parted.
            let is_long = cell.chars().count() > LONG;
            let is_number = cell.parse::<f64>().is_ok();
            judged(cell)
                .filter(|_| is_last)
                .or(is_long.then_some("long"))
                .or(is_number.then_some("number"))
                .unwrap_or_default()
        };
        let whole = |table: &mut Self| {
            if !header.is_empty() {
                table.element("thead", &[], |head| {
                    head.element("tr", &[], |row| {
                        for name in header {
                            row.element("th", &[("scope", "col")], |cell| {
                                cell.text(name);
                            });
                        }
                    });
                });
            }
            table.element("tbody", &[], |body| {
                for cells in rows {
                    body.element("tr", &[], |row| {
                        for (column, cell) in cells.iter().enumerate() {
                            row.leaf("td", class(cell, column + 1 == cells.len()), cell);
                        }
                    });
                }
            });
        };
        self.element("div", &[("class", "wide")], |wide| {
            wide.element("table", &[], whole);
        })
        .line_break()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let mut page = Page::new("<b>", PageVerdict::Bad, "a & b", "\"c\"");
        page.heading("<script>").trouble("'x'<img>");
        page.pairs(&[("<i>".to_owned(), "</dd>".to_owned())]);
        page.table(&["<th>"], &[vec!["<td>".to_owned()]]);
        page.body().element("p", &[("class", "\"><u>")], |p| {
            p.text("</style>");
        });
        let text = page.finish();
        for bad in [
            "<b>",
            "<script>",
            "<img>",
            "<i>",
            "<th>",
            "<td><td>",
            "<u>",
            "</style></p>",
        ] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
        assert!(text.contains("a &amp; b") && text.contains("&lt;img&gt;"));
    }

    #[test]
    fn a_page_asks_nobody_for_anything_and_no_browser_may_ask_for_it() {
        let mut page = Page::new("t", PageVerdict::Well, "w", "b");
        let bars = chart::bars("bars", "ms", &[1.0, 2.0, 30.0]);
        page.body().add(&bars);
        let text = page.finish();
        for bad in ["http://", "https://", "src=", "url(", "@import", "<script"] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
        assert!(text.contains("content=\"default-src 'none';"), "{text}");
    }

    #[test]
    fn a_page_is_light_on_paper_whatever_the_screen_is() {
        let dark = STYLE.match_indices("prefers-color-scheme: dark");
        assert!(dark.clone().count() > 0);
        for (at, _) in dark {
            assert!(STYLE[..at].ends_with("@media screen and ("), "{at}");
        }
        let (_, print) = STYLE
            .split_once("@media print {")
            .expect("a style for paper");
        assert!(
            print
                .trim_start()
                .starts_with(":root { color-scheme: light; }")
        );
    }

    #[test]
    fn figures_stand_at_the_right_and_what_is_long_is_broken() {
        let mut markup = Markup::default();
        let row = vec!["12".to_owned(), "a ".repeat(30), "well".to_owned()];
        markup.table(&["n", "words", "verdict"], &[row], |_| Some("good"));
        for cell in [
            "<td class=\"number\">12",
            "<td class=\"long\">a ",
            "<td class=\"good\">well",
        ] {
            assert!(markup.as_str().contains(cell), "{cell} in {markup:?}");
        }
    }
}
