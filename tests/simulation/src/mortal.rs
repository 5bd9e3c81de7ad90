//! A function that can die at any point at which it waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::chance::{Chance, Kind};
use crate::story;

/// The time that the template gives every function; what is still at work then is killed.
pub(crate) const FUNCTION_TIME: Duration = Duration::from_secs(30);
/// Kept back from it, as the entrypoint does.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Waits after which a function may die: a renewal has about twenty.
const WAITS: u64 = 32;

/// Runs a function; `None` if it died or was killed on the way.
pub(crate) async fn run<T>(chance: &Chance, name: &str, function: impl Future<Output = T>) -> Option<T> {
    let dies = chance.strikes(name, &[Kind::Crash]).map(|(_, how)| how % WAITS);
    let mortal = Mortal { function: Box::pin(function), waits_left: dies };
    let done = tokio::time::timeout(FUNCTION_TIME, mortal).await;
    if done.is_err() {
        story::tell(|| format!("   {name} is killed: its time is over"));
    }
    done.ok().flatten()
}

struct Mortal<F> {
    function: Pin<Box<F>>,
    waits_left: Option<u64>,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.function.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => match &mut self.waits_left {
                Some(0) => {
                    story::tell(|| "   … and dies".to_owned());
                    Poll::Ready(None)
                }
                Some(left) => {
                    *left -= 1;
                    Poll::Pending
                }
                None => Poll::Pending,
            },
        }
    }
}
