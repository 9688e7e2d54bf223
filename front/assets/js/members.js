// Who is in the open room (also for completing mentions), and adding somebody.

import { api } from './api.js';
import { avatar, byId, debounced, make, setText } from './dom.js';
import { memberCount, t } from './i18n.js';
import { uuidV7 } from './ids.js';
import { attempt } from './notices.js';

export class Members {
  constructor(me, names) {
    this.me = me;
    this.names = names;
    this.room = null;
    this.shown = () => {}; // called before the panel is shown
    this.known = []; // the members of the room, as far as they were asked for
    this.changed = debounced(() => this.#load(), 300);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    byId('members-button').addEventListener('click', () => this.#show(!this.#visible()), { signal });
    byId('members-close').addEventListener('click', () => {
      this.#show(false);
      byId('members-button').focus();
    }, { signal });
    byId('members-more').addEventListener('click', () => this.#load(this.next), { signal });
    byId('add-member').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#add();
    }, { signal });
  }

  stop() {
    this.listeners.abort();
    this.#show(false);
    this.room = null;
  }

  /** Another room is open, or the rights in it changed. */
  setRoom(room, mayAdd) {
    const same = this.room === room?.roomId;
    this.room = room?.roomId ?? null;
    byId('add-member').hidden = !mayAdd;
    if (room) setText(byId('members-button'), memberCount(room.memberCount));
    if (!room) this.#show(false);
    if (same) return;
    this.known = [];
    byId('member-list').replaceChildren();
    this.#load();
  }

  /** Who may be mentioned: those of the room who are known, the reader excepted. */
  mentionable() {
    const others = this.known.filter((member) => member.userId !== this.me);
    return others.map((member) => ({ userId: member.userId, userName: member.userName || member.userId }));
  }

  hide() {
    this.#show(false);
  }

  #visible() {
    return !byId('members-panel').hidden;
  }

  #show(visible) {
    if (visible) this.shown();
    byId('members-panel').hidden = !visible;
    byId('members-button').setAttribute('aria-expanded', String(visible));
    if (visible && this.known.length === 0) this.#load();
  }

  async #load(cursor) {
    const room = this.room;
    if (!room) return;
    const page = await attempt(() => api.members(room, cursor));
    if (!page || room !== this.room) return;
    this.next = page.next;
    for (const member of page.items) this.names.learn(member.userId, member.userName);
    this.known = cursor ? [...this.known, ...page.items] : page.items;
    const items = page.items.map((member) => this.#item(member));
    const list = byId('member-list');
    if (cursor) list.append(...items);
    else list.replaceChildren(...items);
    byId('members-more').hidden = !page.next;
  }

  #item(member) {
    const name = member.userName || member.userId;
    return make(
      'li',
      { class: 'member', title: member.userId, data: { testid: 'member', user: member.userId, role: member.role ?? '' } },
      avatar(member.userId, name, 'small'),
      make('span', { class: 'who', text: name === member.userId ? name : `${name} (${member.userId})` }),
      make('span', { class: 'role', text: t(`role.${member.role}`) }),
    );
  }

  async #add() {
    const field = byId('add-member-id');
    const user = field.value.trim().replace(/^@/, '');
    const room = this.room;
    if (!user || !room) return;
    const added = await attempt(() => api.addMember(room, user, uuidV7()));
    if (added === undefined) return;
    field.value = '';
    this.#load();
  }
}
