// What a viewer has, and the card that pays for it.

import * as cleeng from '/checkout/cleeng.js';
import { at, emailOf, lines, notice, show, whileBusy, wrong } from '/checkout/page.js';
import { connector, pay, settled } from '/checkout/pay.js';
import { fieldsOf } from '/checkout/vendors.js';
import { card, day, each, price, trouble } from '/checkout/words.js';

const now = { change: null };
const KEPT = ['Your new card is in use', 'All your subscriptions pay with it from now on. Nothing was charged.'];

export async function openAccount() {
  leaveAccount();
  notice('account-outcome');
  show('account', 'My account');
  await showThings();
}

/** What was open here is over. */
export function leaveAccount() {
  now.change?.over.abort();
  now.change = null;
  at('change').hidden = true;
}

/** Back from the bank's own page with a card. */
export async function cardReturned(back) {
  show('account', 'My account');
  notice('account-outcome', 'wait', 'Welcome back', 'One moment: we ask your bank what came of it.');
  const what = { paymentMethodId: Number(back.paymentMethodId) };
  await changed(back.gateway, what, () => connector(back.gateway).finalizeReturn(back));
}

async function showThings() {
  const known = cleeng.viewer();
  at('sign-in').hidden = Boolean(known);
  at('signed').hidden = !known;
  at('signed-email').textContent = known?.email ?? '';
  if (!known) return at('things').replaceChildren();
  try {
    const { subscriptions, passes } = await cleeng.account();
    at('things').replaceChildren(...subscriptions.map(subscription), ...passes.map(pass));
    if (subscriptions.length + passes.length === 0) at('things').append(nothing());
  } catch (error) {
    if (error.status !== 404) return notice('account-outcome', 'bad', 'Your account does not load', 'Try again in a moment.');
    cleeng.signOut();
    await showThings();
  }
}

function thing(title, state, kind, rows) {
  const item = at('thing').content.firstElementChild.cloneNode(true);
  item.querySelector('h2').textContent = title;
  item.querySelector('.state').textContent = state;
  item.querySelector('.state').dataset.kind = kind;
  lines(item.querySelector('dl'), rows);
  return item;
}

function nothing() {
  const item = thing('Nothing here yet', '', '', []);
  const link = Object.assign(document.createElement('a'), { className: 'button main', href: '/checkout', textContent: 'See the plans' });
  item.querySelector('.actions').append(link);
  return item;
}

const STATES = {
  active: (it) => (it.inTrial ? ['Free trial', 'good'] : ['Active', 'good']),
  stopped: () => ['Stopped', 'wait'],
  paused: () => ['Paused', 'wait'],
  terminated: () => ['Ended', 'soft'],
};

function subscription(it) {
  const goesOn = it.status === 'active';
  const item = thing(it.title ?? it.offerId, ...STATES[it.status](it), [
    ['Price', `${price(it.totalPrice, it.currency)} ${each(it.cycle)}`],
    [goesOn ? 'Next payment' : it.status === 'terminated' ? 'Ended' : 'You can watch until', day(it.ends)],
    it.status !== 'terminated' && ['Card', card(it.card)],
  ]);
  const actions = item.querySelector('.actions');
  const add = (text, act) => {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: text });
    button.setAttribute('aria-label', `${text}: ${it.title}`);
    button.addEventListener('click', () => act(button));
    actions.append(button);
  };
  if (goesOn || it.status === 'stopped') add('Change card', (button) => openChange(it, button));
  if (goesOn) add('Stop', (button) => tell(it, 'stop', button, ['Stopped', `Nothing more is charged. You can watch until ${day(it.ends)}.`]));
  if (it.status === 'stopped') add('Go on', (button) => tell(it, 'resume', button, ['It goes on', `The next payment is on ${day(it.ends)}.`]));
  actions.hidden = actions.childElementCount === 0;
  return item;
}

function pass(it) {
  const over = it.terminated;
  return thing(it.title ?? it.offerId, over ? 'Ended' : 'Active', over ? 'soft' : 'good', [it.expires && ['You can watch until', day(it.expires)]]);
}

function tell(it, verb, button, said) {
  return whileBusy(button, 'One moment…', async () => {
    try {
      await cleeng.tell(it.subscriptionId, verb);
      await showThings();
      notice('account-outcome', 'good', ...said);
    } catch {
      notice('account-outcome', 'bad', 'That did not work', 'Nothing has changed. Try again in a moment.');
    }
  });
}

function openChange(it, button) {
  leaveAccount();
  notice('account-outcome');
  notice('change-outcome');
  const where = it.paymentGateway;
  const what = { paymentMethodId: it.paymentMethodId };
  const how = { amount: 'your card', returnUrl: `${location.origin}/checkout?view=account`, submit: () => give(at('change').querySelector('.main')) };
  return whileBusy(button, 'One moment…', async () => {
    const change = { where, what, how, over: new AbortController() };
    now.change = change;
    try {
      const page = await connector(where).paymentMethods(what);
      change.fields = await fieldsOf(at('change-fields'), where, page, how);
      if (now.change !== change) return;
      at('change').hidden = false;
      at('change-title').focus();
    } catch (error) {
      notice('account-outcome', 'bad', ...trouble(error));
    }
  });
}

function give(button) {
  const { change } = now;
  return whileBusy(button, 'Checking your card…', async () => {
    notice('change-outcome');
    const data = await change.fields.collect().catch(() => null);
    if (data) await changed(change.where, change.what, () => pay(change.where, change.what, data, change.fields, change.how));
  });
}

/** What came of giving a card: kept, refused, or to be waited for. */
async function changed(where, what, ask) {
  const change = now.change;
  const over = change?.over ?? new AbortController();
  try {
    let result = await ask();
    if (result.state === 'pending') {
      notice('account-outcome', 'wait', 'We are still asking your bank', 'Your old card pays until there is an answer.');
      result = await settled(where, what, over.signal);
    }
    if (over.signal.aborted) return;
    leaveAccount();
    await showThings();
    notice('account-outcome', 'good', ...KEPT);
  } catch (error) {
    if (over.signal.aborted) return;
    await showThings();
    notice('account-outcome');
    notice(change ? 'change-outcome' : 'account-outcome', 'bad', ...trouble(error));
    await change?.fields.again();
  }
}

at('change').addEventListener('submit', (event) => {
  event.preventDefault();
  give(at('change').querySelector('.main'));
});

at('change-cancel').addEventListener('click', () => {
  leaveAccount();
  at('account').querySelector('h1').focus();
});

at('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const email = emailOf('sign-email', 'sign-wrong');
  if (!email) return;
  try {
    await cleeng.signIn(email);
    await showThings();
    at('account').querySelector('h1').focus();
  } catch (error) {
    wrong('sign-email', 'sign-wrong', error.status === 404 ? 'Nobody is known by this address. Buy a plan first.' : 'That did not work. Try again in a moment.');
  }
});

at('sign-out').addEventListener('click', () => {
  cleeng.signOut();
  openAccount();
});
