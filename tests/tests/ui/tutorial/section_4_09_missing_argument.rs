//! A constructor without its argument; Python: "TypeError: AsyncContextManger.__init__() missing 1 required positional argument: 'conn'".

struct Connection;

struct AsyncContextManager {
    _conn: Connection,
}

impl AsyncContextManager {
    fn new(conn: Connection) -> Self {
        Self { _conn: conn }
    }
}

fn main() {
    windlass::aio::closing(AsyncContextManager::new(), async |_| {});
}
