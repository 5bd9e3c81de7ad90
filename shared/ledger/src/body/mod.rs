//! The stored form of a mapping: what is said twice is said once, so that the hot item stays within a kilobyte and
//! can still be read by a person in the console.
//!
//! | left out | because it is |
//! |---|---|
//! | `subject`, `standing` | beside the body, as attributes |
//! | an attempt's gateway, account, customer, order, money, price, payment, reference | as in the attempt before (the first one: as in the mapping) |
//! | an answer's reference and money, a fact's | the attempt's |
//! | the beginning of an identity | the subject's and its period's (`./1/capture`), or the subject's alone (`/20261121T091244Z/1`) |
//! | a target's token or payment | the mapping's token, the payment of the attempt before |
//!
//! Amounts, cards and lines of history are short texts. Whatever has another shape, and any field that is new, is stored
//! as it is; where something is absent that would be filled in on reading, `null` says so. A body that was never
//! shortened is read as well.

mod lines;
mod texts;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::lines::{lengthen_lines, shorten_lines};
use self::texts::{
    card_as_object, card_as_text, money_as_object, money_as_text, price_as_object, price_as_text,
};
use crate::Subject;

type Fields = Map<String, Value>;

const APPROVED: &str = "approved";

/// Fields of an intention, then of an attempt, that usually repeat the attempt before.
const REPEATED_IN_INTENTION: [&str; 5] = ["account", "customer", "gateway", "money", "order"];
const REPEATED_IN_ATTEMPT: [&str; 3] = ["payment", "price", "reference"];
/// Long names and what stands for them.
const NAMES_OF_MAPPING: [Name; 2] = [("attempts", "tries"), ("period_end", "period")];
const NAMES_OF_ATTEMPT: [Name; 3] = [("intention", "ask"), ("reference", "ref"), ("wait_until", "until")];
const NAMES_OF_INTENTION: [Name; 1] = [("identity", "id")];
const NAMES_OF_APPROVAL: [Name; 1] = [("capture_before", "before")];

type Name = (&'static str, &'static str);

/// Shortens a mapping.
pub(crate) fn shorten(mapping: &mut Fields, subject: Subject) {
    mapping.remove("subject");
    mapping.remove("standing");
    leave_out(mapping, "managed_by", Some(&json!("cleeng")));
    let mut before = Before::of(mapping, subject);
    for attempt in objects(mapping, "attempts") {
        let next = before.after(attempt);
        shorten_attempt(attempt, &before);
        before = next;
    }
    if let Some(Value::Array(history)) = mapping.get_mut("history") {
        shorten_lines(history, &before.beginnings);
    }
    rename(mapping, NAMES_OF_MAPPING);
}

/// Undoes [`shorten`]; `standing` comes from beside the body.
pub(crate) fn lengthen(mapping: &mut Fields, subject: Subject, standing: Option<&str>) {
    fill_in(mapping, "subject", Some(&json!(subject)));
    fill_in(mapping, "standing", standing.map(|word| json!(word)).as_ref());
    fill_in(mapping, "managed_by", Some(&json!("cleeng")));
    rename(mapping, NAMES_OF_MAPPING.map(swap));
    let mut before = Before::of(mapping, subject);
    for attempt in objects(mapping, "attempts") {
        lengthen_attempt(attempt, &before);
        before = before.after(attempt);
    }
    if let Some(Value::Array(history)) = mapping.get_mut("history") {
        lengthen_lines(history, &before.beginnings);
    }
}

/// What an attempt usually repeats.
struct Before {
    beginnings: Beginnings,
    token: Option<Value>,
    said: Fields,
}

impl Before {
    fn of(mapping: &Fields, subject: Subject) -> Self {
        let (kind, id) = match subject {
            Subject::Customer(id) => ("details", id.number()),
            Subject::Order(id) => ("order", id.number()),
            Subject::Payment(id) => ("refund", id.number()),
            Subject::Subscription(id) => ("renewal", id.number()),
        };
        let period =
            mapping.get("period_end").and_then(Value::as_str).and_then(|end| end.parse::<Timestamp>().ok());
        let of_period = period.map(|end| (format!("{kind}/{id}/{}/", end.strftime("%Y%m%dT%H%M%SZ")), "./"));
        let said = ["account", "customer", "gateway"].into_iter().filter_map(|name| pair(mapping, name));
        Self {
            beginnings: Beginnings(of_period.into_iter().chain([(format!("{kind}/{id}/"), "/")]).collect()),
            token: mapping.get("token").cloned(),
            said: said.collect(),
        }
    }

    fn after(&self, attempt: &Fields) -> Self {
        let intention = attempt.get("intention").and_then(Value::as_object);
        let asked = REPEATED_IN_INTENTION.into_iter().filter_map(|name| pair(intention?, name));
        let told = REPEATED_IN_ATTEMPT.into_iter().filter_map(|name| pair(attempt, name));
        Self {
            beginnings: self.beginnings.clone(),
            token: self.token.clone(),
            said: asked.chain(told).collect(),
        }
    }

    /// The short and the long form of a target that this explains.
    fn targets(&self) -> Vec<(Value, Value)> {
        let token = self.token.iter().map(|token| (json!("token"), json!({ "token": token })));
        let payment = self
            .said
            .get("reference")
            .into_iter()
            .map(|payment| (json!("payment"), json!({ "payment": payment })));
        token.chain(payment).collect()
    }
}

/// How the identities of a subject begin, the longer beginning first, and what stands for it. None begins so by itself.
#[derive(Clone)]
struct Beginnings(Vec<(String, &'static str)>);

impl Beginnings {
    fn shortened(&self, text: &str) -> Option<String> {
        self.0.iter().find_map(|(long, short)| Some(format!("{short}{}", text.strip_prefix(long)?)))
    }

    fn lengthened(&self, text: &str) -> Option<String> {
        self.0.iter().find_map(|(long, short)| Some(format!("{long}{}", text.strip_prefix(short)?)))
    }
}

fn shorten_attempt(attempt: &mut Fields, before: &Before) {
    let own = Own::of(attempt);
    for fact in entries(attempt, "facts") {
        if let Some(short) = own.fact_shortened(fact) {
            *fact = short;
        }
    }
    if let Some((kind, answer)) = answer(attempt) {
        leave_out(answer, "reference", own.reference.as_ref());
        if kind == APPROVED {
            leave_out(answer, "captured", Some(&json!(false)));
            leave_out(answer, "money", own.money.as_ref());
            replace(answer, "money", money_as_text);
            replace(answer, "card", card_as_text);
            rename(answer, NAMES_OF_APPROVAL);
        }
    }
    for name in REPEATED_IN_ATTEMPT {
        leave_out(attempt, name, before.said.get(name));
    }
    replace(attempt, "price", price_as_text);
    let Some(Value::Object(intention)) = attempt.get_mut("intention") else { return };
    for name in REPEATED_IN_INTENTION {
        leave_out(intention, name, before.said.get(name));
    }
    replace(intention, "money", money_as_text);
    replace(intention, "identity", |identity| {
        before.beginnings.shortened(identity.as_str()?).map(Value::from)
    });
    replace(intention, "target", |target| {
        before.targets().into_iter().find(|(_, long)| long == target).map(|(short, _)| short)
    });
    rename(intention, NAMES_OF_INTENTION);
    rename(attempt, NAMES_OF_ATTEMPT);
}

fn lengthen_attempt(attempt: &mut Fields, before: &Before) {
    rename(attempt, NAMES_OF_ATTEMPT.map(swap));
    if let Some(Value::Object(intention)) = attempt.get_mut("intention") {
        rename(intention, NAMES_OF_INTENTION.map(swap));
        replace(intention, "money", money_as_object);
        for name in REPEATED_IN_INTENTION {
            fill_in(intention, name, before.said.get(name));
        }
        replace(intention, "identity", |identity| {
            before.beginnings.lengthened(identity.as_str()?).map(Value::from)
        });
        replace(intention, "target", |target| {
            before.targets().into_iter().find(|(short, _)| short == target).map(|(_, long)| long)
        });
    }
    replace(attempt, "price", price_as_object);
    for name in REPEATED_IN_ATTEMPT {
        fill_in(attempt, name, before.said.get(name));
    }
    let own = Own::of(attempt);
    if let Some((kind, answer)) = answer(attempt) {
        fill_in(answer, "reference", own.reference.as_ref());
        if kind == APPROVED {
            rename(answer, NAMES_OF_APPROVAL.map(swap));
            replace(answer, "money", money_as_object);
            replace(answer, "card", card_as_object);
            fill_in(answer, "money", own.money.as_ref());
            fill_in(answer, "captured", Some(&json!(false)));
        }
    }
    for fact in entries(attempt, "facts") {
        if let Some(long) = own.fact_lengthened(fact) {
            *fact = long;
        }
    }
}

/// What an attempt's answer and facts usually repeat.
struct Own {
    reference: Option<Value>,
    money: Option<Value>,
}

impl Own {
    fn of(attempt: &Fields) -> Self {
        let money = attempt.get("intention").and_then(|intention| intention.get("money"));
        Self { reference: attempt.get("reference").cloned(), money: money.cloned() }
    }

    /// `[kind, reference, {at, money}]` becomes `[kind, at]`.
    fn fact_shortened(&self, fact: &Value) -> Option<Value> {
        let [kind, reference, news] = fact.as_array()?.as_slice() else { return None };
        let at = news.get("at")?;
        let repeats = self.reference.as_ref() == Some(reference)
            && self.money.as_ref() == Some(news.get("money")?)
            && news.as_object()?.len() == 2;
        repeats.then(|| json!([kind, at]))
    }

    fn fact_lengthened(&self, fact: &Value) -> Option<Value> {
        let [kind, at] = fact.as_array()?.as_slice() else { return None };
        Some(json!([kind, self.reference.as_ref()?, { "at": at, "money": self.money.as_ref()? }]))
    }
}

/// What a gateway answered, by `approved` or `declined`, whether Cleeng knows it or not.
fn answer(attempt: &mut Fields) -> Option<(&str, &mut Fields)> {
    let stage = attempt.get_mut("stage")?.as_object_mut()?;
    let (_, answer) = stage.iter_mut().find(|(name, _)| matches!(name.as_str(), "answered" | "reported"))?;
    let (kind, answer) = answer.as_object_mut()?.iter_mut().next()?;
    Some((kind, answer.as_object_mut()?))
}

/// Leaves out a field that says what `usual` says anyway, and says `null` where it is absent although there is a usual one.
fn leave_out(fields: &mut Fields, name: &str, usual: Option<&Value>) {
    let Some(usual) = usual else { return };
    match fields.get(name) {
        Some(value) if value == usual => {
            fields.remove(name);
        }
        Some(_) => {}
        None => {
            fields.insert(name.to_owned(), Value::Null);
        }
    }
}

/// Undoes [`leave_out`].
fn fill_in(fields: &mut Fields, name: &str, usual: Option<&Value>) {
    match (fields.get(name), usual) {
        (None, Some(usual)) => {
            fields.insert(name.to_owned(), usual.clone());
        }
        (Some(Value::Null), _) => {
            fields.remove(name);
        }
        _ => {}
    }
}

/// Replaces a field's value where there is another form of it.
fn replace(fields: &mut Fields, name: &str, form: impl FnOnce(&Value) -> Option<Value>) {
    if let Some(value) = fields.get_mut(name)
        && let Some(other) = form(value)
    {
        *value = other;
    }
}

fn rename<const N: usize>(fields: &mut Fields, names: [Name; N]) {
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

fn swap((long, short): Name) -> Name {
    (short, long)
}

fn pair(fields: &Fields, name: &str) -> Option<(String, Value)> {
    fields.get(name).map(|value| (name.to_owned(), value.clone()))
}

fn entries<'a>(fields: &'a mut Fields, name: &str) -> impl Iterator<Item = &'a mut Value> {
    fields.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn objects<'a>(fields: &'a mut Fields, name: &str) -> impl Iterator<Item = &'a mut Fields> {
    entries(fields, name).filter_map(Value::as_object_mut)
}
