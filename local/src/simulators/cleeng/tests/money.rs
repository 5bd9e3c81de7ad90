//! Money: what is recorded, what is refused, and what is noted because it must never happen.

use cleeng::webhook::EventData;
use cleeng::{
    DetailsGiven, Error, NewExternalPayment, NewPass, NewSubscription, PaymentOperation, PaymentStatus,
    PaymentUpdate, RefundKind, Renewal,
};
use payment::Price;
use rust_decimal::Decimal;
use serde_json::json;

use super::world::{ADYEN, EXTERNAL, STRIPE, World, captured, card, soon};
use crate::simulators::cleeng::offers::{DINARS, DOLLARS, MONTHLY, PASS, WEEKLY, YEN};
use crate::simulators::cleeng::{CleengSimulatorSettings, PaymentState, ViolationKind};

fn kinds(world: &World) -> Vec<ViolationKind> {
    world.simulator.violations().into_iter().map(|violation| violation.kind).collect()
}

#[tokio::test]
async fn every_currency_keeps_its_digits_from_the_offer_to_the_record() {
    let world = World::new();
    for (offer, told) in
        [(MONTHLY, "6.99 EUR"), (DOLLARS, "9.99 USD"), (YEN, "1078 JPY"), (DINARS, "1.25 KWD")]
    {
        let order = world.order(world.customer(), offer).await;
        assert_eq!(order.price.to_string(), told);
        let payment = world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap();
        assert_eq!(payment.price, Some(order.price));
        assert_eq!((payment.status, payment.customer), (PaymentStatus::Captured, Some(order.customer)));
        assert!(payment.details.is_some());
    }
}

#[tokio::test]
async fn a_subscription_appears_a_moment_after_its_payment_and_names_it() {
    let world = World::new();
    let customer = world.customer();
    let order = world.order(customer, MONTHLY).await;
    let paid = world.cleeng.create_payment(&captured(&order, "pi_77"), soon()).await.unwrap();
    let filter = cleeng::SubscriptionFilter { customer: Some(customer), ..Default::default() };
    let list = || world.cleeng.subscriptions(&filter, cleeng::Paging::default(), soon());
    assert!(list().await.unwrap().items.is_empty());
    world.topics("2026-01-31T10:00:03Z");
    let found = list().await.unwrap().items.pop().unwrap();
    assert_eq!(found.latest_payment.unwrap().as_str(), "pi_77");
    assert_eq!(found.details, paid.details);
    let nobodys = cleeng::SubscriptionFilter::default();
    let page = world.cleeng.subscriptions(&nobodys, cleeng::Paging::default(), soon()).await.unwrap();
    assert!(page.items.is_empty(), "without a filter Cleeng lists nothing");
}

#[tokio::test]
async fn a_payment_that_cannot_be_is_refused() {
    let world = World::new();
    let customer = world.customer();
    let order = world.order(customer, MONTHLY).await;
    let good = captured(&order, "pi_1");
    let refused = async |new: cleeng::NewPayment| match world.cleeng.create_payment(&new, soon()).await {
        Err(Error::NotFound { .. }) => 404,
        Err(Error::Refused { status, .. }) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(cleeng::NewPayment { order: "999999999".parse().unwrap(), ..good.clone() }).await,
        404
    );
    assert_eq!(refused(cleeng::NewPayment { status: PaymentStatus::Refunded, ..good.clone() }).await, 400);
    assert_eq!(refused(cleeng::NewPayment { external: None, ..good.clone() }).await, 422);
    assert_eq!(refused(cleeng::NewPayment { details: None, ..good.clone() }).await, 400);
    let recurring = PaymentOperation::RecurringPayment;
    assert_eq!(refused(cleeng::NewPayment { operation: recurring, ..good.clone() }).await, 422);
    assert_eq!(kinds(&world), [ViolationKind::NoExternalId, ViolationKind::NothingToRenewWith]);

    let other = world.cleeng.create_details(&card(world.customer(), "theirs"), soon()).await.unwrap();
    let theirs = cleeng::NewPayment { details: Some(DetailsGiven::Id(other.id)), ..good.clone() };
    assert_eq!(refused(theirs).await, 422);
    assert_eq!(kinds(&world).last(), Some(&ViolationKind::AnothersDetails));

    world.jump("2026-02-01T10:00:00Z".parse().unwrap());
    assert!(order.is_expired(world.now()));
    assert_eq!(refused(good).await, 422);
}

#[tokio::test]
async fn a_renewal_names_the_subscription_of_its_order() {
    let world = World::new();
    let (_, subscription) = world.buy(MONTHLY).await;
    let order = world.renewal_order(subscription).await;
    let good = cleeng::NewPayment {
        operation: PaymentOperation::RecurringPayment,
        subscription: Some(subscription),
        ..captured(&order, "pi_2")
    };
    for wrong in [
        cleeng::NewPayment { subscription: None, ..good.clone() },
        cleeng::NewPayment { subscription: Some("111111111".parse().unwrap()), ..good.clone() },
        cleeng::NewPayment { operation: PaymentOperation::InitialPayment, ..good.clone() },
    ] {
        assert!(world.cleeng.create_payment(&wrong, soon()).await.unwrap_err().is_refusal());
    }
    world.cleeng.create_payment(&good, soon()).await.unwrap();
    world.cleeng.terminate(subscription, cleeng::TerminationKind::UserCancel, soon()).await.unwrap();
    let new = cleeng::NewRenewalOrder {
        customer: order.customer,
        offer: order.offer,
        currency: order.price.currency,
        country: "NL".to_owned(),
        method: STRIPE.try_into().unwrap(),
        subscription,
    };
    assert!(world.cleeng.create_renewal_order(&new, soon()).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn a_second_charge_is_noted_whichever_way_it_comes() {
    let world = World::new();
    let (_, subscription) = world.buy(MONTHLY).await;
    let (order, first) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_a").await;
    let again = cleeng::NewPayment {
        status: PaymentStatus::Authorized,
        operation: PaymentOperation::RecurringPayment,
        subscription: Some(subscription),
        ..captured(&world.cleeng.order(order, soon()).await.unwrap(), "pi_a")
    };
    let second = world.cleeng.create_payment(&again, soon()).await.unwrap();
    assert_ne!(first.id, second.id, "Cleeng has no idempotency key");
    assert_eq!(world.cleeng.order_payments(order, soon()).await.unwrap().len(), 2);
    assert_eq!(kinds(&world), [ViolationKind::PaymentPostedTwice]);

    // Two orders for one period, both paid.
    let (_, one) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_b").await;
    let take = |order| PaymentUpdate {
        order: Some(order),
        status: PaymentStatus::Captured,
        operation: None,
        external: None,
        rejected_reason: None,
        refunded_reason: None,
        refunded: None,
        refund_kind: None,
    };
    world.cleeng.update_payment(first.id, &take(order), soon()).await.unwrap();
    world.cleeng.update_payment(one.id, &take(one.order.unwrap()), soon()).await.unwrap();
    assert_eq!(kinds(&world).last(), Some(&ViolationKind::TwoCapturedForPeriod));
    assert!(world.cleeng.update_payment(second.id, &take(order), soon()).await.unwrap_err().is_refusal());
    assert_eq!(kinds(&world).last(), Some(&ViolationKind::TwoCapturedForOrder));
}

#[tokio::test]
async fn a_capture_after_the_end_is_noted_until_it_is_returned() {
    let world = World::new();
    let (_, subscription) = world.buy(MONTHLY).await;
    let (order, held) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_a").await;
    world.cleeng.terminate(subscription, cleeng::TerminationKind::UserCancel, soon()).await.unwrap();
    world.jump("2026-01-31T11:00:00Z".parse().unwrap());
    let mut update = PaymentUpdate {
        order: Some(order),
        status: PaymentStatus::Captured,
        operation: Some(PaymentOperation::RecurringPayment),
        external: None,
        rejected_reason: None,
        refunded_reason: Some("ended".to_owned()),
        refunded: None,
        refund_kind: None,
    };
    world.cleeng.update_payment(held.id, &update, soon()).await.unwrap();
    assert_eq!(kinds(&world), [ViolationKind::CapturedAfterTermination]);
    update.status = PaymentStatus::Refunded;
    world.cleeng.update_payment(held.id, &update, soon()).await.unwrap();
    assert_eq!(kinds(&world), []);
}

#[tokio::test]
async fn a_payment_is_returned_in_parts_and_never_more_than_it_was() {
    let world = World::new();
    let customer = world.customer();
    let order = world.order(customer, MONTHLY).await;
    let paid = world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap();
    world.control(&format!("payments/{}/refund", paid.id), &json!({"amount": 1.5}));
    let (_, event) = world.next_event(world.now()).unwrap();
    let EventData::Refund(asked) = event.data else { panic!("{event:?}") };
    assert_eq!((asked.payment, asked.amount), (Some(paid.id), Some(Decimal::new(15, 1))));
    assert_eq!(asked.external.unwrap().as_str(), "pi_1");

    let part = |cents| PaymentUpdate {
        order: Some(order.id),
        status: PaymentStatus::Refunded,
        operation: Some(PaymentOperation::InitialPayment),
        external: None,
        rejected_reason: None,
        refunded_reason: Some("asked".to_owned()),
        refunded: Some(Price { amount: Decimal::new(cents, 2), currency: order.price.currency }),
        refund_kind: Some(RefundKind::Refund),
    };
    world.cleeng.update_payment(paid.id, &part(150), soon()).await.unwrap();
    assert_eq!(world.simulator.payments()[0].held(), Decimal::new(549, 2));
    assert!(world.cleeng.update_payment(paid.id, &part(550), soon()).await.unwrap_err().is_refusal());
    assert_eq!(kinds(&world), [ViolationKind::RefundedTooMuch]);
    let rest = PaymentUpdate { refunded: None, refund_kind: Some(RefundKind::Chargeback), ..part(0) };
    world.cleeng.update_payment(paid.id, &rest, soon()).await.unwrap();
    let record = &world.simulator.payments()[0];
    assert_eq!((record.status, record.held()), (PaymentState::Refunded, Decimal::ZERO));
    assert_eq!(record.refund_kind.as_deref(), Some("chargeback"));
    let unreasoned = PaymentUpdate { refunded_reason: None, ..part(1) };
    assert!(world.cleeng.update_payment(paid.id, &unreasoned, soon()).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn impossible_changes_are_refused_and_late_news_of_the_bank_is_not() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    let (order, held) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_a").await;
    let to = |status| PaymentUpdate {
        order: Some(order),
        status,
        operation: Some(PaymentOperation::RecurringPayment),
        external: None,
        rejected_reason: Some("insufficient_funds".to_owned()),
        refunded_reason: Some("asked".to_owned()),
        refunded: None,
        refund_kind: None,
    };
    let change =
        async |status| world.cleeng.update_payment(held.id, &to(status), soon()).await.map(|it| it.status);
    assert!(change(PaymentStatus::Refunded).await.unwrap_err().is_refusal(), "nothing was taken yet");
    assert!(change(PaymentStatus::Authorized).await.unwrap_err().is_refusal());
    assert_eq!(change(PaymentStatus::Rejected).await, Ok(PaymentStatus::Rejected));
    assert_eq!(
        change(PaymentStatus::Captured).await,
        Ok(PaymentStatus::Captured),
        "the bank changed its mind"
    );
    assert_eq!(change(PaymentStatus::Captured).await, Ok(PaymentStatus::Captured), "said again");
    assert_eq!(change(PaymentStatus::Refunded).await, Ok(PaymentStatus::Refunded));
    assert!(change(PaymentStatus::Captured).await.unwrap_err().is_refusal());
    let elsewhere = PaymentUpdate { order: Some("1".parse().unwrap()), ..to(PaymentStatus::Captured) };
    assert!(world.cleeng.update_payment(held.id, &elsewhere, soon()).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn after_a_capture_that_failed_late_another_payment_of_the_period_is_no_second_charge() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    let (order, failed) = world.renewal_payment(subscription, PaymentStatus::Captured, "pi_a").await;
    let (_, open) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_b").await;
    let next_period = &world.simulator.subscriptions()[0];
    assert_eq!(next_period.authorised, Some(open.id.number()));
    let failure = PaymentUpdate {
        order: Some(order),
        status: PaymentStatus::Rejected,
        operation: None,
        external: None,
        rejected_reason: Some("capture_failed".to_owned()),
        refunded_reason: None,
        refunded: None,
        refund_kind: None,
    };
    world.cleeng.update_payment(failed.id, &failure, soon()).await.unwrap();
    let fresh = cleeng::NewPayment {
        operation: PaymentOperation::RecurringPayment,
        subscription: Some(subscription),
        ..captured(&world.cleeng.order(order, soon()).await.unwrap(), "pi_c")
    };
    world.cleeng.create_payment(&fresh, soon()).await.unwrap();
    assert_eq!(world.simulator.violations(), []);
}

#[tokio::test]
async fn an_asked_capture_names_its_payment() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    let (_, held) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_a").await;
    world.control(&format!("payments/{}/capture", held.id), &json!({}));
    let (_, event) = world.next_event(world.now()).unwrap();
    let EventData::CapturePayment(asked) = event.data else { panic!("{event:?}") };
    assert_eq!((asked.payment, asked.subscription), (Some(held.id), Some(subscription)));
}

#[tokio::test]
async fn an_order_gets_its_payment_method_later_and_a_coupon_makes_it_free() {
    let world = World::new();
    let customer = world.customer();
    let body = json!({
        "customerId": customer.number(), "offerId": MONTHLY, "currency": "EUR", "country": "NL", "couponCode": "ALLFREE",
    });
    let id = serde_json::from_value(world.control("orders", &body)["id"].clone()).unwrap();
    let order = world.cleeng.order(id, soon()).await.unwrap();
    assert!(order.is_free() && !order.is_free_trial() && order.method.is_none() && order.requires_details);
    assert_eq!(order.discount.kind, "coupon");
    let order = world.cleeng.set_payment_method(id, ADYEN.try_into().unwrap(), soon()).await.unwrap();
    assert_eq!(order.method.map(payment::PaymentMethodId::number), Some(ADYEN));
    assert!(
        world.cleeng.set_payment_method(id, "5".parse().unwrap(), soon()).await.unwrap_err().is_refusal()
    );
}

#[tokio::test]
async fn a_wrong_key_is_our_configuration_and_not_a_refusal() {
    let wrong = CleengSimulatorSettings::default();
    let world = World::with(wrong, &[("CLEENG_PUBLISHER_TOKEN", "another-key")]);
    let error = world.cleeng.order("696713353".parse().unwrap(), soon()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorised { status: 401, .. }) && !error.is_refusal(), "{error}");
}

#[tokio::test]
async fn an_externally_managed_subscription_is_kept_going_by_its_connector() {
    let world = World::new();
    let customer = world.customer();
    let (offer, method) = (MONTHLY.parse().unwrap(), EXTERNAL.try_into().unwrap());
    let paid = NewExternalPayment {
        customer,
        offer,
        method,
        status: PaymentStatus::Captured,
        net: Price { amount: Decimal::new(578, 2), currency: "EUR".parse().unwrap() },
        tax: Decimal::new(121, 2),
        external: "pi_1".parse().unwrap(),
        country: Some("NL".to_owned()),
        rejected_reason: None,
        subscription: None,
    };
    let first = world.cleeng.create_external_payment(&paid, soon()).await.unwrap();
    assert_eq!((first.price.unwrap().to_string().as_str(), first.order), ("6.99 EUR", None));
    let new = NewSubscription {
        customer,
        offer: paid.offer.clone(),
        method,
        external_id: "ours-1".to_owned(),
        expires: Some("2026-02-28T10:00:00Z".parse().unwrap()),
        in_trial: false,
        payment: Some(first.id),
    };
    let made = world.cleeng.create_subscription(&new, soon()).await.unwrap();
    assert!(made.externally_managed && made.external_id.as_deref() == Some("ours-1"));
    assert!(world.cleeng.create_subscription(&new, soon()).await.unwrap_err().is_refusal());
    let renewal = Renewal {
        expires: "2026-03-31T10:00:00Z".parse().unwrap(),
        payment: Some(first.id),
        convert_trial: false,
    };
    let renewed = world.cleeng.renew_subscription(made.id, &renewal, soon()).await.unwrap();
    assert_eq!(renewed.ends, Some(renewal.expires));
    assert_eq!(world.topics("2026-03-30T00:00:00Z"), [], "no dunning for what is not Cleeng's to charge");
    world.cleeng.terminate(made.id, cleeng::TerminationKind::UserCancel, soon()).await.unwrap();
    let later = Renewal { expires: "2026-07-01T00:00:00Z".parse().unwrap(), ..renewal };
    assert!(world.cleeng.renew_subscription(made.id, &later, soon()).await.unwrap_err().is_refusal());
    let revived = world.cleeng.revive_subscription(made.id, &later, soon()).await.unwrap();
    let new = revived.replaced_by.unwrap();
    assert_ne!(new, made.id, "a terminated subscription is revived as a new one");
    let new = world.cleeng.subscription(new, soon()).await.unwrap().unwrap();
    assert_eq!((new.ends, new.originated_from), (Some(later.expires), Some(made.id)));
    assert_eq!(world.topics("2026-07-02T00:00:00Z"), [], "it lapses without a word");
    let lapsed = world.cleeng.subscription(new.id, soon()).await.unwrap().unwrap();
    assert_eq!(lapsed.status, cleeng::SubscriptionStatus::Terminated);
}

#[tokio::test]
async fn a_payment_without_an_order_is_found_by_the_gateways_id_and_noted_when_it_comes_twice() {
    let world = World::new();
    let paid = NewExternalPayment {
        customer: world.customer(),
        offer: MONTHLY.parse().unwrap(),
        method: EXTERNAL.try_into().unwrap(),
        status: PaymentStatus::Captured,
        net: Price { amount: Decimal::new(578, 2), currency: "EUR".parse().unwrap() },
        tax: Decimal::new(121, 2),
        external: "pi_1".parse().unwrap(),
        country: None,
        rejected_reason: None,
        subscription: None,
    };
    assert_eq!(world.cleeng.external_payments(&paid.external, soon()).await.unwrap(), Some(vec![]));
    let first = world.cleeng.create_external_payment(&paid, soon()).await.unwrap();
    let found = world.cleeng.external_payments(&paid.external, soon()).await.unwrap().unwrap();
    assert_eq!(found.iter().map(|payment| payment.id).collect::<Vec<_>>(), [first.id]);
    world.cleeng.create_external_payment(&paid, soon()).await.unwrap();
    assert_eq!(kinds(&world), [ViolationKind::PaymentPostedTwice]);
    let elsewhere = NewExternalPayment { method: STRIPE.try_into().unwrap(), ..paid };
    assert!(world.cleeng.create_external_payment(&elsewhere, soon()).await.unwrap_err().is_refusal());
}

#[tokio::test]
async fn a_pass_is_bought_once_or_kept_externally() {
    let world = World::new();
    let customer = world.customer();
    let order = world.order(customer, PASS).await;
    world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap();
    assert_eq!(world.topics("2026-06-01T00:00:00Z"), []);
    assert_eq!((world.simulator.passes().len(), world.simulator.subscriptions().len()), (1, 0));
    let new = NewPass {
        customer,
        offer: PASS.parse().unwrap(),
        method: EXTERNAL.try_into().unwrap(),
        external_id: "p-1".to_owned(),
        expires: None,
        payment: None,
    };
    let pass = world.cleeng.create_pass(&new, soon()).await.unwrap();
    assert!(world.cleeng.create_pass(&new, soon()).await.unwrap_err().is_refusal());
    world.cleeng.terminate_pass(pass.id, soon()).await.unwrap();
    world.cleeng.create_pass(&new, soon()).await.unwrap();
}

#[tokio::test]
async fn removed_details_stay_removed_and_removing_them_again_is_no_error() {
    let world = World::new();
    let (customer, subscription) = world.buy(MONTHLY).await;
    let kept = world.cleeng.create_details(&card(customer, "cus_1|pm_2"), soon()).await.unwrap();
    assert!(kept.active && kept.subscriptions == [subscription]);
    world.cleeng.delete_details(kept.id, soon()).await.unwrap();
    world.cleeng.delete_details(kept.id, soon()).await.unwrap();
    assert!(
        world.cleeng.set_subscription_details(subscription, kept.id, soon()).await.unwrap_err().is_refusal()
    );
}
