// The page of numbers: what was said when, in which words, where and by whom.

import './strings-analytics.js';
import { api, describe, patiently } from './api.js';
import { Chart } from './chart.js';
import { byId, make, setText } from './dom.js';
import { t } from './i18n.js';
import { Names } from './names.js';
import { begin, isAdmin } from './page.js';
import { countedSpan, intervalOf, spanOf } from './ranges.js';
import { showBars, showCloud } from './ranking.js';

const WORDS = 60;
const WORDS_LISTED = 20;
const BUSIEST = 10;
const ROOMS_LISTED = 200;

const form = byId('numbers-form');
const charts = {
  messages: new Chart('messages-chart', { table: 'messages-table', chosen: choose }),
  people: new Chart('people-chart', { table: 'people-table', chosen: choose }),
  word: new Chart('word-chart', { chosen: choose }),
};
const rooms = new Names(redraw, async (id) => roomName(await api.room(id)));
const people = new Names(redraw);
let admin = false;
let myRooms = [];
let shown = null; // what was counted last
let asking = null;
let exact = null; // a span that was chosen in a chart

/** What is asked for: the span, and the room if there is one. */
function asked() {
  const { range, from, to, room } = form.elements;
  const span = exact ?? spanOf({ range: range.value, from: from.value, to: to.value });
  return { span, room: room.value || undefined };
}

const query = ({ from, to }, room) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), room });
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

async function series(name, span, room, word) {
  const interval = intervalOf(span);
  const { buckets } = await patiently(() => api.series({ name, interval, timeZone: zone(), word, ...query(span, room) }));
  return { buckets, interval };
}

async function count() {
  const mine = {};
  asking = mine;
  setText(byId('numbers-state'), t('numbers.counting'));
  try {
    const { room, ...wanted } = asked();
    let { span } = wanted;
    let messages = await series('chatAdd', span, room);
    // Of a long time the part is shown in which there is anything, and that more finely.
    const counted = countedSpan(messages.buckets, span.to);
    if (counted && intervalOf(counted) !== messages.interval) {
      span = counted;
      messages = await series('chatAdd', span, room);
    }
    const range = query(span, room);
    const [words, busyRooms, busyPeople, newPeople] = await Promise.all([
      patiently(() => api.words({ ...range, top: WORDS })),
      patiently(() => api.busiestRooms({ ...range, top: BUSIEST })),
      patiently(() => api.busiestPeople({ ...range, top: BUSIEST })),
      admin && !room ? series('userAdd', span) : null,
    ]);
    if (asking !== mine) return;
    shown = { span, room, messages, words, busyRooms, busyPeople, newPeople, word: null };
    draw();
  } catch (error) {
    if (asking === mine) setText(byId('numbers-state'), describe(error).title);
  }
}

function draw() {
  document.title = `${t('numbers.title')} · Sarangbang`;
  drawRooms();
  if (!shown) return;
  const { messages, newPeople, words, busyRooms, busyPeople, word } = shown;
  charts.messages.show(messages.buckets, messages.interval, t('numbers.messages'));
  byId('people-card').hidden = !newPeople;
  if (newPeople) charts.people.show(newPeople.buckets, newPeople.interval, t('numbers.newPeople'));
  showCloud('word-cloud', words.items, follow);
  showBars('word-list', words.items.slice(0, WORDS_LISTED), (key) => key, follow);
  showBars('busy-rooms', busyRooms.items, (id) => rooms.of(id));
  showBars('busy-people', busyPeople.items, (id) => people.of(id));
  byId('words-error').hidden = !words.errorMax;
  setText(byId('words-error'), t('numbers.error', { count: words.errorMax }));
  byId('word-card').hidden = !word;
  if (word) {
    setText(byId('word-title'), t('numbers.word', { word: word.key }));
    byId('word-chart').dataset.word = word.key;
    charts.word.show(word.buckets, word.interval, word.key);
  }
  const nothing = messages.buckets.every((bucket) => bucket.count === 0);
  setText(byId('numbers-state'), nothing ? t('numbers.none') : '');
}

/** Shows the course of one word. */
async function follow(key) {
  const { span, room } = shown;
  try {
    const found = await series('word', span, room, key);
    if (shown.span !== span || shown.room !== room) return;
    shown.word = { key, ...found };
    draw();
    byId('word-card').scrollIntoView({ block: 'nearest' });
  } catch (error) {
    setText(byId('numbers-state'), describe(error).title);
  }
}

/** A part of a chart was dragged over: it becomes the span. */
function choose(from, to) {
  exact = { from, to };
  form.elements.range.value = 'own';
  ownRange();
  count();
}

function ownRange() {
  for (const field of document.querySelectorAll('[data-for="own"]')) field.hidden = form.elements.range.value !== 'own';
}

const roomName = (room) => room.name ?? (room.directWith ? people.of(room.directWith) : t('kind.direct'));

function drawRooms() {
  const select = form.elements.room;
  const chosen = select.value;
  const all = make('option', { value: '', text: t(admin ? 'numbers.allRooms' : 'numbers.myRooms') });
  select.replaceChildren(all, ...myRooms.map((room) => make('option', { value: room.roomId, text: roomName(room) })));
  select.value = chosen;
}

let waiting = null;
function redraw() {
  waiting ??= requestAnimationFrame(() => {
    waiting = null;
    draw();
  });
}

form.addEventListener('change', () => {
  exact = null;
  ownRange();
  count();
});
form.addEventListener('submit', (event) => event.preventDefault());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

const me = await begin(draw);
if (me) {
  admin = isAdmin(me);
  count();
  try {
    myRooms = (await patiently(() => api.myRooms(ROOMS_LISTED))).items;
    for (const room of myRooms) rooms.learn(room.roomId, roomName(room));
    drawRooms();
  } catch (error) {
    setText(byId('numbers-state'), describe(error).title);
  }
}
