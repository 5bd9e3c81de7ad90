// The client against every kind of answer, also those that the real connector gives rarely.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connector, ConnectorError, readReturn } from '../dist/connector.js';
import { answering, payment, refused, said } from './server.js';

const PAY = { orderId: 7, paymentMethod: { payment_method: 'pm_1' }, returnUrl: 'https://shop.acme.tv/return?a=b' };

async function to(context, answers, options = {}) {
  const server = await answering(...answers);
  context.after(server.close);
  return { connector: new Connector({ gateway: 'stripe', token: 'jwt', baseUrl: `${server.baseUrl}/`, ...options }), asked: server.asked };
}

test('a payment is sent as the connector wants it, with its order in the return address', async (context) => {
  const { connector, asked } = await to(context, [[200, said(payment('captured'))]]);
  const result = await connector.initialPayment(PAY);
  assert.equal(result.state, 'paid');
  assert.equal(result.payment.totalAmount, 6.99);
  assert.equal(asked.length, 1);
  assert.equal(asked[0].path, '/connectors/stripe/initial-payment');
  assert.equal(asked[0].headers.authorization, 'Bearer jwt');
  assert.equal(asked[0].body.returnUrl, 'https://shop.acme.tv/return?a=b&orderId=7');
  assert.deepEqual(asked[0].body.paymentMethod, PAY.paymentMethod);
});

test('the token is asked for anew before each call', async (context) => {
  let n = 0;
  const { connector, asked } = await to(context, [[200, said({})]], { token: async () => `jwt${(n += 1)}` });
  await connector.paymentMethods({ orderId: 7 });
  await connector.paymentMethods();
  assert.deepEqual(asked.map((it) => it.headers.authorization), ['Bearer jwt1', 'Bearer jwt2']);
  assert.deepEqual(asked.map((it) => it.body), [{ orderId: 7 }, {}]);
});

test('what the buyer must do first is an action', async (context) => {
  const action = { id: 'pi_1', client_secret: 'pi_1_secret', next_action: null };
  const { connector } = await to(context, [[200, said({ action })]]);
  assert.deepEqual(await connector.initialPayment(PAY), { state: 'action', action });
});

test('each refusal has a reason to decide by, the sentence for people and the code', async (context) => {
  for (const [status, code, reason, retryable] of [
    [400, 'REQ0001', 'invalid-request', false],
    [401, 'AUTH0003', 'signed-out', false],
    [404, 'REQ0003', 'invalid-request', false],
    [422, 'STRIPE0001', 'order', false],
    [422, 'ADYEN0002', 'refused', false],
    [422, 'STRIPE0003', 'cancelled', false],
    [422, 'STRIPE0004', 'unservable', false],
    [429, 'STRIPE0004', 'too-many', false],
    [500, 'STRIPE0005', 'failed', false],
    [503, 'STRIPE0005', 'later', true],
  ]) {
    const { connector, asked } = await to(context, [[status, refused(code, 'A sentence.')]], { retries: 0 });
    const error = await connector.initialPayment(PAY).catch((it) => it);
    assert.ok(error instanceof ConnectorError, code);
    assert.deepEqual([error.status, error.code, error.reason, error.retryable, error.message], [status, code, reason, retryable, 'A sentence.']);
    assert.equal(asked.length, 1);
  }
});

test('an answer of the platform in front, or of a proxy, is an error with its status', async (context) => {
  const { connector } = await to(context, [[429, { message: 'Too Many Requests' }], [413, '<html>'], [403, 'null']], { retries: 0 });
  const ask = () => connector.initialPayment(PAY).catch((it) => [it.code, it.reason]);
  assert.deepEqual([await ask(), await ask(), await ask()], [['HTTP429', 'too-many'], ['HTTP413', 'invalid-request'], ['HTTP403', 'invalid-request']]);
});

test('what was put off or got lost is sent again, and only that', async (context) => {
  const later = [503, refused('STRIPE0005'), { 'retry-after': '0' }];
  const { connector, asked } = await to(context, [later, 'cut', [200, said(payment('captured'))]]);
  assert.equal((await connector.initialPayment(PAY)).state, 'paid');
  assert.equal(asked.length, 3);
  assert.deepEqual(asked[2].body, asked[0].body);
  const stubborn = await to(context, [later]);
  await assert.rejects(stubborn.connector.initialPayment(PAY), { reason: 'later', retryAfterMilliseconds: 0 });
  assert.equal(stubborn.asked.length, 3);
});

test('silence ends at the time limit, as no answer, and never as a refusal', async (context) => {
  const { connector } = await to(context, ['silence'], { timeoutMilliseconds: 50, retries: 0 });
  await assert.rejects(connector.initialPayment(PAY), { code: 'NO_ANSWER', reason: 'no-answer', retryable: true, status: 0 });
});

test('a success that cannot be read is no answer', async (context) => {
  const { connector } = await to(context, [[200, '<html>']], { retries: 0 });
  await assert.rejects(connector.initialPayment(PAY), { reason: 'no-answer', status: 200 });
});

test('a call ends with its signal, whether it waits for the answer, to send again, or was ended before', async (context) => {
  const why = new Error('the buyer left');
  for (const answers of [['silence'], [[503, refused('STRIPE0005'), { 'retry-after': '60' }]]]) {
    const { connector, asked } = await to(context, answers);
    const giving = new AbortController();
    const call = connector.initialPayment(PAY, { signal: giving.signal });
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    giving.abort(why);
    await assert.rejects(call, why);
    await assert.rejects(connector.initialPayment(PAY, { signal: giving.signal }), why);
    assert.equal(asked.length, 1);
  }
});

test('a pending payment is asked for until it is decided', async (context) => {
  const { connector, asked } = await to(context, [[202, said(payment('pending'))], [202, said(payment('pending'))], [200, said(payment('captured'))]]);
  const first = await connector.initialPayment(PAY);
  assert.equal(first.state, 'pending');
  const result = await connector.waitForPayment({ orderId: 7 });
  assert.equal(result.state, 'paid');
  assert.deepEqual(asked.slice(1).map((it) => [it.path, it.body]), Array(2).fill(['/connectors/stripe/initial-payment/finalize', { orderId: 7 }]));
});

test('waiting ends with a refusal, and with the time limit as still pending', async (context) => {
  const refusing = await to(context, [[422, refused('STRIPE0002')]]);
  await assert.rejects(refusing.connector.waitForPayment({ orderId: 7 }, { timeoutMilliseconds: 10 }), { reason: 'refused' });
  const waiting = await to(context, [[202, said(payment('pending'))]]);
  await assert.rejects(waiting.connector.waitForPayment({ orderId: 7 }, { timeoutMilliseconds: 10 }), { code: 'PENDING', reason: 'still-pending' });
});

test('a card is kept only once Cleeng keeps it', async (context) => {
  const card = (active) => said({ paymentDetails: { id: active ? 5 : null, active, status: active ? 'active' : 'pending' } });
  const { connector, asked } = await to(context, [[200, card(false)], [202, card(false)], [200, card(true)]]);
  const first = await connector.paymentDetails({ paymentMethodId: 9, paymentMethod: 'pm_1', returnUrl: 'https://shop.acme.tv/' });
  assert.equal(first.state, 'pending');
  assert.equal((await connector.waitForPaymentDetails({ paymentMethodId: 9 })).state, 'kept');
  assert.equal(asked[0].body.returnUrl, 'https://shop.acme.tv/?paymentMethodId=9');
  assert.equal(asked[2].path, '/connectors/stripe/payment-details/finalize');
});

test('a return is read from the address and leaves nothing of itself there', async (context) => {
  const adyen = readReturn('https://shop.acme.tv/return?a=b&orderId=7&redirectResult=X6Xtf%21Y2#top');
  assert.deepEqual(adyen, { gateway: 'adyen', orderId: '7', details: { redirectResult: 'X6Xtf!Y2' }, cleanUrl: 'https://shop.acme.tv/return?a=b#top' });
  const stripe = readReturn(
    'https://shop.acme.tv/?paymentMethodId=9&setup_intent=seti_1&setup_intent_client_secret=seti_1_secret_2&redirect_status=succeeded',
  );
  assert.deepEqual(stripe, { gateway: 'stripe', paymentMethodId: '9', details: { setup_intent: 'seti_1' }, cleanUrl: 'https://shop.acme.tv/' });
  const { connector, asked } = await to(context, [[200, said(payment('captured'))], [200, said({ paymentDetails: { active: true } })]]);
  assert.equal((await connector.finalizeReturn(adyen)).state, 'paid');
  assert.equal((await connector.finalizeReturn(stripe)).state, 'kept');
  assert.deepEqual(asked.map((it) => it.body), [
    { orderId: '7', details: { redirectResult: 'X6Xtf!Y2' } },
    { paymentMethodId: '9', details: { setup_intent: 'seti_1' } },
  ]);
});

test('an address without a return is not one', () => {
  for (const address of ['https://shop.acme.tv/', 'https://shop.acme.tv/?orderId=7', 'https://shop.acme.tv/?redirectResult=x', 'https://shop.acme.tv/?orderId=7&payment_intent=']) {
    assert.equal(readReturn(address), undefined);
  }
});
