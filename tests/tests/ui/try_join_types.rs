use std::future::ready;

#[windlass::main]
async fn main() {
    let _ = windlass::try_join!(ready(Ok::<_, ()>(1)), ready(2));
}
