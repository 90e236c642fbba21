//! Files downloaded side by side with an HTTP client that blocks, each in a call of `run_in_executor`.
//!
//! `cargo run --release -p windlass-examples --bin download`
//!
//! It is this program, with `ureq` for `requests` and a server of its own on the loopback:
//!
//! ```python
//! async def download_images(url):
//!     print("downloading:", url)
//!     loop = asyncio.get_event_loop()
//!     # requests does not support async operation, so a thread pool goes with it
//!     future = loop.run_in_executor(None, requests.get, url)
//!     response = await future
//!     print("downloaded")
//!     file_name = url.rsplit("_")[-1]
//!     with open(file_name, mode='wb') as f:
//!         f.write(response.content)
//!
//! tasks = [download_images(url) for url in url_list]
//! loop = asyncio.get_event_loop()
//! loop.run_until_complete(asyncio.wait(tasks))
//! ```
//!
//! At the end the files are compared with what the server has.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use ureq::Agent;
use windlass::{run_in_executor, spawn, to_thread};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// By the path under which the server has them.
type Files = HashMap<&'static str, Vec<u8>>;

const IMAGES: [(&str, usize); 3] = [
    ("/g26/1488x0_1_autohomecar__harbour.jpg", 158_779),
    ("/g24/1488x0_1_autohomecar__lighthouse.jpg", 65_536),
    ("/g26/1488x0_1_autohomecar__windlass.jpg", 1_048_577),
];

fn main() -> Result<(), Error> {
    let mut random = fastrand::Rng::new();
    let mut image = |size| std::iter::repeat_with(|| random.u8(..)).take(size).collect();
    let files: Files = IMAGES.map(|(path, size)| (path, image(size))).into();

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener, &files).map(|()| files));
    let folder = tempfile::tempdir()?;

    let urls = IMAGES.map(|(path, _)| format!("http://{address}{path}"));
    windlass::run(download_all(urls.to_vec(), folder.path().to_owned()))?;

    let files = server.join().expect("the server does not panic")?;
    for (path, _) in IMAGES {
        compare(&files[path], &folder.path().join(file_name(path)))?;
    }
    Ok(())
}

async fn download_all(urls: Vec<String>, folder: PathBuf) -> Result<(), Error> {
    // Of one's own only for these settings; else it is `ureq::get`.
    let agent: Agent =
        Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(60))).build().into();
    let tasks: Vec<_> =
        urls.into_iter().map(|url| spawn(download(agent.clone(), url, folder.clone()))).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn download(agent: Agent, url: String, folder: PathBuf) -> Result<(), Error> {
    println!("downloading {url}");
    let file = folder.join(file_name(&url));
    let content = run_in_executor(None, move || agent.get(url).call()?.into_body().read_to_vec()).await??;
    println!("downloaded {} bytes", content.len());
    // Files block too.
    to_thread(move || fs::write(file, content)).await??;
    Ok(())
}

fn file_name(url: &str) -> &str {
    url.rsplit('_').next().unwrap_or(url)
}

/// Says whether the file has the content that was served, byte for byte.
fn compare(served: &[u8], file: &Path) -> Result<(), Error> {
    let name = file.file_name().unwrap_or_default().display();
    let content = fs::read(file)?;
    if content != served {
        return Err(format!("{name} differs from what was served").into());
    }
    println!("{name} has the {} bytes that were served", content.len());
    Ok(())
}

/// Serves each file once.
///
/// Nobody gets an answer before all have asked: downloads that wait for each other would get none.
fn serve(listener: &TcpListener, files: &Files) -> io::Result<()> {
    let mut requests = Vec::new();
    while requests.len() < files.len() {
        let (stream, _) = listener.accept()?;
        let path = read_request(&stream)?;
        requests.push((stream, path));
    }
    for (mut stream, path) in requests {
        match files.get(&*path) {
            Some(content) => respond(&mut stream, "200 OK", content)?,
            None => respond(&mut stream, "404 Not Found", b"")?,
        }
    }
    Ok(())
}

/// Reads a request without a body, as in `GET /path HTTP/1.1`, to its end; the path.
fn read_request(stream: &TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
    for header in lines {
        if header?.is_empty() {
            break;
        }
    }
    let path = first.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    path.map(str::to_owned).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn respond(stream: &mut TcpStream, status: &str, content: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len())?;
    stream.write_all(content)
}
