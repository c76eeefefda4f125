//! Pages that open offline: one file, no script, nothing from anywhere else.

pub mod chart;

use std::fmt::Write as _;

/// A cell of a table with more letters than this may have several lines.
const LONG: usize = 40;

const STYLE: &str = include_str!("page/style.css");

/// Whether what a page tells of is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Well,
    /// Nothing that was demanded failed, and something was lost all the same.
    Flawed,
    /// It is not.
    Bad,
    /// That cannot be said: what was measured may be the tester's own doing.
    Inconclusive,
}

/// A page. What it says is added piece by piece.
#[derive(Debug)]
pub struct Page {
    text: String,
}

impl Page {
    /// With a heading, the verdict in a few words, and a line below.
    pub fn new(title: &str, verdict: Verdict, words: &str, below: &str) -> Self {
        let class = match verdict {
            Verdict::Well => "passed",
            Verdict::Flawed => "flawed",
            Verdict::Bad => "failed",
            Verdict::Inconclusive => "inconclusive",
        };
        let (title, words, below) = (escape(title), escape(words), escape(below));
        Self {
            text: format!(
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
                 content=\"width=device-width, initial-scale=1\"><title>{title}: {words}</title>\n<style>{STYLE}</style>\
                 </head><body><main>\n<header class=\"{class}\"><h1>{title}</h1><p class=\"verdict\">{words}</p>\
                 <p>{below}</p></header>\n"
            ),
        }
    }

    /// Adds what is markup already.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.text, "<h2>{}</h2>", escape(text));
        self
    }

    /// Adds names and values.
    pub fn pairs(&mut self, pairs: &[(String, String)]) -> &mut Self {
        if pairs.is_empty() {
            return self;
        }
        self.text.push_str("<dl>");
        for (name, value) in pairs {
            // Writing to a string cannot fail.
            let _ = write!(
                self.text,
                "<dt>{}</dt><dd>{}</dd>",
                escape(name),
                escape(value)
            );
        }
        self.text.push_str("</dl>\n");
        self
    }

    /// Adds a table; nothing, where it has no row. On a narrow screen it scrolls for itself.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> &mut Self {
        self.judged(header, rows, |_| None)
    }

    /// Adds a table whose last column is a verdict: `class` says how one is shown, `good`, `bad`, or as the others are.
    pub fn judged(
        &mut self,
        header: &[&str],
        rows: &[Vec<String>],
        class: impl Fn(&str) -> Option<&'static str>,
    ) -> &mut Self {
        if rows.is_empty() {
            return self;
        }
        self.text.push_str("<div class=\"wide\"><table><thead><tr>");
        for name in header {
            let _ = write!(self.text, "<th>{}</th>", escape(name));
        }
        self.text.push_str("</tr></thead><tbody>");
        for row in rows {
            self.text.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let is_last = column + 1 == row.len();
                // What is long is broken into lines; all else stays on one, so that figures and units are not parted.
                let is_long = cell.chars().count() > LONG;
                let class = class(cell)
                    .filter(|_| is_last)
                    .or(is_long.then_some("long"));
                let class = class.map_or_else(String::new, |class| format!(" class=\"{class}\""));
                let _ = write!(self.text, "<td{class}>{}</td>", escape(cell));
            }
            self.text.push_str("</tr>");
        }
        self.text.push_str("</tbody></table></div>\n");
        self
    }

    /// Adds a line about something that is not as it should be.
    pub fn trouble(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.text, "<p class=\"trouble\">{}</p>", escape(text));
        self
    }

    /// Adds a line that says how what stands above it is to be read.
    pub fn note(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.text, "<p class=\"note\">{}</p>", escape(text));
        self
    }

    /// The whole.
    pub fn finish(mut self) -> String {
        self.text.push_str("</main></body></html>\n");
        self.text
    }
}

/// What a name or a message may hold must not become markup: some of it comes from the network.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let mut page = Page::new("<b>", Verdict::Bad, "a & b", "\"c\"");
        page.heading("<script>").trouble("'x'<img>");
        page.pairs(&[("<i>".to_owned(), "</dd>".to_owned())]);
        page.table(&["<th>"], &[vec!["<td>".to_owned()]]);
        let text = page.finish();
        for bad in ["<b>", "<script>", "<img>", "<i>", "<th><th>", "<td><td>"] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
        assert!(text.contains("a &amp; b") && text.contains("&lt;img&gt;"));
    }

    #[test]
    fn a_page_asks_nobody_for_anything() {
        let mut page = Page::new("t", Verdict::Well, "w", "b");
        page.raw(&chart::bars("bars", "ms", &[1.0, 2.0, 30.0]));
        let text = page.finish();
        for bad in ["http://", "https://", "src=", "url(", "@import", "<script"] {
            assert!(!text.contains(bad), "{bad} in {text}");
        }
    }
}
