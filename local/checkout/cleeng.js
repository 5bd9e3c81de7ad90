// The shop's side of Cleeng: offers, who is here, orders, what they have. In production these are calls of Cleeng's
// MediaStore SDK; here they go to the simulator.

const CLEENG = '/peers/cleeng/_simulator';
const KEPT = 'polder-tv-viewer';

/** Cleeng's payment method behind each gateway, as the simulated publisher has them. */
export const METHODS = { stripe: 194856795, adyen: 320113641 };

async function ask(path, body) {
  const options = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`${CLEENG}/${path}`, options);
  const read = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(read?.message ?? 'Cleeng does not answer.'), { status: answer.status });
  return read;
}

export async function offers() {
  const all = await ask('offers');
  return all.map((offer) => ({ ...offer, totalPrice: Number(offer.totalPrice) })).filter((offer) => offer.totalPrice > 0);
}

/** Cleeng's hour; it may be ahead of this machine's. */
export async function now() {
  return (await ask('state')).now;
}

/** Who is signed in on this browser, or null. */
export function viewer() {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

/** Signs in by e-mail address; an address that is new registers. */
export async function signIn(email, country) {
  let found;
  try {
    found = await ask('login', { email });
  } catch (error) {
    if (error.status !== 404 || !country) throw error;
    found = await ask('customers', { email, country });
  }
  const { customerId } = found;
  localStorage.setItem(KEPT, JSON.stringify({ customerId, email: found.email }));
  return viewer();
}

/** A token for whoever is signed in. */
export async function freshToken() {
  try {
    return (await ask(`customers/${viewer()?.customerId}/token`, {})).jwt;
  } catch (error) {
    // A simulator that was started anew knows nobody.
    if (error.status === 404) signOut();
    throw Object.assign(error, { reason: error.status === 404 ? 'signed-out' : 'later' });
  }
}

export function signOut() {
  localStorage.removeItem(KEPT);
}

const keyOf = (offer, gateway) => `order of ${viewer()?.customerId}: ${offer.offerId} ${gateway}`;

/**
 * The order of this plan that this browser has not paid yet, or a new one. Whoever loads the page again, or comes back to
 * it after an answer was lost, pays the same order, and an order is never charged twice; two orders would be.
 */
export async function order(offer, gateway, couponCode) {
  const kept = sessionStorage.getItem(keyOf(offer, gateway));
  if (kept && !couponCode) return JSON.parse(kept);
  const { offerId, currency, country } = offer;
  const made = await ask('orders', { customerId: viewer().customerId, offerId, currency, country, paymentMethodId: METHODS[gateway], ...(couponCode && { couponCode }) });
  keep(offer, gateway, made);
  return made;
}

/**
 * Keeps an order for the next time its plan is chosen, with how far its payment is: `isBegun`, nobody knows what became of
 * it; `action`, the bank waits for the viewer; neither, it can be paid.
 */
export function keep(offer, gateway, { isBegun, action, ...order }, progress = {}) {
  sessionStorage.setItem(keyOf(offer, gateway), JSON.stringify({ ...order, ...progress }));
}

/** The order can be paid again: a refusal ended the try that was under way. */
export function mayBePaid(offer, gateway) {
  const kept = sessionStorage.getItem(keyOf(offer, gateway));
  if (kept) keep(offer, gateway, JSON.parse(kept));
}

/** The order is paid, or can no longer be: the next one is new. */
export function forget(offer, gateway) {
  sessionStorage.removeItem(keyOf(offer, gateway));
}

/** Subscriptions with their cards, and passes. */
export function account() {
  return ask(`customers/${viewer().customerId}/account`);
}

/** `stop` or `resume`. */
export function tell(subscription, verb) {
  return ask(`subscriptions/${subscription}/${verb}`, {});
}
