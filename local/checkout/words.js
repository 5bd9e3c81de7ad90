// Prices, periods and results in a viewer's words.

const LOCALE = navigator.language || 'en';

/** `6.99`, `EUR` → `€6.99`, in the viewer's own way of writing. */
export function price(amount, currency) {
  return new Intl.NumberFormat(LOCALE, { style: 'currency', currency }).format(Number(amount));
}

export function day(at) {
  return new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'long', year: 'numeric' }).format(new Date(at));
}

/** Unit, number, and how a page says it. */
const CYCLES = {
  weekly: { days: 7, each: 'a week', every: 'week' },
  monthly: { months: 1, each: 'a month', every: 'month' },
  '3-months': { months: 3, each: 'every 3 months', every: '3 months' },
  '6-months': { months: 6, each: 'every 6 months', every: '6 months' },
  annual: { months: 12, each: 'a year', every: 'year' },
  seasonal: { months: 12, each: 'a season', every: 'season' },
};

export const each = (cycle) => CYCLES[cycle]?.each ?? '';
export const every = (cycle) => CYCLES[cycle]?.every ?? '';
export const months = (cycle) => CYCLES[cycle]?.months;

export function after(now, days) {
  return new Date(new Date(now).getTime() + days * 86_400_000);
}

const BRANDS = { visa: 'Visa', mc: 'Mastercard', mastercard: 'Mastercard', amex: 'American Express', discover: 'Discover', diners: 'Diners Club', jcb: 'JCB', unionpay: 'UnionPay' };

/** A stored card as Cleeng keeps it: `Visa ending in 4242, valid to 03/2030`. */
export function card(params) {
  if (!params) return 'No card';
  const brand = BRANDS[params.variant] ?? params.variant;
  const expires = params.cardExpirationDate ? `, valid to ${params.cardExpirationDate}` : '';
  return `${brand} ending in ${params.lastCardFourDigits}${expires}`;
}

/** The sentences of an offer. `monthly` is the offer to compare a year with. */
export function offerWords(offer, monthly) {
  const full = price(offer.totalPrice, offer.currency);
  if (!offer.cycle) return { title: offer.title, amount: full, per: 'once', pitch: 'A day of everything. It ends by itself.', choose: `Buy ${lower(offer.title)}` };
  const words = { title: offer.title, amount: full, per: each(offer.cycle), pitch: PITCHES[offer.cycle] ?? '', choose: `Choose ${lower(offer.title)}` };
  if (offer.trialDays) {
    words.title = 'Free trial';
    words.badge = `${offer.trialDays} days free`;
    words.amount = price(0, offer.currency);
    words.pitch = `Then ${full} ${words.per}. We ask for a card, and charge nothing if you stop in time.`;
    words.per = 'today';
    words.choose = 'Start the free trial';
  } else if (offer.cycle === 'annual' && monthly) {
    const less = Math.round((1 - offer.totalPrice / (12 * monthly.totalPrice)) * 100);
    if (less > 0) words.badge = `Save ${less}%`;
    words.pitch = `As much as ${price(offer.totalPrice / 12, offer.currency)} a month, paid once a year.`;
  }
  return words;
}

const PITCHES = { weekly: 'For the week of the race. Stop after the podium.', monthly: 'Everything, live and on demand, from month to month.' };

const lower = (title) => title.charAt(0).toLowerCase() + title.slice(1);

/** What a failed call means to a viewer: a title, and what they may do. */
export function trouble(error) {
  return TROUBLES[error.reason] ?? ['We could not reach the payment', 'Your order is safe. Try again: it is never charged twice.'];
}

const TROUBLES = {
  refused: ['Your bank did not accept this card', 'Nothing was charged. Try another card, or ask your bank why: they do not tell us.'],
  cancelled: ['You stopped the payment', 'Nothing was charged. Pay whenever you are ready.'],
  'too-many': ['That is enough cards for now', 'To protect your cards we pause here. Nothing was charged. Try again in an hour.'],
  order: ['This order can no longer be paid', 'Nothing was charged. Choose your plan again.'],
  'signed-out': ['You were signed out', 'Nothing was charged. Sign in again, then pay.'],
  unservable: ['This card cannot be used here', 'Nothing was charged. Try another one.'],
  'invalid-request': ['This card cannot be used here', 'Nothing was charged. Try another one.'],
  failed: ['Something is wrong on our side', 'Somebody is looking into it. Do not pay again for now.'],
};
