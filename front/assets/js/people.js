// Friends, requests and blocks, and who of the friends is there.

import { api } from './api.js';
import { avatar, byId, make } from './dom.js';
import { shortTime, t } from './i18n.js';
import { uuidV7 } from './ids.js';
import { attempt, confirm } from './notices.js';

export class People {
  /** `handlers`: `changed()` when somebody's presence changed, `open(room)` for the direct room with a friend. */
  constructor(me, names, live, handlers) {
    this.me = me;
    this.names = names;
    this.live = live;
    this.handlers = handlers;
    this.presence = new Map(); // user → { state, lastSeenAt }
    this.friends = [];
    this.blocks = [];
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    byId('people-button').addEventListener('click', () => this.#show(), { signal });
    byId('befriend').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#befriend();
    }, { signal });
    byId('show-presence').addEventListener('change', (event) => this.#showPresence(event.target.checked), { signal });
    document.addEventListener('visibilitychange', () => this.connected(), { signal });
  }

  stop() {
    this.listeners.abort();
    byId('friend-list').replaceChildren();
    byId('block-list').replaceChildren();
  }

  /** The feed is there (again), or the page was looked at, or left: says so. The answer is what friends do. */
  connected() {
    this.live.present(document.hidden ? 'away' : 'online');
  }

  /** The feed is gone: nothing that it said before is sure. */
  disconnected() {
    this.presence.clear();
    this.#changed();
  }

  /** Takes a frame of presence. */
  frame(frame) {
    for (const { userId, ...presence } of frame.people) this.presence.set(userId, presence);
    this.#changed();
  }

  /** `online`, `away` or `offline`; null of somebody of whom nothing was said. */
  of(userId) {
    return this.presence.get(userId)?.state ?? null;
  }

  #changed() {
    if (byId('people').open) this.#draw();
    this.handlers.changed();
  }

  #show() {
    byId('people').showModal();
    byId('befriend-id').focus();
    this.#load();
  }

  async #load() {
    const [friends, blocks, me] = await Promise.all([attempt(() => api.friends()), attempt(() => api.blocks()), attempt(() => api.person(this.me))]);
    if (this.listeners.signal.aborted || !friends || !blocks) return;
    this.friends = friends.items;
    this.blocks = blocks.items;
    for (const { userId, userName, presence } of this.friends) {
      this.names.learn(userId, userName);
      if (presence) this.presence.set(userId, presence);
    }
    if (me) byId('show-presence').checked = !me.presenceHidden;
    this.#draw();
  }

  #draw() {
    byId('friend-list').replaceChildren(...this.friends.map((friend) => this.#friend(friend)));
    byId('block-list').replaceChildren(...this.blocks.map((block) => this.#block(block)));
    byId('friends-empty').hidden = this.friends.length > 0;
    byId('blocks').hidden = this.blocks.length === 0;
  }

  #friend({ userId, userName, statusText, friendship }) {
    const state = friendship === 'friends' ? this.of(userId) ?? 'offline' : null;
    const seen = this.presence.get(userId)?.lastSeenAt;
    const about = friendship === 'friends'
      ? [statusText, seen ? t('people.lastSeen', { time: shortTime(seen) }) : t(`presence.${state}`)].filter(Boolean).join(' · ')
      : t(`people.${friendship}`);
    const button = (name, text, work) => make('button', { type: 'button', class: 'quiet', text, data: { testid: name }, on: { click: work } });
    const buttons = make('span', { class: 'row' });
    if (friendship === 'friends') buttons.append(button('friend-message', t('people.message'), () => this.#message(userId)));
    if (friendship === 'incoming') buttons.append(button('friend-accept', t('people.accept'), () => this.#do(() => api.befriend(userId, uuidV7()))));
    buttons.append(button('friend-end', t(`people.end.${friendship}`), () => this.#do(() => api.unfriend(userId, uuidV7()))));
    buttons.append(button('friend-block', t('people.block'), async () => {
      if (await confirm(t('people.blockSure', { name: userName }), t('people.block'))) this.#do(() => api.block(userId, uuidV7()));
    }));
    return make(
      'li',
      { class: 'person', title: userId, data: { testid: 'friend', user: userId, friendship, presence: state ?? '' } },
      avatar(userId, userName, 'small'),
      make('span', { class: 'grow' }, make('span', { class: 'name' }, state && dot(state), userName), make('span', { class: 'about', text: about })),
      buttons,
    );
  }

  #block({ userId, userName }) {
    return make(
      'li',
      { class: 'person', title: userId, data: { testid: 'blocked', user: userId } },
      avatar(userId, userName, 'small'),
      make('span', { class: 'grow name', text: userName }),
      make('button', { type: 'button', class: 'quiet', text: t('people.unblock'), data: { testid: 'unblock' }, on: { click: () => this.#do(() => api.unblock(userId, uuidV7())) } }),
    );
  }

  async #befriend() {
    const field = byId('befriend-id');
    const user = field.value.trim().replace(/^@/, '');
    if (user && (await this.#do(() => api.befriend(user, uuidV7())))) field.value = '';
  }

  async #message(userId) {
    const answer = await attempt(() => api.createRoom({ kind: 'direct', members: [userId] }, uuidV7()));
    if (!answer) return;
    byId('people').close();
    this.handlers.open(answer.roomId);
  }

  async #showPresence(shown) {
    if (!(await this.#do(() => api.hidePresence(!shown, uuidV7())))) byId('show-presence').checked = !shown;
  }

  /** Sends a command and asks anew; whether it was taken. */
  async #do(command) {
    const done = (await attempt(async () => (await command()) ?? true)) !== undefined;
    if (done) await this.#load();
    return done;
  }
}

/** The dot that shows how somebody is to be found. */
export function dot(state) {
  return make('span', { class: 'dot', role: 'img', 'aria-label': t(`presence.${state}`), data: { presence: state } });
}
