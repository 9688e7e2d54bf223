// Finding messages: by words, sender and time, in the rooms one may read. What was found stays while one looks at it.

import { api, describe, patiently } from './api.js';
import { byId, debounced, make, setText } from './dom.js';
import { fullTime, shortTime, t } from './i18n.js';

const PAGE = 30;

export class Search {
  /** `parts`: `{names, rooms}`, which know names; `room()`, the open room or null; `open(room, number)`; `shown()`, before the panel is. */
  constructor(parts) {
    Object.assign(this, parts);
    this.panel = byId('search-panel');
    this.form = byId('search-form');
    this.list = byId('search-list');
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    byId('search-button').addEventListener('click', () => this.show(true), { signal });
    byId('search-close').addEventListener('click', () => this.show(false), { signal });
    byId('search-more').addEventListener('click', () => this.#find(this.next), { signal });
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#find();
    }, { signal });
    this.form.addEventListener('input', debounced(() => this.#find(), 300), { signal });
    addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.show(true);
    }, { signal });
    this.panel.addEventListener('keydown', (event) => event.key === 'Escape' && this.show(false), { signal });
  }

  stop() {
    this.listeners.abort();
    this.show(false);
    this.form.reset();
    this.#clear();
  }

  show(visible) {
    if (visible) this.shown();
    this.panel.hidden = !visible;
    byId('search-button').setAttribute('aria-expanded', String(visible));
    if (visible) byId('search-text').select();
  }

  /** Draws what was found once more: names became known, or the language changed. */
  draw() {
    if (this.panel.hidden || !this.found) return;
    this.list.replaceChildren(...this.found.map((hit) => this.#item(hit)));
  }

  #asked() {
    const { text, sender, from, to, here, order } = this.form.elements;
    const day = (field, more) => {
      if (!field.value) return undefined;
      const [year, month, date] = field.value.split('-').map(Number);
      return new Date(year, month - 1, date + more).toISOString();
    };
    return {
      q: text.value.trim(), sender: sender.value.trim().replace(/^@/, ''), from: day(from, 0), to: day(to, 1),
      room: here.checked ? this.room() ?? undefined : undefined, order: order.value,
    };
  }

  async #find(cursor) {
    const asked = this.#asked();
    const mine = {};
    this.asking = mine;
    if (!asked.q && !asked.sender && !asked.from && !asked.to) {
      this.#clear();
      return;
    }
    setText(byId('search-state'), t('search.looking'));
    let page;
    try {
      page = await patiently(() => api.search({ ...asked, limit: PAGE, cursor }));
    } catch (error) {
      if (this.asking !== mine) return;
      this.#clear();
      setText(byId('search-state'), describe(error).title);
      return;
    }
    if (this.asking !== mine) return;
    this.found = cursor ? [...this.found, ...page.items] : page.items;
    this.next = page.next;
    this.draw();
    byId('search-more').hidden = !page.next;
    setText(byId('search-state'), this.found.length === 0 ? t('search.none') : '');
  }

  #clear() {
    this.found = null;
    this.list.replaceChildren();
    byId('search-more').hidden = true;
    setText(byId('search-state'), '');
  }

  #item({ roomId, number, author, sentAt, excerpt }) {
    const words = excerpt.map(({ text, hit }) => (hit ? make('mark', { text }) : text));
    return make(
      'li',
      {},
      make(
        'button',
        {
          type: 'button', class: 'found', data: { testid: 'found', room: roomId, number },
          on: { click: () => this.#open(roomId, number) },
        },
        make('span', { class: 'found-head' }, make('b', { text: this.names.of(author) }), make('span', { text: this.rooms.of(roomId) }), make('time', { datetime: sentAt, title: fullTime(sentAt), text: shortTime(sentAt) })),
        make('span', { class: 'found-words' }, ...words),
      ),
    );
  }

  #open(room, number) {
    // On a phone the panel covers the room.
    if (matchMedia('(max-width: 1000px)').matches) this.show(false);
    this.open(room, number);
  }
}
