//! The programs of a tutorial on asyncio, section by section, print what it says they print.
//!
//! They run in virtual time. Where the order differs from the tutorial's, the test says why.

use windlass_tests::example::{output, run};

const VIRTUAL: &[&str] = &["--virtual"];

/// Asserts that what was printed begins with these lines; the rest of it.
#[track_caller]
fn after<'a>(printed: &'a str, lines: &str) -> &'a str {
    printed.strip_prefix(lines).unwrap_or_else(|| panic!("expected\n{lines}\nat the beginning of\n{printed}"))
}

/// How a list of two tasks that are done is printed. The line in which they were spawned is left open.
#[track_caller]
fn assert_lists_finished_tasks(line: &str, program: &str, names: [&str; 2]) {
    let place = format!("spawned_at: examples/src/bin/{program}.rs:");
    let mut rest = line.strip_prefix('[').expect("a list");
    for (id, name) in (1..).zip(names) {
        let task = format!("JoinHandle {{ id: {id}, {name}state: Finished, {place}");
        rest = after(rest, &task).trim_start_matches(|digit: char| digit.is_ascii_digit());
        rest = after(rest, " }").trim_start_matches(", ");
    }
    assert_eq!(rest, "]", "{line}");
}

#[test]
fn the_example_of_section_2_what_a_coroutine_is() {
    assert_eq!(
        output("tutorial_2_coroutine", &[]),
        "caller: nothing has run yet\n\
         coroutine: the first half\n\
         caller: it waits, and I can do something else\n\
         coroutine: the second half\n\
         caller: it returned 666\n"
    );
}

#[test]
fn the_example_of_section_3_what_it_is_for() {
    let printed = output("tutorial_3_why", VIRTUAL);
    let rest = after(&printed, "10000 requests of a second each: 1.0s\nticks meanwhile: 10\n");
    let bytes = after(rest, "a request that waits: ").trim_end().strip_suffix(" bytes").expect("a size");
    // One page of a thread's stack has room for many.
    assert!(bytes.parse::<usize>().expect("a number") <= 256, "{printed}");
}

#[test]
fn the_example_of_section_4_1_one_after_the_other() {
    let printed = output("tutorial_4_01_blocking", &["10"]);
    let took = after(&printed, "1\n2\n3\n4\n").trim_end().strip_suffix("ms").expect("a time");
    assert!(took.parse::<f64>().expect("a number") >= 20.0, "{printed}");
}

/// The tutorial has 3, 1, 4, 2: there `wait` starts them in the order of a set.
#[test]
fn the_example_of_section_4_1_side_by_side() {
    assert_eq!(output("tutorial_4_01_async", VIRTUAL), "1\n3\n2\n4\n1.0s\n");
}

#[test]
fn the_example_of_section_4_2_event_loop() {
    assert_eq!(output("tutorial_4_02_event_loop", &[]), "123456\n");
}

#[test]
fn the_example_of_section_4_3_coroutine_object() {
    assert_eq!(output("tutorial_4_03_coroutine_object", &[]), "执行协程函数 func\n");
}

#[test]
fn the_example_of_section_4_4_await() {
    let first = "执行协程函数 main()\n\
                 func() start\n\
                 func() end\n\
                 io请求结果: 我是 func()\n";
    let second = "执行协程函数 main()\n\
                  func() start\n\
                  func() end\n\
                  IO第一次的请求结果: 我是 func(1)\n\
                  func() start\n\
                  func() end\n\
                  IO第二次的请求结果: 我是 func(2)\n";
    let printed = output("tutorial_4_04_await", VIRTUAL);
    assert_eq!(after(&printed, first), second);
}

#[test]
fn the_example_of_section_4_5_create_task() {
    assert_eq!(
        output("tutorial_4_05_create_task", VIRTUAL),
        "开始创建Task对象\n\
         创建Task对象结束\n\
         1\n\
         1\n\
         2\n\
         2\n\
         返回值: task1 返回值: task2\n"
    );
}

/// The tutorial prints two sets of tasks, with their values: here two lists, `[]` for `set()`, and the values by themselves.
#[test]
fn the_example_of_section_4_5_wait() {
    let printed = output("tutorial_4_05_wait", VIRTUAL);
    let rest = after(&printed, "开始创建Task对象\n创建Task对象结束\n1\n1\n2\n2\n");
    let (done, rest) = rest.split_once('\n').expect("a line of tasks");
    assert_lists_finished_tasks(done, "tutorial_4_05_wait", ["", ""]);
    assert_eq!(rest, "[]\n返回值task1\n返回值task2\n");
}

#[test]
fn the_example_of_section_4_5_names() {
    let printed = output("tutorial_4_05_names", VIRTUAL);
    let done = after(&printed, "开始创建Task对象\n创建Task对象结束\n1\n1\n2\n2\n").trim_end();
    assert_lists_finished_tasks(done, "tutorial_4_05_names", [r#"name: "n1", "#, r#"name: "n2", "#]);
}

/// The tutorial has task2 before task1, a set's order.
#[test]
fn the_example_of_section_4_5_coroutines() {
    let run = run("tutorial_4_05_coroutines", VIRTUAL);
    let (printed, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{errors}");
    // Python: "RuntimeError: no running event loop".
    assert!(errors.contains("there is no runtime running on this thread"), "{errors}");
    let (done, rest) = after(&printed, "1\n1\n2\n2\n").split_once('\n').expect("a line of tasks");
    assert_lists_finished_tasks(done, "tutorial_4_05_coroutines", ["", ""]);
    assert_eq!(rest, "返回值task1\n返回值task2\n");
}

/// The first line and the last are of what the tutorial's programs never get to.
#[test]
fn the_example_of_section_4_6_future() {
    assert_eq!(
        output("tutorial_4_06_future", VIRTUAL),
        "still without a result: deadline has elapsed\n\
         success\n\
         Task 1 completed\n\
         task2: the promise is done: it can be set or cancelled once\n"
    );
}

#[test]
fn the_example_of_section_4_8_async_iterator() {
    let expected: String = (1..100).map(|number| format!("{number}\n")).collect();
    assert_eq!(output("tutorial_4_08_async_iterator", &[]), expected);
}

#[test]
fn the_example_of_section_4_9_async_context_manager() {
    assert_eq!(output("tutorial_4_09_async_context_manager", VIRTUAL), "666\n2.0s\n");
}

#[test]
fn the_example_of_section_4_10_event_loops() {
    let printed = output("tutorial_4_10_event_loops", &[]);
    let lines: Vec<&str> = printed.lines().collect();
    for (line, name) in lines.iter().zip(["one thread", "all cores"]) {
        let rate = after(line, name).strip_prefix(": 8000 messages there and back, ");
        let rate = rate.and_then(|rate| rate.strip_suffix(" per second")).expect("a rate");
        assert!(rate.parse::<u64>().expect("a number") > 0, "{printed}");
    }
    assert_eq!(lines.len(), 2, "{printed}");
}

#[test]
fn the_examples_say_how_they_are_used() {
    for (program, usage) in [
        ("tutorial_4_04_await", r#"usage: [--virtual], not "soon""#),
        ("tutorial_4_01_blocking", r#"usage: tutorial_4_01_blocking [MILLISECONDS], not \"soon\""#),
    ] {
        let run = run(program, &["soon"]);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && run.stdout.is_empty(), "{program}: {errors}");
        assert!(errors.contains(usage), "{program}: {errors}");
    }
}
