// The checkout: what a broadcaster's page does, with the simulators' test cards in place of the gateway's own fields.
const CLEENG = '/peers/cleeng/_simulator';
const METHODS = { stripe: 194856795, adyen: 320113641 };
const at = (id) => document.getElementById(id);

const stripe = (id) => ({ payment_method: id });
const adyen = (name) => ({ type: 'scheme', encryptedCardNumber: name, encryptedExpiryMonth: 'test_03', encryptedExpiryYear: 'test_2030', encryptedSecurityCode: 'test_737' });
const CARDS = {
  stripe: { pays: stripe('pm_card_visa'), asks: stripe('pm_card_authenticationRequiredOnSetup'), refused: stripe('pm_card_chargeDeclinedInsufficientFunds'), later: stripe('pm_card_chargeCustomerFail') },
  adyen: { pays: adyen('test_visa'), asks: adyen('test_3ds_challenge'), refused: adyen('test_declined_12'), later: adyen('test_visa_later_declined_12') },
};

async function ask(address, body, headers = {}) {
  const options = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
  const answer = await fetch(address, options);
  return { status: answer.status, body: await answer.json() };
}

function say(text, kind = '') {
  at('status').className = kind;
  at('status').textContent = text;
}

const browserInfo = () => ({
  userAgent: navigator.userAgent, acceptHeader: '*/*', language: navigator.language, colorDepth: screen.colorDepth, screenHeight: screen.height,
  screenWidth: screen.width, timeZoneOffset: new Date().getTimezoneOffset(), javaEnabled: false,
});

// Waits for the buyer's answer to the bank's question.
function challenge() {
  at('challenge').hidden = false;
  at('yes').focus();
  return new Promise((answer) => {
    const end = (passed) => () => { at('challenge').hidden = true; answer(passed); };
    at('yes').onclick = end(true);
    at('no').onclick = end(false);
  });
}

async function authenticate(gateway, action) {
  if (gateway === 'stripe') {
    const passed = await challenge();
    await ask(`/peers/stripe/_simulator/authenticate/${action.id}`, { result: passed ? 'success' : 'fail' });
    return {};
  }
  // A fingerprint is the browser's own business; only the challenge is the buyer's.
  if (action.subtype === 'fingerprint') return { threeDSResult: action.token };
  return { threeDSResult: `${action.token}.${(await challenge()) ? 'authorised' : 'refused'}` };
}

async function buy() {
  const gateway = at('gateway').value;
  const offer = JSON.parse(at('offer').value);
  const customer = (await ask(`${CLEENG}/customers`, { country: offer.country })).body;
  const wish = { customerId: customer.customerId, offerId: offer.offerId, currency: offer.currency, country: offer.country, paymentMethodId: METHODS[gateway] };
  const order = (await ask(`${CLEENG}/orders`, wish)).body;
  const token = { authorization: `Bearer ${customer.jwt}` };
  const payment = { orderId: order.id, paymentMethod: CARDS[gateway][at('card').value], returnUrl: location.href, origin: location.origin, browserInfo: browserInfo() };
  let reply = await ask(`/connectors/${gateway}/initial-payment`, payment, token);
  while (reply.body.responseData?.action) {
    say('Your bank wants to know that it is you.', 'wait');
    const details = await authenticate(gateway, reply.body.responseData.action);
    reply = await ask(`/connectors/${gateway}/initial-payment/finalize`, { orderId: order.id, details }, token);
  }
  const paid = reply.body.responseData?.payment;
  if (reply.status === 202) return say('Your bank has not answered yet. Do not pay again: the result appears by itself.', 'wait');
  if (paid) return say(`Thank you. ${paid.totalAmount} ${paid.currency} paid for order ${paid.orderId}. Enjoy the show.`, 'good');
  return say(reply.body.errors?.[0] ?? 'Something went wrong. Nothing was charged.', 'bad');
}

at('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  at('buy').disabled = true;
  say('Paying…');
  try {
    await buy();
  } catch {
    say('The shop does not answer. If in doubt, pay again: an order is never charged twice.', 'bad');
  }
  at('buy').disabled = false;
});

const offers = (await ask(`${CLEENG}/offers`)).body;
at('offer').replaceChildren(...offers.filter((offer) => Number(offer.totalPrice) > 0).map((offer) => new Option(
  `${offer.title}: ${offer.totalPrice} ${offer.currency}${offer.trialDays ? `, ${offer.trialDays} days free` : ''}`, JSON.stringify(offer))));
