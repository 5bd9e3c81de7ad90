//! A customer's card and the subscriptions that it pays: a new card takes the place of the old one on each of them,
//! and one that is gone is charged no more.

use cleeng::{Cleeng, Paging, Subscription, SubscriptionFilter, SubscriptionStatus};
use futures::future::{join_all, try_join_all};
use gateways::Routes;
use ledger::{ManagedBy, Mapping, Standing, Subject};
use payment::{
    Currency, CustomerId, Decline, DeclineClass, DeclineReason, Failure, GatewayName, PaymentDetailsId, Token,
};
use wire::Deadline;

use crate::run::Means;
use crate::write::change;

/// Subscriptions of one customer that are looked through: pages of a hundred.
const PAGES_MAX: u32 = 5;

/// All subscriptions of a customer, as Cleeng has them.
pub async fn subscriptions_of(
    cleeng: &Cleeng,
    customer: CustomerId,
    deadline: Deadline,
) -> Result<Vec<Subscription>, Failure> {
    let filter = SubscriptionFilter { customer: Some(customer), ..Default::default() };
    let mut all = Vec::new();
    for page in 0..PAGES_MAX {
        let limit = Paging::default().limit;
        let paging = Paging { offset: page * u32::from(limit), limit };
        let found = cleeng.subscriptions(&filter, paging, deadline).await?.items;
        let last = found.len() < usize::from(limit);
        // Nobody else's is ever touched, whatever a filter did.
        all.extend(found.into_iter().filter(|it| it.customer.is_none_or(|theirs| theirs == customer)));
        if last {
            return Ok(all);
        }
    }
    Err(Failure::alarm(format!("customer {customer} has more subscriptions than can be looked through")))
}

/// The items of a customer's subscriptions, as far as there are any; ended ones too.
pub async fn items_of(
    means: &Means,
    customer: CustomerId,
    deadline: Deadline,
) -> Result<Vec<Mapping>, Failure> {
    let all = subscriptions_of(&means.cleeng, customer, deadline).await?;
    let reads = all.into_iter().map(|it| means.ledger.mapping(Subject::Subscription(it.id)));
    let items = try_join_all(reads).await?;
    Ok(items.into_iter().flatten().filter(|item| item.customer == customer).collect())
}

/// What earlier payments tell of a customer whose card is to be checked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// A token of theirs at this gateway, by which the gateway's own customer is found again.
    pub token: Option<Token>,
    /// In which currency they pay.
    pub currency: Option<Currency>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// What is known of a customer. Their first card change asks Cleeng for their subscriptions; later ones find all of it on
/// their own item (`kept`).
pub async fn known_of(
    means: &Means,
    customer: CustomerId,
    kept: Option<&Mapping>,
    gateway: &GatewayName,
    deadline: Deadline,
) -> Result<Known, Failure> {
    if let Some((kept, last)) = kept.and_then(|kept| Some((kept, kept.attempts.last()?))) {
        let token = kept.token.clone().filter(|_| kept.gateway == *gateway);
        return Ok(Known { token, currency: Some(last.price.currency), country: kept.country.clone() });
    }
    let items = items_of(means, customer, deadline).await?;
    let currency = |item: &Mapping| item.currency.or(item.attempts.last().map(|last| last.price.currency));
    let mut there = items.iter().rev().filter(|item| item.gateway == *gateway);
    Ok(Known {
        token: there.find_map(|item| item.token.clone()),
        currency: items.iter().rev().find_map(currency),
        country: items.iter().rev().find_map(|item| item.country.clone()),
    })
}

/// Brings a customer's new card to every subscription of theirs that is ours, then takes the mark off the customer's
/// item. May be done again at any time: what has the card already is left alone.
///
/// A renewal that is under way keeps the card that it was begun with; the next one uses the new.
pub async fn spread_card(
    means: &Means,
    routes: &Routes,
    customer: Mapping,
    deadline: Deadline,
) -> Result<Mapping, Failure> {
    if let (Some(details), Some(token)) = (customer.details, &customer.token) {
        let theirs = subscriptions_of(&means.cleeng, customer.customer, deadline).await?;
        let ours = theirs.iter().filter(|it| is_renewed_by_us(it, routes));
        let moves = ours.map(|it| move_one(means, &customer, details, token, it, deadline));
        for moved in join_all(moves).await {
            moved?;
        }
    }
    let spread = customer.details;
    let now = means.clock.now();
    change(means, customer, |customer| {
        // A still newer card has a mark of its own.
        if customer.details == spread {
            customer.wake = None;
            customer.tell(now, "all subscriptions pay with the new card");
        }
    })
    .await
}

fn is_renewed_by_us(subscription: &Subscription, routes: &Routes) -> bool {
    subscription.status != SubscriptionStatus::Terminated
        && subscription.method.is_none_or(|method| routes.get(method).is_some())
}

/// Our item first: from then on an event of Cleeng's that still names the old card is known to be older.
async fn move_one(
    means: &Means,
    customer: &Mapping,
    details: PaymentDetailsId,
    token: &Token,
    at_cleeng: &Subscription,
    deadline: Deadline,
) -> Result<(), Failure> {
    let item = means.ledger.mapping(Subject::Subscription(at_cleeng.id)).await?;
    let known = item.is_some();
    if let Some(item) = item.filter(|item| needs(item, customer, details)) {
        let now = means.clock.now();
        change(means, item, |item| {
            if needs(item, customer, details) {
                replace_card(item, customer, details, token, at_cleeng.details);
                // Where our own schedule decides, a new card is tried at once if a renewal waits for it.
                if item.managed_by == ManagedBy::Connector {
                    item.capture_asked = Some(now);
                }
                item.tell(now, format!("renews with the payment details {details} from now on"));
            }
        })
        .await?;
    }
    // Cleeng does not charge what we manage ourselves, and one that it cannot say the method of may be anybody's.
    let cleengs = !at_cleeng.externally_managed && (known || at_cleeng.method.is_some());
    if !cleengs || at_cleeng.details == Some(details) {
        return Ok(());
    }
    match means.cleeng.set_subscription_details(at_cleeng.id, details, deadline).await {
        Err(error) if error.is_refusal() => {
            let subscription = at_cleeng.id;
            tracing::error!(alarm = "cleeng_refuses", %subscription, "Cleeng will not renew `{subscription}` with the new card: {error}");
            Ok(())
        }
        done => done.map_err(Failure::from),
    }
}

fn needs(item: &Mapping, customer: &Mapping, details: PaymentDetailsId) -> bool {
    // What we manage ourselves keeps its payment method at Cleeng, and with it its gateway.
    let stays = item.managed_by == ManagedBy::Cleeng || item.gateway == customer.gateway;
    stays
        && item.customer == customer.customer
        && matches!(item.standing, Standing::Open | Standing::Active)
        && (item.details != Some(details) || item.token.is_none())
}

/// Payment details that were replaced and are remembered: events older than that many changes are not sent.
const SUPERSEDED_MAX: usize = 8;

fn replace_card(
    item: &mut Mapping,
    customer: &Mapping,
    details: PaymentDetailsId,
    token: &Token,
    named_by_cleeng: Option<PaymentDetailsId>,
) {
    for old in [item.details, named_by_cleeng].into_iter().flatten().filter(|old| *old != details) {
        supersede(item, old);
    }
    item.details = Some(details);
    item.token = Some(token.clone());
    item.clear_declines();
    if item.managed_by == ManagedBy::Cleeng {
        item.method = customer.method;
        item.gateway = customer.gateway.clone();
        item.account = customer.account.clone();
    }
}

fn supersede(item: &mut Mapping, old: PaymentDetailsId) {
    item.superseded.retain(|known| *known != old);
    item.superseded.push(old);
    let surplus = item.superseded.len().saturating_sub(SUPERSEDED_MAX);
    item.superseded.drain(..surplus);
}

/// Takes a card off an item whose payment details are gone: nothing is charged to it until Cleeng or the customer
/// names another.
pub fn drop_details(item: &mut Mapping, gone: PaymentDetailsId) {
    if item.details == Some(gone) {
        item.details = None;
        item.token = None;
    }
    if matches!(item.subject, Subject::Subscription(_)) {
        supersede(item, gone);
    }
}

/// The gateway renewed a stored card: its token is replaced where it has a successor, and what the old card was barred
/// for is over.
pub fn renew_token(item: &mut Mapping, token: &Token, successor: Option<&Token>) -> bool {
    let ours = item.token.as_ref() == Some(token);
    if ours {
        item.clear_declines();
        item.token = Some(successor.unwrap_or(token).clone());
    }
    ours
}

/// The gateway no longer charges a stored card: renewals are refused without asking until the customer gives another.
pub fn bar_token(item: &mut Mapping, token: &Token) -> bool {
    let ours = item.token.as_ref() == Some(token);
    if ours {
        item.barred = Some(Decline {
            class: DeclineClass::Hard,
            reason: DeclineReason::TokenMissing,
            codes: format!("{}:token_gone", item.gateway),
            reference: None,
            retry_after: None,
        });
    }
    ours
}

/// A bank refused a card for good: the customer's other subscriptions that pay with it are not tried either. A few calls
/// more, which only such a refusal costs.
///
/// Where they cannot be reached nothing is lost: each of them is then refused once itself.
pub async fn bar_elsewhere(means: &Means, refused: &Mapping, deadline: Deadline) {
    let (Some(token), Some(decline)) = (&refused.token, &refused.barred) else { return };
    let told = async {
        for item in items_of(means, refused.customer, deadline).await? {
            let pays = |item: &Mapping| item.gateway == refused.gateway && item.token.as_ref() == Some(token);
            if item.subject == refused.subject || item.barred.is_some() || !pays(&item) {
                continue;
            }
            let now = means.clock.now();
            change(means, item, |item| {
                if pays(item) {
                    item.barred = Some(decline.clone());
                    item.tell(now, format!("its card was refused for good on {}", refused.subject));
                }
            })
            .await?;
        }
        Ok::<(), Failure>(())
    };
    if let Err(failure) = told.await {
        tracing::warn!(subject = %refused.subject, "A card that was refused for good is not barred elsewhere: {}", failure.chain());
    }
}
