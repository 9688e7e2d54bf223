// The messages of the open room: a window that always reaches to the newest message, and grows upwards as one scrolls.

import { byId, debounced, setText } from './dom.js';
import { dayKey, t } from './i18n.js';
import { messageItem, pendingItem } from './row.js';

/** Messages of one author within this time stand together. */
const JOINED_MS = 5 * 60_000;
/** Older messages are asked for when so much is left above. */
const LOAD_AHEAD_PX = 900;
/** How many messages the page holds; beyond that the oldest go when one is at the end, and come back when one scrolls up. */
const HELD_MAX = 800;
const HELD_AFTER_TRIM = 300;
/** So near to the end counts as "at the end". */
const END_PX = 48;
/** How many pages a jump to a quoted message may load. */
const JUMP_PAGES_MAX = 20;

export class Timeline {
  /** `handlers`: `older(before)` → `{items, more}` (numbers falling), `act(kind, message, detail)`, `pendingAct(kind, key)`, `seen(number)`. */
  constructor(me, names, handlers) {
    this.me = me;
    this.names = names;
    this.handlers = handlers;
    this.scroller = byId('messages');
    this.list = byId('message-list');
    this.state = byId('history-state');
    this.clear();
    this.reportSeen = debounced(() => this.#seen(), 250);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true, signal });
    this.scroller.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.list.addEventListener('click', (event) => this.#click(event), { signal });
    addEventListener('focus', this.reportSeen, { signal });
    byId('newest-button').addEventListener('click', () => this.toEnd(), { signal });
    this.size = new ResizeObserver(() => this.stuck && this.toEnd());
    this.size.observe(this.scroller);
  }

  stop() {
    this.listeners.abort();
    this.size.disconnect();
    this.clear();
  }

  clear() {
    this.messages = new Map();
    this.numbers = [];
    this.rows = new Map();
    this.pending = [];
    this.more = false;
    this.loading = null;
    this.stuck = true;
    this.unreadFrom = 0;
    this.generation = (this.generation ?? 0) + 1;
    this.list.replaceChildren();
    setText(this.state, '');
    byId('newest-button').hidden = true;
  }

  /** Shows a room from its newest page on. `readNumber`: the line "New" stands after it, or nowhere for null; `rights`: `{mayWrite, mayModerate}`. */
  show(page, readNumber, rights) {
    this.clear();
    this.rights = rights;
    const newest = page.items[0]?.number ?? 0;
    this.unreadFrom = readNumber !== null && readNumber > 0 && readNumber < newest ? readNumber + 1 : 0;
    this.#take(page);
    this.toEnd();
    const line = this.list.querySelector('.unread-line');
    if (line && line.getBoundingClientRect().top < this.scroller.getBoundingClientRect().top) line.scrollIntoView({ block: 'start' });
    this.#scrolled();
  }

  /** Takes rights that changed, and draws everything anew (also after a change of language). */
  redraw(rights = this.rights) {
    this.rights = rights;
    for (const number of this.numbers) this.#draw(number);
    this.setPending(this.pending);
    this.#describeStart();
  }

  /** A message as it is now: new, or changed. */
  upsert(message) {
    const known = this.messages.get(message.number);
    if (known && known.version >= message.version) return;
    const oldest = this.numbers[0];
    // What is above the window comes with its page, in its then current form.
    if (!known && oldest !== undefined && message.number < oldest && this.more) return;
    this.messages.set(message.number, message);
    if (!known) this.#insert(message.number);
    const stuck = this.stuck;
    this.#draw(message.number);
    if (!known) this.#draw(this.numbers[this.numbers.indexOf(message.number) + 1]);
    for (const [number, other] of this.messages) if (other.replyTo === message.number) this.#draw(number);
    if (stuck || (message.author === this.me && !known)) this.toEnd();
    else if (!known) byId('newest-button').hidden = false;
    this.#trim();
    this.reportSeen();
  }

  setPending(items) {
    this.pending = items;
    for (const old of this.list.querySelectorAll(':scope > .pending')) old.remove();
    const view = { me: this.me, names: this.names };
    this.list.append(...items.map((item) => pendingItem(item, view, this.handlers.pendingAct)));
    if (this.stuck) this.toEnd();
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.stuck = true;
    byId('newest-button').hidden = true;
    this.reportSeen();
  }

  /** The latest own message that can be edited. */
  lastOwn() {
    for (let index = this.numbers.length - 1; index >= 0; index -= 1) {
      const message = this.messages.get(this.numbers[index]);
      if (message.author === this.me && message.text !== null) return message;
    }
    return null;
  }

  /** Goes to `number`, loading what lies between. */
  async jump(number) {
    for (let pages = 0; !this.messages.has(number) && this.more && pages < JUMP_PAGES_MAX; pages += 1) await this.#older();
    const row = this.rows.get(number);
    if (!row) return;
    this.stuck = false;
    const article = row.querySelector('.message');
    article.scrollIntoView({ block: 'center' });
    article.classList.remove('flash');
    void article.offsetWidth; // restarts the animation
    article.classList.add('flash');
    this.#activate(row);
  }

  /** A display name became known: it stands in their own messages and in quotes of them. */
  renamed(userId) {
    for (const number of this.numbers) {
      const { author, replyTo } = this.messages.get(number);
      if (author === userId || (replyTo && this.messages.get(replyTo)?.author === userId)) this.#draw(number);
    }
    if (userId === this.me) this.setPending(this.pending);
  }

  #take({ items, more }) {
    this.more = more;
    const fresh = items.filter((message) => !this.messages.has(message.number));
    for (const message of fresh) this.messages.set(message.number, message);
    this.numbers = [...this.messages.keys()].sort((one, other) => one - other);
    const firstKnown = this.numbers.find((number) => this.rows.has(number));
    for (const { number } of fresh) this.#draw(number);
    // The message that was the oldest now has one above it: its day line or author may go.
    if (firstKnown !== undefined) this.#draw(firstKnown);
    this.#describeStart();
  }

  #describeStart() {
    const text = this.numbers.length === 0 || !this.more ? 'messages.start' : 'messages.loading';
    setText(this.state, t(text));
  }

  #insert(number) {
    let index = this.numbers.length;
    while (index > 0 && this.numbers[index - 1] > number) index -= 1;
    this.numbers.splice(index, 0, number);
  }

  #draw(number) {
    const message = this.messages.get(number);
    if (!message) return;
    const index = this.numbers.indexOf(number);
    const before = this.messages.get(this.numbers[index - 1]);
    const newDay = !before || dayKey(before.sentAt) !== dayKey(message.sentAt);
    const firstUnread = number === this.unreadFrom;
    const joined = !newDay && !firstUnread && !message.replyTo && before.author === message.author && Math.abs(Date.parse(message.sentAt) - Date.parse(before.sentAt)) < JOINED_MS;
    const find = (other) => this.messages.get(other);
    const row = messageItem(message, { me: this.me, names: this.names, find, joined, newDay, firstUnread, ...this.rights }, this.handlers.act);
    const old = this.rows.get(number);
    this.rows.set(number, row);
    if (old) {
      const focused = old.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
      const active = old.querySelector('.message').classList.contains('active');
      old.replaceWith(row);
      if (active) this.#activate(row);
      if (focused) row.querySelector(`[data-testid="${focused}"]`)?.focus();
      return;
    }
    const next = this.numbers.slice(index + 1).find((other) => this.rows.has(other));
    const place = next === undefined ? this.list.querySelector(':scope > .pending') : this.rows.get(next);
    this.list.insertBefore(row, place);
  }

  #trim() {
    if (!this.stuck || this.numbers.length <= HELD_MAX) return;
    for (const number of this.numbers.splice(0, this.numbers.length - HELD_AFTER_TRIM)) {
      this.messages.delete(number);
      this.rows.get(number)?.remove();
      this.rows.delete(number);
    }
    this.more = true;
    this.#draw(this.numbers[0]);
    this.#describeStart();
    this.toEnd();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.stuck = scrollHeight - scrollTop - clientHeight < END_PX;
    if (this.stuck) byId('newest-button').hidden = true;
    if (scrollTop < LOAD_AHEAD_PX && this.more) this.#older();
    this.reportSeen();
  }

  #older() {
    this.loading ??= this.#loadOlder().finally(() => {
      this.loading = null;
      if (this.scroller.scrollTop < LOAD_AHEAD_PX && this.more && !this.failed) this.#older();
    });
    return this.loading;
  }

  async #loadOlder() {
    const generation = this.generation;
    this.failed = false;
    const page = await this.handlers.older(this.numbers[0]);
    if (generation !== this.generation) return;
    if (!page) {
      this.failed = true; // the next scroll tries again
      return;
    }
    // What is on the screen stays where it is: the distance to the end does not change.
    const toEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    this.#take(page);
    this.scroller.scrollTop = this.scroller.scrollHeight - toEnd;
  }

  #seen() {
    if (document.hidden || !document.hasFocus() || this.scroller.offsetParent === null) return;
    const bottom = this.scroller.getBoundingClientRect().bottom + 4;
    for (let index = this.numbers.length - 1; index >= 0; index -= 1) {
      const number = this.numbers[index];
      if (this.rows.get(number).getBoundingClientRect().bottom <= bottom) {
        this.handlers.seen(number);
        return;
      }
    }
  }

  // One message at a time is active: the arrow keys move it, and Tab reaches its buttons.
  #activate(row) {
    for (const other of this.list.querySelectorAll('.message.active')) {
      other.classList.remove('active');
      for (const button of other.querySelectorAll('button')) button.tabIndex = -1;
    }
    const article = row?.querySelector('.message');
    if (!article) return;
    article.classList.add('active');
    for (const button of article.querySelectorAll('button')) button.tabIndex = 0;
  }

  #click(event) {
    if (event.target.closest('button, a') || getSelection().toString() !== '') return;
    const row = event.target.closest('li[data-number]');
    if (!row) return;
    this.#activate(row.querySelector('.active') ? null : row);
  }

  #key(event) {
    if (event.key === 'Escape') {
      this.#activate(null);
      byId('message-box').focus();
      return;
    }
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || this.numbers.length === 0) return;
    const current = Number(this.list.querySelector('.message.active')?.closest('li')?.dataset.number);
    let index = this.numbers.indexOf(current);
    index = index === -1 ? this.numbers.length - 1 : Math.min(Math.max(index + step, 0), this.numbers.length - 1);
    const row = this.rows.get(this.numbers[index]);
    event.preventDefault();
    this.#activate(row);
    row.querySelector('.message').focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
    if (index === 0) this.scroller.scrollTop = 0;
  }
}
