#[windlass::main]
async fn main() {
    let _: u8 = "1".parse()?;
}
