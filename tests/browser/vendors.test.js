// The same page where public keys of real gateways are set: it loads each vendor's library from that vendor's origin, under
// the page's own policy, and hands over what the library makes. The libraries are played here, at their own addresses.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { ledger, payButton, skip, startBrowser, startSystem, title, upToTheCard, visit } from './shop.js';

let browser, system;
before(async () => {
  if (skip()) return;
  const port = await freePort();
  const at = `http://127.0.0.1:${port}/peers`;
  const keys = {
    STRIPE_PUBLISHABLE_KEY: 'pk_test_of_a_real_account', STRIPE_SECRET_KEY: 'sk_test_simulator', STRIPE_API_URL: `${at}/stripe`, STRIPE_WEBHOOK_SECRETS: 'whsec_simulator',
    ADYEN_CLIENT_KEY: 'test_OFAREALACCOUNT', ADYEN_API_KEY: 'simulated-adyen-api-key', ADYEN_API_URL: `${at}/adyen/v71`, ADYEN_MERCHANT_ACCOUNT: 'SimulatedMerchant',
    ADYEN_HMAC_KEYS: '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056',
  };
  [system, browser] = await Promise.all([startSystem(keys, port), startBrowser()]);
});
after(async () => {
  await browser?.close();
  system?.stop();
});

function freePort() {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}

/** Answers everything outside this machine with these scripts; what has none is refused and noted. */
async function play(page, scripts) {
  const asked = [];
  await page.context().route((url) => url.hostname !== '127.0.0.1', (route) => {
    const url = route.request().url();
    asked.push(url);
    const script = scripts[url];
    if (script === undefined) return route.abort();
    return route.fulfill({ contentType: url.endsWith('.css') ? 'text/css' : 'text/javascript', body: script });
  });
  return asked;
}

// What is called of Stripe.js, as its documentation describes it; the simulated Stripe knows what the token stands for.
const STRIPE = `window.Stripe = (key) => ({
  elements: (options) => ({
    create: (kind) => ({ mount: (place) => { place.textContent = kind + ' element of ' + key + ' for ' + options.amount + ' ' + options.currency + ' ' + options.setupFutureUsage; } }),
    submit: async () => ({}),
  }),
  createConfirmationToken: async ({ params }) => ({ confirmationToken: { id: 'ctoken_card_authenticationRequiredOnSetup', return_url: params.return_url } }),
  handleNextAction: async ({ clientSecret }) => {
    const id = clientSecret.split('_secret')[0];
    await fetch('/peers/stripe/_simulator/authenticate/' + id, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"result":"success"}' });
    return {};
  },
});`;

// The same of Adyen Web 6.
const ADYEN = `window.AdyenWeb = {
  AdyenCheckout: async (options) => options,
  Dropin: class {
    constructor(options) { this.options = options; this.isValid = true; }
    mount(place) { place.textContent = 'Drop-in of ' + this.options.clientKey + ' for ' + this.options.amount.value + ' ' + this.options.amount.currency; return this; }
    submit() {
      const paymentMethod = { type: 'scheme', encryptedCardNumber: 'test_3ds_challenge', encryptedExpiryMonth: 'test_03', encryptedExpiryYear: 'test_2030', encryptedSecurityCode: 'test_737' };
      const browserInfo = { userAgent: navigator.userAgent, acceptHeader: '*/*', language: 'nl-NL', colorDepth: 24, screenHeight: 900, screenWidth: 1440, timeZoneOffset: -60, javaEnabled: false };
      this.options.onSubmit({ data: { paymentMethod, browserInfo } }, this, {});
    }
    handleAction(action) {
      const threeDSResult = action.token + (action.subtype === 'challenge' ? '.authorised' : '');
      this.options.onAdditionalDetails({ data: { details: { threeDSResult } } }, this, {});
    }
    unmount() {}
  },
};`;

test('with a real key of Stripe the Payment Element takes the card', { skip: skip() }, async () => {
  const { page, leave } = await visit(browser, system);
  const asked = await play(page, { 'https://js.stripe.com/endive/stripe.js': STRIPE });
  const email = await upToTheCard(page);
  await page.getByText('payment element of pk_test_of_a_real_account for 699 eur off_session').waitFor();
  await payButton(page).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [699]);
  assert.deepEqual(asked, ['https://js.stripe.com/endive/stripe.js']);
  await leave();
});

test('with a real key of Adyen the Drop-in takes the card', { skip: skip() }, async () => {
  const { page, leave } = await visit(browser, system);
  const folder = 'https://checkoutshopper-test.cdn.adyen.com/checkoutshopper/sdk/6.45.2';
  const asked = await play(page, { [`${folder}/adyen.js`]: ADYEN, [`${folder}/adyen.css`]: '' });
  const email = await upToTheCard(page, { gateway: 'Adyen' });
  await page.getByText('Drop-in of test_OFAREALACCOUNT for 699 EUR').waitFor();
  await payButton(page).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [699]);
  assert.deepEqual(asked.sort(), [`${folder}/adyen.css`, `${folder}/adyen.js`]);
  await leave();
});

test('a vendor that cannot be reached takes no sale with it: the page says so', { skip: skip() }, async () => {
  const { page, complaints } = await visit(browser, system);
  await play(page, {});
  await upToTheCard(page);
  await page.getByRole('alert').getByText('We could not reach the payment').waitFor();
  assert.ok(!complaints.some((text) => text.includes('Content Security Policy')), complaints.join());
  await page.context().close();
});
