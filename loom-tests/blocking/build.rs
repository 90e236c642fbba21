//! Turns the models' side of the sources on, for this package alone.

fn main() {
    println!("cargo:rustc-cfg=windlass_loom");
    println!("cargo:rerun-if-changed=build.rs");
}
