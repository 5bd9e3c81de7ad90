// The console: follows the system live, moves its clock, and lets a person sell, break and look.

import { act, at, clock, el, hour, many, money, say, show, time } from './dom.js';
import * as deal from './deal.js';
import * as list from './list.js';
import { plot } from './plot.js';
import { is_trouble, meaning, name, outcome, written } from './words.js';

const DAYS_A_MONTH = 31;
let front = null;

// The clock runs by itself between two fronts.
let hour_there = 0;
let hour_here = 0;
let sent_from = 0;
setInterval(() => {
  if (front && !front.goal) at('now').textContent = clock(hour_there + Date.now() - hour_here);
}, 1000);

function show_clock() {
  [hour_there, hour_here] = [Date.parse(front.now), Date.now()];
  at('now').textContent = clock(front.now);
  at('now').dateTime = front.now;
  const moving = Boolean(front.goal);
  if (moving) {
    sent_from ||= hour_there;
    at('way').value = (hour_there - sent_from) / Math.max(Date.parse(front.goal) - sent_from, 1);
    at('goal').textContent = `until ${hour(front.goal)}`;
  } else {
    sent_from = 0;
  }
  if (at('under-way').hidden === moving) {
    const focused = at('clock').contains(document.activeElement);
    [at('under-way').hidden, at('moves').hidden] = [!moving, moving];
    if (focused) (moving ? at('clock-stop') : at('clock-next')).focus();
  }
  at('clock-next').setAttribute('aria-disabled', String(!front.next));
  at('clock-next').title = front.next ? `At ${hour(front.next)}` : 'Nothing is to come';
}

const sums = (all) => Object.entries(all).map(([currency, sum]) => money(sum, currency)).join(' + ') || '0';
const figures = (rows) => el('dl', {}, rows.filter(Boolean).map(([word, value, kind]) => el('div', { class: kind }, el('dt', {}, word), el('dd', { class: 'figures' }, String(value)))));

function show_ledgers() {
  const sum = (member) => front.queues.reduce((all, queue) => all + queue[member], 0);
  const waiting = sum('waiting') + sum('in_flight');
  show(at('at-cleeng'), [front.recorded, front.counts], () => [el('p', { class: 'sum figures' }, sums(front.recorded)),
    figures([['living', front.counts.living], ['ended', front.counts.ended], ['orders only', front.counts.orders]])]);
  show(at('at-connector'), [front.buyers, waiting, front.due_count, sum('dead'), front.parked, front.counts], () => [el('p', { class: 'sum figures' }, waiting ? `${waiting} at work` : 'at rest'),
    figures([front.buyers > 0 && ['buyers to come', front.buyers], ['due', front.due_count], ['dead letters', sum('dead'), sum('dead') ? 'bad' : ''], ['parked', front.parked, front.parked ? 'bad' : '']])]);
  show(at('at-gateways'), [front.money, front.captured, front.held, front.declined, front.refunded], () => [el('p', { class: 'sum figures' }, sums(front.money)),
    figures([['captured', front.captured], ['held', front.held], ['refused', front.declined], ['returned', front.refunded]])]);
  show(at('verdict'), [front.differences, front.difference_count, front.busy], verdict);
}

function verdict() {
  if (!front.difference_count) return el('p', { class: 'good' }, el('b', {}, 'All three ledgers agree.'), ' Every payment, subscription and amount.');
  const rows = front.differences.map((it) => el('li', {}, it.deal ? el('a', { href: `#/${it.deal}`, 'data-key': it.about }, it.about) : el('b', {}, it.about), `: ${it.what}`));
  const more = front.difference_count - front.differences.length;
  return el('details', { class: front.busy ? 'wait' : 'bad', 'data-key': 'differences', open: !front.busy && rows.length < 4 },
    el('summary', {}, el('b', {}, `${many(front.difference_count, 'row')} of the ledgers ${front.difference_count === 1 ? 'differs' : 'differ'}.`), front.busy ? ' Something is under way: they may for a moment.' : ' Nothing is under way: see which.'),
    el('ul', {}, rows, more > 0 && el('li', { class: 'soft' }, `and ${more} more`)));
}

function show_waiting() {
  show(at('queues'), [front.queues, front.due, front.due_count], () => [
    ...front.queues.map((queue) => el('div', { class: 'queue' },
      el('p', { class: 'between' }, el('b', {}, queue.job), el('span', { class: 'soft small figures' }, queue.waiting + queue.in_flight ? `${queue.waiting} waiting, ${queue.in_flight} at work` : 'empty')),
      queue.dead > 0 && el('details', { class: 'bad', 'data-key': `dead-${queue.job}` }, el('summary', {}, many(queue.dead, 'dead letter')),
        el('ul', { class: 'scroll' }, queue.dead_letters.map((letter) => el('li', { class: 'small' }, time(letter.died, hour), ` ${letter.why}`))),
        el('button', { type: 'button', 'data-key': `replay-${queue.job}`, onclick: () => act(`/local/dead-letters/${queue.job}/replay`) }, 'Work them once more')))),
    el('h3', {}, 'Due'),
    front.due.length
      ? el('ul', { class: 'due scroll', tabindex: '0', role: 'region', 'aria-label': 'Due' }, front.due.map((it) => el('li', {}, time(it.at, hour), it.deal ? el('a', { href: `#/${it.deal}`, 'data-key': it.what }, it.what.replace('#', ' ')) : it.what.replace('#', ' '))))
      : el('p', { class: 'soft small' }, 'No item is due: everything asked was answered and told.'),
  ]);
}

function wrote(said) {
  const { attempt, text } = written(said.what);
  return [text, ' ', el('code', {}, attempt ?? said.came.replace('#', '/'))];
}

function show_ticker() {
  show(at('ticker'), front.said, () => (front.said.length
    ? el('ol', {}, front.said.toReversed().map((said) => el('li', { class: is_trouble(said) ? 'trouble' : null },
      el('p', {}, el('b', { class: said.from }, name(said.from, said.peer)), ' → ', el('b', { class: said.to }, name(said.to, said.peer)), ' ', el('span', { class: 'soft' }, hour(said.at))),
      el('p', {}, meaning(said), ' ', said.to === 'ledger' ? wrote(said) : [el('code', {}, said.what), ' ', el('span', { class: 'soft' }, outcome(said))]))))
    : el('p', { class: 'nothing soft' }, 'Silence.')));
}

function show_front(next) {
  const known = front?.revision;
  const hour_known = front?.now;
  front = next;
  at('lost').hidden = true;
  at('begin').hidden = front.counts.all > 0;
  at('front').classList.toggle('empty', front.counts.all === 0);
  show_clock();
  show_ledgers();
  plot(front.outcomes);
  show_waiting();
  show_ticker();
  at('crash').setAttribute('aria-pressed', String(front.crash_armed));
  if (front.revision !== known || front.now.slice(0, 13) !== hour_known?.slice(0, 13)) {
    list.refresh(front.counts).catch(lost);
    deal.refresh().catch(lost);
  }
}

function lost() {
  at('lost').hidden = false;
}

const move = (by) => act('/local/clock', by);
const month = () => move({ days: DAYS_A_MONTH });
at('clock').addEventListener('submit', (event) => {
  event.preventDefault();
  move({ hours: Number(at('leap').value) });
});
at('clock-next').addEventListener('click', () => (front?.next ? move({ next: true }) : say('Nothing is to come: sell something first.')));
at('clock-month').addEventListener('click', month);
at('clock-stop').addEventListener('click', () => move({ stop: true }));

const sell = (gateway, card, count) => act('/local/sales', { gateway, card, count });
at('sell').addEventListener('submit', (event) => {
  event.preventDefault();
  sell(at('sell-gateway').value, at('sell-card').value, Number(at('sell-count').value));
});
at('begin-month').addEventListener('click', month);
at('begin-sell').addEventListener('click', async () => {
  await sell('stripe', 'pays', 6);
  await sell('stripe', 'asks_first', 2);
  await sell('stripe', 'refuses_later', 2);
  await sell('adyen', 'pays', 6);
  await sell('adyen', 'asks_first', 2);
  await sell('adyen', 'refuses_later', 2);
});

at('break').addEventListener('submit', (event) => {
  event.preventDefault();
  act('/local/faults', { gateway: at('break-gateway').value, what: event.submitter.value });
});

function route() {
  const key = location.hash.match(/^#\/((?:subscription|order)\/\d+)$/)?.[1];
  [at('front').hidden, at('deal').hidden] = [Boolean(key), !key];
  if (key) {
    deal.open(key).catch(lost);
    scrollTo(0, 0);
    return;
  }
  deal.close();
  const customer = location.hash.match(/^#\/customer\/(\d+)$/)?.[1];
  if (customer) list.search(customer);
}

addEventListener('hashchange', route);
route();
// The skip link's address is not a page's.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  at('main').focus();
});
const stream = new EventSource('/local/events');
stream.addEventListener('front', (event) => show_front(JSON.parse(event.data)));
stream.addEventListener('error', lost);
stream.addEventListener('open', () => { at('lost').hidden = true; });
