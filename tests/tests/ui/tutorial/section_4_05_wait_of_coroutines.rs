//! `wait` of coroutines that are no tasks; Python: "TypeError: Passing coroutines is forbidden, use tasks explicitly."

use windlass::aio::{ReturnWhen, wait};

async fn func(arg: &str) -> String {
    format!("返回值{arg}")
}

fn main() {
    let task_list = [func("task1"), func("task2")];
    windlass::run(wait(task_list, None, ReturnWhen::AllCompleted)).unwrap();
}
