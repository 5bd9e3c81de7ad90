// Small things that every part of the console needs: elements, hours, questions to the system.

export const at = (id) => document.getElementById(id);

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** `el('p', { class: 'soft' }, 'text', child)`; text is never read as HTML. */
export const el = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);
export const svg = (name, properties = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children);

/** Replaces what is in a place, unless it was made of the same, and leaves the focus and what is open where they were. */
export function show(place, of, make) {
  const made_of = JSON.stringify(of);
  if (place.madeOf === made_of) return;
  place.madeOf = made_of;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = [...place.querySelectorAll('details[data-key]')].filter((it) => it.open).map((it) => it.dataset.key);
  const shut = [...place.querySelectorAll('details[data-key]')].filter((it) => !it.open).map((it) => it.dataset.key);
  const top = place.scrollTop;
  place.replaceChildren(...[make()].flat());
  for (const part of place.querySelectorAll('details[data-key]')) {
    if (open.includes(part.dataset.key)) part.open = true;
    if (shut.includes(part.dataset.key)) part.open = false;
  }
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  place.scrollTop = top;
}

const part = (options) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options });
const DAY = part({ day: 'numeric', month: 'short', year: 'numeric' });
const HOUR = part({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const CLOCK = part({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const SECOND = part({ hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const day = (text) => DAY.format(new Date(text));
export const hour = (text) => HOUR.format(new Date(text));
export const clock = (text) => CLOCK.format(new Date(text));
export const second = (text) => SECOND.format(new Date(text));
export const time = (text, format = hour) => el('time', { datetime: text, class: 'figures' }, format(text));

/** An amount with as many decimals as its currency has. */
export function money(amount, currency) {
  const { minimumFractionDigits } = new Intl.NumberFormat('en-GB', { style: 'currency', currency }).resolvedOptions();
  return `${Number(amount).toLocaleString('en-GB', { minimumFractionDigits, maximumFractionDigits: 3 })} ${currency}`;
}

/** `1 buyer`, `20 buyers`. */
export const many = (count, one, more = `${one}s`) => `${count.toLocaleString('en-GB')} ${count === 1 ? one : more}`;

export const GATEWAYS = { stripe: 'Stripe', adyen: 'Adyen' };

const STAY_MILLISECONDS = 6000;

/** Says a sentence to whoever looks and whoever listens. */
export function say(text, kind = '') {
  const line = el('p', { class: `toast ${kind}` }, text);
  at('said').append(line);
  while (at('said').children.length > 3) at('said').firstChild.remove();
  setTimeout(() => line.remove(), kind === 'bad' ? 2 * STAY_MILLISECONDS : STAY_MILLISECONDS);
}

/** Asks the system for JSON; `null` where there is no such thing. */
export async function read(path) {
  const answer = await fetch(path);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Lets the system do something, and says what it did, or why not. */
export async function act(path, body = {}) {
  try {
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) {
      say((await answer.text()) || `The system answered ${answer.status}.`, 'bad');
      return null;
    }
    const done = await answer.json();
    if (done.done) say(done.done);
    return done;
  } catch {
    say('The system does not answer. Is it still running?', 'bad');
    return null;
  }
}

/** Asks a person before something is tried. Fields: `{ name, label, options: [[value, text]] }` or `{ name, label, input: {…} }`. */
export function ask({ title, text, yes, fields = [] }) {
  const dialog = at('ask');
  at('ask-title').textContent = title;
  at('ask-text').textContent = text;
  at('ask-yes').textContent = yes;
  at('ask-fields').replaceChildren(...fields.map((field) => el('label', { class: 'all', for: `ask-${field.name}` }, field.label, field.options
    ? el('select', { id: `ask-${field.name}`, name: field.name }, field.options.map(([value, option]) => el('option', { value }, option)))
    : el('input', { id: `ask-${field.name}`, name: field.name, ...field.input }))));
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener('close', () => {
      const form = new FormData(dialog.querySelector('form'));
      answer(dialog.returnValue === 'yes' ? Object.fromEntries([...form].filter(([, value]) => value !== '')) : null);
    }, { once: true });
  });
}
