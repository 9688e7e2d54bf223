// Display names by id, of people or of rooms: asked for once, a few at a time.

import { api } from './api.js';

const ASKING_MAX = 4;
const KNOWN_MAX = 5_000;

export class Names {
  /** `changed(id)` is called when a name becomes known; `ask(id)` asks for one. */
  constructor(changed, ask = async (userId) => (await api.person(userId)).userName) {
    this.changed = changed;
    this.ask = ask;
    this.known = new Map();
    this.waiting = [];
    this.asking = 0;
  }

  /** The display name, or the id for as long as the name is not known. */
  of(userId) {
    if (!this.known.has(userId)) {
      this.#put(userId, userId);
      this.waiting.push(userId);
      this.#ask();
    }
    return this.known.get(userId);
  }

  /** Takes a name that came with something else. */
  learn(userId, name) {
    if (!name || this.known.get(userId) === name) return;
    this.#put(userId, name);
    this.changed(userId);
  }

  #put(userId, name) {
    this.known.set(userId, name);
    if (this.known.size > KNOWN_MAX) this.known.delete(this.known.keys().next().value);
  }

  async #ask() {
    if (this.asking >= ASKING_MAX || this.waiting.length === 0) return;
    this.asking += 1;
    const userId = this.waiting.shift();
    try {
      this.learn(userId, await this.ask(userId));
    } catch {
      // A name that cannot be had is no trouble worth showing: the id stands in its place.
    }
    this.asking -= 1;
    this.#ask();
  }
}
