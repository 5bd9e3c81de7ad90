//! Sets Cleeng up for this deployment: the six topics, the dunning actions; and checks its payment methods.

use std::collections::BTreeMap;

use cleeng::webhook::Topic;
use cleeng::{Cleeng, DunningActions, WebhookSettings, WebhookSubscription};
use gateways::{CaptureMode, Route, Routes};
use payment::{Failure, PaymentMethodId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use settings::Settings;
use url::Url;

use crate::deployment::{missing, patience};
use crate::report::table;
use crate::{Deployment, Report};

/// What is to be set up, beside what the settings say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Where Cleeng sends its webhooks; `CLEENG_WEBHOOK_URL` otherwise.
    pub(crate) url: Option<Url>,
    /// An older address of this deployment, to be given up.
    pub(crate) moved_from: Option<Url>,
    /// When payments are asked for, hours before the due date; kept as they are otherwise.
    pub(crate) attempts: Option<Vec<i32>>,
    /// Hours of access after the due date; kept as they are otherwise.
    pub(crate) grace: Option<u32>,
    /// Take this deployment's address out of every topic instead.
    pub(crate) remove: bool,
}

/// A line of the answer.
struct Step {
    what: String,
    was: String,
    done: String,
    refused: bool,
}

/// Sets up what differs; the rest is left alone.
pub(crate) async fn setup(at: &Deployment, wish: &Wish, dry_run: bool) -> Result<Report, Failure> {
    let (cleeng, routes) = (at.cleeng()?, at.routes()?);
    let endpoint = Endpoint::of(&at.settings, &routes, wish)?;
    let mut steps = Vec::new();
    if !wish.remove {
        steps.extend(payment_methods(&cleeng, &routes).await?);
    }
    for topic in Topic::OURS {
        steps.push(register(&cleeng, &endpoint, &topic, wish.remove, dry_run).await?);
    }
    for route in routes.billed_by_cleeng().filter(|_| !wish.remove) {
        for cycle in DunningActions::CYCLES {
            steps.push(set_dunning(&cleeng, route, cycle, wish, dry_run).await?);
        }
    }
    let refused = steps.iter().any(|step| step.refused);
    let json: Vec<_> =
        steps.iter().map(|step| json!({ "what": step.what, "was": step.was, "done": step.done })).collect();
    let rows = steps.into_iter().map(|step| [step.what, step.was, step.done]);
    let head = ["what", "was", if dry_run { "would be done" } else { "done" }];
    Ok(Report::new(table(&head, rows), json!(json)).needs_a_person(refused))
}

/// Our own endpoint, as each topic should have it.
pub(crate) struct Endpoint {
    /// Where Cleeng is to send, path key included.
    url: Url,
    moved_from: Option<Url>,
    /// The only payment method that is ours, where there is one: several cannot be named in one filter, and the jobs look
    /// at the payment method of every event anyway.
    method: Option<PaymentMethodId>,
    secrets: Vec<SecretString>,
}

/// How a topic differs from what this deployment needs.
pub(crate) enum Difference {
    /// It does not.
    None,
    /// Cleeng does not send it here at all.
    Absent,
    /// It is sent here, and not as it should be.
    Wrong(String),
}

impl Endpoint {
    pub(crate) fn of(settings: &Settings, routes: &Routes, wish: &Wish) -> Result<Self, Failure> {
        let hooks = WebhookSettings::from_settings(settings).map_err(|error| missing(&error))?;
        let mut url = match &wish.url {
            Some(url) => url.clone(),
            None => settings.address("CLEENG_WEBHOOK_URL").map_err(|error| missing(&error))?,
        };
        if let Some(key) = settings.optional("WEBHOOK_PATH_KEY").map_err(|error| missing(&error))? {
            url.set_path(&format!("{}/{key}", url.path().trim_end_matches('/')));
        }
        let mut all = routes.iter().map(|route| route.payment_method_id);
        let method = all.next().filter(|_| all.next().is_none());
        Ok(Self { url, moved_from: wish.moved_from.clone(), method, secrets: hooks.secrets().to_vec() })
    }

    /// Where Cleeng is to send, path key included: for a request, never for a person's eyes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    fn wanted(&self, topic: &Topic) -> WebhookSubscription {
        let method = self.method.filter(|_| topic.names_method());
        WebhookSubscription::new(&self.url, method, self.secrets.first())
    }

    fn is_ours(&self, found: &WebhookSubscription) -> bool {
        let same = |url: &Url| found.url().trim_end_matches('/') == url.as_str().trim_end_matches('/');
        same(&self.url) || self.moved_from.as_ref().is_some_and(same)
    }

    /// Whether nothing is to be written: all is as needed, or there is nothing left to remove.
    fn is_done(difference: &Difference, remove: bool) -> bool {
        matches!((difference, remove), (Difference::None, false) | (Difference::Absent, true))
    }

    /// Compares what Cleeng has for a topic with what is needed.
    pub(crate) fn difference(&self, topic: &Topic, found: &[WebhookSubscription]) -> Difference {
        let ours: Vec<_> = found.iter().filter(|each| self.is_ours(each)).collect();
        let [one] = ours.as_slice() else {
            return match ours.len() {
                0 => Difference::Absent,
                count => Difference::Wrong(format!("it is sent here {count} times")),
            };
        };
        let wanted = self.wanted(topic);
        if one.url().trim_end_matches('/') != wanted.url().trim_end_matches('/') {
            return Difference::Wrong("it goes to the older address".to_owned());
        }
        if one.has_other_filters() {
            return Difference::Wrong("it is filtered by more than the payment method".to_owned());
        }
        match (one.method(), topic.names_method()) {
            (Some(_), false) => {
                return Difference::Wrong(
                    "it is filtered by the payment method, which its payload need not name: all may be dropped"
                        .to_owned(),
                );
            }
            (Some(filtered), true) if self.method != Some(filtered) => {
                return Difference::Wrong(format!("it is filtered to the payment method {filtered}"));
            }
            _ => {}
        }
        match (self.secrets.is_empty(), one.is_signed()) {
            (false, false) => Difference::Wrong("it is not signed".to_owned()),
            (true, true) => Difference::Wrong("it is signed, and this deployment has no secret".to_owned()),
            (false, true) if one.has_secret() && !one.is_signed_with(&self.secrets) => {
                Difference::Wrong("it is signed with a secret that this deployment has not".to_owned())
            }
            _ => Difference::None,
        }
    }

    /// The endpoints of a topic that are not ours; a reason where they cannot be written back without harm.
    fn others(&self, found: Vec<WebhookSubscription>) -> Result<Vec<WebhookSubscription>, String> {
        let others: Vec<_> = found.into_iter().filter(|each| !self.is_ours(each)).collect();
        match others.iter().find(|each| each.is_signed() && !each.has_secret()) {
            None => Ok(others),
            Some(theirs) => Err(format!(
                "not written: {} is signed, and Cleeng keeps its secret back; written again without it, it would be cut \
                 off. Change this topic in Cleeng's dashboard",
                place(theirs)
            )),
        }
    }
}

/// Reads, merges and writes one topic, then looks whether everybody is still there.
async fn register(
    cleeng: &Cleeng,
    endpoint: &Endpoint,
    topic: &Topic,
    remove: bool,
    dry_run: bool,
) -> Result<Step, Failure> {
    let found = cleeng.webhook_subscriptions(topic, patience()).await?;
    let others: Vec<String> = found.iter().filter(|each| !endpoint.is_ours(each)).map(place).collect();
    let beside = match others.as_slice() {
        [] => String::new(),
        some => format!(", beside {}", some.join(", ")),
    };
    let difference = endpoint.difference(topic, &found);
    let as_it_should_be = Endpoint::is_done(&difference, remove);
    let was = match difference {
        Difference::None => format!("sent here{beside}"),
        Difference::Absent => format!("not sent here{beside}"),
        Difference::Wrong(what) => format!("{what}{beside}"),
    };
    let step = |done: &str, refused| Step {
        what: format!("webhook {topic}"),
        was: was.clone(),
        done: done.to_owned(),
        refused,
    };
    if as_it_should_be {
        return Ok(step("–", false));
    }
    let mut merged = match endpoint.others(found) {
        Ok(others) => others,
        Err(why) => return Ok(step(&why, true)),
    };
    let done = match (remove, endpoint.secrets.is_empty()) {
        (true, _) => "not sent here any more",
        (false, true) => "sent here, unsigned",
        (false, false) => "sent here, signed",
    };
    if !remove {
        merged.push(endpoint.wanted(topic));
    }
    if dry_run {
        return Ok(step(done, false));
    }
    cleeng.put_webhook_subscriptions(topic, &merged, patience()).await?;
    let after = cleeng.webhook_subscriptions(topic, patience()).await?;
    let mut missing = others;
    missing.retain(|theirs| !after.iter().any(|each| place(each) == *theirs));
    if missing.is_empty() && Endpoint::is_done(&endpoint.difference(topic, &after), remove) {
        return Ok(step(done, false));
    }
    Err(Failure::alarm(format!(
        "Cleeng took the list of {topic}, and does not show it as written (missing: {}): look at it in Cleeng's dashboard \
         now",
        if missing.is_empty() { "this deployment's change".to_owned() } else { missing.join(", ") }
    )))
}

/// An endpoint as it may be printed: its host, because a path may be a secret.
pub(crate) fn place(endpoint: &WebhookSubscription) -> String {
    let host = Url::parse(endpoint.url()).ok().and_then(|url| url.host_str().map(str::to_owned));
    format!("{}/…", host.unwrap_or_else(|| "an address without a host".to_owned()))
}

/// Sets the actions of one payment method and length of period where they differ from what the jobs will do.
async fn set_dunning(
    cleeng: &Cleeng,
    route: &Route,
    cycle: &str,
    wish: &Wish,
    dry_run: bool,
) -> Result<Step, Failure> {
    let shown = cleeng.dunning_actions(cycle, patience()).await?;
    let kept = shown.into_iter().find(|each| each.payment_method_id == route.payment_method_id);
    let wanted = wanted_dunning(route, kept.as_ref(), wish);
    let was = kept.as_ref().map_or("none shown".to_owned(), dunning_words);
    let what = format!("dunning {cycle}, payment method {}", route.payment_method_id);
    if kept.as_ref() == Some(&wanted) {
        return Ok(Step { what, was, done: "–".to_owned(), refused: false });
    }
    if !dry_run {
        cleeng.put_dunning_actions(cycle, &wanted, patience()).await?;
    }
    Ok(Step { what, was, done: dunning_words(&wanted), refused: false })
}

/// A publisher's own hours stay; how payments are taken follows from `PAYMENT_METHODS`.
fn wanted_dunning(route: &Route, kept: Option<&DunningActions>, wish: &Wish) -> DunningActions {
    let authorized_first = route.capture == CaptureMode::Manual;
    let base = kept
        .cloned()
        .unwrap_or_else(|| DunningActions::recommended(route.payment_method_id, authorized_first));
    DunningActions {
        authorized_first,
        payment_attempts: wish.attempts.clone().unwrap_or(base.payment_attempts),
        grace_period: wish.grace.unwrap_or(base.grace_period),
        ..base
    }
}

pub(crate) fn dunning_words(actions: &DunningActions) -> String {
    let hours: Vec<_> = actions.payment_attempts.iter().map(ToString::to_string).collect();
    let how = if actions.authorized_first { "authorise, then capture" } else { "charge in one step" };
    format!("{how}; {} h before, grace {} h", hours.join("/"), actions.grace_period)
}

/// Whether Cleeng has the payment methods that are ours; nothing is made, because offers must then be set to them.
async fn payment_methods(cleeng: &Cleeng, routes: &Routes) -> Result<Vec<Step>, Failure> {
    let listed = cleeng.payment_methods(patience()).await?;
    let by_id: Option<BTreeMap<_, _>> =
        listed.map(|all| all.into_iter().map(|each| (each.id, each)).collect());
    let row = |route: &Route| {
        let id = route.payment_method_id;
        let (was, done, refused) = match by_id.as_ref().map(|all| all.get(&id)) {
            None => ("Cleeng does not list them", "look in Cleeng's dashboard", false),
            Some(None) => ("unknown to Cleeng", "correct PAYMENT_METHODS, or have it made by Cleeng", true),
            Some(Some(known)) if known.active == Some(false) => {
                ("not active", "have it made active by Cleeng", true)
            }
            Some(Some(_)) => ("there", "–", false),
        };
        Step {
            what: format!("payment method {id} ({})", route.gateway),
            was: was.to_owned(),
            done: done.to_owned(),
            refused,
        }
    };
    Ok(routes.iter().map(row).collect())
}

/// HMAC-SHA256 of a body with our first secret, in hexadecimal digits, as Cleeng would sign it.
pub(crate) fn signature(endpoint: &Endpoint, body: &[u8]) -> Option<String> {
    use hmac::{Hmac, KeyInit, Mac};
    let secret = endpoint.secrets.first()?;
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    Some(hex::encode(mac.chain_update(body).finalize().into_bytes()))
}
