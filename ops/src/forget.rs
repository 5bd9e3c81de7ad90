//! Erases what is personal of a customer: stored cards here, at Cleeng and, where so set, at the gateway. What is money stays.

use std::collections::{BTreeMap, BTreeSet};

use attempt::{change, subscriptions_of};
use cleeng::SubscriptionStatus;
use ledger::{Mapping, Stage, Standing, Subject, Tries};
use payment::{Answer, CustomerId, Failure, GatewayName, MerchantAccount, Target, Token};
use serde_json::json;

use crate::deployment::{missing, patience};
use crate::report::table;
use crate::{Deployment, Report};

/// Erases, item by item. Repeating it is harmless: what is gone is not found again.
pub(crate) async fn forget(
    at: &Deployment,
    customer: CustomerId,
    at_gateway: bool,
    dry_run: bool,
) -> Result<Report, Failure> {
    let means = at.means()?;
    let items = at.items(|item| item.customer == customer).await?;
    let theirs = subscriptions_of(&means.cleeng, customer, patience()).await?;
    if items.is_empty() && theirs.is_empty() {
        return Err(Failure::refuse(format!("nothing is known of the customer {customer}")));
    }
    let alive = theirs.iter().filter(|it| it.status != SubscriptionStatus::Terminated);
    if let Some(alive) = alive.min_by_key(|it| it.id) {
        return Err(Failure::refuse(format!(
            "the customer {customer} has the {} subscription {}: end it first (`ops terminate {}`)",
            alive.status.as_str(),
            alive.id,
            alive.id
        )));
    }
    if let Some(open) = items.iter().find(|item| is_open(item)) {
        return Err(Failure::refuse(format!(
            "{} is not finished (`ops inspect {}`): its money must be settled first",
            open.subject, open.subject
        )));
    }
    let set = entrypoint::managed::forget_tokens(&at.settings).map_err(|error| missing(&error))?.deactivated;
    let tokens = tokens_of(&items);
    let mut rows = Vec::new();
    if at_gateway || set {
        for (token, (gateway, account)) in &tokens {
            let known = means.gateways.get(gateway);
            let adapter =
                known.ok_or_else(|| Failure::alarm(format!("the gateway {gateway} is not set up")))?;
            if !dry_run {
                adapter.forget(&Token::new(token.clone()), customer, account.as_ref(), patience()).await?;
            }
            rows.push([format!("{gateway}"), "a stored card".to_owned()]);
        }
    } else if !tokens.is_empty() {
        rows.push([
            "the gateway".to_owned(),
            "nothing: FORGET_TOKENS is no, and `--at-gateway` is not given".to_owned(),
        ]);
    }
    let details: BTreeSet<_> = items
        .iter()
        .flat_map(|item| item.details.into_iter().chain(item.superseded.iter().copied()))
        .collect();
    for id in &details {
        if !dry_run {
            means.cleeng.delete_details(*id, patience()).await?;
        }
        rows.push(["Cleeng".to_owned(), format!("payment details {id}")]);
    }
    let now = at.now();
    for item in &items {
        if !holds_personal(item) {
            continue;
        }
        if !dry_run {
            change(&means, item.clone(), |item| {
                erase(item);
                item.tell(now, "the customer was forgotten: stored card erased");
            })
            .await?;
        }
        rows.push([item.subject.to_string(), "stored card and what is shown of it".to_owned()]);
    }
    let json = json!({
        "customer": customer, "dryRun": dry_run,
        "erased": rows.iter().map(|[place, what]| json!({ "where": place, "what": what })).collect::<Vec<_>>(),
    });
    let head = ["where", if dry_run { "would be erased" } else { "erased" }];
    let text = match rows.is_empty() {
        true => format!("nothing personal is kept of the customer {customer} any more"),
        false => format!(
            "{}\nAmounts, times and ids stay. Kept webhooks name the customer until their 60 days are over, copies of the \
             table for 35 days.",
            table(&head, rows)
        ),
    };
    Ok(Report::new(text, json))
}

/// Whether money on it may still move.
fn is_open(item: &Mapping) -> bool {
    let lives = matches!(item.standing, Standing::Ending | Standing::Active)
        && matches!(item.subject, Subject::Subscription(_) | Subject::Order(_));
    let waits = item.attempts.iter().any(|attempt| !attempt.is_finished());
    lives || waits || item.due.is_some()
}

/// Every stored card, with whose it is.
fn tokens_of(items: &[Mapping]) -> BTreeMap<String, (GatewayName, Option<MerchantAccount>)> {
    let mut tokens = BTreeMap::new();
    for item in items {
        for token in item.token.iter().chain(item.attempts.iter().filter_map(token_of)) {
            tokens.insert(token.expose().to_owned(), (item.gateway.clone(), item.account.clone()));
        }
    }
    tokens
}

fn token_of(attempt: &ledger::Attempt) -> Option<&Token> {
    match (&attempt.intention.target, attempt.answer()) {
        (Target::Token(token), _) => Some(token),
        (_, Some(Answer::Approved(approval))) => approval.token.as_ref(),
        _ => None,
    }
}

fn holds_personal(item: &Mapping) -> bool {
    let mut erased = item.clone();
    erase(&mut erased);
    erased != *item
}

fn erase(item: &mut Mapping) {
    item.token = None;
    item.details = None;
    item.superseded.clear();
    item.card_tries = Tries::default();
    for attempt in &mut item.attempts {
        if matches!(attempt.intention.target, Target::Token(_)) {
            attempt.intention.target = Target::Buyer;
        }
        if let Stage::Answered(Answer::Approved(approval)) | Stage::Reported(Answer::Approved(approval)) =
            &mut attempt.stage
        {
            approval.token = None;
            approval.card = None;
        }
    }
}
