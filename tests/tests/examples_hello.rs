//! The README's first command does what it says.

use std::process::Command;

/// What the program prints under its first line, which counts the machine's workers.
const OUTPUT: &str = " 2762 primes from      0 to  24999
 2371 primes from  25000 to  49999
 2260 primes from  50000 to  74999
 2199 primes from  75000 to  99999
 2142 primes from 100000 to 124999
 2114 primes from 125000 to 149999
 2068 primes from 150000 to 174999
 2068 primes from 175000 to 199999
17984 primes in all
";

#[test]
fn the_hello_example() {
    // cargo knows where it builds, whatever the profile and target directory of this test.
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "windlass-examples", "--bin", "hello"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{}\n{stderr}", run.status);

    let stdout = String::from_utf8(run.stdout).expect("the example prints text");
    let (first, rest) = stdout.split_once('\n').expect("several lines");
    assert!(first.starts_with("hello from ") && first.ends_with(" workers"), "{first}");
    assert_eq!(rest, OUTPUT);
}
