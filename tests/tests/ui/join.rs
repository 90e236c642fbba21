#[windlass::main]
async fn main() {
    windlass::join!(ready(1) ready(2));

    windlass::try_join!(biased, ready(Ok::<_, ()>(2)); ready(Ok(1)));
}
