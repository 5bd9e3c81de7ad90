//! What is registered with Cleeng, and how often it may be asked.

use http::Method;
use payment::{Failure, OrderId};
use serde_json::Value;

use super::ask::{Api, id};
use super::{Seen, Verdict};

/// The path of the dunning actions, found with a body that no path takes: nothing is changed.
pub(super) async fn dunning_path(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "path and verb of the dunning actions";
    const NAME: &str = "CLEENG_DUNNING_ACTIONS_PATH";
    let known = api.setting(NAME);
    let candidates = [
        known.as_str(),
        "/dunning_actions/{cycle}",
        "/dunning-actions/{cycle}",
        "/dunning_action_settings/{cycle}",
        "/dunning_actions_settings/{cycle}",
        "/dunningActions/{cycle}",
    ];
    let mut verbs = None;
    for path in candidates {
        let place = path.replace("{cycle}", "monthly");
        let answer = api.ask(Method::PUT, &place, Some("{}".to_owned())).await?;
        if answer.is_refusal() {
            let shown =
                if api.get(&place).await?.is_success() { "GET shows them" } else { "GET does not show them" };
            let verdict = if path == known { Verdict::AsAssumed } else { Verdict::Otherwise };
            let saw = format!("PUT {path} asks for what is missing; {shown}");
            seen.push(Seen::new(ITEM, verdict, saw).setting(NAME, path));
            return Ok(());
        }
        if answer.status == 405 {
            verbs = answer.allow.map(|allow| format!("{path} wants another verb: {allow}")).or(verbs);
        }
    }
    let saw = verbs.unwrap_or_else(|| "none of the likely paths is one: ask Cleeng".to_owned());
    seen.push(Seen::new(ITEM, Verdict::Unclear, saw));
    Ok(())
}

/// Whether Cleeng shows the shared secrets of endpoints, without which they cannot be written back.
pub(super) async fn webhook_secrets(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "whether secrets of webhook endpoints are shown";
    let answer = api.get("/webhook_subscriptions").await?;
    let signed: Vec<_> =
        answer.rows().iter().filter_map(|row| row.get("verification").filter(|it| it.is_object())).collect();
    let shown = |it: &&&Value| {
        it.get("options").and_then(|options| options.get("sharedSecret")).is_some_and(Value::is_string)
    };
    let (verdict, saw) = match (signed.len(), signed.iter().filter(shown).count()) {
        (0, _) => (Verdict::Unclear, "no endpoint is signed: `ops setup` first".to_owned()),
        (all, shown) if shown == all => {
            (Verdict::AsAssumed, "shown: endpoints are written back whole".to_owned())
        }
        _ => (
            Verdict::AsAssumed,
            "kept back: `ops setup` writes no list in which another's endpoint is signed".to_owned(),
        ),
    };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(())
}

/// Whether payment methods can be listed.
pub(super) async fn payment_methods(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "whether payment methods are listed";
    let answer = api.get("/payment_methods").await?;
    let ours = answer
        .rows()
        .iter()
        .any(|row| [id(row, "id"), id(row, "paymentMethodId")].contains(&Some(api.method.number())));
    let saw = match (answer.is_success(), ours) {
        (true, true) => "listed, the one that is probed with among them".to_owned(),
        (true, false) => "listed, without the one that is probed with".to_owned(),
        (false, _) => format!("not listed ({}): `ops doctor` cannot look at them", answer.told()),
    };
    let verdict = if answer.is_success() && !ours { Verdict::Unclear } else { Verdict::AsAssumed };
    seen.push(Seen::new(ITEM, verdict, saw));
    Ok(())
}

/// A bounded burst of reads.
pub(super) async fn throttle(api: &Api<'_>, order: OrderId, seen: &mut Vec<Seen>) -> Result<(), Failure> {
    const ITEM: &str = "throttle, and Retry-After";
    for sent in 1..=api.sandbox.burst {
        let answer = api.get(&format!("/orders/{order}")).await?;
        if answer.status == 429 {
            let after = answer.retry_after;
            let told = after.map_or("without Retry-After".to_owned(), |after| format!("Retry-After {after}"));
            let saw = format!("a 429 after {sent} requests, {told}; both are obeyed");
            seen.push(Seen::new(ITEM, Verdict::AsAssumed, saw));
            return Ok(());
        }
    }
    let saw = format!("no 429 in {} requests, one after the other", api.sandbox.burst);
    seen.push(Seen::new(ITEM, Verdict::AsAssumed, saw));
    Ok(())
}
