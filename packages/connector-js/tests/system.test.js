// The client against the real functions: `cargo run`, with the simulators' test cards in place of the gateways' fields.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Connector, readReturn } from '../dist/connector.js';

const METHODS = { stripe: 194856795, adyen: 320113641 };
const adyen = (name) => ({ type: 'scheme', encryptedCardNumber: name, encryptedExpiryMonth: 'test_03', encryptedExpiryYear: 'test_2030', encryptedSecurityCode: 'test_737' });
const CARDS = {
  stripe: { pays: 'pm_card_visa', asks: { payment_method: 'pm_card_authenticationRequiredOnSetup' }, refused: { payment_method: 'pm_card_chargeDeclinedInsufficientFunds' } },
  adyen: { pays: adyen('test_visa'), asks: adyen('test_3ds_challenge'), refused: adyen('test_declined_12') },
};

let system;
let baseUrl;

before(async () => {
  const root = new URL('../../..', import.meta.url);
  system = spawn('cargo', ['run', '--locked', '--quiet', '--', '--port', '0', '--page-origin', 'https://shop.acme.tv'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const part of system.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += part;
    baseUrl = said.match(/checkout +(http:\/\/[0-9.:]+)\/checkout/)?.[1];
    if (baseUrl) break;
  }
  assert.ok(baseUrl, `the local system did not start: ${said}`);
  system.stdout.resume();
});

after(() => system.kill('SIGINT'));

async function cleeng(path, body) {
  const answer = await fetch(`${baseUrl}/peers/cleeng/_simulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return answer.json();
}

/** A viewer with an order, and the connector as their page has it. */
async function viewer(gateway) {
  const customer = await cleeng('customers', {});
  const offer = { customerId: customer.customerId, offerId: 'S916977979_NL', currency: 'EUR', country: 'NL', paymentMethodId: METHODS[gateway] };
  const order = await cleeng('orders', offer);
  const connector = new Connector({ gateway, token: customer.jwt, baseUrl });
  const pay = (card) => connector.initialPayment({ orderId: order.id, paymentMethod: CARDS[gateway][card], returnUrl: `${baseUrl}/checkout` });
  return { connector, order: order.id, pay };
}

/** Does what the gateway's own library would do with an action, and brings what it would bring. */
async function act(gateway, action) {
  if (gateway === 'adyen') return { threeDSResult: action.subtype === 'fingerprint' ? action.token : `${action.token}.authorised` };
  await fetch(`${baseUrl}/peers/stripe/_simulator/authenticate/${action.id}`, { method: 'POST', body: JSON.stringify({ result: 'success' }) });
  return {};
}

for (const gateway of ['stripe', 'adyen']) {
  test(`${gateway}: the page learns what its fields need`, async () => {
    const { connector, order } = await viewer(gateway);
    const page = await connector.paymentMethods({ orderId: order });
    if (gateway === 'stripe') assert.deepEqual([page.mode, page.amount, page.currency], ['payment', 699, 'eur']);
    else assert.deepEqual(page.amount, { value: 699, currency: 'EUR' });
    assert.ok(page.publishableKey ?? page.clientKey);
  });

  test(`${gateway}: an order is paid once, however often it is asked for`, async () => {
    const { connector, order, pay } = await viewer(gateway);
    const first = await pay('pays');
    assert.deepEqual([first.state, first.payment.totalAmount, first.payment.orderId], ['paid', 6.99, order]);
    assert.deepEqual(await pay('pays'), first);
    assert.deepEqual(await connector.finalize({ orderId: order }), first);
  });

  test(`${gateway}: a refusal says so, and another card pays`, async () => {
    const { pay } = await viewer(gateway);
    await assert.rejects(pay('refused'), { reason: 'refused', code: `${gateway.toUpperCase()}0002` });
    assert.equal((await pay('pays')).state, 'paid');
  });

  test(`${gateway}: 3-D Secure is passed, by actions until it is paid`, async () => {
    const { connector, order, pay } = await viewer(gateway);
    let result = await pay('asks');
    assert.equal(result.state, 'action');
    for (let steps = 0; result.state === 'action' && steps < 3; steps += 1) {
      result = await connector.finalize({ orderId: order, details: await act(gateway, result.action) });
    }
    assert.equal(result.state, 'paid');
  });

  test(`${gateway}: a card is added`, async () => {
    const { connector } = await viewer(gateway);
    await connector.paymentMethods();
    const request = { paymentMethodId: METHODS[gateway], paymentMethod: CARDS[gateway].pays, returnUrl: `${baseUrl}/account` };
    let result = await connector.paymentDetails(request);
    if (result.state === 'pending') result = await connector.waitForPaymentDetails({ paymentMethodId: METHODS[gateway] });
    assert.equal(result.state, 'kept');
    assert.match(result.paymentDetails.paymentMethodSpecificParams.lastCardFourDigits, /^[0-9]{4}$/);
  });
}

test('a buyer who comes back from a redirect finds the payment', async () => {
  const { connector, order, pay } = await viewer('stripe');
  const { action } = await pay('asks');
  await act('stripe', action);
  const back = readReturn(`${baseUrl}/checkout?orderId=${order}&payment_intent=${action.id}&payment_intent_client_secret=x&redirect_status=succeeded`);
  assert.equal((await connector.finalizeReturn(back)).state, 'paid');
});

test('a page of another origin may call and read where it is on the list, and no other', async () => {
  const address = `${baseUrl}/connectors/stripe/payment-methods`;
  const preflight = (origin) => fetch(address, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } });
  const allowed = await preflight('https://shop.acme.tv');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://shop.acme.tv');
  assert.equal(allowed.headers.get('access-control-allow-headers'), 'authorization,content-type');
  assert.equal((await preflight('https://evil.example')).headers.get('access-control-allow-origin'), null);
  const answer = await fetch(address, { method: 'POST', headers: { origin: 'https://shop.acme.tv' }, body: '{}' });
  assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('access-control-expose-headers')], [401, 'https://shop.acme.tv', 'retry-after']);
});

test('somebody else’s order, an expired token and a foreign return address are refused by reason', async () => {
  const [one, other] = [await viewer('stripe'), await viewer('stripe')];
  const request = { orderId: other.order, paymentMethod: 'pm_card_visa', returnUrl: `${baseUrl}/checkout` };
  await assert.rejects(one.connector.initialPayment(request), { reason: 'order' });
  await assert.rejects(other.connector.initialPayment({ ...request, returnUrl: 'https://evil.example/' }), { reason: 'invalid-request', code: 'REQ0001' });
  await assert.rejects(new Connector({ gateway: 'stripe', token: 'no', baseUrl }).initialPayment(request), { reason: 'signed-out' });
});
