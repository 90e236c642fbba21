//! A crawler: from one page to every page of its host that links lead to.
//!
//! | file | idea |
//! | --- | --- |
//! | `crawl.rs` | which page is next, how many at once, and the end |
//! | `fetch.rs` | one page, over hyper's client |
//! | `links.rs` | the links of a page, and where they lead |
//! | `options.rs` | the command line |
//!
//! Only `http` is spoken, and only to the host and port of the first page.

mod crawl;
mod fetch;
mod links;
mod options;

pub use crawl::{Limits, Page, Report, StartFailed, Visit, crawl};
pub use options::Options;
