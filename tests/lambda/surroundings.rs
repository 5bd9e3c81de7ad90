//! What the binaries find around them: peers, table and queues, each over its own real protocol on this machine.

use std::sync::Arc;

use local::disk::{Hour, Reach, Started, start};
use local::sqs::LocalSqs;
use local::system::{Addresses, settings_table};
use tokio::net::TcpListener;

/// Peers, table and queues, and the settings by which a binary finds them.
pub(crate) struct Surroundings {
    pub(crate) started: Arc<Started>,
    pub(crate) settings: Vec<(&'static str, String)>,
    _sqs: LocalSqs,
}

impl Surroundings {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let started = Arc::new(
            start(None, Hour::Running(0), &Reach::Server { origin: origin.clone(), pages: Vec::new() })
                .await
                .unwrap(),
        );
        let routes = local::serve::router(started.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let sqs = LocalSqs::start(started.system.queue.clone()).await.unwrap();
        let mut settings = settings_table(&Addresses::on_server(&origin, &[]));
        settings.extend(started.dynamo.settings());
        settings.extend(sqs.settings());
        Self { started, settings, _sqs: sqs }
    }
}
