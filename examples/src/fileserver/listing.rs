//! The page that shows a folder.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, FileType, Stat};
use rustix::io::Errno;

use super::path::{RequestPath, encode, is_hidden};
use super::root::Root;

/// How many names a page has at most.
const MOST: usize = 10_000;

const STYLE: &str =
    "body{font-family:sans-serif;margin:2em}td{padding:.1em 1em .1em 0}td+td{color:#666;text-align:right}";

struct Entry {
    name: Vec<u8>,
    stat: Stat,
}

impl Entry {
    fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode).is_dir()
    }
}

/// Renders the page of a folder: what would be served of it, folders first.
pub(crate) fn render(root: &Root, folder: OwnedFd, path: &RequestPath, hidden: bool) -> io::Result<String> {
    let (entries, more) = read(root, folder, path, hidden)?;
    let title = escape(&path.display());
    let mut page = format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n<table>\n"
    );
    if !path.is_root() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in &entries {
        row(&mut page, entry);
    }
    page.push_str("</table>\n");
    if more > 0 {
        let _ = writeln!(page, "<p>and {more} more that are not shown</p>");
    }
    page.push_str("</body></html>\n");
    Ok(page)
}

/// The entries, sorted, and how many more there are.
fn read(root: &Root, folder: OwnedFd, path: &RequestPath, hidden: bool) -> io::Result<(Vec<Entry>, usize)> {
    let (mut entries, mut more) = (Vec::new(), 0);
    let mut below = path.relative().into_vec();
    below.push(b'/');
    for entry in Dir::new(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") || (is_hidden(name) && !hidden) {
            continue;
        }
        if entries.len() == MOST {
            more += 1;
            continue;
        }
        match root.look_beneath(OsStr::from_bytes(&[&below, name].concat())) {
            Ok(stat) => entries.push(Entry { name: name.to_vec(), stat }),
            Err(error) if would_not_be_served(&error) => {}
            // A page that shows less than there is would be taken for the whole.
            Err(error) => return Err(error),
        }
    }
    entries.sort_by(|a, b| b.is_folder().cmp(&a.is_folder()).then_with(|| a.name.cmp(&b.name)));
    Ok((entries, more))
}

/// Whether a name is gone by now, leads out of the root, may not be looked at, or is no plain file.
fn would_not_be_served(error: &io::Error) -> bool {
    let gone = [Errno::NOENT, Errno::NOTDIR, Errno::NAMETOOLONG];
    let refused = [Errno::ACCESS, Errno::PERM, Errno::XDEV, Errno::LOOP, Errno::NXIO];
    Errno::from_io_error(error).is_some_and(|error| gone.contains(&error) || refused.contains(&error))
}

fn row(page: &mut String, entry: &Entry) {
    let slash = if entry.is_folder() { "/" } else { "" };
    let (link, name) = (encode(&entry.name), escape(&String::from_utf8_lossy(&entry.name)));
    let size =
        if entry.is_folder() { String::new() } else { human(entry.stat.st_size.try_into().unwrap_or(0)) };
    let modified = u64::try_from(entry.stat.st_mtime).ok().filter(|&at| at < u64::from(u32::MAX));
    let modified = modified
        .map(|at| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at)))
        .unwrap_or_default();
    let _ = writeln!(
        page,
        "<tr><td><a href=\"{link}{slash}\">{name}{slash}</a></td><td>{size}</td><td>{modified}</td></tr>"
    );
}

/// Text that cannot become markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

/// A number of bytes for people.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A name in a folder that is named relative to the root.
pub(crate) fn join(folder: OsString, name: &str) -> OsString {
    let mut path = folder;
    path.push("/");
    path.push(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn sizes() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1024), "1.0 KiB");
        assert_eq!(human(1_048_575), "1.0 MiB");
        assert_eq!(human(3 << 30), "3.0 GiB");
    }

    #[test]
    fn what_cannot_be_looked_at_is_no_reason_to_leave_it_out() {
        for (error, left_out) in [
            (Errno::NOENT, true),
            (Errno::ACCESS, true),
            (Errno::XDEV, true),
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOMEM, false),
            (Errno::BUSY, false),
            (Errno::IO, false),
        ] {
            assert_eq!(would_not_be_served(&error.into()), left_out, "{error}");
        }
        assert!(!would_not_be_served(&io::ErrorKind::UnexpectedEof.into()));
    }

    #[test]
    fn what_would_be_served_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["b.txt", "<a href=\"x\">&'.txt", ".hidden", "100% süß", "javascript:alert(1)"];
        for name in names {
            fs::write(folder.path().join(name), "12345").unwrap();
        }
        fs::write(folder.path().join(OsStr::from_bytes(b"\xFFbytes")), "").unwrap();
        fs::create_dir(folder.path().join("z folder")).unwrap();
        symlink("b.txt", folder.path().join("link")).unwrap();
        symlink("/etc/passwd", folder.path().join("out")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe"),
            FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();

        let root = Root::open(folder.path()).unwrap();
        let open = || root.open_beneath(OsStr::new(".")).unwrap().fd;
        let path = RequestPath::of(&"/".parse().unwrap(), false).unwrap();
        let page = render(&root, open(), &path, false).unwrap();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("<tr>")).collect();
        let shown = |row: &&str| row.split("</a>").next().unwrap().split_once("href=").unwrap().1.to_owned();
        assert_eq!(
            rows.iter().map(shown).collect::<Vec<_>>(),
            [
                "\"z%20folder/\">z folder/",
                "\"100%25%20s%C3%BC%C3%9F\">100% süß",
                "\"%3Ca%20href%3D%22x%22%3E%26%27.txt\">&lt;a href=&quot;x&quot;&gt;&amp;&#39;.txt",
                "\"b.txt\">b.txt",
                "\"javascript%3Aalert%281%29\">javascript:alert(1)",
                "\"link\">link",
                "\"%FFbytes\">\u{FFFD}bytes",
            ]
        );
        assert!(rows[3].contains("<td>5 B</td>"), "{}", rows[3]);
        assert!(render(&root, open(), &path, true).unwrap().contains("\".hidden\""));
    }
}
