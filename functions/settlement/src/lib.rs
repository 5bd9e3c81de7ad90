//! What comes late: refunds and captures that Cleeng asks for, payment details that are gone, news from the gateways,
//! attempts that were left unfinished, purchases without a subscription.

mod capture;
mod deactivated;
mod news;
mod refund;
mod returned;
mod stored_card;
mod unfinished;

use attempt::Means;
use cleeng::webhook::EventData;
use entrypoint::managed::{self, ForgetTokens};
use entrypoint::{Message, Outside, What};
use gateways::Routes;
use payment::Failure;
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Settlement {
    means: Means,
    routes: Routes,
    forget: ForgetTokens,
}

impl Settlement {
    /// Reads what Cleeng, the gateways and the routes need, and [`ForgetTokens`].
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Self::with_means(entrypoint::means(settings, outside, &routes)?, settings)
    }

    /// The same with means of one's own, such as a gateway whose every move a test decides.
    pub fn with_means(means: Means, settings: &Settings) -> Result<Self, SettingError> {
        let forget = managed::forget_tokens(settings)?;
        Ok(Self { means, routes: Routes::from_settings(settings)?, forget })
    }
}

/// How often one message decides anew because others wrote in between.
const ROUNDS_MAX: usize = 6;

/// Serves one message.
pub async fn handle(settlement: &Settlement, message: Message, deadline: Deadline) -> Result<(), Failure> {
    match message.what {
        What::Due(subject) => unfinished::go_on(settlement, subject, deadline).await,
        What::Gateway(news) => news::learn(settlement, news, deadline).await,
        What::Review(_) => Err(Failure::alarm("the message is for another job")),
        What::Cleeng(event) => match event.data {
            EventData::Refund(asked) => refund::serve(settlement, &asked, deadline).await,
            EventData::CapturePayment(asked) => capture::serve(settlement, &asked, deadline).await,
            EventData::DetailsDeactivated(gone) => deactivated::serve(settlement, &gone, deadline).await,
            _ => Err(Failure::alarm(format!("`{}` is not settled here", event.topic.as_str()))),
        },
    }
}
