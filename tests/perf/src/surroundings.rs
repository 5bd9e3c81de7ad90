//! What the binaries find around them: simulators, table and queues, each behind a front of its own.

use std::sync::Arc;

use local::disk::{Hour, Reach, Started, start};
use local::sqs::LocalSqs;
use local::system::{Addresses, System, settings_table};
use wire::Http;

use crate::Result;
use crate::front::{Behind, Front};

/// The peers' names, in the order of [`Surroundings::fronts`].
pub(crate) const PEERS: [&str; 5] = ["cleeng", "stripe", "adyen", "table", "queue"];

pub(crate) struct Surroundings {
    started: Started,
    fronts: [Front; 5],
    /// By which a binary finds them.
    pub(crate) settings: Vec<(&'static str, String)>,
    _sqs: LocalSqs,
}

impl Surroundings {
    pub(crate) async fn new() -> Result<Self> {
        let started = start(None, Hour::Running(0), &Reach::InProcess).await?;
        let system = &started.system;
        let sqs = LocalSqs::start(system.queue.clone()).await?;
        let simulator = |host: &Arc<local::hosted::Hosted>| Behind::Simulator(host.clone());
        let server =
            |url: &str| Ok::<_, wire::HttpError>(Behind::Server(url.to_owned(), Box::new(Http::new()?)));
        let fronts = [
            Front::start(simulator(&system.peers.cleeng_host)).await?,
            Front::start(simulator(&system.peers.stripe_host)).await?,
            Front::start(simulator(&system.peers.adyen_host)).await?,
            Front::start(server(started.dynamo.url())?).await?,
            Front::start(server(sqs.url())?).await?,
        ];
        let [cleeng, stripe, adyen, table, queue] = &fronts;
        let mut settings = settings_table(&Addresses {
            cleeng: cleeng.url.clone(),
            stripe: stripe.url.clone(),
            adyen: adyen.url.clone(),
            shop: "http://shop.test".to_owned(),
            pages: Vec::new(),
        });
        settings.extend(started.dynamo.settings());
        settings.extend(sqs.settings());
        for (name, value) in &mut settings {
            match *name {
                "AWS_ENDPOINT_URL_DYNAMODB" => value.clone_from(&table.url),
                "AWS_ENDPOINT_URL_SQS" => value.clone_from(&queue.url),
                _ => {}
            }
        }
        Ok(Self { started, fronts, settings, _sqs: sqs })
    }

    /// The system behind the fronts.
    pub(crate) fn system(&self) -> &System {
        &self.started.system
    }

    /// The fronts by name.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = (&'static str, &Front)> {
        PEERS.into_iter().zip(&self.fronts)
    }

    /// Connections accepted so far, by peer.
    pub(crate) fn connections(&self) -> [usize; 5] {
        self.fronts.each_ref().map(Front::connections)
    }

    /// Every peer answers after its usual latency.
    pub(crate) fn slow_down(&self) {
        for (name, front) in self.fronts() {
            front.set_latency(crate::latency_ms(name));
        }
    }
}
