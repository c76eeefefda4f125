//! Markup in which text is escaped by construction: elements are named here, and whatever else is added is text.

/// Attributes of an element: names, and values that are escaped.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

/// A piece of HTML, with SVG in it. What names, servers and programs have said can only be added as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Adds an element, with what `fill` adds inside it.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        fill: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            match (*key, *value) {
                // None was given.
                ("class", "") => {}
                // It is there or not, and has no value.
                (key, "") => {
                    self.0.push(' ');
                    self.0.push_str(key);
                }
                (key, value) => {
                    self.0.push(' ');
                    self.0.push_str(key);
                    self.0.push_str("=\"");
                    self.text(value);
                    self.0.push('"');
                }
            }
        }
        self.0.push('>');
        fill(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// Adds an element that holds text alone, of a class where one is named.
    pub fn leaf(&mut self, name: &'static str, class: &str, text: &str) -> &mut Self {
        self.element(name, &[("class", class)], |inside| {
            inside.text(text);
        })
    }

    /// Adds text, with what means something in HTML escaped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Adds other markup.
    pub fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds a line break, so that the source can be read.
    pub fn line_break(&mut self) -> &mut Self {
        self.0.push('\n');
        self
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds what is part of the program: a style sheet, a script, the head of a document.
    pub(super) fn own(&mut self, written: &str) -> &mut Self {
        self.0.push_str(written);
        self
    }
}

impl From<Markup> for String {
    fn from(markup: Markup) -> Self {
        markup.0
    }
}
