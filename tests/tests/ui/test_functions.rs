//! Functions that cannot be a test.

#[windlass::test]
fn not_async() {}

#[windlass::test]
async fn with_an_argument(number: u8) {
    let _ = number;
}

#[windlass::test]
async fn generic<T>() {}

#[windlass::test]
async fn with_where()
where
    u8: Copy,
{
}

#[windlass::test]
#[test]
async fn twice_a_test() {}

#[windlass::test]
struct NotAFunction;

fn main() {}
