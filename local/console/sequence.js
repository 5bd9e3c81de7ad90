// The time-line of one deal: who said what to whom, drawn between lanes, which is a readable list as well.

import { el, hour, second } from './dom.js';
import { LANES, episode, is_trouble, meaning, name, outcome, written } from './words.js';

/** What comes later than this after the last thing is another story. */
const PAUSE_MILLISECONDS = 30 * 60_000;
/** The newest stories stand open. */
const OPEN = 3;

/** Events that belong together, the oldest story first. */
function episodes(events) {
  const found = [];
  let last = -Infinity;
  for (const event of events) {
    const now = Date.parse(event.at);
    if (now - last > PAUSE_MILLISECONDS) found.push([]);
    found.at(-1).push(event);
    last = now;
  }
  return found;
}

/** A look that found everything as it was. */
const is_quiet = (events) => events.every((event) => event.kind === 'said' && /^GET /.test(event.what) && !is_trouble(event));

/** Looks of which each found what the one before it had found are one story: the latest, and how many there were. */
function stories(events) {
  const found = [];
  for (const episode of episodes(events)) {
    const before = found.at(-1);
    if (before && is_quiet(before.events) && is_quiet(episode)) {
      found.splice(-1, 1, { events: episode, times: before.times + 1, since: before.since });
    } else found.push({ events: episode, times: 1, since: episode[0].at });
  }
  return found;
}

function arrow(event) {
  const [from, to] = [LANES.indexOf(event.from), LANES.indexOf(event.to)];
  const came = outcome(event);
  return el('li', { class: `exchange from-${from} to-${to} ${is_trouble(event) ? 'trouble' : ''}` },
    el('time', { datetime: event.at, class: 'figures' }, second(event.at)),
    el('div', { class: 'between-lanes' },
      el('p', { class: 'asked' }, el('b', {}, name(event.from, event.peer)), ` ${meaning(event)}`, el('code', {}, event.what)),
      el('span', { class: 'line', 'aria-hidden': 'true' }),
      el('p', { class: 'came' }, el('span', { class: 'unseen' }, `${name(event.to, event.peer)} answers: `), came || 'done')));
}

function note(lane, at, who, text, about) {
  return el('li', { class: `note lane-${LANES.indexOf(lane)}` }, el('time', { datetime: at, class: 'figures' }, second(at)),
    el('p', {}, el('span', { class: 'who' }, who), text, about && el('code', {}, about)));
}

function line(event) {
  if (event.kind === 'said') return arrow(event);
  if (event.kind === 'wrote') {
    const { attempt, text } = written(event.text);
    return note('connector', event.at, 'We wrote', text, attempt ?? event.item.replace('#', '/'));
  }
  return note(event.lane, event.at, 'In its books', event.text);
}

function summary({ events, times, since }) {
  const refused = events.some((event) => /refused|declined|Refused|rejected/.test(`${event.came ?? ''} ${event.text ?? ''}`));
  const lost = events.some((event) => event.kind === 'said' && is_trouble(event));
  return [
    el('b', {}, episode(events)),
    times > 1 && el('span', { class: 'soft' }, `${times} times, from`, ' ', el('time', { datetime: since, class: 'figures' }, hour(since)), ' to'),
    el('time', { datetime: events[0].at, class: 'figures soft' }, hour(events[0].at)),
    refused && el('span', { class: 'pill wait' }, 'refused'),
    lost && el('span', { class: 'pill bad' }, 'trouble on the way'),
    el('span', { class: 'soft small' }, events.length === 1 ? '1 step' : `${events.length} steps`),
  ];
}

/** Newest story first; inside a story time goes down. */
export function sequence(events, gateway) {
  const newest_first = stories(events).reverse();
  if (!newest_first.length) return el('p', { class: 'nothing soft' }, 'Nothing was said about it since the system was started.');
  return newest_first.map((story, index) => told(story, index < OPEN, gateway));
}

function told(story, open, gateway) {
  // The viewer is there at a purchase or with another card, and leaves the others room.
  const { events } = story;
  const lanes = LANES.slice(events.some((event) => event.from === 'page') ? 0 : 1);
  return el('details', { class: 'story', 'data-key': story.since, open },
    el('summary', {}, summary(story)),
    el('div', { class: `drawing lanes-${lanes.length}` },
      el('div', { class: 'lanes', 'aria-hidden': 'true' }, lanes.map((lane) => el('span', { class: lane }, name(lane, gateway)))),
      el('ol', { class: 'steps' }, events.map(line))));
}
