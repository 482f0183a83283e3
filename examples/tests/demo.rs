//! The demo's journeys, as a user would take them: the command, its output and its exit status, on each adapter.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

const ADAPTERS: [&str; 3] = ["threads", "tokio", "smol"];

/// What a finished demo printed, and how it ended.
struct Ended {
    status: ExitStatus,
    lines: Vec<String>,
    errors: String,
}

impl Ended {
    /// The one line that is about `url`.
    fn line_about(&self, url: &str) -> &str {
        let mut about = self.lines.iter().filter(|line| line.split(' ').any(|word| word == format!("{url}:")));
        let line = about.next().unwrap_or_else(|| panic!("no line about {url} in {:#?}", self.lines));
        assert_eq!(about.next(), None);
        line
    }
}

fn demo(adapter: &str, urls: &[&str]) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(["--adapter", adapter]).args(urls).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    demo
}

fn run(adapter: &str, urls: &[&str]) -> Ended {
    let output = demo(adapter, urls).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    Ended { status: output.status, lines, errors: String::from_utf8(output.stderr).unwrap() }
}

/// A server on this machine that answers each request with what `answer` makes of its path. It ends with the test.
fn serve_http(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let path = request_path(&stream);
            stream.write_all(answer(&path).as_bytes()).unwrap();
        }
    });
    host
}

fn request_path(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    lines.find(String::is_empty);
    path
}

#[test]
fn without_urls_two_files_of_the_repository_are_fetched() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for adapter in ADAPTERS {
        let ended = run(adapter, &[]);
        assert!(ended.status.success(), "{}", ended.errors);
        assert!(ended.lines[0].starts_with("network process ") && ended.lines[0].ends_with(&format!(" on {adapter}")));
        let mut bytes = 0;
        for (file, content_type) in [("README.md", "text/markdown"), ("Cargo.toml", "application/toml")] {
            let size = fs::metadata(root.join(file)).unwrap().len();
            let line = ended.lines.iter().find(|line| line.contains(&format!("/{file}: "))).unwrap();
            assert!(line.starts_with("fetched file:///"), "{line}");
            assert!(line.contains(&format!(": {size} bytes of {content_type} in ")), "{line}");
            bytes += size;
        }
        assert!(ended.lines[3].starts_with(&format!("2 fetched ({bytes} bytes), 0 failed, in ")), "{}", ended.lines[3]);
        assert_eq!((ended.lines.len(), ended.errors.as_str()), (4, ""));
    }
}

#[test]
fn http_urls_are_fetched_with_their_content_type() {
    let host = serve_http(|path| match path {
        "/page" => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    });
    for adapter in ADAPTERS {
        let (page, nothing) = (format!("{host}/page"), format!("{host}/nothing"));
        let ended = run(adapter, &[&page, &nothing]);
        assert!(ended.status.success(), "{}", ended.errors);
        assert!(
            ended.line_about(&page).starts_with("fetched ") && ended.line_about(&page).contains("5 bytes of text/html")
        );
        assert!(ended.line_about(&nothing).starts_with("failed "));
        assert!(ended.line_about(&nothing).contains("the server says 404 Not Found"));
    }
}

#[test]
fn a_url_that_cannot_be_fetched_is_a_line_of_output() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for adapter in ADAPTERS {
        let (missing, unknown) = ("file:///no/such/file", "gopher://a/b");
        let ended = run(adapter, &[missing, unknown, &refused]);
        assert!(ended.status.success(), "{}", ended.errors);
        assert!(ended.line_about(missing).contains("cannot be read: No such file or directory"));
        assert!(ended.line_about(unknown).contains("not a file: or http: URL"));
        assert!(ended.line_about(&refused).contains("no answer: "));
        assert!(ended.lines[4].starts_with("0 fetched (0 bytes), 3 failed, in "), "{}", ended.lines[4]);
    }
}

#[test]
fn many_urls_are_each_reported_once() {
    let missing: Vec<_> = (0..3000).map(|number| format!("file:///no/such/file/{number}")).collect();
    let urls: Vec<_> = missing.iter().map(String::as_str).collect();
    for adapter in ADAPTERS {
        let ended = run(adapter, &urls);
        assert!(ended.status.success(), "{}", ended.errors);
        let mut reported: Vec<_> = ended.lines.iter().filter_map(|line| line.strip_prefix("failed  ")).collect();
        reported.sort_unstable();
        reported.dedup();
        assert_eq!((reported.len(), ended.lines.len()), (urls.len(), urls.len() + 2));
    }
}

/// A demo whose fetch is under way, from a server that never answers.
struct UnderWay {
    demo: Child,
    output: BufReader<ChildStdout>,
    network_process: rustix::process::Pid,
    _connection: TcpStream,
}

fn under_way(adapter: &str) -> UnderWay {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let mut demo = demo(adapter, &[&url]).spawn().unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let pid = first.split(' ').nth(2).and_then(|pid| pid.parse().ok()).and_then(rustix::process::Pid::from_raw);
    let connection = silent.accept().unwrap().0;
    UnderWay { demo, output, network_process: pid.unwrap(), _connection: connection }
}

#[test]
fn a_network_process_that_is_killed_ends_the_parent_with_an_error() {
    for adapter in ADAPTERS {
        let mut run = under_way(adapter);
        rustix::process::kill_process(run.network_process, rustix::process::Signal::KILL).unwrap();
        let mut errors = String::new();
        run.demo.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        // The status of the network process is known because the parent has reaped it.
        let expected = "demo: the network process ended (signal: 9 (SIGKILL)) when 0 of 1 URLs were reported\n";
        assert_eq!(errors, expected);
        assert_eq!(run.demo.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_parent_that_is_killed_takes_the_network_process_with_it() {
    for adapter in ADAPTERS {
        let mut run = under_way(adapter);
        run.demo.kill().unwrap();
        run.demo.wait().unwrap();
        // Both write to this pipe, so it ends when both have.
        let mut rest = String::new();
        run.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_explained() {
    let output = demo("async-std", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("demo: there is no adapter \"async-std\"\n\nUsage: demo "), "{errors}");
}
