//! What becomes of a request over real sockets and over broken ones: answered, not sent, or unknown, and never one for another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wire::{BODY_BYTES_MAX, Call, Deadline, Http, Repeat, Reply, Transport, Wire};

/// Serves every connection with these bytes, then closes it; an empty answer closes at once.
async fn peer(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut seen = [0; 1024];
                let _ = socket.read(&mut seen).await;
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    address
}

async fn post(address: &str, timeout: Duration) -> Reply {
    let request = Request::post(address).body(Bytes::from_static(b"{}")).unwrap();
    Http::new().unwrap().send(request, timeout).await
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    for status in ["200 OK", "402 Payment Required", "500 Internal Server Error"] {
        let address = peer(format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()).await;
        let Reply::Answered(answer) = post(&address, Duration::from_secs(5)).await else {
            panic!("{status}")
        };
        assert_eq!(answer.status().as_str(), status.split_once(' ').unwrap().0);
        assert_eq!(answer.body(), "{}");
    }
}

#[tokio::test]
async fn a_peer_that_cannot_be_reached_certainly_heard_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(post(&address, Duration::from_secs(5)).await, Reply::NotSent(_)));
}

#[tokio::test]
async fn what_breaks_after_the_first_byte_is_unknown() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\":".to_vec();
    for (what, answer) in
        [("closed", Vec::new()), ("half a head", b"HTTP/1.1 20".to_vec()), ("half a body", cut)]
    {
        let address = peer(answer).await;
        let reply = post(&address, Duration::from_secs(5)).await;
        assert!(matches!(reply, Reply::Unknown(_)), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn a_peer_that_is_silent_is_unknown_when_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let reply = post(&address, Duration::from_millis(50)).await;
    assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_unreadable_and_so_unknown() {
    let mut long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BODY_BYTES_MAX + 1).into_bytes();
    long.resize(long.len() + BODY_BYTES_MAX + 1, b'x');
    let address = peer(long).await;
    assert!(matches!(post(&address, Duration::from_secs(10)).await, Reply::Unknown(_)));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let address =
        peer(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec())
            .await;
    let Reply::Answered(answer) = post(&address, Duration::from_secs(5)).await else { panic!("followed") };
    assert_eq!(answer.status(), 302);
}

/// Answers with these in turn, the last one for ever, and counts.
struct Script(Vec<fn() -> Reply>, AtomicUsize);

#[async_trait]
impl Transport for Script {
    async fn send(&self, _: Request<Bytes>, _: Duration) -> Reply {
        let nth = self.1.fetch_add(1, Ordering::SeqCst);
        self.0[nth.min(self.0.len() - 1)]()
    }
}

async fn play(script: Vec<fn() -> Reply>, repeat: Repeat, time: Duration) -> (Reply, usize) {
    let script = Arc::new(Script(script, AtomicUsize::new(0)));
    let request = Request::post("http://peer.test/").body(Bytes::new()).unwrap();
    let call = Call { request, timeout: Duration::from_secs(1), repeat, deadline: Deadline::after(time) };
    let reply = Wire::new(script.clone()).send(call).await;
    (reply, script.1.load(Ordering::SeqCst))
}

fn not_sent() -> Reply {
    Reply::NotSent("refused".to_owned())
}

fn unknown() -> Reply {
    Reply::Unknown("reset".to_owned())
}

fn status(code: u16) -> Reply {
    Reply::Answered(Response::builder().status(code).body(Bytes::new()).unwrap())
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_write_without_a_key_is_repeated_only_when_it_certainly_did_not_leave() {
    let (reply, sent) = play(vec![not_sent, || status(201)], Repeat::OnlyIfNotSent, LONG).await;
    assert!(matches!(reply, Reply::Answered(_)) && sent == 2);
    for again in [unknown, || status(503), || status(429)] {
        let (_, sent) = play(vec![again, || status(201)], Repeat::OnlyIfNotSent, LONG).await;
        assert_eq!(sent, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_safe_call_is_repeated_a_bounded_number_of_times() {
    for again in [unknown, not_sent, || status(503), || status(429)] {
        assert_eq!(play(vec![again], Repeat::Safe, LONG).await.1, 3);
    }
    for kept in [|| status(200), || status(402), || status(404), || status(500)] {
        assert_eq!(play(vec![kept], Repeat::Safe, LONG).await.1, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_sending_stays_unknown_whatever_the_repetitions_meet() {
    for later in [not_sent, || status(429)] {
        let (reply, _) = play(vec![unknown, later], Repeat::Safe, LONG).await;
        assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
    }
    let (reply, _) = play(vec![unknown, || status(200)], Repeat::Safe, LONG).await;
    assert!(matches!(reply, Reply::Answered(_)), "the key brings the first one's answer");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_past_the_deadline_and_nothing_is_sent_after_it() {
    let (_, sent) = play(vec![unknown], Repeat::Safe, Duration::from_millis(900)).await;
    assert_eq!(sent, 1, "a second one would not fit");
    let (reply, sent) = play(vec![|| status(200)], Repeat::Safe, Duration::ZERO).await;
    assert!(matches!(reply, Reply::NotSent(_)) && sent == 0);
}
