//! The file server serves what is below its root, and nothing else, whatever a path looks like.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use windlass_tests::fileserver::FileServer;
use windlass_tests::served;

served!(
    paths_that_lead_out,
    what_is_encoded,
    links,
    nothing_is_told_of_what_is_outside,
    special_files,
    hidden_names,
    folders_have_a_slash,
    too_long,
    malformed_requests,
    methods,
    unreadable_files,
    a_page_without_descriptors,
);

/// A folder with `secret` in it, and `root` with a little below.
fn tree() -> TempDir {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = outside.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("file.txt"), "hello").unwrap();
    fs::write(root.join("a/b/deep"), "deep").unwrap();
    outside
}

fn serve(tree: &TempDir, arguments: &[&str]) -> FileServer {
    FileServer::start(&tree.path().join("root"), arguments)
}

#[track_caller]
fn statuses(server: &FileServer, expected: &[(&str, u16)]) {
    for (target, status) in expected {
        let answer = server.get(target, &[]);
        assert_eq!(answer.status, *status, "{target}: {answer:?}");
        assert!(
            !answer.text().contains("secret") && !answer.text().contains("root:"),
            "{target}: {answer:?}"
        );
    }
}

fn paths_that_lead_out() {
    let tree = tree();
    let server = serve(&tree, &[]);
    let secret = tree.path().join("secret");
    let secret = secret.to_str().unwrap();
    statuses(
        &server,
        &[
            ("/file.txt", 200),
            ("/../secret", 400),
            ("/a/../../secret", 400),
            ("/a/b/../../file.txt", 400),
            ("/%2e%2e/secret", 400),
            ("/.%2e/secret", 400),
            ("/%2E%2E%2Fsecret", 404),
            ("/..%2fsecret", 404),
            ("/..%5csecret", 404),
            ("/%252e%252e/secret", 404),
            ("/%c0%ae%c0%ae/secret", 404),
            (secret, 404),
            ("//etc/passwd", 404),
            (&format!("/{secret}"), 404),
            ("/%2fetc%2fpasswd", 404),
            ("/~root/", 404),
            ("http://elsewhere/../secret", 400),
            ("http://elsewhere/file.txt", 200),
        ],
    );
}

fn what_is_encoded() {
    let tree = tree();
    let root = tree.path().join("root");
    for name in ["a b&c.txt", "%2e%2e", "ü", "semi;colon", "q?x", "h#x"] {
        fs::write(root.join(name), name).unwrap();
    }
    let server = serve(&tree, &[]);
    for (target, name) in [
        ("/a%20b&c.txt", "a b&c.txt"),
        ("/%252e%252e", "%2e%2e"),
        ("/%C3%BC", "ü"),
        ("/semi;colon", "semi;colon"),
        ("/q%3fx?query=1", "q?x"),
        ("/h%23x", "h#x"),
        ("/%66%69le.txt", "hello"),
        ("//file.txt", "hello"),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, name), "{target}");
    }
    statuses(
        &server,
        &[("/file.txt%00", 400), ("/%00", 400), ("/file%", 400), ("/file%2", 400), ("/%zz", 400)],
    );
}

fn links() {
    let tree = tree();
    let root = tree.path().join("root");
    symlink("../file.txt", root.join("a/inside")).unwrap();
    symlink("a/b", root.join("folder")).unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink("../..", root.join("a/up")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink(root.join("file.txt"), root.join("absolute-inside")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nothing", root.join("dangling")).unwrap();
    let server = serve(&tree, &[]);
    statuses(
        &server,
        &[
            ("/a/inside", 200),
            ("/folder/deep", 200),
            ("/out", 403),
            ("/a/up/secret", 403),
            ("/a/up/", 403),
            ("/absolute", 403),
            ("/absolute-inside", 403),
            ("/magic/etc/passwd", 403),
            ("/loop", 403),
            ("/dangling", 404),
        ],
    );
    let page = server.get("/", &[]).text();
    for (name, listed) in
        [("folder/", true), ("out", false), ("absolute", false), ("magic", false), ("dangling", false)]
    {
        assert_eq!(page.contains(&format!("href=\"{name}")), listed, "{name}\n{page}");
    }
}

/// Whether something is there, and what it is, makes no difference.
fn nothing_is_told_of_what_is_outside() {
    let tree = tree();
    let root = tree.path().join("root");
    fs::create_dir(tree.path().join("folder")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("../secret", root.join("there")).unwrap();
    symlink("../nothing", root.join("not-there")).unwrap();
    symlink("/nothing", root.join("nowhere")).unwrap();
    let server = serve(&tree, &[]);
    for target in [
        "/up/secret",
        "/up/folder",
        "/up/folder/",
        "/up/nothing",
        "/up/secret/x",
        "/there",
        "/not-there",
        "/nowhere",
    ] {
        assert_eq!(server.get(target, &[]).status, 403, "{target}");
    }
}

fn special_files() {
    let tree = tree();
    let root = tree.path().join("root");
    assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    let server = serve(&tree, &[]);
    statuses(&server, &[("/pipe", 403), ("/socket", 403), ("/file.txt", 200)]);
    assert!(!server.get("/", &[]).text().contains("pipe"));
    let devices = FileServer::start(Path::new("/dev"), &[]);
    statuses(&devices, &[("/zero", 403), ("/tty", 403), ("/random", 403)]);
}

fn hidden_names() {
    let tree = tree();
    let root = tree.path().join("root");
    fs::create_dir(root.join(".git")).unwrap();
    fs::write(root.join(".git/config"), "c").unwrap();
    fs::write(root.join(".env"), "e").unwrap();
    let server = serve(&tree, &[]);
    statuses(&server, &[("/.git/config", 404), ("/.env", 404), ("/%2eenv", 404), ("/.git/", 404)]);
    assert!(!server.get("/", &[]).text().contains(".git"));
    let server = serve(&tree, &["--hidden"]);
    statuses(&server, &[("/.git/config", 200), ("/.env", 200), ("/..", 400)]);
    assert!(server.get("/", &[]).text().contains(".git/"));
}

fn folders_have_a_slash() {
    let tree = tree();
    let root = tree.path().join("root");
    fs::create_dir_all(root.join("with space")).unwrap();
    fs::create_dir_all(root.join("evil.example")).unwrap();
    fs::write(root.join("a/index.html"), "index").unwrap();
    let server = serve(&tree, &[]);
    for (target, location) in [
        ("/a", "/a/"),
        ("/a?x=1", "/a/?x=1"),
        ("/with%20space", "/with%20space/"),
        ("//evil.example", "/evil.example/"),
        ("/a/b", "/a/b/"),
    ] {
        let answer = server.get(target, &[]);
        assert_eq!((answer.status, answer.header("location")), (301, Some(location)), "{target}");
    }
    let index = server.get("/a/", &[]);
    assert_eq!((index.status, index.text().as_str()), (200, "index"));
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    let page = server.get("/a/b/", &[]);
    assert!(page.text().contains("href=\"../\"") && page.text().contains("href=\"deep\""), "{page:?}");
    assert!(!server.get("/", &[]).text().contains("href=\"../\""), "the root has nothing above it");
    statuses(&server, &[("/file.txt/", 404), ("/file.txt/x", 404), ("/a/b/deep/", 404)]);
}

fn too_long() {
    let tree = tree();
    let server = serve(&tree, &[]);
    let name = |length| format!("/{}", "n".repeat(length));
    statuses(&server, &[(&name(300), 404), (&name(5000), 404), (&name(9000), 414), (&name(40_000), 414)]);
    assert_eq!(server.get("/file.txt", &[("X-Long", &"v".repeat(20_000))]).status, 200);
    assert_eq!(server.get("/file.txt", &[("X-Long", &"v".repeat(70_000))]).status, 431);
    assert_eq!(server.get(&name(200_000), &[]).status, 431);
    // With the host's.
    assert_eq!(server.get("/file.txt", &[("X-Many", "v"); 99]).status, 200);
    assert_eq!(server.get("/file.txt", &[("X-Many", "v"); 100]).status, 431);
    // What is far too long is read no further than it takes to say so.
    assert_eq!(server.get("/file.txt", &[("X-Long", &"v".repeat(600_000))]).status, 431);
}

fn malformed_requests() {
    let tree = tree();
    let server = serve(&tree, &[]);
    for request in [
        "GET /file.txt HTTP/1.1\r\n\r\n",
        "GET /file.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /file\0.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET file.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /file.txt HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.write(request.as_bytes());
        assert_eq!(client.head().status, 400, "{request:?}");
    }
    let mut client = server.connect();
    client.write(b"GET /file.txt HTTP/1.0\r\n\r\n");
    assert!(client.rest().ends_with(b"\r\n\r\nhello"), "HTTP/1.0 needs no host, and closes");
}

fn methods() {
    let tree = tree();
    let server = serve(&tree, &[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
        let answer = server.ask(&format!("{method} /file.txt HTTP/1.1"), &[]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    let answer = server.ask("OPTIONS * HTTP/1.1", &[]);
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    let head = server.ask("HEAD /nothing HTTP/1.1", &[]);
    assert_eq!((head.status, head.length()), (404, 14));

    // A body that nobody wants does not hold anything up.
    let mut client = server.connect();
    client.send("PUT /file.txt HTTP/1.1", &[("Content-Length", "1000000000")]);
    assert_eq!(client.answer(false).status, 405);
    assert_eq!(server.get("/file.txt", &[]).text(), "hello");
}

fn unreadable_files() {
    let tree = tree();
    let root = tree.path().join("root");
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if is_root {
        println!("skipped: root reads every file");
        return;
    }
    fs::write(root.join("locked"), "").unwrap();
    fs::set_permissions(root.join("locked"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    statuses(&serve(&tree, &[]), &[("/locked", 403)]);
}

/// A page is whole, or it is none.
fn a_page_without_descriptors() {
    const FILES: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        fs::write(folder.path().join(format!("file{number}")), "").unwrap();
    }
    let server = FileServer::start(folder.path(), &[]);
    let mut client = server.connect();
    let mut ask = || {
        client.send("GET / HTTP/1.1", &[]);
        let answer = client.answer(false);
        (answer.status, answer.text().matches("href=\"file").count())
    };
    assert_eq!(ask(), (200, FILES));
    let id = Pid::from_raw(server.id() as i32).unwrap();
    // From none that may be opened, one more each time.
    let mut refused = 0;
    for limit in 1..1000 {
        let limit = Rlimit { current: Some(limit), maximum: Some(1000) };
        prlimit(Some(id), Resource::Nofile, limit).unwrap();
        match ask() {
            (503, 0) => refused += 1,
            answer => {
                assert_eq!(answer, (200, FILES), "after {refused} refusals");
                assert!(refused > 0);
                return;
            }
        }
    }
    unreachable!("there are not that many in use");
}
