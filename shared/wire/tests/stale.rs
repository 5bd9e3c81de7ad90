//! Connections that the peer closed while nobody looked, as after a freeze: over real sockets, nothing is lost, nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use wire::{Call, Deadline, Http, Repeat, Reply, Wire};

/// A peer that answers a connection's first request, and then does what `then` says.
#[derive(Clone)]
struct Peer {
    address: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    closed: Arc<Notify>,
}

#[derive(Clone, Copy)]
enum Then {
    /// Closes at once, while the connection idles.
    Closes,
    /// Reads one more request and closes without a byte of an answer.
    ClosesOnTheNext,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

impl Peer {
    async fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            address: format!("http://{}/", listener.local_addr().unwrap()),
            connections: Arc::default(),
            requests: Arc::default(),
            closed: Arc::default(),
        };
        let serving = peer.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serving.clone().serve(socket, then));
            }
        });
        peer
    }

    async fn serve(self, mut socket: TcpStream, then: Then) {
        self.request(&mut socket).await;
        socket.write_all(ANSWER).await.unwrap();
        if let Then::ClosesOnTheNext = then {
            self.request(&mut socket).await;
        }
        drop(socket);
        self.closed.notify_one();
    }

    async fn request(&self, socket: &mut TcpStream) {
        let mut seen = [0; 1024];
        if socket.read(&mut seen).await.is_ok_and(|bytes| bytes > 0) {
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn ask(&self, wire: &Wire, repeat: Repeat) -> Reply {
        let request = Request::post(&self.address).body(Bytes::from_static(b"{}")).unwrap();
        let deadline = Deadline::after(Duration::from_secs(20));
        wire.send(Call { request, timeout: Duration::from_secs(5), repeat, deadline }).await
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

fn wire() -> Wire {
    Wire::new(Arc::new(Http::new().unwrap()))
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_one_new_one_and_no_request() {
    for repeat in [Repeat::Safe, Repeat::OnlyIfNotSent] {
        let (peer, wire) = (Peer::start(Then::Closes).await, wire());
        assert!(matches!(peer.ask(&wire, repeat).await, Reply::Answered(_)));
        peer.closed.notified().await;
        let reply = peer.ask(&wire, repeat).await;
        assert!(matches!(reply, Reply::Answered(_)), "{repeat:?}: {reply:?}");
        assert_eq!(peer.counts(), (2, 2), "{repeat:?}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_under_a_request_is_replaced_once_where_that_is_safe() {
    let (peer, wire) = (Peer::start(Then::ClosesOnTheNext).await, wire());
    assert!(matches!(peer.ask(&wire, Repeat::Safe).await, Reply::Answered(_)));
    let reply = peer.ask(&wire, Repeat::Safe).await;
    assert!(matches!(reply, Reply::Answered(_)), "{reply:?}");
    assert_eq!(peer.counts(), (2, 3), "one reconnect, one repetition");
}

#[tokio::test]
async fn a_write_without_a_key_is_not_sent_again_over_a_connection_that_closed_under_it() {
    let (peer, wire) = (Peer::start(Then::ClosesOnTheNext).await, wire());
    assert!(matches!(peer.ask(&wire, Repeat::OnlyIfNotSent).await, Reply::Answered(_)));
    let reply = peer.ask(&wire, Repeat::OnlyIfNotSent).await;
    assert!(matches!(reply, Reply::Unknown(_)), "it may have arrived: {reply:?}");
    assert_eq!(peer.counts(), (1, 2), "sent once");
}
