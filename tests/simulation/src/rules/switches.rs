//! What a deployment has chosen is obeyed: no card is tried without a captcha, none too often, and stored cards are kept as
//! long as something pays with them, and forgotten when they are to be.

use std::collections::BTreeSet;

use ledger::{Mapping, Standing, Subject};

use super::{Books, order_of};
use crate::plan::Plan;

impl Books<'_> {
    pub(super) fn switches_are_obeyed(&mut self, plan: &Plan) {
        let mut broken = Vec::new();
        for item in &self.items {
            let tries = self.tries(item);
            broken.extend(self.let_through(item, tries));
            if tries > usize::try_from(plan.switches.tries_per_order_max).unwrap_or(usize::MAX)
                && matches!(item.subject, Subject::Order(_))
            {
                broken.push(format!("{tries} cards were tried for {}", item.subject));
            }
            broken.extend(self.kept_or_forgotten(item, plan.switches.forget_tokens));
        }
        self.broken.extend(broken);
    }

    /// How many cards were tried: what the ledger says, or the gateways where they know better.
    fn tries(&self, item: &Mapping) -> usize {
        match item.subject {
            Subject::Order(id) => {
                let of_order = self.gateways.iter().filter(|(_, it)| order_of(it) == Some(id.number()));
                let there: BTreeSet<_> = of_order.filter_map(|(_, it)| it.reference.as_deref()).collect();
                let here =
                    item.attempts.iter().filter(|attempt| attempt.intention.verb.buyer_present()).count();
                here.max(there.len())
            }
            Subject::Customer(_) => usize::try_from(item.card_tries.count).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// Each card that was tried had a captcha of its own.
    fn let_through(&self, item: &Mapping, tries: usize) -> Option<String> {
        let captcha = self.world.captcha.as_ref()?;
        let whose = match item.subject {
            Subject::Order(id) => format!("order/{id}"),
            Subject::Customer(id) => format!("details/{id}"),
            _ => return None,
        };
        let solved = captcha.taken(&whose);
        (tries > solved)
            .then(|| format!("{tries} cards were tried for {whose}, and {solved} captchas were solved"))
    }

    fn kept_or_forgotten(&self, item: &Mapping, forgets: &str) -> Option<String> {
        let token = item.token.as_ref().filter(|_| matches!(item.subject, Subject::Subscription(_)))?;
        let card = token.expose().rsplit('|').next().unwrap_or_default();
        let gateway = self.world.peers.gateway(item.gateway.as_str())?;
        let pays = |it: &Mapping| it.standing == Standing::Active && it.token.as_ref() == Some(token);
        // Another subscription may have paid with it when this one ended, and with another card since.
        let theirs = self.subscriptions.values().filter(|row| row.customer == item.customer.number());
        let alone = theirs.count() == 1;
        match gateway.keeps(card) {
            false if self.items.iter().any(pays) => {
                Some(format!("the card that pays {} was forgotten", item.subject))
            }
            true if forgets == "ended" && item.standing == Standing::Closed && alone => {
                Some(format!("{} has ended, and its card is still kept", item.subject))
            }
            _ => None,
        }
    }
}
