//! The README's first program does what it says.

use windlass_tests::example;

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
    let stdout = example::output("hello", &[]);
    let (first, rest) = stdout.split_once('\n').expect("several lines");
    assert!(first.starts_with("hello from ") && first.ends_with(" workers"), "{first}");
    assert_eq!(rest, OUTPUT);
}
