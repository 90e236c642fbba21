//! A coroutine that nobody runs; Python: "RuntimeWarning: coroutine 'func' was never awaited".
#![deny(unused_must_use)]

async fn func() {
    println!("执行协程函数 func");
}

fn main() {
    func();
}
