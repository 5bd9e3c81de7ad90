//! A wire to the table that can be told to fail: it carries each request whole and decides over its answer.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered.
    Clear,
    /// The table acts, and the connection breaks before its answer.
    AnswerLost,
    /// Something in between answers with this status and body; the table hears nothing.
    Instead(u16, &'static str),
    /// Nobody ever answers.
    Silence,
}

/// A relay in front of the table.
pub(super) struct Weather {
    pub(super) url: String,
    fates: Arc<Mutex<Vec<Fate>>>,
    seen: Arc<Mutex<Vec<String>>>,
    relay: JoinHandle<()>,
}

impl Weather {
    /// A relay to `url`. The fates are those of the next requests, in turn; after them the weather is clear.
    pub(super) async fn before(url: &str, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let peer = url.strip_prefix("http://").unwrap().to_owned();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let fates = Arc::new(Mutex::new(fates.iter().rev().copied().collect()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (coming, told) = (Arc::clone(&fates), Arc::clone(&seen));
        let relay = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(caller, peer.clone(), Arc::clone(&coming), Arc::clone(&told)));
            }
        });
        Self { url: own, fates, seen, relay }
    }

    /// The operations that were asked since the last question.
    pub(super) fn operations(&self) -> Vec<String> {
        self.requests().iter().map(|request| operation(request)).collect()
    }

    /// What was asked since the last question, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// The fates of the next requests.
    pub(super) fn turn(&self, fates: &[Fate]) {
        *self.fates.lock().unwrap() = fates.iter().rev().copied().collect();
    }
}

impl Drop for Weather {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn carry(caller: TcpStream, peer: String, fates: Arc<Mutex<Vec<Fate>>>, seen: Arc<Mutex<Vec<String>>>) {
    let mut caller = BufReader::new(caller);
    while let Some(request) = message(&mut caller).await {
        seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
        let fate = fates.lock().unwrap().pop().unwrap_or(Fate::Clear);
        let answer = match fate {
            Fate::Clear | Fate::AnswerLost => {
                let mut peer = BufReader::new(TcpStream::connect(&peer).await.unwrap());
                peer.write_all(&request).await.unwrap();
                message(&mut peer).await.unwrap()
            }
            Fate::Instead(status, body) => {
                format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            Fate::Silence => std::future::pending().await,
        };
        if fate == Fate::AnswerLost || caller.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// One HTTP message with its body, or nothing where the connection ends.
async fn message(from: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let mut length = 0;
    loop {
        let begun = whole.len();
        if from.read_until(b'\n', &mut whole).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&whole[begun..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            let head = whole.len();
            whole.resize(head + length, 0);
            from.read_exact(&mut whole[head..]).await.ok()?;
            return Some(whole);
        }
    }
}

/// `PutItem`, from `x-amz-target: DynamoDB_20120810.PutItem`.
fn operation(request: &str) -> String {
    let target = request.lines().find(|line| line.to_ascii_lowercase().starts_with("x-amz-target:"));
    target.and_then(|line| line.rsplit('.').next()).unwrap_or_default().to_owned()
}
