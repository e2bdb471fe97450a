//! The servers of the zoo.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tidegate_zoo::{Answer, Authority, Server, Validity};

use crate::cases::SECRET;

/// All servers, each with what is wrong with it, and files beside them.
pub(crate) struct House {
    /// Answers as the cases say, by path; with a certificate of the authority that is trusted.
    pub(crate) main: Server,
    /// The same without TLS.
    pub(crate) plain: Server,
    /// Another host, for redirects to lead to.
    pub(crate) other: Server,
    /// With a certificate of an authority that nobody trusts.
    pub(crate) stranger: Server,
    /// With one that has expired.
    pub(crate) expired: Server,
    /// With one for another host.
    pub(crate) elsewhere: Server,
    /// A port on which nobody listens.
    pub(crate) nobody: u16,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    folder: TempDir,
}

impl House {
    /// Opens it. Needs a tokio runtime.
    pub(crate) fn open() -> Self {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let answers = Arc::new(Mutex::new(BTreeMap::<String, Answer>::new()));
        let answered = |answers: &Arc<Mutex<BTreeMap<String, Answer>>>| {
            let answers = Arc::clone(answers);
            move |request: &tidegate_zoo::Request| {
                let path = request.target.split('?').next().unwrap_or_default();
                let answer = answers.lock().unwrap().get(path).cloned();
                answer.unwrap_or_else(|| Answer::new("404 Not Found", &[], b""))
            }
        };
        let with = |authority: &Authority, host: &str, validity| {
            Server::start(Some(authority.server(host, validity)), answered(&answers))
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("headers.txt"), format!("Authorization: Bearer {SECRET}\n"))
            .unwrap();
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            main: with(&authority, "localhost", Validity::Now),
            plain: Server::start(None, answered(&answers)),
            other: with(&authority, "localhost", Validity::Now),
            stranger: with(&stranger, "localhost", Validity::Now),
            expired: with(&authority, "localhost", Validity::Past),
            elsewhere: with(&authority, "elsewhere.example", Validity::Now),
            nobody,
            answers,
            folder,
        }
    }

    /// What is at a path, on each server.
    pub(crate) fn serve(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// A file with this name and content.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The path of a file, which need not be there.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The arguments of whoever trusts the authority, and knows a secret for the server.
    pub(crate) fn trusting(&self) -> Vec<String> {
        let headers = format!("@{}", self.path("headers.txt"));
        vec!["--ca".into(), self.path("ca.pem"), "--header".into(), headers]
    }
}
