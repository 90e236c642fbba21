//! A terminal, seen from the side of the program that shows it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use windlass::io::{AsyncFd, Interest};
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(several_readers_all_see_the_end);

/// Both sides.
fn open() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    rustix::io::ioctl_fionbio(&ours, true).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    (File::from(ours), theirs)
}

/// While one reads the others are told to wait, also if the other side is closed, which is reported once.
fn several_readers_all_see_the_end(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..200 {
        runtime.block_on(async {
            let (ours, mut theirs) = open();
            // SAFETY: a `File` has the same open descriptor for as long as it lives.
            let fd = Arc::new(unsafe { AsyncFd::register(ours) }.unwrap());
            let readers = [(); 2].map(|()| {
                let fd = fd.clone();
                windlass::spawn(async move {
                    let mut bytes = [0; 4096];
                    // The end of a terminal is an error.
                    while fd.async_io(Interest::READABLE, |mut ours| ours.read(&mut bytes)).await.is_ok() {}
                })
            });
            theirs.write_all(&[b'x'; 3000]).unwrap();
            drop(theirs);
            for reader in readers {
                reader.await.unwrap();
            }
        });
    }
}
