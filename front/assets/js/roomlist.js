// The rooms one is in: name, last message, what is unread. The list is asked for again every few seconds while the page is
// visible, which also brings rooms one was added to; between, the live feed keeps it current.

import { api } from './api.js';
import { avatar, byId, make } from './dom.js';
import { shortTime, t } from './i18n.js';
import { dot } from './people.js';
import { shortened } from './row.js';

const POLL_MS = 5_000;
/** Rooms in the list before "Show more", and by how many it grows. */
const ROOMS_STEP = 50;
const ROOMS_MAX = 200;
/** The most rooms that the live feed is asked to follow beside the open one. */
export const FOLLOWED_MAX = 40;

export class RoomList {
  /** `handlers`: `open(room)`, `listed(rooms)` after each answer, `failed(error)`. */
  constructor(me, names, handlers) {
    this.me = me;
    this.names = names;
    this.handlers = handlers;
    this.rooms = [];
    this.limit = ROOMS_STEP;
    this.openRoom = null;
    this.presenceOf = () => null; // how the other person of a direct room is to be found
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    const now = () => document.hidden || this.refresh();
    addEventListener('focus', now, { signal });
    document.addEventListener('visibilitychange', now, { signal });
    byId('rooms-more').addEventListener('click', () => {
      this.limit = Math.min(this.limit + ROOMS_STEP, ROOMS_MAX);
      this.refresh();
    }, { signal });
    this.timer = setInterval(now, POLL_MS);
  }

  stop() {
    this.listeners.abort();
    clearInterval(this.timer);
    this.stopped = true;
    byId('room-list').replaceChildren();
  }

  find(room) {
    return this.rooms.find((each) => each.roomId === room);
  }

  /** Asks again. While a question is under way, at most one more is remembered. */
  refresh() {
    if (this.asking) {
      this.askAgain = true;
      return this.asking;
    }
    this.asking = this.#load().finally(() => {
      this.asking = null;
      if (this.askAgain && !this.stopped) {
        this.askAgain = false;
        this.refresh();
      }
    });
    return this.asking;
  }

  /** The name to show for a room: for a direct one, the other person's. */
  nameOf(room) {
    if (room.name) return room.name;
    const other = room.directWith ?? this.find(room.roomId)?.directWith;
    return other ? this.names.of(other) : t('kind.direct');
  }

  /** A message came, or changed, in a room of the list. */
  heard(roomId, message, version) {
    const room = this.find(roomId);
    if (!room) return;
    room.version = Math.max(room.version, version);
    if (message.author === this.me) room.readNumber = Math.max(room.readNumber, message.number); // sending reads
    if (message.number > room.lastNumber) {
      room.lastNumber = message.number;
      room.lastActivityAt = message.sentAt;
      if (message.author !== this.me && message.text !== null && message.mentions.includes(this.me)) room.unreadMentions += 1;
    }
    if (!room.lastMessage || message.number >= room.lastMessage.number) room.lastMessage = message;
    room.unread = Math.max(0, room.lastNumber - room.readNumber);
    if (room.unread === 0) room.unreadMentions = 0;
    this.rooms.sort((one, other) => other.lastActivityAt.localeCompare(one.lastActivityAt));
    this.draw();
  }

  /** One has read up to `number`, here or in another window. */
  read(roomId, number) {
    const room = this.find(roomId);
    if (!room || number <= room.readNumber) return;
    room.readNumber = number;
    room.unread = Math.max(0, room.lastNumber - number);
    if (room.unread === 0) room.unreadMentions = 0;
    this.draw();
  }

  /** What is known of a room is not to be trusted any more: the next answer replaces it, whatever its version. */
  forget(roomId) {
    const room = this.find(roomId);
    if (room) room.version = 0;
    this.refresh();
  }

  setOpen(room) {
    this.openRoom = room;
    this.draw();
  }

  draw() {
    const list = byId('room-list');
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.room : null;
    list.replaceChildren(...this.rooms.map((room) => make('li', {}, this.#item(room))));
    if (focused) list.querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
    byId('rooms-empty').hidden = this.rooms.length > 0 || !this.loaded;
    byId('rooms-more').hidden = !this.more || this.limit >= ROOMS_MAX;
    const unread = this.rooms.filter((room) => room.unread > 0 && !room.muted).length;
    document.title = unread > 0 ? `(${unread}) Sarangbang` : 'Sarangbang';
  }

  async #load() {
    let page;
    try {
      page = await api.myRooms(this.limit);
    } catch (error) {
      this.handlers.failed(error);
      return;
    }
    if (this.stopped) return;
    this.loaded = true;
    this.more = page.next !== null && page.next !== undefined;
    const before = new Map(this.rooms.map((room) => [room.roomId, room]));
    // The answer may be older than what the live feed already told.
    this.rooms = page.items.map((room) => {
      const known = before.get(room.roomId);
      const chosen = known && known.version > room.version ? { ...known } : room;
      chosen.readNumber = Math.max(chosen.readNumber, known?.readNumber ?? 0);
      chosen.unread = Math.max(0, chosen.lastNumber - chosen.readNumber);
      return chosen;
    });
    this.draw();
    this.handlers.listed(this.rooms);
  }

  #item(room) {
    const name = this.nameOf(room);
    const badges = make('span', { class: 'badges' });
    if (room.unreadMentions > 0) {
      badges.append(make('span', { class: room.muted ? 'badge muted' : 'badge mention', text: `@${room.unreadMentions}`, 'aria-label': t('rooms.mentions', { count: room.unreadMentions }) }));
    }
    if (room.unread > 0) {
      badges.append(make('span', { class: room.muted ? 'badge muted' : 'badge', text: room.unread > 999 ? '999+' : room.unread, 'aria-label': t('rooms.unread', { count: room.unread }) }));
    }
    const presence = room.directWith ? this.presenceOf(room.directWith) : null;
    const last = room.lastMessage;
    const said = last ? `${this.names.of(last.author)}: ${last.text === null ? t('messages.deleted') : shortened(last.text)}` : t('rooms.quiet');
    return make(
      'button',
      {
        type: 'button', class: 'room-item', 'aria-current': room.roomId === this.openRoom ? 'true' : null,
        data: { testid: 'room', room: room.roomId, kind: room.kind, unread: room.unread, mentions: room.unreadMentions, muted: room.muted, presence: presence ?? '' },
        on: { click: () => this.handlers.open(room.roomId) },
      },
      avatar(room.directWith ?? room.roomId, name, room.kind === 'direct' ? '' : 'square'),
      make('span', { class: 'grow' }, make('span', { class: 'name' }, presence && dot(presence), name), make('span', { class: 'last', text: said })),
      make('span', { class: 'side' }, make('span', { text: shortTime(room.lastActivityAt) }), badges),
    );
  }
}
