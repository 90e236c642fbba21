//! The file server and the programs that people reach files with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use windlass_tests::fileserver::{FileServer, has};
use windlass_tests::served;

served!(a_mirrored_tree, curl_over_both_versions, curl_resumes, load_over_http1, load_over_http2);

/// Runs a command that must succeed.
#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.env_remove("http_proxy").output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, stderr(&output));
    output
}

/// Folders and files with names and sizes of all kinds, `index.html` among them.
fn generate(root: &Path) {
    let mut random = fastrand::Rng::with_seed(7);
    for folder in ["", "a", "a/deeper", "with space & more", "ünïcödé", "pages"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for (name, size) in
            [("empty", 0), ("one", 1), ("text.txt", 5_000), ("100%.bin", 70_000), ("piece", 262_144)]
        {
            let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(size).collect();
            fs::write(root.join(folder).join(name), content).unwrap();
        }
    }
    fs::write(root.join("large"), vec![7; 5_000_000]).unwrap();
    let links =
        "<a href=\"text.txt\">t</a> <a href=\"one\">o</a> <a href=\"piece\">p</a> <a href=\"empty\">e</a>";
    fs::write(root.join("pages/index.html"), links).unwrap();
    fs::remove_file(root.join("pages/100%.bin")).unwrap();
}

/// All files below a folder, but the pages that the server made.
fn files(root: &Path, folder: &Path, listed: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, listed);
        } else {
            listed.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

/// A part of the documentation that cargo built, if it did: real pages, scripts and fonts.
fn documentation() -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/doc");
    built.join("windlass_timer/index.html").is_file().then_some(built)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    run(Command::new("cp").arg("-r").arg(from).arg(to));
}

fn a_mirrored_tree() {
    if !has("wget") {
        return;
    }
    let source = tempfile::tempdir().unwrap();
    generate(source.path());
    match documentation() {
        Some(built) => {
            for part in ["windlass_timer", "static.files"] {
                copy(&built.join(part), &source.path().join("doc"));
            }
        }
        None => println!("no documentation is built: the mirrored tree is the generated one alone"),
    }
    let server = FileServer::start(source.path(), &[]);
    let mirror = TempDir::new().unwrap();
    // What rustdoc's pages name and nobody has, such as pages of other crates, is an error of wget's (8) and none of ours.
    let wget = Command::new("wget")
        .args(["--mirror", "--no-verbose", "--no-host-directories", "--execute=robots=off", "--no-proxy"])
        .args(["--restrict-file-names=nocontrol", "--local-encoding=UTF-8", "--remote-encoding=UTF-8"])
        .arg("--directory-prefix")
        .arg(mirror.path())
        .arg(server.url("/"))
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(matches!(wget.status.code(), Some(0 | 8)), "{}", stderr(&wget));

    let mut listed = Vec::new();
    files(source.path(), source.path(), &mut listed);
    let mut fetched = 0;
    for path in &listed {
        let (original, copy) = (source.path().join(path), mirror.path().join(path));
        if !copy.is_file() {
            // Of rustdoc's files some are named by scripts only, or by none: wget cannot know them.
            assert!(path.starts_with("doc"), "{} was not fetched\n{}", path.display(), stderr(&wget));
            continue;
        }
        assert!(fs::read(&original).unwrap() == fs::read(&copy).unwrap(), "{} differs", path.display());
        fetched += 1;
    }
    println!("{fetched} of {} files were fetched, and are the same", listed.len());
    assert!(fetched > 25 && 2 * fetched > listed.len(), "{}", stderr(&wget));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn serve() -> (TempDir, FileServer) {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let server = FileServer::start(folder.path(), &[]);
    (folder, server)
}

fn curl(arguments: &[&str]) -> Vec<u8> {
    run(Command::new("curl").args(["--silent", "--show-error", "--fail", "--noproxy", "*"]).args(arguments))
        .stdout
}

fn curl_over_both_versions() {
    if !has("curl") {
        return;
    }
    let (folder, server) = serve();
    let large = fs::read(folder.path().join("large")).unwrap();
    for (version, number) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        assert!(curl(&[version, &server.url("/large")]) == large, "{version}");
        let info = ["--head", "--output", "/dev/null", "--write-out", "%{http_version} %{response_code}"];
        let info = curl(&[&[version, &server.url("/large")], &info[..]].concat());
        assert_eq!(String::from_utf8(info).unwrap(), format!("{number} 200"));
    }
}

fn curl_resumes() {
    if !has("curl") {
        return;
    }
    let (folder, server) = serve();
    let output = tempfile::tempdir().unwrap();
    let part = output.path().join("large");
    let large = fs::read(folder.path().join("large")).unwrap();
    fs::write(&part, &large[..1_234_567]).unwrap();
    curl(&["--continue-at", "-", "--output", part.to_str().unwrap(), &server.url("/large")]);
    assert!(fs::read(&part).unwrap() == large);
}

fn load_over_http1() {
    if !has("wrk") {
        return;
    }
    let (_folder, server) = serve();
    let output = run(Command::new("wrk").args(["-t1", "-c16", "-d1s", &server.url("/text.txt")]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
}

fn load_over_http2() {
    if !has("h2load") {
        return;
    }
    let (_folder, server) = serve();
    // Large, small and tiny side by side, on connections of 16 streams at once.
    let urls = ["/piece", "/text.txt", "/one"].map(|path| server.url(path));
    let output = run(Command::new("h2load").args(["-n1200", "-c4", "-m16"]).args(urls));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1200 succeeded, 0 failed, 0 errored"), "{text}");
    let data = 400 * (262_144 + 5_000 + 1);
    assert!(text.contains(&format!("({data}) data")), "{data} bytes were asked for\n{text}");
}
