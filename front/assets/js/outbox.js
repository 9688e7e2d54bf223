// Messages that are not yet acknowledged. Each keeps one idempotency key until its outcome is known, across lost connections,
// time-outs and reloads of the page, so that trying again can never say it twice. One room's messages go out one after the other,
// which keeps their order.

import { api, Problem } from './api.js';
import { uuidV4, uuidV7 } from './ids.js';

/** How many messages may wait. */
const ITEMS_MAX = 100;
const BACK_OFF_MS_FIRST = 400;
const BACK_OFF_MS_MAX = 15_000;

export class Outbox {
  /** `handlers`: `changed(room)` when an item appears, changes or goes; `acknowledged(item, answer)`. */
  constructor(user, handlers) {
    this.prefix = `sarangbang.outbox.${user}.`;
    this.handlers = handlers;
    this.items = this.#load();
    this.busy = new Set();
    this.timers = new Map();
    this.wake = () => this.kick();
    addEventListener('online', this.wake);
    for (const room of new Set(this.items.map((item) => item.room))) this.#run(room);
  }

  stop() {
    this.stopped = true;
    removeEventListener('online', this.wake);
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  /** Whether there is space for another message. */
  get full() {
    return this.items.length >= ITEMS_MAX;
  }

  of(room) {
    return this.items.filter((item) => item.room === room);
  }

  /** Takes a message; `after` is the room's last number now, so that the message will have a higher one. */
  add(room, text, replyTo, after) {
    const item = { key: uuidV7(), room, text, replyTo: replyTo ?? null, after, at: new Date().toISOString(), tries: 0, state: 'sending', problem: null };
    this.items.push(item);
    this.#save(item);
    this.handlers.changed(room);
    this.#run(room);
  }

  discard(key) {
    const item = this.items.find((each) => each.key === key);
    if (item) this.#remove(item);
  }

  /** Tries a refused message once more, with the same key. */
  again(key) {
    const item = this.items.find((each) => each.key === key);
    if (!item) return;
    item.state = 'sending';
    item.problem = null;
    this.handlers.changed(item.room);
    this.#run(item.room);
  }

  /** Does not wait for the back-off: the connection is back. */
  kick() {
    for (const [room, timer] of this.timers) {
      clearTimeout(timer);
      this.timers.delete(room);
      this.#run(room);
    }
  }

  async #run(room) {
    if (this.busy.has(room) || this.timers.has(room)) return;
    this.busy.add(room);
    let wait = null;
    for (let item = this.#next(room); item && wait === null && !this.stopped; item = this.#next(room)) wait = await this.#attempt(item);
    this.busy.delete(room);
    if (wait === null || this.stopped) return;
    this.timers.set(room, setTimeout(() => {
      this.timers.delete(room);
      this.#run(room);
    }, wait));
  }

  // A refused message waits for its writer; it does not hold up those after it.
  #next(room) {
    return this.items.find((item) => item.room === room && item.state !== 'refused');
  }

  /** One attempt. Answers how long to wait before the next one, or null where the item is settled. */
  async #attempt(item) {
    const firstTry = item.tries === 0;
    item.tries += 1;
    this.#save(item);
    try {
      const answer = await api.send(item.room, item.text, item.replyTo, item.key);
      this.#remove(item, answer);
      return null;
    } catch (error) {
      if (error.mayPass) {
        item.state = 'waiting';
        this.handlers.changed(item.room);
        const bound = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_FIRST * 2 ** Math.min(item.tries, 10));
        return error.retryAfterMs ?? Math.max(100, Math.random() * bound);
      }
      if (firstTry && error instanceof Problem && error.code === 'idempotency-key-too-old') {
        // It was refused unexecuted and never sent before: our clock is wrong, so a key without a time is safe.
        this.#forget(item);
        item.key = uuidV4();
        this.#save(item);
        return 0;
      }
      item.state = 'refused';
      item.problem = error;
      this.handlers.changed(item.room);
      return null;
    }
  }

  #remove(item, answer) {
    this.items = this.items.filter((each) => each !== item);
    this.#forget(item);
    if (answer) this.handlers.acknowledged(item, answer);
    this.handlers.changed(item.room);
  }

  // One storage entry an item: two windows of the same person never overwrite each other's list.
  #save({ key, room, text, replyTo, after, at, tries }) {
    try {
      localStorage.setItem(this.prefix + key, JSON.stringify({ key, room, text, replyTo, after, at, tries }));
    } catch {
      // The storage is full or forbidden: the message is then kept in memory only.
    }
  }

  #forget(item) {
    localStorage.removeItem(this.prefix + item.key);
  }

  #load() {
    const items = [];
    for (const name of Object.keys(localStorage)) {
      if (!name.startsWith(this.prefix)) continue;
      try {
        items.push({ ...JSON.parse(localStorage.getItem(name)), state: 'sending', problem: null });
      } catch {
        localStorage.removeItem(name);
      }
    }
    return items.sort((one, other) => one.at.localeCompare(other.at)).slice(0, ITEMS_MAX);
  }
}
