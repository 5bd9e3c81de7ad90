//! What happened, as a support person reads it: one item, or all that a customer has.

use std::collections::BTreeSet;

use cleeng::Subscription;
use ledger::{Mapping, Subject};
use payment::{CustomerId, Failure, PaymentDetailsId};
use serde_json::{Value, json};

use crate::report::{day, hour, table};
use crate::{Deployment, Report, deployment, words};

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `subscription#…`, `order#…`, `payment#…`.
    Item(Subject),
    /// `customer#…`: all their subscriptions and orders.
    Customer(CustomerId),
    /// `details#…`: everything that pays with this card.
    Details(PaymentDetailsId),
    /// A bare number: whatever has it.
    Any(u64),
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is nothing that can be inspected: write subscription#121780131, order#696713353, \
                 customer#362344331, payment#153633108, details#665665665, or the number alone"
            )
        };
        let Some((kind, number)) = text.split_once('#') else {
            return text.parse().map(Self::Any).map_err(|_| wrong());
        };
        match kind {
            "customer" => number.parse().map(Self::Customer).map_err(|_| wrong()),
            "details" => number.parse().map(Self::Details).map_err(|_| wrong()),
            _ => text.parse().map(Self::Item).map_err(|_| wrong()),
        }
    }
}

/// Shows the items and what Cleeng says of their subscriptions. Never a token.
pub(crate) async fn inspect(at: &Deployment, wanted: &Wanted) -> Result<Report, Failure> {
    let items = find(at, wanted).await?;
    let theirs = at_cleeng(at, wanted, &items).await;
    if items.is_empty() && theirs.is_empty() {
        let hint =
            "nothing has happened on it here; is it of another payment method, or of another deployment?";
        return Err(Failure::refuse(format!("nothing is known of {}: {hint}", told(wanted))));
    }
    let mut text = Vec::new();
    if items.len() + theirs.len() > 1 && !matches!(wanted, Wanted::Item(_)) {
        text.push(overview(&items, &theirs));
    }
    for item in &items {
        let subscription = theirs.iter().find(|it| Subject::Subscription(it.id) == item.subject);
        text.push(facts(item, subscription));
        if !item.attempts.is_empty() {
            text.push(attempts(item));
        }
        if !item.history.is_empty() {
            text.push(time_line(item));
        }
    }
    let mut json = Vec::new();
    for item in &items {
        let mut value = serde_json::to_value(item)
            .map_err(|error| Failure::alarm("an item cannot be written as JSON").because(error))?;
        without_tokens(&mut value);
        if let Value::Object(members) = &mut value {
            members.insert("due".to_owned(), json!(item.due));
            let cleeng = theirs.iter().find(|it| Subject::Subscription(it.id) == item.subject);
            members.insert("cleeng".to_owned(), cleeng.map_or(Value::Null, subscription_json));
        }
        json.push(value);
    }
    Ok(Report::new(text.join("\n\n"), Value::Array(json)))
}

async fn find(at: &Deployment, wanted: &Wanted) -> Result<Vec<Mapping>, Failure> {
    let ledger = at.ledger()?;
    match *wanted {
        Wanted::Item(subject) => Ok(ledger.mapping(subject).await?.into_iter().collect()),
        Wanted::Customer(customer) => at.items(|item| item.customer == customer).await,
        Wanted::Details(details) => at.items(|item| item.details == Some(details)).await,
        Wanted::Any(number) => {
            let mut found = Vec::new();
            for kind in ["subscription", "order", "payment"] {
                if let Ok(subject) = format!("{kind}#{number}").parse() {
                    found.extend(ledger.mapping(subject).await?);
                }
            }
            match CustomerId::try_from(number) {
                Ok(customer) if found.is_empty() => at.items(|item| item.customer == customer).await,
                _ => Ok(found),
            }
        }
    }
}

/// Cleeng's own word on the subscriptions; where it cannot be had, ours stands alone.
async fn at_cleeng(at: &Deployment, wanted: &Wanted, items: &[Mapping]) -> Vec<Subscription> {
    let Ok(cleeng) = at.cleeng() else { return Vec::new() };
    let customer = match *wanted {
        Wanted::Customer(customer) => Some(customer),
        Wanted::Any(number) if items.is_empty() => number.try_into().ok(),
        _ => None,
    };
    let mut found = Vec::new();
    if let Some(customer) = customer {
        match attempt::subscriptions_of(&cleeng, customer, deployment::patience()).await {
            Ok(all) => found.extend(all),
            Err(failure) => tracing::warn!("Cleeng was not asked: {}", failure.chain()),
        }
    }
    let known: BTreeSet<_> = found.iter().map(|it| it.id).collect();
    for item in items {
        let Subject::Subscription(id) = item.subject else { continue };
        if known.contains(&id) {
            continue;
        }
        match cleeng.subscription(id, deployment::patience()).await {
            Ok(subscription) => found.extend(subscription),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    found
}

fn told(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Item(subject) => subject.to_string(),
        Wanted::Customer(id) => format!("customer#{id}"),
        Wanted::Details(id) => format!("details#{id}"),
        Wanted::Any(number) => number.to_string(),
    }
}

fn overview(items: &[Mapping], theirs: &[Subscription]) -> String {
    let mut rows: Vec<[String; 5]> = items
        .iter()
        .map(|item| {
            let subscription = theirs.iter().find(|it| Subject::Subscription(it.id) == item.subject);
            [
                item.subject.to_string(),
                item.offer.as_ref().map(ToString::to_string).unwrap_or_default(),
                words::standing(item.subject, item.standing).to_owned(),
                subscription.map(|it| it.status.as_str().to_owned()).unwrap_or_default(),
                item.attempts.last().map(words::stage).unwrap_or_default(),
            ]
        })
        .collect();
    let unknown =
        theirs.iter().filter(|it| !items.iter().any(|item| item.subject == Subject::Subscription(it.id)));
    rows.extend(unknown.map(|it| {
        [
            Subject::Subscription(it.id).to_string(),
            it.offer.as_ref().map(ToString::to_string).unwrap_or_default(),
            "nothing is known of it here".to_owned(),
            it.status.as_str().to_owned(),
            String::new(),
        ]
    }));
    table(&["item", "offer", "here", "at Cleeng", "last attempt"], rows)
}

fn facts(item: &Mapping, theirs: Option<&Subscription>) -> String {
    let mut rows = vec![
        ("stands", words::standing(item.subject, item.standing).to_owned()),
        ("customer", item.customer.to_string()),
        ("pays by", format!("payment method {} ({})", item.method, item.gateway)),
        (
            "card",
            match (&item.token, &item.barred) {
                (None, _) => "none is kept".to_owned(),
                (Some(_), Some(decline)) => format!("kept, not charged any more: {}", decline.reason),
                (Some(_), None) => "kept".to_owned(),
            },
        ),
    ];
    rows.extend(item.offer.as_ref().map(|offer| ("offer", offer.to_string())));
    rows.extend(item.details.map(|id| ("payment details at Cleeng", id.to_string())));
    rows.extend(item.period_end.map(|at| ("renewal of the period ending", hour(at))));
    rows.extend(item.became.map(|id| ("became", format!("subscription#{id}"))));
    rows.extend(item.paid.as_ref().map(|paid| ("was paid", format!("{} ({})", paid.price, paid.reference))));
    if let Some(theirs) = theirs {
        let ends = theirs.ends.map(|at| format!(", paid until {}", hour(at))).unwrap_or_default();
        rows.push(("at Cleeng", format!("{}{ends}", theirs.status.as_str())));
        rows.extend(theirs.next_payment.map(|at| ("Cleeng asks next", hour(at))));
    }
    // What is owed at once is marked with the beginning of time.
    rows.extend(
        item.due.map(|at| {
            ("the timer looks at it", if at.as_second() == 0 { "now".to_owned() } else { hour(at) })
        }),
    );
    table(
        &[item.subject.to_string().as_str(), "times are UTC"],
        rows.into_iter().map(|(what, value)| [what.to_owned(), value]),
    )
}

fn attempts(item: &Mapping) -> String {
    let rows = item.attempts.iter().map(|attempt| {
        let identity = &attempt.intention.identity;
        let stage = words::stage(attempt);
        [
            words::attempt(identity),
            format!("{} {}", words::verb(attempt.intention.verb), attempt.price),
            // What is open may have to be resolved, by this name.
            if attempt.is_finished() { stage } else { format!("{stage}\n(ops resolve {identity})") },
            attempt.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
            attempt.payment.map(|id| id.to_string()).unwrap_or_default(),
        ]
    });
    table(&["attempt", "what", "where it stands", "gateway's id", "Cleeng's payment"], rows)
}

fn time_line(item: &Mapping) -> String {
    let mut last = String::new();
    let rows = item.history.iter().map(|line| {
        let (date, time) = (day(line.at), line.at.strftime("%H:%M:%S").to_string());
        let shown = if date == last { String::new() } else { date.clone() };
        last = date;
        [shown, time, words::line(line)]
    });
    table(&["day", "hour", "what happened"], rows)
}

fn subscription_json(theirs: &Subscription) -> Value {
    json!({
        "status": theirs.status.as_str(), "ends": theirs.ends, "nextPayment": theirs.next_payment,
        "details": theirs.details, "inTrial": theirs.in_trial,
    })
}

fn without_tokens(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("token");
            members.values_mut().for_each(without_tokens);
        }
        Value::Array(items) => items.iter_mut().for_each(without_tokens),
        _ => {}
    }
}
