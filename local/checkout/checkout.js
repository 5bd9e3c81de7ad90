// The sale: choose a plan, say who you are, pay, and what came of it. Every step has an address of its own.

import { takeReturn } from '/connector.js';
import { openAccount, cardReturned, leaveAccount } from '/checkout/account.js';
import * as cleeng from '/checkout/cleeng.js';
import { at, emailOf, gateway, lines, notice, show, whileBusy, wrong } from '/checkout/page.js';
import { connector, pay, settled } from '/checkout/pay.js';
import { fieldsOf } from '/checkout/vendors.js';
import { after, day, each, every, offerWords, price, trouble } from '/checkout/words.js';

const sale = { offers: [], offer: null, order: null, fields: null, how: null, turn: 0, looking: null };

// A turn is one opening of a view; what belongs to an earlier one is dropped when it arrives.
function turn() {
  sale.looking?.abort();
  sale.looking = new AbortController();
  leaveAccount();
  sale.turn += 1;
  return thisTurn();
}

/** Tells whether the view is still the one of now. */
function thisTurn() {
  const mine = sale.turn;
  return () => mine === sale.turn;
}

async function route() {
  const isCurrent = turn();
  const query = new URLSearchParams(location.search);
  const back = takeReturn();
  if (back?.paymentMethodId) return cardReturned(back);
  sale.offer = sale.offers.find((offer) => offer.offerId === query.get('offer')) ?? null;
  if (back && sale.offer) return comeBack(back, isCurrent);
  if (query.get('view') === 'account') return openAccount();
  if (sale.offer) return openPay(isCurrent);
  return openOffers();
}

function go(address) {
  history.pushState(null, '', address);
  return route();
}

// --- the plans

function openOffers() {
  const country = at('country').value;
  const rank = (offer) => RANKS.indexOf(offer.trialDays ? 'trial' : offer.cycle);
  const here = sale.offers.filter((offer) => offer.country === country).sort((one, other) => rank(one) - rank(other));
  const monthly = here.find((offer) => offer.cycle === 'monthly' && !offer.trialDays);
  at('plans').replaceChildren(...here.map((offer) => plan(offer, monthly)));
  show('offers', 'Plans');
}

/** What is shown first; a pass has no cycle. */
const RANKS = ['trial', 'monthly', 'annual', 'weekly', null];

function plan(offer, monthly) {
  const item = at('plan').content.firstElementChild.cloneNode(true);
  const words = offerWords(offer, monthly);
  item.classList.toggle('first', Boolean(offer.trialDays));
  item.querySelector('.badge').hidden = !words.badge;
  item.querySelector('.badge').textContent = words.badge ?? '';
  item.querySelector('h2').textContent = words.title;
  item.querySelector('.price b').textContent = words.amount;
  item.querySelector('.price span').textContent = words.per;
  item.querySelector('.pitch').textContent = words.pitch;
  const link = item.querySelector('a');
  link.textContent = words.choose;
  link.href = `/checkout?offer=${offer.offerId}`;
  return item;
}

// --- who, and with which card

async function openPay(isCurrent, refusal) {
  const { offer } = sale;
  const words = offerWords(offer);
  Object.assign(sale, { order: null, fields: null });
  at('sum-title').textContent = `Polder TV, ${words.title.charAt(0).toLowerCase()}${words.title.slice(1)}`;
  at('sum-price').textContent = price(offer.totalPrice, offer.currency);
  at('sum-period').textContent = offer.cycle ? `Renews every ${every(offer.cycle)} until you stop it.` : 'Once. It ends by itself.';
  at('sum-lines').replaceChildren();
  at('code-said').textContent = '';
  at('code').value = '';
  at('voucher').open = false;
  at('payment').hidden = at('voucher').hidden = true;
  notice('outcome');
  showViewer();
  show('pay', 'Checkout');
  if (cleeng.viewer()) await openPayment(isCurrent);
  if (refusal && isCurrent()) notice('outcome', 'bad', ...refusal);
}

function showViewer() {
  const known = cleeng.viewer();
  at('stranger').hidden = Boolean(known);
  at('known').hidden = !known;
  at('known-email').textContent = known?.email ?? '';
}

/** Makes the order and shows the gateway's fields for it. */
async function openPayment(isCurrent, discounted) {
  const { offer } = sale;
  const where = gateway();
  try {
    let order = discounted ?? (await cleeng.order(offer, where));
    if (order.isBegun) {
      const result = await becameOf(where, order);
      if (!isCurrent()) return;
      if (result) return bought(offer, where, order.id, result);
    }
    const methods = () => connector(where).paymentMethods({ orderId: order.id });
    const page = await methods().catch(async (error) => {
      if (error.reason !== 'order') throw error;
      // It lapsed while it was kept.
      cleeng.forget(offer, where);
      order = await cleeng.order(offer, where);
      return methods();
    });
    if (!isCurrent()) return;
    const due = price(order.totalPrice, order.currency);
    const how = { amount: order.totalPrice > 0 ? due : 'your card', returnUrl: `${location.origin}/checkout?offer=${offer.offerId}`, submit: () => buy() };
    const fields = await fieldsOf(at('fields'), where, page, how);
    if (!isCurrent()) return;
    Object.assign(sale, { order, fields, how });
    at('payment').hidden = false;
    at('voucher').hidden = Boolean(offer.trialDays);
    const { offerPrice, discountAmount, taxValue } = order.priceBreakdown;
    const money = (amount) => price(amount, order.currency);
    lines(at('sum-lines'), [
      ['Before tax', money(offerPrice)],
      discountAmount > 0 && [offer.trialDays ? 'Free trial' : 'Voucher', `−${money(discountAmount)}`],
      ['Tax', money(taxValue)],
      ['Today', due, 'sum'],
    ]);
    at('buy').textContent = order.totalPrice > 0 ? `Pay ${due}` : 'Start, and pay nothing today';
    at('mandate').textContent = await mandate(offer, order);
    if (order.action && isCurrent()) notice('outcome', 'wait', 'Your bank still waits for your answer', 'Press pay, and go on where you were.');
  } catch (error) {
    if (!isCurrent()) return;
    showViewer();
    at('payment').hidden = false;
    at('fields').replaceChildren();
    notice('outcome', 'bad', ...trouble(error));
  }
}

/** What became of an order whose payment had begun when its page was left; nothing where it can be paid (anew). */
async function becameOf(where, { id }) {
  try {
    const result = await connector(where).finalize({ orderId: id });
    return result.state === 'action' ? null : result;
  } catch (error) {
    if (['order', 'refused', 'cancelled'].includes(error.reason)) return null;
    throw error;
  }
}

/** What the viewer agrees to: the law wants it said beside the button. */
async function mandate(offer, order) {
  if (!offer.cycle) return 'You pay once. Nothing renews.';
  const full = price(offer.totalPrice, offer.currency);
  if (offer.trialDays) {
    return `You allow us to charge ${full} ${each(offer.cycle)} to this card from ${day(after(await cleeng.now(), offer.trialDays))}. Stop before then, and you pay nothing.`;
  }
  const first = order.totalPrice < offer.totalPrice ? 'After this first period you' : 'You';
  return `${first} allow us to charge ${full} ${each(offer.cycle)} to this card until you stop.`;
}

function buy() {
  const { order, fields, how, offer } = sale;
  const isCurrent = thisTurn();
  const where = gateway();
  return whileBusy(at('buy'), 'Paying…', async () => {
    notice('outcome');
    try {
      const { action } = order;
      const data = action ?? (await fields.collect());
      if (!data) return;
      delete order.action;
      cleeng.keep(offer, where, order, { isBegun: true });
      how.onAction = (next) => cleeng.keep(offer, where, order, { action: next });
      const result = await pay(where, { orderId: order.id }, data, fields, how, action);
      if (isCurrent()) bought(offer, where, order.id, result);
    } catch (error) {
      ended(offer, where, error);
      if (!isCurrent()) return;
      if (error.reason === 'signed-out') showViewer();
      await fields.again();
      notice('outcome', 'bad', ...trouble(error));
    }
  });
}

/** After a definite no the same order may be paid with another card; after anything else it must be asked about first. */
function ended(offer, where, error) {
  if (error.reason === 'refused' || error.reason === 'cancelled') cleeng.mayBePaid(offer, where);
}

// --- what came of it

function bought(offer, where, orderId, result) {
  if (result.state === 'pending') return pending(offer, where, orderId);
  cleeng.forget(offer, where);
  const { payment } = result;
  const total = price(payment.totalAmount, payment.currency);
  const [title, text] = offer.trialDays && Number(payment.totalAmount) === 0
    ? [`Your ${offer.trialDays} free days have begun`, 'Your card was checked, and nothing was charged.']
    : offer.cycle ? ['Welcome to Polder TV', `${total} is paid. Enjoy the show.`] : ['Your day has begun', `${total} is paid. Nothing renews.`];
  outcome('good', title, text, [['Plan', offerWords(offer).title], ['Paid today', total], ['Order', orderId]]);
  if (offer.cycle) awaitAccess(orderId);
}

async function pending(offer, where, orderId) {
  const { signal } = sale.looking;
  outcome('wait', 'We are still asking your bank', 'There is nothing for you to do. Please do not pay again: you are charged once, or not at all. The answer appears here by itself.', [
    ['Plan', offerWords(offer).title], ['Order', orderId],
  ]);
  try {
    const result = await settled(where, { orderId }, signal);
    if (!signal.aborted) bought(offer, where, orderId, result);
  } catch (error) {
    if (signal.aborted) return;
    ended(offer, where, error);
    if (error.reason === 'still-pending') {
      at('result-text').textContent = 'Your bank takes its time. You may close this page: once the bank says yes, your plan is under My account. You are charged once, or not at all.';
    } else {
      await openPay(turn(), trouble(error));
    }
  }
}

/** Back from the bank's own page: the connector asks the gateway; what the address says is never believed. */
async function comeBack(back, isCurrent) {
  const { offer } = sale;
  outcome('wait', 'Welcome back', 'One moment: we ask your bank what came of it.', []);
  try {
    const result = await connector(back.gateway).finalizeReturn(back);
    if (isCurrent()) bought(offer, back.gateway, Number(back.orderId), result);
  } catch (error) {
    ended(offer, back.gateway, error);
    if (!isCurrent()) return;
    document.querySelector(`[name=gateway][value=${back.gateway}]`).checked = true;
    await openPay(isCurrent, trouble(error));
  }
}

function outcome(kind, title, text, rows) {
  at('result-panel').dataset.kind = kind;
  at('result-title').textContent = title;
  at('result-text').textContent = text;
  lines(at('result-lines'), rows);
  at('access').hidden = true;
  show('result', title);
}

const LOOKS_MAX = 20;

/** Cleeng opens access when it has heard of the payment, a few seconds later. */
async function awaitAccess(orderId) {
  const { signal } = sale.looking;
  at('access').hidden = false;
  at('access').textContent = 'Opening your access…';
  for (let look = 0; look < LOOKS_MAX && !signal.aborted; look += 1) {
    const { subscriptions } = await cleeng.account().catch(() => ({ subscriptions: [] }));
    if (signal.aborted) return;
    if (subscriptions.some((it) => it.orderId === orderId && it.hasAccess)) {
      at('access').textContent = 'Your access is open. Start watching on any screen.';
      return;
    }
    await new Promise((wake) => setTimeout(wake, 1000));
  }
  if (!signal.aborted) at('access').textContent = 'Your access opens in a moment: look under My account.';
}

// --- listening

at('who').addEventListener('submit', (event) => {
  event.preventDefault();
  const email = emailOf('email', 'email-wrong');
  if (!email) return;
  whileBusy(at('who').querySelector('.main'), 'One moment…', async () => {
    try {
      await cleeng.signIn(email, sale.offer.country);
    } catch {
      return wrong('email', 'email-wrong', 'That did not work. Try again in a moment.');
    }
    showViewer();
    await openPayment(thisTurn());
    at('payment').querySelector('h2').focus();
  });
});

at('leave').addEventListener('click', () => {
  cleeng.signOut();
  at('email').value = '';
  openPay(turn()).then(() => at('email').focus());
});

at('payment').addEventListener('submit', (event) => {
  event.preventDefault();
  if (sale.order) buy();
});

at('voucher-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const code = at('code').value.trim().toUpperCase();
  if (!code) return at('code').focus();
  const isCurrent = thisTurn();
  try {
    const order = await cleeng.order(sale.offer, gateway(), code);
    await openPayment(isCurrent, order);
    at('code-said').textContent = `${code} is taken off your first payment.`;
  } catch {
    at('code-said').textContent = `${code} is not a voucher that counts here.`;
  }
});

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="/checkout"]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});
addEventListener('popstate', route);
// Back from the bank by the browser's own button: what was left here waits for an answer that never comes.
addEventListener('pageshow', (event) => event.persisted && location.reload());
for (const choice of document.querySelectorAll('[name=gateway]')) {
  choice.addEventListener('change', () => {
    sessionStorage.setItem('gateway', choice.value);
    if (sale.offer && !at('pay').hidden) route();
  });
}
at('country').addEventListener('change', () => go('/checkout'));

// --- begin

const COUNTRIES = { NL: 'Netherlands', US: 'United States', JP: 'Japan', KW: 'Kuwait' };
const remembered = document.querySelector(`[name=gateway][value="${sessionStorage.getItem('gateway') ?? 'stripe'}"]`);
if (remembered) remembered.checked = true;
try {
  sale.offers = await cleeng.offers();
  at('country').replaceChildren(...Object.entries(COUNTRIES).map(([code, name]) => new Option(name, code)));
  await route();
} catch {
  outcome('bad', 'The shop does not answer', 'Is the local system still running? Start it, and load this page again.', []);
}
