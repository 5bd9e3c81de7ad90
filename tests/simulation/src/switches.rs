//! What a deployment has chosen: the settings that change what is charged, told, asked or forgotten.

use fastrand::Rng;

/// What one life's deployment has chosen.
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// Whether renewals that Cleeng asks for are charged in one step.
    pub one_step: bool,
    /// Whether a card is tried only after a captcha.
    pub captcha: bool,
    /// When a stored card is removed: `no`, `yes` or `ended`.
    pub forget_tokens: &'static str,
    /// Whether a refused authorisation is charged again when it is due.
    pub charges_refused: bool,
    /// Whether subscriptions are ended by Cleeng's older call.
    pub ends_by_patch: bool,
    /// Our own dunning: hours before the due date, and the hours of grace after it.
    pub own_dunning: (&'static str, i64),
    /// Whether a refusal for good ends a subscription of ours at once.
    pub hard_decline_ends: bool,
    /// How many cards an order takes.
    pub tries_per_order_max: u32,
}

/// As by default; only when due; from the day before on; often.
const OWN_DUNNING: [(&str, i64); 4] = [("0,-24,-72", 96), ("0", 24), ("24,0,-24", 48), ("0,-6,-12,-48", 72)];

/// Where the simulated captcha is checked.
pub(crate) const CAPTCHA_HOST: &str = "captcha.test";

impl Switches {
    pub(crate) fn of(rng: &mut Rng) -> Self {
        Self {
            one_step: rng.u8(..4) == 0,
            captcha: rng.u8(..5) == 0,
            forget_tokens: rng.choice(["no", "no", "yes", "ended"]).unwrap_or("no"),
            charges_refused: rng.u8(..4) > 0,
            ends_by_patch: rng.u8(..6) == 0,
            own_dunning: rng.choice(OWN_DUNNING).unwrap_or(("0", 24)),
            hard_decline_ends: rng.u8(..3) == 0,
            tries_per_order_max: if rng.u8(..6) == 0 { 2 } else { 10 },
        }
    }

    /// As settings, by the names that the template has.
    pub(crate) fn settings(&self, mut table: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
        if self.one_step {
            for (_, value) in table.iter_mut().filter(|(name, _)| *name == "PAYMENT_METHODS") {
                *value = value.replace("manual", "automatic");
            }
        }
        if self.captcha {
            table.push(("CAPTCHA_VERIFY_URL", format!("http://{CAPTCHA_HOST}/siteverify")));
            table.push(("CAPTCHA_SECRET", "simulated-captcha-secret".to_owned()));
        }
        let word = |chosen: bool, yes: &str, no: &str| if chosen { yes } else { no }.to_owned();
        let (attempts, grace) = self.own_dunning;
        table.extend([
            ("FORGET_TOKENS", self.forget_tokens.to_owned()),
            ("CAPTURE_WITHOUT_AUTHORISATION", word(self.charges_refused, "charge", "skip")),
            ("CLEENG_TERMINATION", word(self.ends_by_patch, "patch", "post")),
            ("MANAGED_ATTEMPTS_HOURS", attempts.to_owned()),
            ("MANAGED_GRACE_HOURS", grace.to_string()),
            ("MANAGED_HARD_DECLINE", word(self.hard_decline_ends, "end", "grace")),
            ("TRIES_PER_ORDER_MAX", self.tries_per_order_max.to_string()),
        ]);
        table
    }
}
