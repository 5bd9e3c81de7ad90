// What every view needs of the page: its parts, its notices, its focus.

export const at = (id) => document.getElementById(id);

/** The gateway that the demonstration pays through. */
export const gateway = () => document.querySelector('[name=gateway]:checked').value;

/** Says something to whoever listens instead of looking. */
export function say(text) {
  at('said').textContent = text;
}

let shown = null;

/** Shows one view. Whoever came here from another one is told where they are; the first one is where they begin anyway. */
export function show(view, title) {
  for (const section of document.querySelectorAll('.view')) section.hidden = section.id !== view;
  document.title = `${title} · Polder TV`;
  document.body.dataset.view = view;
  if (shown) {
    scrollTo(0, 0);
    at(view).querySelector('h1').focus({ preventScroll: true });
  }
  shown = view;
}

/** A box that says what happened, or nothing. A bad one is where the viewer must go next. */
export function notice(place, kind, title, text) {
  const box = at(place);
  box.hidden = !title;
  box.className = `notice ${kind ?? ''}`;
  box.replaceChildren();
  if (!title) return;
  box.append(Object.assign(document.createElement('b'), { textContent: title }), Object.assign(document.createElement('span'), { textContent: text ?? '' }));
  box.focus({ preventScroll: true });
  box.scrollIntoView({ block: 'center', behavior: 'smooth' });
}

/** Rows of a list of facts; what is falsy is left out. */
export function lines(list, rows) {
  list.hidden = rows.length === 0;
  list.replaceChildren(...rows.filter(Boolean).map(([name, value, kind]) => {
    const row = Object.assign(document.createElement('div'), { className: kind ?? '' });
    row.append(Object.assign(document.createElement('dt'), { textContent: name }), Object.assign(document.createElement('dd'), { textContent: value, className: 'figures' }));
    return row;
  }));
}

/** Does something while a button says so, once at a time; the button keeps its focus. */
export async function whileBusy(button, text, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  const before = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = text;
  say(text);
  try {
    await work();
  } finally {
    button.removeAttribute('aria-disabled');
    // The work may have given it new words of its own.
    if (button.textContent === text) button.textContent = before;
    if (at('said').textContent === text) say('');
  }
}

/** Says what is wrong with a field, or that nothing is. */
export function wrong(field, place, text) {
  at(field).setAttribute('aria-invalid', String(Boolean(text)));
  at(place).textContent = text;
  at(place).hidden = !text;
  if (text) at(field).focus();
}

/** The e-mail address that stands there; says what is wrong otherwise. */
export function emailOf(field, place) {
  const text = at(field).value.trim();
  const fits = text !== '' && at(field).validity.valid;
  wrong(field, place, fits ? '' : 'Enter an e-mail address, such as name@example.com.');
  return fits ? text : null;
}
