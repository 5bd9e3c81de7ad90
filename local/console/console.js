// The console: what our ledger, the gateways' and Cleeng's say, the time-line of each item, and a clock to move.
const SHOWN_MAX = 100;
const REFRESH_MILLISECONDS = 2000;
const at = (id) => document.getElementById(id);
const open = new Set();

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

const when = (text) => new Date(text).toISOString().replace('T', ' ').slice(0, 16);

function tile(label, value, kind = '') {
  return element('div', { className: 'tile' }, element('b', { className: kind, textContent: value }), element('span', { textContent: label }));
}

function stage(attempt) {
  if (typeof attempt.stage === 'string') return [attempt.stage, 'wait'];
  const [name, inner] = Object.entries(attempt.stage)[0];
  const refused = inner?.declined;
  if (refused) return [`${name}: ${refused.reason}`, 'bad'];
  if (name === 'reported') return ['done', 'good'];
  return [name, name === 'parked' ? 'bad' : 'wait'];
}

function item(mapping) {
  const attempts = (mapping.attempts ?? []).map((attempt) => {
    const [text, kind] = stage(attempt);
    return element('li', {}, element('b', { textContent: attempt.intention.verb }), ` ${attempt.price.amount} ${attempt.price.currency} `,
      element('span', { className: kind, textContent: text }), element('span', { className: 'soft', textContent: ` ${attempt.intention.identity}` }));
  });
  const lines = (mapping.history ?? []).map((line) =>
    element('li', {}, element('time', { dateTime: line.at, textContent: when(line.at) }), line.what));
  const made = element('details', { open: open.has(mapping.subject) },
    element('summary', {}, element('b', { textContent: mapping.subject }), element('span', { textContent: mapping.standing }),
      element('span', { className: 'soft', textContent: `customer ${mapping.customer} · ${mapping.gateway}` }),
      element('span', { className: mapping.due ? 'wait' : 'soft', textContent: mapping.due ? `due ${when(mapping.due)}` : 'nothing due' })),
    element('ol', { className: 'line' }, ...attempts), element('ol', { className: 'line' }, ...lines));
  made.addEventListener('toggle', () => (made.open ? open.add(mapping.subject) : open.delete(mapping.subject)));
  return made;
}

function show(state) {
  at('now').textContent = when(state.now);
  const found = state.comparison;
  const money = Object.entries(found.money).map(([currency, amount]) => tile(`${currency} kept`, amount, 'good'));
  at('tiles').replaceChildren(...money, tile('captured', found.captured), tile('refused', found.declined), tile('returned', found.refunded),
    tile('held', found.held), tile('living · ended', found.subscriptions.join(' · ')), tile('parked', found.parked, found.parked ? 'bad' : ''));
  at('differences').replaceChildren(...(found.differences.length
    ? found.differences.map((row) => element('p', { className: 'bad', textContent: `${row.about}: ${row.what}` }))
    : [element('p', { className: 'good', textContent: 'Ours, the gateways’ and Cleeng’s say the same.' })]));
  const newest = [...state.mappings].reverse().slice(0, SHOWN_MAX);
  at('items').replaceChildren(...(newest.length ? newest.map(item) : [element('p', { className: 'soft', textContent: 'Nothing yet: buy something at the checkout.' })]));
  at('queues').replaceChildren(...state.queues.map((queue) => element('p', {},
    `${queue.job}: ${queue.waiting} waiting, ${queue.in_flight} in flight, `,
    element('span', { className: queue.dead ? 'bad' : '', textContent: `${queue.dead} dead` }))));
}

async function refresh() {
  try {
    const answer = await fetch('/local/state');
    show(await answer.json());
    at('status').textContent = '';
  } catch {
    at('status').textContent = 'The system does not answer. Is it still running?';
  }
}

for (const button of document.querySelectorAll('button[data-hours]')) {
  button.addEventListener('click', async () => {
    const buttons = document.querySelectorAll('button');
    buttons.forEach((other) => (other.disabled = true));
    at('status').textContent = 'Time passes…';
    await fetch('/local/clock', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hours: Number(button.dataset.hours) }) });
    buttons.forEach((other) => (other.disabled = false));
    refresh();
  });
}
refresh();
setInterval(refresh, REFRESH_MILLISECONDS);
