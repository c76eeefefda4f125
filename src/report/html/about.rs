//! What was tested, and with which settings.

use serde_json::Value;

use crate::report::Report;

impl Report {
    /// What was tested, where and by what: the first that a reader asks for.
    pub(super) fn about(&self) -> Vec<(String, String)> {
        let text = |name: &str| {
            let value = self.parameters.get(name)?;
            let text = value.as_str().map(ToOwned::to_owned);
            text.or_else(|| (!value.is_null()).then(|| value.to_string()))
        };
        let place = match text("parent") {
            Some(parent) => parent,
            None => "the lab".to_owned(),
        };
        let mut all = vec![("parent".to_owned(), place)];
        all.extend(text("pool").map(|pool| ("pool".to_owned(), pool)));
        let labels = self
            .parameters
            .get("label")
            .or_else(|| self.parameters.get("labels"));
        for (name, value) in labels.and_then(Value::as_object).into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            all.push((name.clone(), value));
        }
        all.push(("seed".to_owned(), self.seed.to_string()));
        if !self.version.is_empty() {
            all.push(("lanherd".to_owned(), self.version.clone()));
        }
        all
    }

    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let object = self.parameters.as_object().into_iter().flatten();
        let is_above = |name: &str| matches!(name, "seed" | "parent" | "pool" | "label" | "labels");
        let said = object.filter(|(name, value)| !value.is_null() && !is_above(name));
        all.extend(said.map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            (name.clone(), value)
        }));
        all
    }
}
