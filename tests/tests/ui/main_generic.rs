#[windlass::main]
async fn main<T>() {}
