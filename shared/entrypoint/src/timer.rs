//! The timer entry: a schedule's event carries nothing that we read.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use payment::Failure;
use serde_json::Value;
use wire::Deadline;

use crate::batch::time_left;

/// Kept back so that the round's summary still gets out.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Runs a timer function on Lambda. A failure is the invocation's, so that the schedule's alarm sees it.
pub async fn run<F>(job: &'static str, handle: impl Fn(Deadline) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Failure>>,
{
    let handle = &handle;
    let serve = move |event: LambdaEvent<Value>| async move {
        let deadline = Deadline::after(time_left(&event.context).saturating_sub(ANSWER_TIME));
        let done = handle(deadline).await;
        crate::metrics::flush();
        done.map_err(|failure| {
            tracing::error!(job, "The round failed: {}", failure.chain());
            Error::from(failure.to_string())
        })
    };
    lambda_runtime::run(service_fn(serve)).await
}
