// The messages of the open room. The page holds a window of them, without a gap: it grows at the edge that one scrolls to and
// shrinks at the other, so that a room of any length costs the same. What one reads stays where it is meanwhile.

import { Active } from './active.js';
import { byId, debounced, setText } from './dom.js';
import { dayKey, t } from './i18n.js';
import { Place } from './place.js';
import { messageItem, pendingItem } from './row.js';

/** Messages of one author within this time stand together. */
const JOINED_MS = 5 * 60_000;
/** More messages are asked for when so much is left beyond the screen. */
const AHEAD_PX = 1_200;
/** How many messages the page holds. */
const HELD_MAX = 400;
/** So near to the end counts as "at the end". */
const END_PX = 48;
/** The pause after a page that could not be had. */
const AGAIN_MS = 1_000;

export class Timeline {
  /**
   * `handlers`: `page(where)` → messages with rising numbers, or nothing where that failed; `where` is `{before}`, `{after}`, `{around}` or
   * `{}` for the newest. `act(kind, message, detail)`, `pendingAct(kind, key)`, `seen(number)`.
   */
  constructor(me, names, handlers) {
    this.me = me;
    this.names = names;
    this.handlers = handlers;
    this.scroller = byId('messages');
    this.list = byId('message-list');
    this.state = byId('history-state');
    const [numbers, rowOf] = [() => this.numbers, (number) => this.rows.get(number)];
    this.place = new Place(this.scroller, numbers, rowOf);
    this.clear();
    this.reportSeen = debounced(() => this.#seen(), 250);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.active = new Active(this.list, this.scroller, numbers, rowOf, signal);
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true, signal });
    addEventListener('focus', this.reportSeen, { signal });
    byId('newest-button').addEventListener('click', () => this.toEnd(), { signal });
    // Another width breaks the lines elsewhere.
    this.size = new ResizeObserver(() => (this.stuck ? this.toEnd() : this.place.hold(this.last)));
    this.size.observe(this.scroller);
  }

  stop() {
    this.listeners.abort();
    this.size.disconnect();
    this.clear();
  }

  clear() {
    this.pending = [];
    this.newest = 0; // the highest number there is, as far as one knows
    this.unreadFrom = 0;
    this.stuck = true; // whether the end is shown, and stays shown when something comes
    this.arrived = false; // whether something came below the screen
    this.last = null; // the place at the last scroll
    this.#empty();
    setText(this.state, '');
    byId('newest-button').hidden = true;
  }

  /** The place where one reads; null at the end. */
  get reading() {
    return this.stuck ? null : this.place.now();
  }

  /**
   * Shows a room. `view`: `newest`, the highest number; `unreadFrom`, above which the line "New" stands (0: nowhere); `at`, where one was
   * reading; `rights`, `{mayWrite, mayModerate}`.
   */
  show(messages, { newest, unreadFrom, at, rights }) {
    this.clear();
    Object.assign(this, { newest, unreadFrom, rights });
    this.#take(messages);
    const line = this.list.querySelector('.unread-line');
    this.scroller.scrollTop = this.scroller.scrollHeight;
    if (at) this.place.hold(at);
    else if (line && (this.#below || line.getBoundingClientRect().top < this.scroller.getBoundingClientRect().top)) line.scrollIntoView({ block: 'start' });
    this.#scrolled();
  }

  /** Takes rights that changed, and draws everything anew (also after a change of language). */
  redraw(rights = this.rights) {
    this.rights = rights;
    this.place.keep(() => {
      for (const number of this.numbers) this.#draw(number);
      this.#drawPending();
      this.#describeStart();
    });
  }

  /** A message as it is now: new, or changed. */
  upsert(message) {
    const known = this.messages.get(message.number);
    if (known && known.version >= message.version) return;
    const fresh = !known && message.number > this.newest;
    const first = this.numbers[0] ?? 0;
    // What is beyond the window comes with its page, in its then current form.
    const beyond = !known && (message.number < first || (this.#below && message.number > this.numbers.at(-1)));
    this.newest = Math.max(this.newest, message.number);
    const { stuck } = this;
    if (!beyond) {
      this.place.keep(() => {
        this.#put([message]);
        if (!stuck && this.numbers.length > HELD_MAX + 50) this.#trim(-1);
      });
    }
    if (stuck || (message.author === this.me && fresh)) this.toEnd();
    else if (fresh) this.arrived = true;
    this.#showButton();
    this.reportSeen();
  }

  setPending(items) {
    this.pending = items;
    this.#drawPending();
    if (this.stuck) this.toEnd();
  }

  /** Goes to the newest message. */
  async toEnd() {
    this.stuck = true;
    if (this.#below && !(await this.#replace({}))) {
      this.#scrolled();
      return;
    }
    if (this.numbers.length > HELD_MAX) this.#trim(1);
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#scrolled();
  }

  /** Goes to `number`, wherever it is. */
  async jump(number) {
    this.stuck = false;
    if (!this.messages.has(number) && !(await this.#replace({ around: number }))) return;
    const row = this.rows.get(number);
    if (!row) return;
    this.stuck = false;
    const article = row.querySelector('.message');
    article.scrollIntoView({ block: 'center' });
    article.classList.remove('flash');
    void article.offsetWidth; // restarts the animation
    article.classList.add('flash');
    article.addEventListener('animationend', () => article.classList.remove('flash'), { once: true });
    this.active.set(row);
    this.#scrolled();
  }

  /** The latest own message that can be edited. */
  lastOwn() {
    const own = (number) => this.messages.get(number).author === this.me && this.messages.get(number).text !== null;
    return this.messages.get(this.numbers.findLast(own)) ?? null;
  }

  /** A display name became known: it stands in their own messages and in quotes of them. */
  renamed(userId) {
    const named = (number) => {
      const { author, replyTo } = this.messages.get(number);
      return author === userId || (replyTo && this.messages.get(replyTo)?.author === userId);
    };
    this.place.keep(() => {
      for (const number of this.numbers.filter(named)) this.#draw(number);
      if (userId === this.me) this.#drawPending();
    });
  }

  get #above() {
    return this.numbers.length > 0 && this.numbers[0] > 1;
  }

  get #below() {
    return this.numbers.length > 0 && this.numbers.at(-1) < this.newest;
  }

  // --- the window ---

  #empty() {
    this.messages = new Map();
    this.numbers = [];
    this.rows = new Map();
    this.loading = null; // what is under way
    this.list.replaceChildren();
  }

  #take(messages) {
    // A page of history is no news: it is not read out.
    this.scroller.setAttribute('aria-live', 'off');
    this.#put(messages.filter(({ number, version }) => (this.messages.get(number)?.version ?? -1) < version));
    requestAnimationFrame(() => this.scroller.setAttribute('aria-live', 'polite'));
  }

  #put(messages) {
    for (const message of messages) this.messages.set(message.number, message);
    this.newest = Math.max(this.newest, messages.at(-1)?.number ?? 0);
    this.numbers = [...this.messages.keys()].sort((one, other) => one - other);
    const changed = new Set(messages.map(({ number }) => number));
    // The message behind may lose its line of the day or its author's name, and those that quote it learn its words.
    const behind = this.numbers[this.numbers.indexOf(messages.at(-1)?.number) + 1];
    const draw = this.numbers.filter((number) => changed.has(number) || number === behind || changed.has(this.messages.get(number).replyTo));
    for (const number of draw) this.#draw(number);
    this.#describeStart();
    this.#drawPending();
  }

  /** Lets go of what is too much: at the upper edge (1), or at the lower one (-1). */
  #trim(edge) {
    const count = this.numbers.length - HELD_MAX;
    for (const number of edge > 0 ? this.numbers.splice(0, count) : this.numbers.splice(HELD_MAX, count)) {
      this.messages.delete(number);
      this.rows.get(number).remove();
      this.rows.delete(number);
    }
    this.#draw(this.numbers[0]);
    this.#describeStart();
    this.#drawPending();
  }

  /** Shows the page of `where` in place of the window. Answers whether it came. */
  async #replace(where) {
    const asked = {};
    this.loading = asked;
    const messages = await this.handlers.page(where);
    if (this.loading !== asked) return false;
    this.loading = null;
    if (!messages) return false;
    this.#empty();
    this.#take(messages);
    return true;
  }

  /** Loads what will soon be scrolled to. */
  async #fill() {
    if (this.loading || this.scroller.offsetParent === null) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const up = this.#above && scrollTop < AHEAD_PX;
    if (!up && !(this.#below && scrollHeight - scrollTop - clientHeight < AHEAD_PX)) return;
    const asked = {};
    this.loading = asked;
    const messages = await this.handlers.page(up ? { before: this.numbers[0] } : { after: this.numbers.at(-1) });
    if (this.loading !== asked) return;
    if (!messages || messages.length === 0) {
      // It failed, or the feed is ahead of the queries.
      setTimeout(() => {
        if (this.loading !== asked) return;
        this.loading = null;
        this.#fill();
      }, AGAIN_MS);
      return;
    }
    this.loading = null;
    this.place.keep(() => {
      this.#take(messages);
      if (this.numbers.length > HELD_MAX) this.#trim(up ? -1 : 1);
    });
    this.#scrolled();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.stuck = !this.#below && scrollHeight - scrollTop - clientHeight < END_PX;
    if (this.stuck) this.arrived = false;
    this.last = this.reading;
    this.#showButton();
    this.#fill();
    this.reportSeen();
  }

  #showButton() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    byId('newest-button').hidden = this.stuck || !(this.arrived || this.#below || scrollHeight - scrollTop > 2 * clientHeight);
  }

  #seen() {
    if (document.hidden || !document.hasFocus() || this.scroller.offsetParent === null) return;
    const bottom = this.scroller.getBoundingClientRect().bottom + 4;
    const number = this.numbers.findLast((each) => this.rows.get(each).getBoundingClientRect().bottom <= bottom);
    if (number) this.handlers.seen(number);
  }

  // --- drawing ---

  #describeStart() {
    setText(this.state, t(this.#above ? 'messages.loading' : 'messages.start'));
  }

  // What is not yet sent stands behind the newest message.
  #drawPending() {
    for (const old of this.list.querySelectorAll(':scope > .pending')) old.remove();
    if (this.#below) return;
    const view = { me: this.me, names: this.names };
    this.list.append(...this.pending.map((item) => pendingItem(item, view, this.handlers.pendingAct)));
  }

  #draw(number) {
    const message = this.messages.get(number);
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
      this.active.replace(old, row);
      return;
    }
    const next = this.numbers.slice(index + 1).find((other) => this.rows.has(other));
    this.list.insertBefore(row, next === undefined ? this.list.querySelector(':scope > .pending') : this.rows.get(next));
  }
}
