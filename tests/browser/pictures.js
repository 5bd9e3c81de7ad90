// Takes the README's screenshots of the running system: `npm run pictures`. Light and dark, as WebP, small enough for a README.

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { card, startBrowser, startSystem, upToTheCard } from './shop.js';

const PLACE = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const WINDOW = { width: 1280, height: 800 };
const BYTES_MAX = 280_000;
const QUALITY = 60;
const MONTHS = 2;

/** What the console shows: two gateways, some cards that refuse later, a few months. */
async function play(system) {
  const sell = (gateway, does, count) => system.ask('/local/sales', { gateway, card: does, count });
  const rest = async (until) => {
    for (let state = await system.ask('/local/state'); !until(state); state = await system.ask('/local/state')) await new Promise((done) => setTimeout(done, 300));
  };
  const quiet = (state) => !state.busy && state.counts.living + state.counts.ended > 0;
  for (const gateway of ['stripe', 'adyen']) {
    await sell(gateway, 'pays', 14);
    await sell(gateway, 'asks_first', 4);
  }
  await rest(quiet);
  for (let month = 0; month < MONTHS; month += 1) {
    await sell('stripe', 'refuses_later', 2);
    await sell('adyen', 'refuses_later', 2);
    await rest(quiet);
    await system.ask('/local/clock', { days: 27 });
    await rest(quiet);
  }
  const { rows } = await system.ask('/local/deals?text=stripe&which=living');
  const told = rows.at(-1).key;
  await system.ask(`/local/deals/${rows.at(-2).key}/refund`, {});
  await system.ask(`/local/deals/${told}/decline`, { reason: 'insufficient_funds', times: 1 });
  await system.ask(`/local/deals/${told}/renew`, {});
  await rest(quiet);
  return told;
}

async function take(page, name) {
  await page.evaluate(() => document.fonts.ready);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  const bytes = Buffer.from(data, 'base64');
  writeFileSync(`${PLACE}${name}.webp`, bytes);
  console.log(`${name}.webp  ${bytes.length} bytes`);
  return bytes.length;
}

const system = await startSystem();
const browser = await startBrowser();
let sum = 0;
try {
  mkdirSync(PLACE, { recursive: true });
  const told = await play(system);
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: WINDOW, colorScheme, locale: 'en-GB', reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(`${system.origin}/`);
    await page.locator('#list a').first().waitFor();
    await page.locator('#plot rect').first().waitFor();
    sum += await take(page, `console-${colorScheme}`);

    await page.goto(`${system.origin}/#/${told}`);
    await page.locator('#sequence .exchange').first().waitFor();
    await page.locator('#story').evaluate((heading) => scrollTo(0, heading.getBoundingClientRect().top + scrollY - 90));
    sum += await take(page, `story-${colorScheme}`);

    await page.goto(`${system.origin}/checkout`);
    await upToTheCard(page);
    await card(page, 'Your bank asks first').check();
    await page.evaluate(() => scrollTo(0, 0));
    sum += await take(page, `checkout-${colorScheme}`);
    await context.close();
  }
} finally {
  await browser.close();
  system.stop();
}
if (sum > BYTES_MAX) throw new Error(`${sum} bytes of pictures are too many for a README: at most ${BYTES_MAX}`);
