//! What comes late: attempts that were left unfinished, purchases without a subscription, news from the gateways.

mod news;
mod unfinished;

use attempt::Means;
use entrypoint::{Message, Outside, What};
use gateways::Routes;
use payment::Failure;
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Settlement {
    means: Means,
}

impl Settlement {
    /// Reads what Cleeng, the gateways and the routes need.
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self::with_means(entrypoint::means(settings, outside, &routes)?))
    }

    /// The same with means of one's own, such as a gateway whose every move a test decides.
    pub fn with_means(means: Means) -> Self {
        Self { means }
    }
}

/// Serves one message.
pub async fn handle(settlement: &Settlement, message: Message, deadline: Deadline) -> Result<(), Failure> {
    match message.what {
        What::Due(subject) => unfinished::go_on(settlement, subject, deadline).await,
        What::Gateway(news) => news::learn(settlement, news, deadline).await,
        What::Review(_) => Err(Failure::alarm("the message is for another job")),
        What::Cleeng(event) => Err(Failure::alarm(format!("`{}` is not settled here", event.topic.as_str()))),
    }
}
