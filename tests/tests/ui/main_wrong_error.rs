#[windlass::main]
async fn main() -> Result<(), std::fmt::Error> {
    let _: u8 = "1".parse()?;
    Ok(())
}
