//! What was broken on purpose.

use crate::page::Page;
use crate::report::Soak;

/// What was broken on purpose.
pub(super) fn faults(page: &mut Page, soak: &Soak) {
    let faults: Vec<_> = soak
        .sums
        .faults
        .iter()
        .map(|(fault, sum)| {
            let median = sum.recovery_ms.map_or_else(
                || "took nobody offline".to_owned(),
                |times| format!("{:.0} ms", times.p50),
            );
            vec![fault.to_string(), sum.count.to_string(), median]
        })
        .collect();
    if !faults.is_empty() {
        page.heading("Faults made on purpose");
        page.table(&["fault", "made", "median recovery"], &faults);
    }
}
