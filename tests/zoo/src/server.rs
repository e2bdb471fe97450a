//! A server that writes what it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// What a client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Path and query, or what else stands there.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As much as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self {
            method: first.next().unwrap_or_default(),
            target: first.next().unwrap_or_default(),
            headers: lines.filter_map(header).collect(),
            body: Vec::new(),
        }
    }
}

/// One thing that a server does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Write this.
    Write(Vec<u8>),
    /// Write this again and again, until nobody reads any more.
    WriteForEver(Vec<u8>),
    /// Write this byte by byte, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Do nothing until the client goes away.
    Hang,
    /// End the connection the hard way (RST).
    Reset,
    /// Pass on everything between the client and this server, as a proxy does.
    Tunnel(SocketAddr),
}

/// All that a server does about one request. Then it closes the connection.
#[derive(Clone, Debug, Default)]
pub struct Answer(pub Vec<Step>);

impl Answer {
    /// This status with these headers (`Name: value`) and this body, of which the length is said.
    pub fn new(status: &str, headers: &[&str], body: &[u8]) -> Self {
        let length = format!("Content-Length: {}", body.len());
        let headers: Vec<_> = headers.iter().copied().chain([length.as_str()]).collect();
        Self::head(status, &headers).then(Step::Write(body.to_vec()))
    }

    /// A file.
    pub fn file(body: &[u8]) -> Self {
        Self::new("200 OK", &["Content-Type: application/wasm"], body)
    }

    /// A redirect.
    pub fn redirect(location: &str) -> Self {
        Self::new("302 Found", &[&format!("Location: {location}")], b"")
    }

    /// Status and headers alone.
    pub fn head(status: &str, headers: &[&str]) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        Self(vec![Step::Write(text.into_bytes())])
    }

    /// And then this.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

type Answers = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub struct Server {
    address: SocketAddr,
    secure: bool,
    seen: Arc<Mutex<Vec<Request>>>,
    serving: JoinHandle<()>,
}

impl Server {
    /// One that answers so; with TLS, if it has a configuration for it. Needs a tokio runtime.
    pub fn start(
        tls: Option<Arc<ServerConfig>>,
        answers: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let secure = tls.is_some();
        let serving =
            tokio::spawn(serve(listener, tls.map(TlsAcceptor::from), Arc::new(answers), Arc::clone(&seen)));
        Self { address, secure, seen, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it, by the name `localhost`.
    pub fn url(&self, target: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://localhost:{}{target}", self.address.port())
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answers: Arc<Answers>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers, seen) = (tls.clone(), Arc::clone(&answers), Arc::clone(&seen));
        // What goes wrong here is what the client makes go wrong: it is the one that is tested.
        tokio::spawn(async move {
            match tls {
                None => converse(stream, |stream| stream, &*answers, &seen).await,
                Some(tls) => {
                    let stream = tls.accept(stream).await?;
                    converse(stream, |stream| stream.get_ref().0, &*answers, &seen).await
                }
            }
        });
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    socket: impl Fn(&S) -> &TcpStream,
    answers: &Answers,
    seen: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if !head[0].is_ascii_uppercase() {
            // No method begins so; it may be TLS.
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
            return stream.shutdown().await;
        }
    }
    let mut request = Request::parse(&String::from_utf8_lossy(&head));
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await?;
    let answer = answers(&request);
    seen.lock().unwrap().push(request);
    for step in answer.0 {
        match step {
            Step::Write(bytes) => stream.write_all(&bytes).await?,
            Step::WriteForEver(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Step::Drip(bytes, pause) => {
                for byte in bytes {
                    sleep(pause).await;
                    stream.write_u8(byte).await?;
                    stream.flush().await?;
                }
            }
            Step::Hang => {
                stream.flush().await?;
                let _ = stream.read_u8().await;
            }
            Step::Reset => {
                stream.flush().await?;
                // What was written should arrive, and only then the reset.
                sleep(Duration::from_millis(50)).await;
                socket(&stream).set_zero_linger()?;
                return Ok(());
            }
            Step::Tunnel(to) => {
                let mut other = TcpStream::connect(to).await?;
                copy_bidirectional(&mut stream, &mut other).await?;
            }
        }
        stream.flush().await?;
    }
    stream.shutdown().await
}
