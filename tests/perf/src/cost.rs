//! What a million renewals cost, from the operations that were counted and the prices that AWS publishes (eu-west-1, arm64).

use rust_decimal::Decimal;

use crate::Result;
use crate::story::Played;

/// What the deployment sets.
struct Deployment {
    /// The HTTP API, a million requests.
    front_door: Decimal,
    ingest_gb: Decimal,
    worker_gb: Decimal,
    batch: Decimal,
    /// The slowest unit of a batch over the mean.
    slowest: Decimal,
}

/// Dollars per million: requests of Lambda; GB-seconds (arm64); SQS requests; DynamoDB writes and consistent reads; a gigabyte of logs.
const PRICES: [(i64, u32); 6] = [(20, 2), (1333, 2), (40, 2), (625, 3), (125, 3), (50, 2)];

/// Dollars for a million renewals in two steps: two webhooks taken in, an authorisation and a capture.
/// `log_bytes` are those of one event, taken in and worked.
pub(crate) fn per_million_renewals(played: &[Played], log_bytes: u64) -> Result<Decimal> {
    let find = |job| played.iter().find(|it| it.job == job).ok_or("a job was not played");
    let (ingest, authorise, capture) = (find("ingest")?, find("authorise")?, find("capture")?);
    let deployment = Deployment {
        front_door: Decimal::ONE,
        ingest_gb: Decimal::new(25, 2),
        worker_gb: Decimal::new(125, 3),
        batch: Decimal::TEN,
        slowest: Decimal::new(13, 1),
    };
    let [request, gb_second, sqs, write, read, log_gb] =
        PRICES.map(|(number, scale)| Decimal::new(number, scale));
    let seconds =
        |played: &Played| Ok::<_, std::num::TryFromIntError>(Decimal::new(i64::try_from(played.took_ms)?, 3));
    // A million events of n kilobytes each are n gigabytes.
    let logs = log_gb * Decimal::from(log_bytes) / Decimal::ONE_THOUSAND;
    let mut dollars = Decimal::ZERO;
    for work in [authorise, capture] {
        let taken_in = deployment.front_door
            + request
            + gb_second * deployment.ingest_gb * seconds(ingest)?
            + write * Decimal::from(ingest.did.writes);
        let queued = sqs * (Decimal::ONE + Decimal::TWO / deployment.batch);
        let worked = (request + gb_second * deployment.worker_gb * seconds(work)? * deployment.slowest)
            / deployment.batch
            + write * Decimal::from(work.did.writes)
            + read * Decimal::from(work.did.reads);
        dollars += taken_in + queued + worked + logs;
    }
    Ok(dollars.round_dp(2))
}
