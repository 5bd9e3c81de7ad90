//! The gateway renewed a stored card, or charges it no more: the items that pay with it learn so.

use attempt::{bar_token, change, items_of, renew_token};
use gateways::News;
use ledger::{Mapping, Subject};
use payment::{Failure, Token};
use wire::Deadline;

use crate::Settlement;

/// The network renewed a card (a new number or a new expiry): what was barred may be charged again.
pub(crate) async fn renewed(
    settlement: &Settlement,
    news: &News,
    token: &Token,
    successor: Option<&Token>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let write = |item: &mut Mapping| renew_token(item, token, successor);
    let count = on_all(settlement, news, token, "the gateway renewed the card", write, deadline).await?;
    tracing::info!(gateway = %news.gateway, event = %news.event, count, "A stored card was renewed");
    Ok(())
}

/// A card can no longer be charged. Its renewals are refused without asking, and somebody should write to the customer.
pub(crate) async fn gone(
    settlement: &Settlement,
    news: &News,
    token: &Token,
    deadline: Deadline,
) -> Result<(), Failure> {
    let write = |item: &mut Mapping| bar_token(item, token);
    let count =
        on_all(settlement, news, token, "the gateway charges the card no more", write, deadline).await?;
    if count > 0 {
        tracing::error!(alarm = "late_news", gateway = %news.gateway, event = %news.event, count, "The gateway charges a stored card no more, and subscriptions pay with it");
    }
    Ok(())
}

/// Changes every item of the card's owner that pays with it; how many subscriptions did.
async fn on_all(
    settlement: &Settlement,
    news: &News,
    token: &Token,
    told: &str,
    write: impl Fn(&mut Mapping) -> bool,
    deadline: Deadline,
) -> Result<usize, Failure> {
    let means = &settlement.means;
    let gateway = means.gateways.get(&news.gateway);
    let gateway =
        gateway.ok_or_else(|| Failure::alarm(format!("the gateway {} is not set up here", news.gateway)))?;
    let Some(owner) = gateway.owner(token, deadline).await? else { return Ok(0) };
    let mut items = items_of(means, owner, deadline).await?;
    items.extend(means.ledger.mapping(Subject::Customer(owner)).await?);
    let mut count = 0;
    for item in
        items.into_iter().filter(|item| item.gateway == news.gateway && item.token.as_ref() == Some(token))
    {
        count += usize::from(matches!(item.subject, Subject::Subscription(_)));
        let now = means.clock.now();
        change(means, item, |item| {
            if write(item) {
                item.tell(now, told);
            }
        })
        .await?;
    }
    Ok(count)
}
