//! Guides for those who come from elsewhere: their names, ours, and where the two differ.
//!
//! | you know | read |
//! | --- | --- |
//! | Python's asyncio, `concurrent.futures`, Trio | [`from_asyncio`] |
//! | tokio, tokio-util | [`from_tokio`] |
//!
//! The modules are empty but for their documentation, whose examples are run with the tests.

#[doc = include_str!("from_asyncio.md")]
pub mod from_asyncio {}

#[doc = include_str!("from_tokio.md")]
pub mod from_tokio {}
