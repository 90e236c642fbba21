//! What a runtime says that nobody has looked at.

use std::sync::Arc;

use parking_lot::Mutex;
use windlass::runtime::Runtime;
use windlass::task::UnhandledKind;

use crate::Flavor;

/// What was reported: the kind and the message of each.
pub type Reports = Arc<Mutex<Vec<(UnhandledKind, String)>>>;

/// A runtime, and what it reports.
pub fn reporting(flavor: Flavor) -> (Runtime, Reports) {
    let reports = Reports::default();
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| list.lock().push((unhandled.kind(), unhandled.message())))
        .build()
        .expect("a runtime starts");
    (runtime, reports)
}
