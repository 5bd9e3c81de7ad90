//! One renewal in a small world, searched whole: every order of its events, two workers at once, crashes between any two
//! steps, lost and late answers. The stories are the real ones; only the outside is small.

mod explore;
mod peers;
mod port;
mod world;

use cleeng::webhook::{Billing, Event as Webhook, EventData, Termination, Topic};
use entrypoint::{Message, What};
use jiff::Timestamp;
use ledger::{Mapping, Standing, Subject};
use payment::{SubscriptionId, Token};
use queue::Job;

use explore::{Event, Explored, Jobs};
use port::Item;
use world::{Budget, Delivery, PERIOD_END, World};

const NOTHING_WRONG: Budget = Budget { faults: 0, crashes: 0, declines: 0, refusals: 0, leaps: 1, timers: 1 };

#[test]
fn an_authorisation_that_comes_twice_holds_the_money_once_whatever_is_lost() {
    search(&[authorise(72), authorise(72)], Budget { faults: 1, crashes: 1, ..NOTHING_WRONG });
}

#[test]
fn a_capture_beside_its_authorisation_takes_the_money_once_whatever_is_lost() {
    search(&[authorise(72), capture(0)], Budget { faults: 1, ..NOTHING_WRONG });
}

#[test]
fn a_refusal_and_the_next_dunning_date_hold_the_money_once() {
    search(&[authorise(72), authorise(48)], Budget { declines: 1, faults: 1, ..NOTHING_WRONG });
}

#[test]
fn a_direct_charge_that_comes_twice_is_made_once() {
    search(&[capture(0), capture(0)], Budget { declines: 1, crashes: 1, ..NOTHING_WRONG });
}

#[test]
fn an_end_that_races_an_authorisation_holds_no_money() {
    search(&[authorise(72), terminate()], Budget { faults: 1, leaps: 0, ..NOTHING_WRONG });
}

#[test]
fn an_end_that_races_a_charge_keeps_no_money_for_nothing() {
    search(&[capture(0), terminate()], Budget { crashes: 1, timers: 0, ..NOTHING_WRONG });
}

#[test]
fn a_card_that_changes_in_the_middle_holds_the_money_once() {
    search(
        &[authorise(72), with_card(authorise(48), 2)],
        Budget { declines: 1, crashes: 1, ..NOTHING_WRONG },
    );
}

#[test]
fn what_cleeng_refuses_to_record_is_given_back() {
    search(&[authorise(72), authorise(48)], Budget { refusals: 1, crashes: 1, ..NOTHING_WRONG });
}

fn search(events: &[Event], left: Budget) {
    let subject = Subject::Subscription(SUBSCRIPTION.parse().unwrap());
    let mut mapping = Mapping::new(
        subject,
        "5".parse().unwrap(),
        "194856795".parse().unwrap(),
        "stripe".parse().unwrap(),
        Standing::Active,
    );
    mapping.version = 1;
    mapping.offer = Some("S916977979_NL".parse().unwrap());
    mapping.country = Some("NL".to_owned());
    mapping.details = Some("1".parse().unwrap());
    mapping.token = Some(Token::new("card-1"));
    let timer = Delivery { done: true, taken: false };
    let jobs = Jobs::new(subject, events.iter().map(Event::again).collect());
    let start = World {
        now: before_the_end(72),
        item: Some(Item::new(mapping)),
        gateway: Default::default(),
        cleeng: Default::default(),
        late: Vec::new(),
        events: events.iter().map(|_| Delivery { done: false, taken: false }).chain([timer]).collect(),
        workers: Vec::new(),
        left,
    };
    let began = std::time::Instant::now();
    let Explored { worlds, moves, depth, ends } = jobs.explore(start, 2);
    let names: Vec<_> = events.iter().map(|event| event.name).collect();
    println!(
        "{}: {worlds} worlds, {moves} moves, depth {depth}, {ends} at rest, {:?}",
        names.join(", "),
        began.elapsed()
    );
    assert!(ends > 1, "nothing came to its end");
}

const SUBSCRIPTION: &str = "332332332";

impl Event {
    fn again(&self) -> Self {
        Self { name: self.name, job: self.job, message: self.message.clone() }
    }
}

fn authorise(hours_before: i64) -> Event {
    let name = if hours_before == 72 { "authorise" } else { "authorise anew" };
    billing(name, Topic::Authorise, hours_before)
}

fn capture(hours_before: i64) -> Event {
    billing("capture", Topic::Capture, hours_before)
}

fn billing(name: &'static str, topic: Topic, hours_before: i64) -> Event {
    let billing = Billing {
        subscription: SUBSCRIPTION.parse().unwrap(),
        customer: "5".parse().unwrap(),
        offer: "S916977979_NL".parse().unwrap(),
        details: Some("1".parse().unwrap()),
        method: Some("194856795".parse().unwrap()),
        token: Some(Token::new("card-1")),
        asked: before_the_end(hours_before),
        period_end: Some(Timestamp::from_second(PERIOD_END).unwrap()),
        currency: Some("EUR".parse().unwrap()),
        country: Some("NL".to_owned()),
        active: Some(true),
    };
    let data = match topic {
        Topic::Capture => EventData::Capture(billing),
        _ => EventData::Authorise(billing),
    };
    event(name, Job::RecurringCapture, topic, data)
}

fn with_card(mut event: Event, card: u32) -> Event {
    if let What::Cleeng(Webhook { data: EventData::Authorise(billing), .. }) = &mut event.message.what {
        billing.details = Some(u64::from(card).try_into().unwrap());
        billing.token = Some(Token::new(format!("card-{card}")));
    }
    Event { name: "authorise with the new card", ..event }
}

fn terminate() -> Event {
    let subscription: SubscriptionId = SUBSCRIPTION.parse().unwrap();
    let data = EventData::Terminate(Termination {
        subscription,
        customer: None,
        offer: None,
        method: None,
        details: None,
        period_end: Some(Timestamp::from_second(PERIOD_END).unwrap()),
    });
    event("terminate", Job::Termination, Topic::Terminate, data)
}

fn event(name: &'static str, job: Job, topic: Topic, data: EventData) -> Event {
    let webhook = Webhook { topic, publisher: None, digest: "0".repeat(64), data };
    Event { name, job, message: Message::new(before_the_end(72), What::Cleeng(webhook)) }
}

fn before_the_end(hours: i64) -> Timestamp {
    Timestamp::from_second(PERIOD_END - hours * 3600).unwrap()
}
