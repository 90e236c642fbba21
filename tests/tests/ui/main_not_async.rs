#[windlass::main]
fn main() {
    println!("hello");
}
