//! `await` in a function that is no coroutine function; Python: "SyntaxError: 'await' outside async function".

async fn func() -> &'static str {
    "我是 func()"
}

fn main() {
    println!("{}", func().await);
}
