// The local system and a browser in front of it, with what a viewer does there.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Kept by CI beside the run. */
const SCREENSHOTS = process.env.SCREENSHOTS ?? fileURLToPath(new URL('screenshots', import.meta.url));
const BROWSERS = [process.env.BROWSER_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Why nothing can be tested here, or false. On CI that is no excuse. */
export function skip() {
  if (BROWSERS.some((path) => path && existsSync(path))) return false;
  const why = 'NO BROWSER: nothing was tested. Install Debian’s chromium, or set BROWSER_PATH.';
  if (process.env.CI) throw new Error(why);
  console.error(`\n${why}\n`);
  return why;
}

/** Starts the system on a free port, as `cargo run` does, with these settings in its environment. */
export async function startSystem(environment = {}, port = 0) {
  const child = spawn('cargo', ['run', '--quiet', '--locked', '--', '--port', String(port)], {
    cwd: ROOT, detached: true, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  const origin = await new Promise((found, failed) => {
    child.stdout.on('data', (data) => {
      said += data;
      const address = /console +(http:\S+)\//.exec(said);
      if (address) found(address[1]);
    });
    child.on('exit', () => failed(new Error(`the local system did not start:\n${said}`)));
  });
  return {
    origin,
    /** Asks a simulator, or the local system, for JSON. */
    async ask(path, body) {
      const options = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const answer = await fetch(`${origin}${path}`, options);
      assert.ok(answer.ok, `${path}: ${answer.status}`);
      return answer.json();
    },
    stop() {
      // cargo and the system behind it.
      process.kill(-child.pid, 'SIGTERM');
    },
  };
}

export async function startBrowser() {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  // The sandbox wants user namespaces, which containers seldom have; everything shown here is our own.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath, args });
}

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A fresh browser profile on the checkout. Whatever its console says of errors or of a broken policy fails the test. */
export async function visit(browser, system, { address = '/checkout', viewport = DESKTOP, ...options } = {}) {
  const context = await browser.newContext({ viewport, locale: 'en-GB', reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A refusal is a 4xx, which the browser notes by itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  await page.goto(system.origin + address);
  return {
    page, complaints,
    async leave() {
      await context.close();
      assert.deepEqual(complaints, [], 'the browser complained');
    },
  };
}

/** A viewer who is new here: the plan, the gateway, the address, up to the card. */
export async function upToTheCard(page, { plan = 'Choose monthly', gateway = 'Stripe', email = newAddress() } = {}) {
  await page.getByRole('radio', { name: gateway }).check({ force: true });
  await page.getByRole('link', { name: plan }).click();
  await page.locator('#email').fill(email);
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await page.getByRole('heading', { name: 'Payment', exact: true }).waitFor();
  return email;
}

let addresses = 0;
export function newAddress() {
  addresses += 1;
  return `viewer-${process.pid}-${addresses}@example.com`;
}

export const card = (page, does) => page.getByRole('radio', { name: does });
export const payButton = (page) => page.locator('#buy');
export const title = (page, name) => page.getByRole('heading', { level: 1, name });

export async function payWith(page, does) {
  await card(page, does).check();
  await payButton(page).click();
}

/** Captured and declined payments of one viewer at a gateway, as the gateway's own ledger has them. */
export async function ledger(system, gateway, email) {
  const { customerId } = await system.ask('/peers/cleeng/_simulator/login', { email });
  if (gateway === 'stripe') {
    const all = await system.ask('/peers/stripe/_simulator/payments');
    const theirs = all.filter((it) => it.customer === String(customerId));
    return { captured: theirs.map((it) => it.captured_minor).filter((minor) => minor > 0), declined: theirs.filter((it) => it.declined).length };
  }
  const { payments } = await system.ask('/peers/adyen/_simulator/state');
  const theirs = payments.filter((it) => it.shopper?.includes(String(customerId)));
  const captured = theirs.map((it) => it.captures.reduce((sum, step) => sum + step.minor, 0)).filter((minor) => minor > 0);
  return { captured, declined: theirs.filter((it) => it.standing?.Refused ?? it.standing?.refused).length, theirs };
}

/** Nothing that axe finds. */
export async function assertAccessible(page, state) {
  if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.map((node) => node.html).join('\n    ')}`);
  assert.deepEqual(told, [], `axe found obstacles in ${state}`);
}

/** Nothing that must be scrolled sideways. */
export async function assertFits(page, state) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${state} is ${wide} px wider than its window`);
}

export async function keep(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  // A dialog lies over the window, not over the whole page.
  const isWhole = await page.evaluate(() => !document.querySelector('dialog[open]'));
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: isWhole });
}
