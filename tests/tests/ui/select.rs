use windlass::select;

#[windlass::main]
async fn main() {
    select! {}

    select! { ready(()) => {} }

    select! { _ = ready(()) }

    select! { _ = ready(()), ready(()) => {} }

    select! {
        else => {}
        _ = ready(()) => {}
    }

    select! { else if true => {} }

    select! {
        _ = ready(()) => 1
        _ = ready(()) => 2
    }
}
