//! `#[windlass::main]` and `#[windlass::test]` on code that is wrong: what the compiler says, word for word.
//!
//! `TRYBUILD=overwrite cargo test -p windlass-tests --test macros_compile_fail` writes the expected output anew.

#[test]
fn compile_fail_messages() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
