//! The error points at the expression, not at the attribute.

#[windlass::main]
async fn main() -> Result<(), std::fmt::Error> {
    windlass::task::yield_now().await;
    "done"
}
