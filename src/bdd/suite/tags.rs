//! Expressions of tags, as `--tags` takes them.

use std::str::FromStr;

use cucumber::gherkin::tagexpr::TagOperation;
use cucumber::tag::Ext as _;

/// An expression of tags, of bounded size: the parser and the evaluation of the library call themselves once for each operator.
#[derive(Debug, Clone)]
pub struct TagExpression(TagOperation);

/// Why a text is no expression of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// It is not of their form.
    #[error(
        "this is no expression of tags: write @slow, 'not @slow', or '@leases and (@slow or @soak)'"
    )]
    Form,
    /// It has more operators and parentheses than anybody means.
    #[error(
        "this expression has {0} operators and parentheses, and {most} at most are taken: select with fewer",
        most = TagExpression::MOST_OPERATORS
    )]
    Size(usize),
}

impl TagExpression {
    /// More operators and parentheses than anybody writes by hand, and few enough for any stack.
    pub const MOST_OPERATORS: usize = 200;

    /// Whether something with these tags (without their `@`) is meant.
    pub fn matches<'a>(&self, tags: impl Iterator<Item = &'a str> + Clone) -> bool {
        self.0.eval(tags)
    }

    /// Whether the expression asks for this tag: names it other than to exclude it. `not @soak` does not ask for `@soak`,
    /// `not not @soak` does.
    pub fn asks_for(&self, tag: &str) -> bool {
        mentions(&self.0, tag, true)
    }
}

impl FromStr for TagExpression {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        // Operators need no space around them, so also those that are part of a tag's name are counted.
        let operators = ["not", "and", "or", "("]
            .iter()
            .map(|operator| text.matches(operator).count())
            .sum();
        if operators > Self::MOST_OPERATORS {
            return Err(TagError::Size(operators));
        }
        text.trim().parse().map(Self).map_err(|_| TagError::Form)
    }
}

/// Whether `tag` stands in an expression under an even number of negations, or, if not `positive`, under an odd one.
fn mentions(expression: &TagOperation, tag: &str, positive: bool) -> bool {
    match expression {
        TagOperation::And(one, other) | TagOperation::Or(one, other) => {
            mentions(one, tag, positive) || mentions(other, tag, positive)
        }
        TagOperation::Not(inner) => mentions(inner, tag, !positive),
        TagOperation::Tag(named) => positive && named == tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> TagExpression {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_tag_is_asked_for_only_where_it_is_named_positively() {
        for (text, asks) in [
            ("@soak", true),
            ("not @slow", false),
            ("not @soak", false),
            ("not not @soak", true),
            ("@leases or @soak", true),
            ("@leases and not @soak", false),
            ("not (@slow or @soak)", false),
            ("not (@slow or not @soak)", true),
            ("@leases", false),
        ] {
            assert_eq!(expression(text).asks_for("soak"), asks, "{text}");
        }
    }

    #[test]
    fn an_expression_of_any_size_is_refused_or_evaluated_but_overflows_no_stack() {
        let most = TagExpression::MOST_OPERATORS;
        for (text, operators) in [
            (format!("{}@a", "not ".repeat(20_000)), 20_000),
            (format!("{}@a", "not".repeat(20_000)), 20_000),
            (
                format!("{}@a{}", "(".repeat(20_000), ")".repeat(20_000)),
                20_000,
            ),
            (format!("@a{}", " and @a".repeat(20_000)), 20_000),
            (format!("@a{}", " or @a".repeat(most + 1)), most + 1),
        ] {
            let refused = text.parse::<TagExpression>().expect_err("it is too large");
            assert_eq!(refused, TagError::Size(operators));
        }
        for text in [
            format!("{}@a", "not ".repeat(most)),
            format!("{}@a{}", "(".repeat(most), ")".repeat(most)),
            format!("@a{}", " and @a".repeat(most)),
        ] {
            assert!(expression(&text).matches(["a"].into_iter()), "{text}");
        }
        assert_eq!(
            "slow".parse::<TagExpression>().expect_err("no @"),
            TagError::Form
        );
    }
}
