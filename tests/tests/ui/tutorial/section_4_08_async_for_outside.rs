//! A loop over an asynchronous iterator outside of a coroutine function; Python: "SyntaxError: 'async for' outside async function".

struct Reader;

impl Reader {
    async fn next(&mut self) -> Option<u32> {
        None
    }
}

fn main() {
    let mut obj = Reader;
    while let Some(item) = obj.next().await {
        println!("{item}");
    }
}
