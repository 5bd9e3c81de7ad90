//! Compares one day's attempts: what is written down here, what the gateway says, and what Cleeng has recorded.

use std::collections::BTreeMap;

use cleeng::{Cleeng, Paging, Payment, PaymentStatus, SubscriptionFilter, SubscriptionStatus};
use futures::StreamExt;
use gateways::Gateways;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::{Attempt, ManagedBy, Mapping, Stage, Standing, Subject};
use payment::{Answer, Failure, Identity, OrderId, Outcome, SubscriptionId, Verb};
use serde_json::json;

use crate::deployment::patience;
use crate::report::table;
use crate::{Deployment, Report, words};

/// Items compared side by side: Cleeng's own rate is not known, and nobody waits for this.
const SIDE_BY_SIDE: usize = 4;
/// Pages of a hundred subscriptions of one payment method that are looked through.
const PAGES_MAX: u32 = 1000;

/// A row that the ledgers do not agree on.
struct Difference {
    about: String,
    ours: String,
    gateway: String,
    cleeng: String,
    to_do: &'static str,
}

/// What was compared.
#[derive(Default)]
struct Compared {
    attempts: usize,
    /// Attempts whose gateway can be asked by reading.
    asked: usize,
    subscriptions: usize,
    differences: Vec<Difference>,
}

/// Compares the attempts that began on this day (UTC); with `all`, also every subscription of our payment methods.
pub(crate) async fn reconcile(at: &Deployment, date: Date, all: bool) -> Result<Report, Failure> {
    let begin =
        date.to_zoned(TimeZone::UTC).map_err(|error| Failure::refuse("no such day").because(error))?;
    let begin = begin.timestamp();
    let end = begin.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    let of_day = |attempt: &Attempt| (begin..end).contains(&attempt.intention.began);
    let (cleeng, gateways, routes) = (at.cleeng()?, at.gateways()?, at.routes()?);
    let items = at.items(|item| item.attempts.iter().any(of_day)).await?;
    let each = items.iter().map(|item| compare(&cleeng, &gateways, item, of_day));
    let mut whole = Compared::default();
    let mut compared = futures::stream::iter(each).buffered(SIDE_BY_SIDE);
    while let Some(compared) = compared.next().await {
        let compared = compared?;
        whole.attempts += compared.attempts;
        whole.asked += compared.asked;
        whole.subscriptions += compared.subscriptions;
        whole.differences.extend(compared.differences);
    }
    if all {
        for route in routes.iter() {
            let filter = SubscriptionFilter { method: Some(route.payment_method_id), ..Default::default() };
            subscriptions(at, &cleeng, &filter, &mut whole).await?;
        }
    }
    let head = format!(
        "{date}: {} attempts on {} items compared with Cleeng ({} of them also with their gateway, which can be asked), \
         {} subscriptions; {} differences",
        whole.attempts,
        items.len(),
        whole.asked,
        whole.subscriptions,
        whole.differences.len(),
    );
    let json: Vec<_> = whole
        .differences
        .iter()
        .map(|it| json!({ "about": it.about, "ours": it.ours, "gateway": it.gateway, "cleeng": it.cleeng, "toDo": it.to_do }))
        .collect();
    let differ = !whole.differences.is_empty();
    let rows = whole
        .differences
        .into_iter()
        .map(|it| [it.about, it.ours, it.gateway, it.cleeng, it.to_do.to_owned()]);
    let columns = ["about", "here", "gateway", "Cleeng", "what to do"];
    let text = if differ { format!("{head}\n{}", table(&columns, rows)) } else { head };
    Ok(Report::new(text, json!({ "day": date.to_string(), "attempts": whole.attempts, "differences": json }))
        .needs_a_person(differ))
}

async fn compare(
    cleeng: &Cleeng,
    gateways: &Gateways,
    item: &Mapping,
    of_day: impl Fn(&Attempt) -> bool,
) -> Result<Compared, Failure> {
    let mut found = Compared::default();
    let mut recorded: BTreeMap<OrderId, Vec<Payment>> = BTreeMap::new();
    for attempt in item.attempts.iter().filter(|attempt| of_day(attempt)) {
        found.attempts += 1;
        let identity = &attempt.intention.identity;
        let about = format!("{} {}", item.subject, words::attempt(identity));
        let ours = words::stage(attempt);
        let differ = |gateway: String, cleeng: String, to_do| Difference {
            about: about.clone(),
            ours: ours.clone(),
            gateway,
            cleeng,
            to_do,
        };
        let Some(answer) = attempt.answer() else {
            if !matches!(attempt.stage, Stage::Withdrawn { .. }) {
                let to_do = "`ops inspect` it; `ops resolve` where it is parked";
                found.differences.push(differ("–".to_owned(), "–".to_owned(), to_do));
            }
            continue;
        };
        let said = match asks_gateway(item, attempt) {
            true => at_gateway(gateways, attempt).await?,
            false => None,
        };
        found.asked += usize::from(said.is_some());
        let gateway_differs = said.as_ref().is_some_and(|said| !agrees(answer, said));
        // A step of an attempt changes Cleeng's record of the attempt that it is a step of.
        let is_step = *identity != identity.base();
        let order = attempt.order().filter(|_| !is_step && asks_cleeng(attempt));
        let theirs = match order {
            None => None,
            Some(order) => {
                if let std::collections::btree_map::Entry::Vacant(place) = recorded.entry(order) {
                    place.insert(cleeng.order_payments(order, patience()).await?);
                }
                Some(record(recorded.get(&order).map(Vec::as_slice).unwrap_or_default(), attempt))
            }
        };
        let cleeng_differs = match &theirs {
            None => false,
            Some(None) => true,
            Some(Some(payment)) => !fits(item, attempt, answer, payment),
        };
        if gateway_differs || cleeng_differs {
            let cleeng = match &theirs {
                None => "–".to_owned(),
                Some(None) => "has no such payment".to_owned(),
                Some(Some(payment)) => payment_words(payment),
            };
            let gateway = said.as_ref().map_or("not asked".to_owned(), outcome_words);
            let to_do = match (gateway_differs, &attempt.stage) {
                (true, _) => "look in the gateway's dashboard: its word counts",
                (false, Stage::Answered(_)) => "wait: Cleeng is told again by itself",
                (false, _) => "compare the payment in Cleeng's dashboard; report it by hand if it stays",
            };
            found.differences.push(differ(gateway, cleeng, to_do));
        }
    }
    if let Subject::Subscription(id) = item.subject {
        found.subscriptions += 1;
        let status = cleeng.subscription(id, patience()).await?.map(|it| it.status);
        found.differences.extend(standing_differs(id, Some(item), status));
    }
    Ok(found)
}

/// Whether the attempt still is what the gateway shows: one that was let go, returned or captured later shows that instead.
fn asks_gateway(item: &Mapping, attempt: &Attempt) -> bool {
    let identity = &attempt.intention.identity;
    let changed = [identity.cancel(), identity.undo()].iter().any(|step| item.attempt(step).is_some());
    let is_free = attempt.reference.as_ref().is_some_and(|id| id.as_str().starts_with("free-"));
    !changed && !is_free && attempt.reference.is_some()
}

/// Cleeng records payments; a void or a refund changes the record of the payment that it is of.
fn asks_cleeng(attempt: &Attempt) -> bool {
    match attempt.intention.verb {
        Verb::Purchase | Verb::Authorise | Verb::Charge | Verb::Refund => true,
        Verb::Verify => attempt.intention.order.is_some(),
        Verb::Capture | Verb::Cancel => false,
    }
}

async fn at_gateway(gateways: &Gateways, attempt: &Attempt) -> Result<Option<Outcome>, Failure> {
    let Some(gateway) = gateways.get(&attempt.intention.gateway) else { return Ok(None) };
    let said = gateway.look_up(&attempt.intention, attempt.reference.as_ref(), patience()).await?;
    Ok(said.filter(|said| matches!(said, Outcome::Approved(_) | Outcome::Declined(_))))
}

fn agrees(ours: &Answer, said: &Outcome) -> bool {
    match (ours, said) {
        (Answer::Approved(ours), Outcome::Approved(theirs)) => ours.money == theirs.money,
        (Answer::Declined(_), Outcome::Declined(_)) => true,
        _ => false,
    }
}

/// Cleeng's record of an attempt, by its own id or by the gateway's.
fn record<'a>(payments: &'a [Payment], attempt: &Attempt) -> Option<&'a Payment> {
    let by_id = payments.iter().find(|it| Some(it.id) == attempt.payment);
    by_id.or_else(|| payments.iter().find(|it| it.external.is_some() && it.external == attempt.reference))
}

/// Whether Cleeng's record says what happened, the later steps of the attempt counted in.
fn fits(item: &Mapping, attempt: &Attempt, answer: &Answer, payment: &Payment) -> bool {
    let identity = &attempt.intention.identity;
    let approved = |step: Identity| {
        item.attempt(&step).and_then(Attempt::answer).map(|answer| matches!(answer, Answer::Approved(_)))
    };
    let let_go = approved(identity.cancel()) == Some(true) || approved(identity.undo()) == Some(true);
    let status = &payment.status;
    let is_right = match answer {
        Answer::Declined(_) => *status == PaymentStatus::Rejected,
        Answer::Approved(_) if attempt.intention.verb == Verb::Refund => *status == PaymentStatus::Refunded,
        Answer::Approved(_) if let_go => {
            matches!(status, PaymentStatus::Cancelled | PaymentStatus::Rejected | PaymentStatus::Refunded)
        }
        Answer::Approved(approval) if approval.captured || approved(identity.capture()) == Some(true) => {
            matches!(status, PaymentStatus::Captured | PaymentStatus::Refunded)
        }
        Answer::Approved(_) if approved(identity.capture()) == Some(false) => {
            *status == PaymentStatus::Rejected
        }
        Answer::Approved(approval) if approval.money.is_zero() => *status == PaymentStatus::Captured,
        Answer::Approved(_) => *status == PaymentStatus::Authorized,
    };
    let is_refund = attempt.intention.verb == Verb::Refund;
    let same_price = is_refund || payment.price.is_none_or(|price| price == attempt.price);
    is_right && same_price
}

fn payment_words(payment: &Payment) -> String {
    let price = payment.price.map(|price| format!(" {price}")).unwrap_or_default();
    format!("{}{price}", payment.status.as_str())
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Approved(approval) if approval.captured => format!("taken {:?}", approval.money.minor),
        Outcome::Approved(approval) => format!("held {:?}", approval.money.minor),
        Outcome::Declined(decline) => format!("refused: {}", decline.rejected_reason()),
        Outcome::ActionRequired(_) => "waits for the buyer".to_owned(),
        Outcome::Unknown(doubt) => doubt.why.clone(),
    }
}

/// All subscriptions of a payment method at Cleeng against their items here.
async fn subscriptions(
    at: &Deployment,
    cleeng: &Cleeng,
    filter: &SubscriptionFilter,
    found: &mut Compared,
) -> Result<(), Failure> {
    for page in 0..PAGES_MAX {
        let limit = Paging::default().limit;
        let paging = Paging { offset: page * u32::from(limit), limit };
        let rows = cleeng.subscriptions(filter, paging, patience()).await?.items;
        for row in &rows {
            let item = at.ledger()?.mapping(Subject::Subscription(row.id)).await?;
            found.subscriptions += 1;
            found.differences.extend(standing_differs(row.id, item.as_ref(), Some(row.status.clone())));
        }
        if rows.len() < usize::from(limit) {
            return Ok(());
        }
    }
    Err(Failure::alarm(format!("there are more than {} subscriptions", PAGES_MAX * 100)))
}

fn standing_differs(
    id: SubscriptionId,
    item: Option<&Mapping>,
    status: Option<SubscriptionStatus>,
) -> Option<Difference> {
    let lives = |status: &SubscriptionStatus| *status != SubscriptionStatus::Terminated;
    let to_do = match (item.map(|item| item.standing), &status) {
        (Some(Standing::Closed), Some(status)) if lives(status) => {
            "`ops terminate` it, or ask Cleeng why it lives"
        }
        (Some(Standing::Active), Some(SubscriptionStatus::Terminated)) => {
            "wait a day: the daily comparison ends it here"
        }
        (Some(_), None) => "ask Cleeng: it does not know this subscription",
        (None, Some(SubscriptionStatus::Active)) => {
            "nothing, if it was made by another connector; its first renewal event makes its item here"
        }
        _ => return None,
    };
    if item.is_some_and(|item| item.managed_by == ManagedBy::Connector) && status.is_none() {
        return None;
    }
    Some(Difference {
        about: format!("subscription#{id}"),
        ours: item.map_or("unknown", |item| words::standing(item.subject, item.standing)).to_owned(),
        gateway: "–".to_owned(),
        cleeng: status.map_or("unknown".to_owned(), |status| status.as_str().to_owned()),
        to_do,
    })
}
