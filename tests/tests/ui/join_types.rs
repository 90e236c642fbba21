use std::future::ready;

#[windlass::main]
async fn main() {
    windlass::join!(ready(1), 7);

    let _ = windlass::try_join!(ready(Ok::<_, u8>(1)), ready(Ok::<_, u16>(1)));
}
