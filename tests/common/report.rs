//! lanherd's JSON report, read as a stranger would: every one is checked against its schema.

use std::path::Path;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema of reports, compiled once: some tests read a report many times a second.
static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/schemas/lanherd.report-1.schema.json"
    );
    let mut schemas = Schemas::new();
    let schema = Compiler::new().compile(file, &mut schemas);
    let schema = schema.expect("the schema is one");
    (schemas, schema)
});

/// A report.
#[derive(Debug)]
pub struct Report(pub Value);

impl Report {
    /// Reads the file that `--report` named.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("the report {}: {error}", path.display()));
        let value: Value = serde_json::from_str(&text).expect("the report is JSON");
        assert_eq!(value["schema"], "lanherd.report/1");
        let (schemas, schema) = &*SCHEMA;
        if let Err(error) = schemas.validate(&value, *schema) {
            panic!("the report does not fit its schema: {error}\n{value:#}");
        }
        Self(value)
    }

    /// A field of `totals`.
    #[track_caller]
    pub fn total(&self, field: &str) -> u64 {
        self.0["totals"][field]
            .as_u64()
            .unwrap_or_else(|| panic!("totals.{field} is no number in {:#}", self.0["totals"]))
    }

    /// The clients, in order of their numbers.
    #[track_caller]
    pub fn clients(&self) -> &[Value] {
        self.0["clients"].as_array().expect("clients is a list")
    }

    /// The text of `field` of each client that has one.
    #[track_caller]
    pub fn texts(&self, field: &str) -> Vec<&str> {
        self.clients()
            .iter()
            .filter_map(|client| client[field].as_str())
            .collect()
    }
}
