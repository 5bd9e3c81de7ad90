// Each state of the checkout on a phone and on a desktop, in light and in dark: axe finds nothing, nothing is scrolled
// sideways, and a picture is kept.

import { after, before, test } from 'node:test';
import { DESKTOP, PHONE, assertAccessible, assertFits, keep, skip, startBrowser, startSystem, visit } from './shop.js';
import { walk } from './states.js';

let browser, system;
before(async () => {
  if (skip()) return;
  [system, browser] = await Promise.all([startSystem(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  system?.stop();
});

for (const [screen, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`no obstacle in any state on a ${screen} in ${colorScheme}`, { skip: skip() }, async () => {
      const { page, leave } = await visit(browser, system, { viewport, colorScheme });
      let number = 0;
      await walk(page, system, async (state) => {
        number += 1;
        await keep(page, `checkout-${screen}-${colorScheme}-${String(number).padStart(2, '0')}-${state}`);
        await assertAccessible(page, state);
        await assertFits(page, state);
      });
      await leave();
    });
  }
}

test('nothing is lost where a window is 320 px wide', { skip: skip() }, async () => {
  const { page, leave } = await visit(browser, system, { viewport: { width: 320, height: 640 } });
  await walk(page, system, (state) => assertFits(page, `${state} at 320 px`));
  await leave();
});
