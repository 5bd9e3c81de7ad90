// The list of subscriptions and orders: search, filters, pages.

import { GATEWAYS, at, day, el, hour, many, money, read, show, time } from './dom.js';

const PAGE = 25;
const TYPING_MILLISECONDS = 200;
const FILTERS = [['all', 'All'], ['living', 'Living'], ['ended', 'Ended'], ['orders', 'Orders only'], ['attention', 'To notice'], ['due', 'Due']];
const MARKS = {
  differs: ['ledgers differ', 'bad'], parked: ['parked: needs a person', 'bad'], unknown: ['answer unknown', 'wait'], buyer: ['buyer must act', 'wait'],
  refused: ['last payment refused', 'wait'], barred: ['renewals barred', 'bad'],
};
const STANDINGS = { active: 'good', paid: 'good', stopped: 'wait', paused: 'wait', open: 'wait', refused: 'bad' };
const asked = { which: 'all', text: '', offset: 0 };
let offers = null;
let newest = 0;

export const mark = (name) => el('span', { class: `pill ${MARKS[name]?.[1] ?? ''}` }, MARKS[name]?.[0] ?? name);
export const standing = (word) => el('span', { class: `pill ${STANDINGS[word] ?? ''}` }, word);

/** What an offer is called, where Cleeng's simulator knows it. */
export async function offer_title(id) {
  offers ??= read('/peers/cleeng/_simulator/offers').then((all) => new Map(all.map((it) => [it.offerId, it.title]))).catch(() => new Map());
  return (await offers).get(id) ?? id;
}

/** `subscription/332332332` as a title. */
export function title(key) {
  const [kind, id] = key.split('/');
  return `${kind[0].toUpperCase()}${kind.slice(1)} ${id}`;
}

function row(it, titles) {
  const cell = (label, properties, ...children) => el('td', { 'data-label': label, ...properties }, ...children);
  const until = it.ends ? [it.standing === 'active' ? 'renews ' : 'until ', time(it.ends, day)] : '–';
  return el('tr', {},
    el('th', { scope: 'row' }, el('a', { href: `#/${it.key}`, 'data-key': it.key }, title(it.key)), el('span', { class: 'soft small' }, `customer ${it.customer}`)),
    cell('Offer', {}, el('span', {}, titles.get(it.offer) ?? it.offer), el('span', { class: 'soft small' }, GATEWAYS[it.gateway] ?? it.gateway)),
    cell('Standing', {}, el('span', { class: 'pills' }, standing(it.standing), it.in_trial && el('span', { class: 'pill' }, 'trial'), it.marks.map(mark))),
    cell('Period', { class: 'soft small' }, el('span', {}, until), it.due && el('span', {}, 'looked at ', time(it.due, hour))),
    cell('Payments', { class: 'number' }, el('b', { class: 'figures' }, it.currency ? money(it.kept, it.currency) : '–'),
      el('span', { class: 'soft small' }, `${it.paid} paid${it.refused ? `, ${it.refused} refused` : ''}`)));
}

function nothing() {
  if (asked.text || asked.which !== 'all') {
    return el('p', { class: 'nothing soft' }, 'Nothing like that. ', el('button', { type: 'button', class: 'plain', onclick: all }, 'Show all'));
  }
  return el('p', { class: 'nothing soft' }, 'Nothing sold yet. Press “Sell 20 subscriptions”, or buy one at the ', el('a', { href: '/checkout' }, 'checkout'), '.');
}

const all = () => search('');

function choose(change) {
  Object.assign(asked, { offset: 0 }, change);
  refresh();
}

function filters(counts) {
  show(at('filters'), [counts, asked.which], () => FILTERS.map(([which, word]) => el('button', {
    type: 'button', 'data-key': which, 'aria-pressed': String(asked.which === which), onclick: () => choose({ which }),
  }, word, el('span', { class: 'count figures' }, String(counts[which])))));
}

let counts = { all: 0, living: 0, ended: 0, orders: 0, attention: 0, due: 0 };

export async function refresh(now_counts = counts) {
  counts = now_counts;
  filters(counts);
  newest += 1;
  const mine = newest;
  const found = await read(`/local/deals?${new URLSearchParams({ ...asked, limit: PAGE })}`);
  await offer_title('');
  const titles = await offers;
  if (mine !== newest) return;
  if (!found.rows.length && asked.offset > 0) {
    choose({ offset: Math.max(0, Math.floor((found.total - 1) / PAGE) * PAGE) });
    return;
  }
  show(at('list'), [found.rows, asked.text, asked.which], () => (found.rows.length ? table(found.rows, titles) : nothing()));
  show(at('pager'), [found.total, asked.offset], () => pager(found));
}

function table(rows, titles) {
  const head = ['Number and customer', 'Offer', 'Standing', 'Period'].map((word) => el('th', { scope: 'col' }, word));
  return el('table', { class: 'rows' }, el('caption', { class: 'unseen' }, 'Subscriptions and orders, the newest first'),
    el('thead', {}, el('tr', {}, head, el('th', { scope: 'col', class: 'number' }, 'Kept'))), el('tbody', {}, rows.map((it) => row(it, titles))));
}

function pager(found) {
  if (found.total <= PAGE) return el('p', { class: 'soft small', role: 'status' }, found.total ? many(found.total, 'row') : '');
  const to = Math.min(found.offset + PAGE, found.total);
  const page = (word, offset, possible) => el('button', { type: 'button', 'data-key': word, 'aria-disabled': possible ? false : 'true', onclick: () => possible && choose({ offset }) }, word);
  return [
    el('p', { class: 'soft small figures', role: 'status' }, `${found.offset + 1} to ${to} of ${found.total.toLocaleString('en-GB')}`),
    el('div', { class: 'actions' }, page('Newer', Math.max(0, found.offset - PAGE), found.offset > 0), page('Older', to, to < found.total)),
  ];
}

/** Shows what has this in it: a customer's number, for one. */
export function search(text) {
  at('search').value = text;
  choose({ which: 'all', text });
}

let typing;
at('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => choose({ text: at('search').value.trim() }), TYPING_MILLISECONDS);
});
