// Payments by what came of them, day by day: stacked bars, and the same as a table.

import { at, day, el, show, svg } from './dom.js';

export const OUTCOMES = [['captured', 'Captured'], ['held', 'Held'], ['refused', 'Refused'], ['returned', 'Returned']];
const HEIGHT = 170;
const LEFT = 36;
const BOTTOM = 24;
const TOP = 8;
const DAY_MILLISECONDS = 86_400_000;
/** More bars than this are drawn by week, then by month. */
const BARS_MAX = 62;

const start = (text) => Date.parse(`${text}T00:00:00Z`);

/** Days, weeks or months, none left out in between, so that the distance of two bars is a time. */
export function bins(days) {
  if (!days.length) return { unit: 'day', bins: [] };
  const span = (start(days.at(-1).day) - start(days[0].day)) / DAY_MILLISECONDS + 1;
  const unit = span <= BARS_MAX ? 'day' : span / 7 <= BARS_MAX ? 'week' : 'month';
  const first = (millis) => {
    const date = new Date(millis);
    if (unit === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    return unit === 'week' ? millis - ((date.getUTCDay() + 6) % 7) * DAY_MILLISECONDS : millis;
  };
  const next = (millis) => {
    const date = new Date(millis);
    if (unit === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    return millis + (unit === 'week' ? 7 : 1) * DAY_MILLISECONDS;
  };
  const found = new Map();
  for (let millis = first(start(days[0].day)); millis <= start(days.at(-1).day); millis = next(millis)) {
    found.set(millis, { day: new Date(millis).toISOString().slice(0, 10), captured: 0, held: 0, refused: 0, returned: 0 });
  }
  for (const one of days) {
    const bin = found.get(first(start(one.day)));
    for (const [name] of OUTCOMES) bin[name] += one[name];
  }
  return { unit, bins: [...found.values()] };
}

const total = (bin) => OUTCOMES.reduce((sum, [name]) => sum + bin[name], 0);

/** A round number at or above: 1, 2, 5, 10, 20, 50… */
export function round_up(count) {
  const power = 10 ** Math.floor(Math.log10(Math.max(count, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= count);
}

function drawing({ unit, bins: all }, width) {
  const most = round_up(Math.max(...all.map(total), 1));
  const slot = (width - LEFT) / Math.max(all.length, 12);
  const wide = Math.min(slot * 0.72, 28);
  const y = (count) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - count / most);
  const lines = [0, most / 2, most].filter(Number.isInteger).map((count) => [
    svg('line', { class: 'grid', x1: LEFT, x2: width, y1: y(count), y2: y(count) }),
    svg('text', { class: 'axis', x: LEFT - 6, y: y(count) + 4, 'text-anchor': 'end' }, String(count)),
  ]);
  const every = Math.ceil(90 / slot);
  const bars = all.map((bin, index) => {
    const x = LEFT + slot * index + (slot - wide) / 2;
    let base = 0;
    const parts = OUTCOMES.filter(([name]) => bin[name]).map(([name]) => {
      const tall = y(base) - y(base + bin[name]);
      base += bin[name];
      return svg('rect', { class: name, x, y: y(base), width: wide, height: Math.max(tall - 1, 1), rx: Math.min(2, wide / 4) });
    });
    const told = OUTCOMES.filter(([name]) => bin[name]).map(([name]) => `${bin[name]} ${name}`).join(', ') || 'none';
    const label = index % every === 0 && svg('text', { class: 'axis', x: Math.max(x, LEFT), y: HEIGHT - 6 }, day(bin.day).replace(/ \d+$/, ''));
    return svg('g', {}, svg('title', {}, `${unit === 'day' ? '' : `${unit} of `}${day(bin.day)}: ${told}`), ...parts, label);
  });
  const sums = OUTCOMES.map(([name]) => `${all.reduce((sum, bin) => sum + bin[name], 0)} ${name}`).join(', ');
  return svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': `Payments by ${unit}: ${sums}. The table below has the figures.` },
    ...lines.flat(), ...bars);
}

function table({ unit, bins: all }) {
  const some = all.filter((bin) => total(bin));
  return el('table', {}, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, unit === 'day' ? 'Day' : `First day of the ${unit}`),
    OUTCOMES.map(([, word]) => el('th', { scope: 'col', class: 'number' }, word)))),
  el('tbody', {}, some.map((bin) => el('tr', {}, el('th', { scope: 'row' }, day(bin.day)), OUTCOMES.map(([name]) => el('td', { class: 'number' }, String(bin[name])))))));
}

let drawn = [];

export function plot(days) {
  drawn = days;
  show(at('legend'), OUTCOMES, () => OUTCOMES.map(([name, word]) => el('li', {}, el('span', { class: `swatch ${name}`, 'aria-hidden': 'true' }), word)));
  const all = bins(days);
  const none = () => el('p', { class: 'nothing soft' }, 'No payment yet. Each day will have its bar here.');
  const width = Math.max(280, at('plot').clientWidth);
  show(at('plot'), [days, width], () => (days.length ? drawing(all, width) : none()));
  show(at('plot-table'), days, () => (days.length ? table(all) : none()));
}

new ResizeObserver(() => plot(drawn)).observe(at('plot'));
