// What a viewer does at the checkout, and what the gateways' and Cleeng's ledgers then hold.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { card, ledger, newAddress, payButton, payWith, skip, startBrowser, startSystem, title, upToTheCard, visit } from './shop.js';

let browser, system;
before(async () => {
  if (skip()) return;
  [system, browser] = await Promise.all([startSystem(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  system?.stop();
});

/** A story in a fresh browser profile; the browser must not complain of anything in it. */
function story(name, tell) {
  test(name, { skip: skip() }, async () => {
    const visitor = await visit(browser, system);
    await tell(visitor.page);
    await visitor.leave();
  });
}

const account = async (email) => {
  const { customerId } = await system.ask('/peers/cleeng/_simulator/login', { email });
  return system.ask(`/peers/cleeng/_simulator/customers/${customerId}/account`);
};

for (const gateway of ['Stripe', 'Adyen']) {
  const name = gateway.toLowerCase();

  story(`a viewer buys a month through ${gateway} and may watch`, async (page) => {
    const email = await upToTheCard(page, { gateway });
    await payWith(page, 'Mastercard ending in 4444');
    await title(page, 'Welcome to Polder TV').waitFor();
    await page.getByText('€6.99 is paid').waitFor();
    await page.getByText('Your access is open').waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, [699]);
    const [{ status, hasAccess, card: kept }] = (await account(email)).subscriptions;
    assert.deepEqual([status, hasAccess, kept.lastCardFourDigits], ['active', true, '4444']);
  });

  story(`a viewer whose bank asks first passes 3-D Secure at ${gateway} and pays once`, async (page) => {
    const email = await upToTheCard(page, { gateway });
    await payWith(page, 'Your bank asks first');
    await page.getByRole('button', { name: 'Yes, it is me' }).click();
    await title(page, 'Welcome to Polder TV').waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, [699]);
  });

  story(`a viewer who fails 3-D Secure at ${gateway} is charged nothing and pays with another card`, async (page) => {
    const email = await upToTheCard(page, { gateway });
    await payWith(page, 'Your bank asks first');
    await page.getByRole('dialog', { name: 'Is this you?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('alert').getByText('Nothing was charged').waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, []);
    await payWith(page, 'Mastercard ending in 4444');
    await title(page, 'Welcome to Polder TV').waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, [699]);
  });

  story(`a viewer whose card is refused at ${gateway} pays the same order with another`, async (page) => {
    const orders = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/initial-payment')) orders.push(request.postDataJSON().orderId);
    });
    const email = await upToTheCard(page, { gateway });
    await payWith(page, 'Refused: not enough money');
    await page.getByText('Your bank did not accept this card').waitFor();
    assert.ok(await page.locator('#outcome').evaluate((box) => box === document.activeElement), 'the refusal has the focus');
    await payWith(page, 'Mastercard ending in 4444');
    await title(page, 'Welcome to Polder TV').waitFor();
    assert.equal(orders.length, 2);
    assert.equal(new Set(orders).size, 1);
    const { captured, declined } = await ledger(system, name, email);
    assert.deepEqual([captured, declined], [[699], 1]);
  });

  story(`a free trial through ${gateway} checks the card and charges nothing`, async (page) => {
    const email = await upToTheCard(page, { gateway, plan: 'Start the free trial' });
    await page.getByText('Stop before then, and you pay nothing').waitFor();
    await payWith(page, 'Mastercard ending in 4444');
    await title(page, 'Your 14 free days have begun').waitFor();
    await page.getByText('Your access is open').waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, []);
    const [{ inTrial, card: kept }] = (await account(email)).subscriptions;
    assert.deepEqual([inTrial, kept.lastCardFourDigits], [true, '4444']);
  });

  story(`a viewer changes the card that ${gateway} charges`, async (page) => {
    const email = await upToTheCard(page, { gateway });
    await payWith(page, 'Pays once, refuses renewals');
    await page.getByText('Your access is open').waitFor();
    await page.getByRole('link', { name: 'My account' }).first().click();
    await page.getByRole('button', { name: 'Change card: Monthly' }).click();
    await card(page, 'Refused: not enough money').check();
    await page.getByRole('button', { name: 'Use this card' }).click();
    await page.getByText('Your bank did not accept this card').waitFor();
    await card(page, 'Your bank asks first').check();
    await page.getByRole('button', { name: 'Use this card' }).click();
    await page.getByRole('button', { name: 'Yes, it is me' }).click();
    await page.getByText('Your new card is in use').waitFor();
    const digits = gateway === 'Stripe' ? '3155' : '1111';
    await page.locator('#things').getByText(`Visa ending in ${digits}`).waitFor();
    assert.deepEqual((await ledger(system, name, email)).captured, [699], 'a change of card charges nothing');
  });
}

story('a viewer who is sent to the bank comes back and has bought', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen', plan: 'Choose weekly' });
  await payWith(page, 'Your bank asks on its own page');
  await title(page, 'Do you pay 1.99 EUR?').waitFor();
  await page.getByRole('link', { name: 'Yes, confirm' }).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.ok(!page.url().includes('redirectResult'), 'the result left the address');
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [199]);
  // Back, and forth again, as people do.
  await page.goBack();
  await page.goForward().catch(() => {});
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [199]);
});

story('a viewer who turns back at the bank is charged nothing and can pay', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen', plan: 'Choose weekly' });
  await payWith(page, 'Your bank asks on its own page');
  await page.getByRole('link', { name: 'Back to the shop without paying' }).click();
  await page.getByText('You stopped the payment').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, []);
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [199]);
});

story('a viewer who leaves the bank’s page by the browser’s own Back pays after all, once', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen', plan: 'Choose weekly' });
  await payWith(page, 'Your bank asks on its own page');
  await title(page, /Do you pay/).waitFor();
  await page.goBack();
  await page.getByText('Your bank still waits for your answer').waitFor();
  await payButton(page).click();
  await page.getByRole('link', { name: 'Yes, confirm' }).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  const { captured, theirs } = await ledger(system, 'adyen', email);
  assert.deepEqual([captured, theirs.length], [[199], 1]);
});

story('a wallet that the gateway offers pays', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen' });
  await page.getByRole('button', { name: 'Pay with Google Pay' }).click();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [699]);
});

story('a payment that nobody knows the end of is waited for, and never paid twice', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen' });
  await payWith(page, 'Your bank does not answer yet');
  await title(page, 'We are still asking your bank').waitFor();
  const { theirs: [{ psp }] } = await ledger(system, 'adyen', email);
  await system.ask(`/peers/adyen/_simulator/payments/${psp}/result`, { result: 'authorised' });
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [699]);
});

story('a payment that ends in a refusal after all brings the viewer back to the card', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen' });
  await payWith(page, 'Your bank does not answer yet');
  await title(page, 'We are still asking your bank').waitFor();
  const { theirs: [{ psp }] } = await ledger(system, 'adyen', email);
  await system.ask(`/peers/adyen/_simulator/payments/${psp}/result`, { result: 'refused' });
  await page.getByText('Your bank did not accept this card').waitFor();
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [699]);
});

story('an answer that is lost on its way is found again: one charge', async (page) => {
  const email = await upToTheCard(page);
  await system.ask('/peers/stripe/_simulator/next', { fault: '500_after', method: 'POST', path: '/payment_intents' });
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, /Welcome to Polder TV|We are still asking your bank/).waitFor();
  await title(page, 'Welcome to Polder TV').waitFor({ timeout: 45_000 });
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [699]);
});

story('a viewer who loads the page again while the bank is asked waits for the same order', async (page) => {
  const email = await upToTheCard(page, { gateway: 'Adyen' });
  await payWith(page, 'Your bank does not answer yet');
  await title(page, 'We are still asking your bank').waitFor();
  await page.reload();
  await title(page, 'We are still asking your bank').waitFor();
  const { theirs } = await ledger(system, 'adyen', email);
  assert.equal(theirs.length, 1);
  await system.ask(`/peers/adyen/_simulator/payments/${theirs[0].psp}/result`, { result: 'authorised' });
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'adyen', email)).captured, [699]);
});

story('a viewer whose connection breaks after the payment finds it paid', async (page) => {
  const email = await upToTheCard(page);
  // What is asked arrives; no answer comes back.
  await page.route('**/initial-payment', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await payWith(page, 'Mastercard ending in 4444');
  await page.getByText('We could not reach the payment').waitFor();
  await page.unroute('**/initial-payment');
  await page.reload();
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [699]);
});

story('a voucher is taken off the first payment', async (page) => {
  const email = await upToTheCard(page);
  await page.getByText('I have a voucher').click();
  await page.getByLabel('Voucher code').fill('nothing');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('NOTHING is not a voucher').waitFor();
  await page.getByLabel('Voucher code').fill('half');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('button', { name: 'Pay €3.49' }).waitFor();
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [349]);
});

story('a pass for a day is paid once and renews nothing', async (page) => {
  const email = await upToTheCard(page, { plan: 'Buy one day' });
  await page.getByText('You pay once. Nothing renews.').waitFor();
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, 'Your day has begun').waitFor();
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [399]);
});

story('a currency without decimals is sold in whole yen', async (page) => {
  await page.getByLabel('Country').selectOption('Japan');
  const email = await upToTheCard(page, { plan: 'Choose monthly in yen' });
  await payWith(page, 'Mastercard ending in 4444');
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [1078]);
});

story('a card number that is typed here never leaves the page', async (page) => {
  const sent = [];
  page.on('request', (request) => sent.push(request.url() + (request.postData() ?? '')));
  await upToTheCard(page);
  await card(page, 'Another test card').check();
  await page.getByLabel('Name of the test card').fill('4242 4242 4242 4242');
  await payButton(page).click();
  await page.getByText('Never type a card number').waitFor();
  assert.equal(await page.getByLabel('Name of the test card').inputValue(), '');
  assert.ok(!sent.some((text) => text.replace(/\D/g, '').includes('4242424242424242')));
  await page.getByLabel('Name of the test card').fill('pm_card_amex');
  await payButton(page).click();
  await title(page, 'Welcome to Polder TV').waitFor();
});

story('the keyboard alone buys', async (page) => {
  const focused = () => page.evaluate(() => {
    const it = document.activeElement;
    return `${it.getAttribute('aria-label') ?? it.textContent.trim()} ${it.id} ${it.value ?? ''}`;
  });
  const tabTo = async (what) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      if (what.test(await focused())) return;
    }
    assert.fail(`Tab never reaches ${what}`);
  };
  const email = newAddress();
  await tabTo(/Skip to the page/);
  await page.keyboard.press('Enter');
  await tabTo(/Choose monthly/);
  await page.keyboard.press('Enter');
  await page.locator('#email').waitFor();
  await tabTo(/ email /);
  await page.keyboard.type(email);
  await page.keyboard.press('Enter');
  await payButton(page).waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent === 'Payment');
  await tabTo(/pm_card_visa/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await tabTo(/ buy /);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Is this you?' }).waitFor();
  assert.match(await focused(), /Yes, it is me/);
  await page.keyboard.press('Enter');
  await title(page, 'Welcome to Polder TV').waitFor();
  assert.match(await focused(), /Welcome to Polder TV/);
  assert.deepEqual((await ledger(system, 'stripe', email)).captured, [699]);
});

story('a viewer stops, may watch to the end of what is paid, and goes on', async (page) => {
  const email = await upToTheCard(page);
  await payWith(page, 'Mastercard ending in 4444');
  await page.getByText('Your access is open').waitFor();
  await page.getByRole('link', { name: 'My account' }).first().click();
  await page.getByRole('button', { name: 'Stop: Monthly' }).click();
  await page.getByText('Nothing more is charged').waitFor();
  assert.deepEqual((await account(email)).subscriptions.map((it) => [it.status, it.hasAccess]), [['stopped', true]]);
  await page.getByRole('button', { name: 'Go on: Monthly' }).click();
  await page.getByText('It goes on').waitFor();
  assert.equal((await account(email)).subscriptions[0].status, 'active');
});

story('a viewer comes back to another browser by e-mail address', async (page) => {
  const email = await upToTheCard(page);
  await payWith(page, 'Mastercard ending in 4444');
  await page.getByText('Your access is open').waitFor();
  const elsewhere = await visit(browser, system, { address: '/checkout?view=account' });
  await elsewhere.page.getByRole('textbox', { name: 'E-mail address' }).fill('nobody@example.com');
  await elsewhere.page.getByRole('button', { name: 'Sign in' }).click();
  await elsewhere.page.getByText('Nobody is known by this address').waitFor();
  await elsewhere.page.getByRole('textbox', { name: 'E-mail address' }).fill(email.toUpperCase());
  await elsewhere.page.getByRole('button', { name: 'Sign in' }).click();
  await elsewhere.page.getByText('Mastercard ending in 4444').waitFor();
  await elsewhere.leave();
});
