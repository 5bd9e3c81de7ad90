//! Settles in a Cleeng sandbox what Cleeng does not document: makes the calls, says what it saw, prints the settings to use.
//!
//! Everything that it records there is its own (external ids that begin with `probe-`), moves no money, and is ended at the end.

mod ask;
mod orders;
mod payments;
mod refunds;
mod registration;
mod subscriptions;

use std::fmt;

use clap::Args;
use payment::{CustomerId, Failure, OfferId, PaymentMethodId};
use serde_json::json;
use settings::Settings;

use self::ask::Api;
use crate::{Deployment, Report};

/// Where to probe, and with what.
#[derive(Args, Clone, Debug)]
pub struct Sandbox {
    /// A customer of the sandbox that was made for this.
    #[arg(long)]
    pub customer: CustomerId,
    /// A subscription offer of the sandbox with a price.
    #[arg(long)]
    pub offer: OfferId,
    /// An offer with a free trial, for the operation of a first payment without an amount.
    #[arg(long)]
    pub trial_offer: Option<OfferId>,
    /// The payment method to record with; the first of PAYMENT_METHODS otherwise.
    #[arg(long)]
    pub payment_method: Option<PaymentMethodId>,
    /// The offers' currency.
    #[arg(long, default_value = "EUR")]
    pub currency: String,
    /// The customer's country, two letters.
    #[arg(long, default_value = "NL")]
    pub country: String,
    /// How long a subscription is waited for.
    #[arg(long, default_value_t = 60)]
    pub wait_seconds: u64,
    /// Requests of the burst that looks for the throttle.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub burst: u32,
    /// Only say what would be settled.
    #[arg(long)]
    pub dry_run: bool,
}

/// How what was seen stands to what the connector takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As the connector does it.
    AsAssumed,
    /// Otherwise: by a setting, or by a change of the connector.
    Otherwise,
    /// The calls did not tell.
    Unclear,
    /// No call can tell.
    ByHand,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsAssumed => "as assumed",
            Self::Otherwise => "OTHERWISE",
            Self::Unclear => "unclear",
            Self::ByHand => "by hand",
        })
    }
}

/// One item of docs/unverified.md, and what came of it.
struct Seen {
    item: &'static str,
    verdict: Verdict,
    saw: String,
    /// The setting that follows, with its value.
    setting: Option<(&'static str, String)>,
}

impl Seen {
    fn new(item: &'static str, verdict: Verdict, saw: impl Into<String>) -> Self {
        Self { item, verdict, saw: saw.into(), setting: None }
    }

    fn setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.setting = Some((name, value.into()));
        self
    }
}

/// The items that no call settles, and how a person does.
const BY_HAND: [(&str, &str); 17] = [
    (
        "header of a webhook's signature",
        "point one topic at a request catcher with `verification`, read the headers of a delivery: \
         CLEENG_WEBHOOK_SIGNATURE_HEADER",
    ),
    (
        "encoding of that signature",
        "the same delivery: 64 characters are hex, 44 are base64: CLEENG_WEBHOOK_SIGNATURE_ENCODING",
    ),
    (
        "payloads of termination, refund, capture and deactivated details",
        "do each once in Cleeng's dashboard with the topics at a request catcher; keep the bodies as fixtures",
    ),
    ("fields of a capture webhook after expirationDate", "the same catcher, at a renewal"),
    (
        "whether a resent webhook is byte for byte the same",
        "answer 500 once with a `retryPolicy` set, compare",
    ),
    (
        "reason class of a subscription that the customer had stopped",
        "ask Cleeng which of userCancel and paymentCancel its churn reports count as voluntary",
    ),
    (
        "a customer's token shown to another customer's account",
        "ask the MediaStore API for another customer's id with a customer's JWT: 401 or 403",
    ),
    (
        "a capture after a refused authorisation",
        "let an authorisation be recorded as rejected, watch which topics follow: CAPTURE_WITHOUT_AUTHORISATION",
    ),
    (
        "a list of payments by the gateway's id",
        "read `/payments?externalPaymentId=…` for a payment without an order: a list of it alone confirms CLEENG_EXTERNAL_PAYMENTS_PATH",
    ),
    (
        "access of an externally managed subscription after expiresAt",
        "let one pass its `expiresAt`, then read its status and try its access",
    ),
    (
        "which subscription revive answers with",
        "revive an ended one, compare the id that is answered with `replacedBy` of the old one",
    ),
    (
        "an externally managed subscription that lapsed, and one that somebody ended",
        "let one pass its `expiresAt`, end another, read both the day after: what differs?",
    ),
    (
        "`active` in a billing webhook",
        "deactivate the payment details of a subscription, switch it, and read its next authorisation at a request catcher",
    ),
    (
        "payment details of an externally managed subscription",
        "make one without and look at the customer's account page",
    ),
    (
        "stopping an externally managed subscription",
        "stop one in the account page, read it, and watch for a webhook",
    ),
    ("a refund of a payment without an order", "record its refund without `orderId`: 2xx confirms it"),
    (
        "a second pass of one externalId",
        "make one twice, and one of an offer that does not exist: compare the answers",
    ),
];

/// Makes the calls, one item after the other.
pub(crate) async fn probe(at: &Deployment, sandbox: &Sandbox) -> Result<Report, Failure> {
    let api = Api::of_sandbox(at, sandbox)?;
    if sandbox.dry_run {
        let items = "orders, payments, refunds, subscriptions, dunning path, webhook list, throttle";
        let told = format!("dry run: would settle at {}: {items}; and end what it made", api.host());
        return Ok(Report::new(told.clone(), json!({ "dryRun": told })));
    }
    let mut seen = Vec::new();
    let done = settle(&api, &mut seen).await;
    // Whatever broke off, what was made is ended.
    let tidied = subscriptions::tidy_up(&api).await;
    if let Err(failure) = done {
        seen.push(Seen::new("the rest", Verdict::Unclear, failure.chain()));
    }
    seen.extend(BY_HAND.map(|(item, how)| Seen::new(item, Verdict::ByHand, how)));
    let settings = settings_of(&seen, &at.settings);
    let mut lines: Vec<_> =
        seen.iter().map(|it| format!("{:<10}  {}: {}", it.verdict.to_string(), it.item, it.saw)).collect();
    lines.push(String::new());
    lines.push(match tidied {
        Ok(tidied) if tidied.missing == 0 => {
            format!("Ended what was made there: {} subscriptions.", tidied.ended)
        }
        Ok(tidied) => format!(
            "Ended what was made there: {} subscriptions; {} have not appeared yet, and are ended by the next run.",
            tidied.ended, tidied.missing
        ),
        Err(failure) => format!("What was made there is not all ended: {}", failure.chain()),
    });
    lines.push("Settings to use:".to_owned());
    lines.extend(settings.iter().map(|(name, value, differs)| {
        format!("  {name}={value}{}", if *differs { "    (differs from this deployment's)" } else { "" })
    }));
    let json = json!({
        "items": seen.iter().map(|it| json!({ "item": it.item, "verdict": it.verdict.to_string(), "saw": it.saw })).collect::<Vec<_>>(),
        "settings": settings.iter().map(|(name, value, _)| (*name, value.clone())).collect::<std::collections::BTreeMap<_, _>>(),
    });
    let differs = settings.iter().any(|(_, _, differs)| *differs);
    let otherwise = seen.iter().any(|it| it.verdict == Verdict::Otherwise || it.verdict == Verdict::Unclear);
    Ok(Report::new(lines.join("\n"), json).needs_a_person(differs || otherwise))
}

/// Every item that a call can settle; each part goes on from what the one before left.
async fn settle(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    registration::dunning_path(api, seen).await?;
    registration::webhook_secrets(api, seen).await?;
    registration::payment_methods(api, seen).await?;
    let order = orders::order(api, seen).await?;
    let Some(paid) = payments::inline_details(api, order, seen).await? else { return Ok(()) };
    payments::payments_path(api, &paid, seen).await?;
    payments::repeated(api, &paid, seen).await?;
    let subscription = subscriptions::appears(api, &paid, seen).await?;
    subscriptions::new_details(api, subscription, seen).await?;
    payments::late_failure(api, seen).await?;
    refunds::refunds(api, paid, seen).await?;
    payments::free_operation(api, seen).await?;
    subscriptions::termination(api, subscription, seen).await?;
    subscriptions::revival(api, seen).await?;
    registration::throttle(api, order, seen).await
}

/// The settings that follow, and whether this deployment has others.
fn settings_of(seen: &[Seen], settings: &Settings) -> Vec<(&'static str, String, bool)> {
    let found = seen.iter().filter_map(|it| it.setting.clone());
    found
        .map(|(name, value)| {
            let set = settings.optional(name).ok().flatten();
            let kept = set.unwrap_or_else(|| default_of(name));
            let differs = kept != value;
            (name, value, differs)
        })
        .collect()
}

/// What the connector does where the setting is absent.
fn default_of(name: &str) -> &'static str {
    match name {
        "CLEENG_FREE_PAYMENT_OPERATION" => "initial-free-transaction",
        "CLEENG_ORDER_PAYMENTS_PATH" => "/orders/{orderId}/payments",
        "CLEENG_REFUNDED_AMOUNT_FIELD" => "refundedAmount",
        "CLEENG_REFUND_TYPE_FIELD" => "refundType",
        "CLEENG_TERMINATION" => "post",
        "CLEENG_DUNNING_ACTIONS_PATH" => "/dunning_actions/{cycle}",
        _ => "",
    }
}
