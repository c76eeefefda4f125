//! What has been made and not been removed, as this process remembers it: enough to remove it when its records are gone.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::rundir::record::Record;

/// The clients' namespaces, by name.
#[derive(Default)]
pub(super) struct Ledger(Mutex<HashMap<String, Record>>);

impl Ledger {
    /// Notes that a namespace is about to be made, or was taken over, under this name.
    pub fn add(&self, namespace: &str, record: Record) {
        self.0.lock().insert(namespace.to_owned(), record);
    }

    /// Returns the record of what was made under this name.
    pub fn find(&self, namespace: &str) -> Option<Record> {
        self.0.lock().get(namespace).copied()
    }

    /// Notes that everything of this name was removed.
    pub fn remove(&self, namespace: &str) {
        self.0.lock().remove(namespace);
    }

    /// Returns everything that has not been removed, in the order of the clients' numbers.
    pub fn all(&self) -> Vec<(String, Record)> {
        let mut all: Vec<_> = self
            .0
            .lock()
            .iter()
            .map(|(namespace, record)| (namespace.clone(), *record))
            .collect();
        all.sort_by_key(|(namespace, _)| (namespace.len(), namespace.clone()));
        all
    }
}
