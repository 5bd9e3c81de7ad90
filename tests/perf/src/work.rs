//! The connector's own work per gateway call: the request built, the answer read, with a peer that answers at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateways::Gateway;
use gateways::stripe::{Stripe, StripeSettings};
use ledger::Subject;
use local::system::{Addresses, settings_table};
use payment::{Identity, Intention, Money, Outcome, SubscriptionId, Target, Verb};
use settings::Settings;
use wire::simulated::{Clear, Network};
use wire::{Deadline, Reply, Transport, Wire};

use crate::process::cpu;
use crate::story::Story;
use crate::{Result, events};

const CALLS: u32 = 5000;

/// The simulator's first answer, again and again.
struct Replayed {
    network: Network,
    answer: Mutex<Option<http::Response<Bytes>>>,
}

#[async_trait]
impl Transport for Replayed {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply {
        let known = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = known {
            return Reply::Answered(answer);
        }
        let reply = self.network.send(request, timeout).await;
        if let Reply::Answered(answer) = &reply {
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        }
        reply
    }
}

/// CPU time of one off-session authorisation.
pub(crate) async fn per_call() -> Result<Duration> {
    let story = Story::new()?;
    let row = events::subscribers(&story.system, 1).await?.pop().ok_or("no subscription")?;
    let subscription: SubscriptionId = row.id.try_into()?;
    let mapping =
        story.system.ledger.mapping(Subject::Subscription(subscription)).await?.ok_or("no mapping")?;
    let ask = Intention {
        identity: Identity::renewal(subscription, row.ends, 1),
        verb: Verb::Authorise,
        gateway: mapping.gateway.clone(),
        account: None,
        customer: mapping.customer,
        money: Money { minor: 1999, currency: "EUR".parse()? },
        target: Target::Token(mapping.token.clone().ok_or("no token")?),
        order: None,
        began: row.began,
    };
    let network = Network::new(story.system.peers.by_host(), Arc::new(Clear));
    let wire = Wire::new(Arc::new(Replayed { network, answer: Mutex::default() }));
    let settings = Settings::from_table(settings_table(&Addresses::simulated()));
    let stripe = Stripe::new(wire, StripeSettings::from_settings(&settings)?);
    let before = cpu(std::process::id())?;
    for _ in 0..CALLS {
        match stripe.authorise_off_session(&ask, Deadline::after(Duration::from_secs(60))).await {
            Ok(Outcome::Approved(_)) => {}
            other => return Err(format!("not an approval: {other:?}").into()),
        }
    }
    Ok(cpu(std::process::id())?.saturating_sub(before) / CALLS)
}
