#[windlass::main]
async fn main() {
    if std::env::args().count() > 1 {
        return 1;
    }
    "done"
}
