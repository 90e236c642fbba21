//! What each runtime has for tasks to meet at.

mod tokio;
mod windlass;
