use std::future::{pending, ready};

use windlass::select;

#[windlass::main]
async fn main() {
    select! {
        _ = ready(()), if 1 => {}
    }

    let _: i32 = select! {
        _ = ready(()) => 1,
        _ = pending::<()>() => "two",
    };

    select! { _ = 7 => {} }

    select! { Some(x) = ready(7) => drop(x) }
}
