// One deal's page: where it stands, what a person may try, three ledgers side by side, and its story.

import { GATEWAYS, act, ask, at, el, hour, money, read, show, time } from './dom.js';
import { offer_title, standing, title } from './list.js';
import { sequence } from './sequence.js';

const CARDS = [['pays', 'pays, now and later'], ['asks_first', 'asks for 3-D Secure'], ['refuses_later', 'pays now, refuses renewals'], ['refused', 'has not enough money']];
const REASONS = [
  ['insufficient_funds', 'not enough money'], ['expired_card', 'the card has expired'], ['lost_card', 'the card was lost'],
  ['fraudulent', 'suspected fraud'], ['authentication_required', 'the bank wants to ask the customer'], ['processing_error', 'an error at the bank'],
];
const TIMES = [['1', 'once'], ['2', 'twice'], ['3', 'three times'], ['10', 'ten times']];

/** Each button: its words, what it is for, and what it asks first. */
const TRIES = {
  renew: { word: 'Renew next period', main: true },
  decline: { word: 'Decline the next charge', ask: { title: 'Decline the next charge', yes: 'Decline it', text: 'The gateway refuses this card at its next charge. Then renew, and see how Cleeng asks again.', fields: [{ name: 'reason', label: 'Why', options: REASONS }, { name: 'times', label: 'How often', options: TIMES }] } },
  approve: { word: 'Let it pay again' },
  'change-card': { word: 'Change card', ask: { title: 'Change the card', yes: 'Change it', text: 'The customer gives another card on the account page.', fields: [{ name: 'card', label: 'The new card', options: CARDS }] } },
  again: { word: 'Deliver Cleeng’s last event twice' },
  refund: { word: 'Refund', ask: { title: 'Refund the last payment', yes: 'Refund it', text: 'Cleeng asks the connector to return the money, as from its dashboard.', fields: [{ name: 'amount', label: 'How much (empty: all of it)', input: { inputmode: 'decimal', pattern: '[0-9]+([.][0-9]+)?', placeholder: '2.50', autocomplete: 'off' } }] } },
  'refund-at-gateway': { word: 'Refund at the gateway', ask: { title: 'Refund behind our back', yes: 'Refund it', text: 'Somebody returns the money in the gateway’s own dashboard; the connector hears of it by webhook and tells Cleeng.' } },
  chargeback: { word: 'Chargeback', ask: { title: 'The bank takes the money back', yes: 'Charge it back', text: 'The customer disputed the payment at the bank.' } },
  stop: { word: 'Stop' },
  pause: { word: 'Pause' },
  resume: { word: 'Resume' },
};

/** What may go wrong at its next payment. */
const FAULTS = [['lose', 'Lose the next answer'], ['crash', 'Crash the workers in mid-payment']];

let shown = null;
let newest = 0;

function pressed(key, verb) {
  const it = TRIES[verb];
  return async () => {
    const wish = it.ask ? await ask(it.ask) : {};
    if (!wish) return;
    if (wish.times) wish.times = Number(wish.times);
    await act(`/local/deals/${key}/${verb}`, wish);
    refresh();
  };
}

function facts(deal, offer) {
  const row = deal.cleeng ?? {};
  const card = deal.card ?? {};
  const shown_card = [card.variant ?? card.cardType ?? card.type, card.lastCardFourDigits ?? card.last_four].filter(Boolean).join(' ending ');
  const due = deal.ours.map((item) => item.due).filter(Boolean).sort()[0];
  const all = [
    ['Customer', el('a', { href: `#/customer/${deal.customer}`, 'data-key': 'customer', title: 'All of this customer’s' }, String(deal.customer))], ['Offer', offer], ['Gateway', GATEWAYS[deal.gateway] ?? deal.gateway],
    row.ends && [row.status === 'active' ? 'Renews' : 'Paid until', time(row.ends)],
    row.has_access !== undefined && ['May watch', row.has_access ? 'yes' : 'no'],
    shown_card && ['Card', shown_card],
    due && ['We look again', time(due)],
  ].filter(Boolean);
  return el('dl', { class: 'facts' }, all.map(([word, value]) => el('div', {}, el('dt', {}, word), el('dd', {}, value))));
}

const cell = (label, found, lines) => el('td', { 'data-label': label }, found ? lines(found) : el('span', { class: 'soft' }, '–'));

function ledgers(deal) {
  if (!deal.lines.length) return el('p', { class: 'nothing soft' }, 'No money was asked for yet.');
  const moved = (it) => [el('b', {}, it.standing), el('span', { class: 'figures' }, money(it.amount, it.currency)), Number(it.returned) > 0 && el('span', { class: 'soft small' }, `${money(it.returned, it.currency)} returned`)];
  return el('table', { class: 'rows three' }, el('caption', { class: 'unseen' }, 'Each movement of money, as each ledger has it'),
    el('thead', {}, el('tr', {}, ['Movement', 'Cleeng', 'We wrote', GATEWAYS[deal.gateway] ?? 'Gateway'].map((word) => el('th', { scope: 'col' }, word)))),
    el('tbody', {}, deal.lines.map((line) => el('tr', { class: line.differs ? 'differs' : null },
      el('th', { scope: 'row' }, line.what, el('span', { class: 'soft small' }, hour(line.at)), line.differs && el('span', { class: 'pill bad' }, 'differs')),
      cell('Cleeng', line.cleeng, (it) => [moved(it), it.why && el('span', { class: 'soft small' }, it.why), el('code', {}, it.id)]),
      cell('We wrote', line.ours, (it) => [el('b', {}, it.standing), it.amount && el('span', { class: 'figures' }, it.amount), it.why && el('span', { class: 'soft small' }, it.why), el('code', {}, it.attempt)]),
      cell('Gateway', line.gateway, (it) => [moved(it), el('code', {}, it.id)])))));
}

function verdict(deal) {
  if (deal.differences.length || deal.lines.some((line) => line.differs)) {
    return el('div', { class: 'notice bad' }, el('b', {}, 'The ledgers do not agree. '), 'While something is under way that is no error.', el('ul', {}, deal.differences.map((text) => el('li', {}, text))));
  }
  return el('p', { class: 'notice good' }, 'All ledgers say the same.');
}

function page(deal, offer) {
  const row = deal.cleeng ?? {};
  const renews = deal.tries.includes('renew') && deal.gateway;
  const faults = renews ? FAULTS.map(([what, word]) => el('button', { type: 'button', 'data-key': what, id: `try-${what}`, onclick: () => act('/local/faults', { gateway: deal.gateway, what }) }, word)) : [];
  const buttons = deal.tries.map((verb) => el('button', { type: 'button', 'data-key': verb, id: `try-${verb}`, class: TRIES[verb].main ? 'main' : null, onclick: pressed(deal.key, verb) }, TRIES[verb].word));
  return [
    el('section', { class: 'panel head', 'aria-labelledby': 'deal-title' },
      el('div', { class: 'between' }, el('h1', { id: 'deal-title', tabindex: '-1' }, title(deal.key)),
        el('span', { class: 'pills' }, row.status && standing(row.status), row.in_trial && el('span', { class: 'pill' }, 'trial'))),
      facts(deal, offer),
      buttons.length ? el('div', { class: 'tries', role: 'group', 'aria-label': 'Try it' }, buttons, faults) : el('p', { class: 'soft' }, 'Nothing is left to try with it.')),
    el('section', { class: 'panel', 'aria-labelledby': 'ledgers-of-it' }, el('h2', { id: 'ledgers-of-it' }, 'Three ledgers, side by side'), verdict(deal), ledgers(deal)),
    el('section', { class: 'panel', 'aria-labelledby': 'story' }, el('h2', { id: 'story' }, 'Who said what, and what we wrote'), el('div', { id: 'sequence' }, sequence(deal.timeline, deal.gateway))),
    el('details', { class: 'panel raw', 'data-key': 'raw' }, el('summary', {}, 'Our items as they are kept'), deal.ours.map((item) => el('pre', { class: 'scroll', tabindex: '0', 'aria-label': item.subject }, JSON.stringify(item, null, 2)))),
  ];
}

/** Reads the open deal again and shows it where it changed. */
export async function refresh() {
  if (!shown) return;
  newest += 1;
  const mine = newest;
  const deal = await read(`/local/deals/${shown}`);
  const offer = deal && await offer_title(deal.cleeng?.offer ?? deal.ours[0]?.offer ?? '');
  if (mine !== newest || !shown) return;
  if (!deal) {
    show(at('deal'), shown, () => [back(), el('h1', { id: 'deal-title', tabindex: '-1' }, `There is no ${shown.replace('/', ' ')} here.`)]);
    return;
  }
  const { now: _, ...lasting } = deal;
  show(at('deal'), lasting, () => [back(), ...page(deal, offer)]);
}

const back = () => el('a', { class: 'back', href: '#/', 'data-key': 'back' }, 'All subscriptions and orders');

/** Opens `subscription/332332332`. */
export async function open(key) {
  shown = key;
  at('deal').replaceChildren(back(), el('p', { class: 'nothing soft' }, 'Reading…'));
  at('deal').madeOf = undefined;
  document.title = `${title(key)} · payment connector`;
  await refresh();
  at('deal-title')?.focus();
}

export function close() {
  shown = null;
  document.title = 'Console · payment connector';
}
