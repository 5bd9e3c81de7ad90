// The console beside a real sale: it shows the whole story of it, by itself, and moves time on.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { DESKTOP, PHONE, assertAccessible, assertFits, keep, payWith, skip, startBrowser, startSystem, title, upToTheCard, visit } from './shop.js';

let browser, system;
before(async () => {
  if (skip()) return;
  [system, browser] = await Promise.all([startSystem(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  system?.stop();
});

test('a sale appears by itself, with who said what, and a month later it is renewed', { skip: skip() }, async () => {
  const watching = await visit(browser, system, { address: '/' });
  await watching.page.getByRole('heading', { name: 'Nothing has happened yet' }).waitFor();

  const buying = await visit(browser, system);
  await upToTheCard(buying.page, { gateway: 'Adyen' });
  await payWith(buying.page, 'Refused: not enough money');
  await buying.page.getByText('Your bank did not accept this card').waitFor();
  await payWith(buying.page, 'Mastercard ending in 4444');
  await buying.page.getByText('Your access is open').waitFor();
  await buying.leave();

  const { page } = watching;
  await page.getByRole('link', { name: /^Order \d+/ }).click();
  const story = page.locator('#sequence');
  for (const step of ['the viewer pays an order', 'Refused · Not enough balance', 'Connector asks for the money', 'Authorised', 'purchase approved', 'Cleeng knows']) {
    await story.getByText(new RegExp(step.replace('the viewer', '.*'), 'i')).first().waitFor();
  }
  await page.getByText('All ledgers say the same').waitFor();
  const told = await page.locator('#deal').innerText();
  assert.ok(!told.includes('[object'), 'every value is shown as a person reads it');
  assert.ok(!/@example\.com|test_mastercard/.test(told), 'neither an address nor card data is shown');

  // The order becomes a subscription when the timer has seen Cleeng's; a person need not wait for it.
  await page.getByRole('link', { name: 'All subscriptions and orders' }).click();
  await page.getByRole('button', { name: 'To the next event' }).click();
  await page.getByRole('link', { name: /^Subscription \d+/ }).click({ timeout: 45_000 });
  await page.getByRole('button', { name: 'Renew next period' }).click();
  await story.getByText(/captures? what was authorised|capture approved/i).first().waitFor({ timeout: 45_000 });
  await page.locator('#deal').getByRole('rowheader', { name: /Renewal/ }).first().waitFor();
  await watching.leave();
});

for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`no obstacle in the console on a ${screen} in ${colorScheme}`, { skip: skip() }, async () => {
      const { page, leave } = await visit(browser, system, { address: '/', viewport, colorScheme });
      await page.getByRole('link', { name: /^Subscription \d+/ }).first().waitFor();
      await keep(page, `console-${screen}-${colorScheme}-1-front`);
      await assertAccessible(page, 'the console’s front');
      await assertFits(page, 'the console’s front');
      await page.getByRole('link', { name: /^Subscription \d+/ }).first().click();
      await title(page, /^Subscription/).waitFor();
      await page.locator('#sequence').waitFor();
      await keep(page, `console-${screen}-${colorScheme}-2-deal`);
      await assertAccessible(page, 'a deal’s page');
      await assertFits(page, 'a deal’s page');
      await leave();
    });
  }
}
