// Paying and changing a card at the connector: asks, lets the viewer act, asks again, until there is an answer.

import { Connector } from '/connector.js';
import { freshToken } from '/checkout/cleeng.js';

/** The connector at this gateway, for whoever is signed in. Cleeng's tokens live half an hour: each call gets a fresh one. */
export function connector(gateway) {
  return new Connector({ gateway, token: freshToken });
}

/** What is bought, or which card is given: how it begins, how it ends, how long one waits for it. */
const WAYS = {
  orderId: { begin: 'initialPayment', end: 'finalize', wait: 'waitForPayment' },
  paymentMethodId: { begin: 'paymentDetails', end: 'finalizePaymentDetails', wait: 'waitForPaymentDetails' },
};
const wayOf = (what) => WAYS['orderId' in what ? 'orderId' : 'paymentMethodId'];

/**
 * Pays an order (`{orderId}`) or gives a card (`{paymentMethodId}`) with what the gateway's `fields` made, or goes on with an
 * `action` that the viewer left; `how.onAction` hears of each, before the viewer may leave the page for it.
 */
export async function pay(gateway, what, data, fields, how, action) {
  const { begin, end } = wayOf(what);
  const { returnUrl, browserInfo, billingAddress } = how;
  const ask = connector(gateway);
  let result = action ? { state: 'action', action } : await ask[begin]({ ...what, paymentMethod: data, returnUrl, ...(browserInfo && { browserInfo }), ...(billingAddress && { billingAddress }) });
  while (result.state === 'action') {
    how.onAction?.(result.action);
    result = await ask[end]({ ...what, ...(await fields.act(result.action)) });
  }
  return result;
}

/** Asks what became of a pending one until it is decided. */
export function settled(gateway, what, signal) {
  return connector(gateway)[wayOf(what).wait](what, { signal, timeoutMilliseconds: 300_000 });
}
