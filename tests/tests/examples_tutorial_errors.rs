//! What is an error in the tutorial's programs when they run, and here when they are compiled: what the compiler says, word for word.
//!
//! `TRYBUILD=overwrite cargo test -p windlass-tests --test examples_tutorial_errors` writes the expected output anew.

#[test]
fn compile_fail_messages_of_the_tutorial() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/tutorial/*.rs");
}
