//! A network inside the process, for tests and simulation: peers by host, and weather that loses, doubles, delays and cuts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::transport::{Reply, Transport};

/// A peer that answers whole requests with whole answers, as the simulators do.
pub trait Peer: Send + Sync {
    /// Acts on the request and answers.
    fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes>;
}

/// Decides what the network does to each exchange.
pub trait Weather: Send + Sync {
    /// The fate of one exchange with this host.
    fn fate(&self, host: &str, request: &http::Request<Bytes>) -> Fate;
}

/// What the network does to one exchange.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// How long the whole exchange takes.
    pub latency: Duration,
    /// What goes wrong, if anything.
    pub fault: Option<Fault>,
}

/// What can go wrong with an exchange.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No connection: the peer hears nothing.
    Refused,
    /// The request is lost on its way; the caller waits until its time-out.
    RequestLost,
    /// The peer acts, its answer is lost; the caller waits until its time-out.
    AnswerLost,
    /// The request arrives twice; the second answer is returned.
    Doubled,
    /// The peer acts, its answer is cut after so many bytes.
    Cut(usize),
    /// Something in between answers instead of the peer, which hears nothing.
    Instead(u16, &'static str),
    /// The peer acts, and something in between answers instead of it.
    InsteadAfter(u16, &'static str),
}

/// Clear weather: everything arrives at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clear;

impl Weather for Clear {
    fn fate(&self, _: &str, _: &http::Request<Bytes>) -> Fate {
        Fate::default()
    }
}

/// The network.
#[derive(Clone)]
pub struct Network {
    peers: Arc<[(String, Arc<dyn Peer>)]>,
    weather: Arc<dyn Weather>,
}

impl Network {
    /// A network of these peers, by host name.
    pub fn new(peers: Vec<(String, Arc<dyn Peer>)>, weather: Arc<dyn Weather>) -> Self {
        Self { peers: peers.into(), weather }
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let Some((_, peer)) = self.peers.iter().find(|(name, _)| *name == host) else {
            return Reply::NotSent(format!("no such host: {host}"));
        };
        let Fate { latency, fault } = self.weather.fate(&host, &request);
        if latency > timeout {
            // The peer still acts: a caller's impatience does not stop it.
            peer.handle(request);
            tokio::time::sleep(timeout).await;
            return Reply::Unknown(format!("no answer within {} ms", timeout.as_millis()));
        }
        tokio::time::sleep(latency / 2).await;
        let reply = match fault {
            None => Reply::Answered(peer.handle(request)),
            Some(Fault::Refused) => return Reply::NotSent("connection refused".to_owned()),
            Some(Fault::RequestLost) => return lost(timeout).await,
            Some(Fault::AnswerLost) => {
                peer.handle(request);
                return lost(timeout).await;
            }
            Some(Fault::Doubled) => {
                peer.handle(request.clone());
                Reply::Answered(peer.handle(request))
            }
            Some(Fault::Cut(bytes)) => {
                let answer = peer.handle(request);
                if answer.body().len() <= bytes {
                    Reply::Answered(answer)
                } else {
                    Reply::Unknown("the answer was cut short".to_owned())
                }
            }
            Some(Fault::Instead(status, body)) => canned(status, body),
            Some(Fault::InsteadAfter(status, body)) => {
                peer.handle(request);
                canned(status, body)
            }
        };
        tokio::time::sleep(latency / 2).await;
        reply
    }
}

async fn lost(timeout: Duration) -> Reply {
    tokio::time::sleep(timeout).await;
    Reply::Unknown(format!("no answer within {} ms", timeout.as_millis()))
}

fn canned(status: u16, body: &'static str) -> Reply {
    match http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())) {
        Ok(answer) => Reply::Answered(answer),
        Err(error) => Reply::Unknown(error.to_string()),
    }
}
