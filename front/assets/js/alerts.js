// Tells of direct messages and mentions through the browser, where a person wants that and is not looking.

import { byId } from './dom.js';
import { t } from './i18n.js';
import { shortened } from './row.js';

const WANTED = 'sarangbang.alerts';

export class Alerts {
  /** `list` knows the rooms; `looksAt(room)` tells whether the person looks at it; `open(room, number)` is called when one is pressed. */
  constructor(me, names, list, { looksAt, open }) {
    Object.assign(this, { me, names, list, looksAt, open });
    this.listeners = new AbortController();
    this.button = byId('alerts-button');
    this.button.hidden = typeof Notification === 'undefined';
    this.button.addEventListener('click', () => this.#switch(), { signal: this.listeners.signal });
    this.draw();
  }

  stop() {
    this.listeners.abort();
  }

  draw() {
    const text = t(this.#on ? 'alerts.on' : 'alerts.off');
    this.button.textContent = this.#on ? '🔔' : '🔕';
    this.button.title = text;
    this.button.setAttribute('aria-label', text);
    this.button.setAttribute('aria-pressed', String(this.#on));
  }

  /** A message came or changed. Call this before the list takes it: what the list knows already is no news. */
  heard(roomId, message) {
    const room = this.list.find(roomId);
    if (!this.#on || !room || room.muted || message.number <= room.lastNumber) return;
    if (message.author === this.me || message.text === null || this.looksAt(roomId)) return;
    const mentioned = message.mentions.includes(this.me);
    if (room.kind !== 'direct' && !mentioned) return;
    const author = this.names.of(message.author);
    const title = room.kind === 'direct' ? author : t('alerts.title', { name: author, room: this.list.nameOf(room) });
    // One tag for one message: several windows of the same browser tell of it once.
    const alert = new Notification(title, { body: shortened(message.text), tag: `${roomId}/${message.number}`, icon: '/assets/favicon.svg' });
    alert.onclick = () => {
      window.focus();
      this.open(roomId, message.number);
      alert.close();
    };
  }

  get #on() {
    return typeof Notification !== 'undefined' && Notification.permission === 'granted' && localStorage.getItem(WANTED) === 'yes';
  }

  async #switch() {
    const on = !this.#on;
    localStorage.setItem(WANTED, on ? 'yes' : 'no');
    if (on && Notification.permission === 'default') await Notification.requestPermission();
    this.draw();
    if (on && Notification.permission === 'denied') this.button.title = t('alerts.denied');
  }
}
