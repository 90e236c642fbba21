//! The folder that is served: every path is resolved beneath it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// How often a lookup is begun anew that a rename got in the way of.
const ATTEMPTS: usize = 4;

/// For reading. A pipe that nobody writes to does not block then, though none should get that far.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// For a look at what it is, without opening it.
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The folder that is served.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// Whether the kernel resolves paths beneath a folder by itself.
    resolves: AtomicBool,
}

/// A regular file or a folder.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fd: OwnedFd,
    pub(crate) stat: Stat,
}

impl Opened {
    pub(crate) fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode).is_dir()
    }

    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }
}

impl Root {
    /// Opens the folder.
    ///
    /// # Errors
    ///
    /// If it is not there, is no folder, or may not be read.
    pub fn open(path: &Path) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Root { folder, resolves: AtomicBool::new(true) })
    }

    /// Opens a regular file or a folder for reading.
    pub(crate) fn open_beneath(&self, path: &OsStr) -> io::Result<Opened> {
        // To open a device can do something, so what is there is looked at first, and found in the same way: a look that
        // followed a link out of the root would tell what is there. If something else is there a moment later, it is beneath
        // the root all the same, and the second look is at what was opened.
        self.look_beneath(path)?;
        let fd = self.resolve(path, READ)?;
        let stat = rustix::fs::fstat(&fd)?;
        must_be_plain(&stat)?;
        Ok(Opened { fd, stat })
    }

    /// What is at a path, if it is a regular file or a folder.
    pub(crate) fn look_beneath(&self, path: &OsStr) -> io::Result<Stat> {
        let stat = rustix::fs::fstat(self.resolve(path, LOOK)?)?;
        must_be_plain(&stat)?;
        Ok(stat)
    }

    fn resolve(&self, path: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        // Nothing depends on when a thread sees that it was cleared.
        if !self.resolves.load(Ordering::Relaxed) {
            return self.walk(path, flags);
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..ATTEMPTS {
            match rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), resolve) {
                // Something was renamed meanwhile, and the kernel cannot tell whether it left the root.
                Err(Errno::AGAIN) => {}
                // An old kernel, or a sandbox.
                Err(Errno::NOSYS) => {
                    self.resolves.store(false, Ordering::Relaxed);
                    return self.walk(path, flags);
                }
                opened => return Ok(opened?),
            }
        }
        Err(Errno::BUSY.into())
    }

    /// Opens one folder after the other and follows no link, so that none can lead out.
    fn walk(&self, path: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        let through = LOOK | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let mut names = Path::new(path).components().peekable();
        let mut folder: Option<OwnedFd> = None;
        while let Some(component) = names.next() {
            let name = match component {
                Component::Normal(name) => name,
                Component::CurDir => OsStr::new("."),
                _ => return Err(Errno::XDEV.into()),
            };
            let from = folder.as_ref().map_or(self.folder.as_fd(), AsFd::as_fd);
            let last = names.peek().is_none();
            let flags = if last { flags | OFlags::NOFOLLOW } else { through };
            let opened = rustix::fs::openat(from, name, flags, Mode::empty())?;
            if last {
                return Ok(opened);
            }
            folder = Some(opened);
        }
        Err(Errno::NOENT.into())
    }
}

/// Pipes, sockets and devices are not for serving.
fn must_be_plain(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(()),
        _ => Err(Errno::ACCESS.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A root in a folder that has a secret beside it, once for each way to resolve.
    fn each_way(body: impl Fn(&Root, &Path, bool)) {
        for resolves in [true, false] {
            let outside = tempfile::tempdir().unwrap();
            fs::write(outside.path().join("secret"), "s").unwrap();
            let path = outside.path().join("root");
            fs::create_dir_all(path.join("a/b")).unwrap();
            fs::write(path.join("a/b/file"), "f").unwrap();
            let root = Root::open(&path).unwrap();
            root.resolves.store(resolves, Ordering::Relaxed);
            body(&root, &path, resolves);
        }
    }

    fn error(root: &Root, path: &str) -> Option<Errno> {
        let opened = root.open_beneath(OsStr::new(path));
        let looked = root.look_beneath(OsStr::new(path));
        assert_eq!(opened.is_ok(), looked.is_ok(), "{path}");
        opened.err().map(|error| Errno::from_io_error(&error).unwrap())
    }

    #[test]
    fn files_and_folders() {
        each_way(|root, _, _| {
            assert_eq!(error(root, "a/b/file"), None);
            assert!(root.open_beneath(OsStr::new(".")).unwrap().is_folder());
            assert_eq!(root.open_beneath(OsStr::new("a/b/file")).unwrap().size(), 1);
            assert_eq!(error(root, "a/nothing"), Some(Errno::NOENT));
            assert_eq!(error(root, "a/b/file/c"), Some(Errno::NOTDIR));
        });
    }

    #[test]
    fn links() {
        each_way(|root, path, resolves| {
            symlink("b/file", path.join("a/inside")).unwrap();
            symlink("../../secret", path.join("a/outside")).unwrap();
            symlink("../..", path.join("a/up")).unwrap();
            symlink(path.join("a/b/file"), path.join("absolute")).unwrap();
            symlink("loop", path.join("loop")).unwrap();
            symlink("/proc/self/root", path.join("magic")).unwrap();
            assert_eq!(error(root, "a/inside").is_none(), resolves, "the walk follows none");
            for name in
                ["a/outside", "a/up/secret", "a/up/root/a/b/file", "absolute", "loop", "magic/etc/passwd"]
            {
                assert!(error(root, name).is_some(), "{name}");
            }
        });
    }

    #[test]
    fn paths_that_lead_out() {
        each_way(|root, path, _| {
            for name in ["..", "../secret", "a/../../secret", "/etc/passwd", path.to_str().unwrap()] {
                assert!(error(root, name).is_some(), "{name}");
            }
        });
    }

    #[test]
    fn what_is_outside_makes_no_difference() {
        each_way(|root, path, _| {
            symlink("..", path.join("up")).unwrap();
            symlink("../secret", path.join("there")).unwrap();
            symlink("../nothing", path.join("nowhere")).unwrap();
            symlink("/nothing", path.join("absolute")).unwrap();
            assert_eq!(error(root, "up/secret"), error(root, "up/nothing"));
            assert_eq!(error(root, "up/secret/x"), error(root, "up/nothing"));
            assert_eq!(error(root, "there"), error(root, "nowhere"));
            assert_eq!(error(root, "there"), error(root, "absolute"));
        });
    }

    #[test]
    fn a_root_that_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(Root::open(&folder.path().join("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(Root::open(&folder.path().join("file")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }
}
