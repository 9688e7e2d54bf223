// The dialogs: a new room, the public directory, and the emoji picker.

import { api, describe } from './api.js';
import { avatar, byId, debounced, make, setText } from './dom.js';
import { memberCount, t } from './i18n.js';
import { uuidV7 } from './ids.js';
import { attempt } from './notices.js';

const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👏', '🔥', '👀', '✅', '❌', '🙂', '🤔', '💯', '🚀', '☕', '🇰🇷'];

for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => byId(button.dataset.close).close());

/** The dialog for a new room; `open(room)` is called with its id. */
export class NewRoom {
  constructor(open) {
    this.open = open;
    const form = byId('new-room-form');
    byId('new-room-button').addEventListener('click', () => this.#show());
    form.addEventListener('change', () => this.#kindChosen());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#create();
    });
  }

  #show() {
    byId('new-room-form').reset();
    byId('new-room-problem').hidden = true;
    // One key for one filled-in form: pressing the button twice, or again after a lost answer, makes one room.
    this.key = uuidV7();
    this.asked = null;
    this.#kindChosen();
    byId('new-room').showModal();
    byId('new-room-name').focus();
  }

  #kind() {
    return byId('new-room-form').elements.kind.value;
  }

  #kindChosen() {
    const direct = this.#kind() === 'direct';
    for (const part of document.querySelectorAll('#new-room [data-for]')) part.hidden = (part.dataset.for === 'direct') !== direct;
  }

  #body() {
    const kind = this.#kind();
    const ids = (field) => byId(field).value.split(/[\s,]+/).map((id) => id.replace(/^@/, '')).filter(Boolean);
    if (kind === 'direct') return { kind, members: ids('new-room-person') };
    const topic = byId('new-room-topic').value.trim();
    return { kind, name: byId('new-room-name').value.trim(), ...(topic ? { topic } : {}), members: ids('new-room-members') };
  }

  async #create() {
    const body = this.#body();
    const asked = JSON.stringify(body);
    if (this.asked !== null && this.asked !== asked) this.key = uuidV7();
    this.asked = asked;
    const button = byId('create-room-button');
    button.disabled = true;
    try {
      const answer = await api.createRoom(body, this.key);
      byId('new-room').close();
      this.open(answer.roomId);
    } catch (error) {
      const { title, detail } = describe(error);
      setText(byId('new-room-problem'), detail ? `${title}\n${detail}` : title);
      byId('new-room-problem').hidden = false;
    }
    button.disabled = false;
  }
}

/** The public directory; `join(room)` joins, `open(room)` opens. */
export class Directory {
  constructor(handlers) {
    this.handlers = handlers;
    byId('directory-button').addEventListener('click', () => {
      byId('directory-filter').value = '';
      byId('directory-list').replaceChildren();
      byId('directory').showModal();
      this.#load();
    });
    byId('directory-filter').addEventListener('input', debounced(() => this.#load(), 250));
    byId('directory-more').addEventListener('click', () => this.#load(this.next));
  }

  async #load(cursor) {
    const prefix = byId('directory-filter').value.trim();
    this.asked = prefix;
    const page = await attempt(() => api.publicRooms(prefix, cursor));
    if (!page || this.asked !== prefix) return;
    this.next = page.next;
    const items = page.items.map((room) => this.#item(room));
    const list = byId('directory-list');
    if (cursor) list.append(...items);
    else list.replaceChildren(...items);
    byId('directory-more').hidden = !page.next;
    setText(byId('directory-state'), list.childElementCount === 0 ? t('directory.none') : '');
  }

  #item(room) {
    const isMember = room.role !== null;
    const button = make('button', {
      type: 'button', class: isMember ? '' : 'primary', text: t(isMember ? 'directory.open' : 'directory.join'), data: { testid: 'join' },
      on: {
        click: async () => {
          button.disabled = true;
          if (isMember || (await this.handlers.join(room.roomId))) {
            byId('directory').close();
            this.handlers.open(room.roomId);
          }
          button.disabled = false;
        },
      },
    });
    const about = [memberCount(room.memberCount), room.topic].filter(Boolean).join(' · ');
    return make(
      'li',
      { class: 'public-room', data: { testid: 'public-room', room: room.roomId } },
      avatar(room.roomId, room.name ?? '', 'square'),
      make('div', { class: 'grow' }, make('div', { class: 'name', text: room.name ?? '' }), make('div', { class: 'about', text: about })),
      button,
    );
  }
}

/** The emoji picker: opens beside a button and tells the choice. */
export class EmojiPicker {
  constructor() {
    this.popover = byId('emoji-picker');
    const choose = (emoji) => {
      this.popover.hidePopover();
      this.chosen?.(emoji);
    };
    byId('emoji-choices').append(
      ...EMOJI.map((emoji) => make('button', { type: 'button', text: emoji, 'aria-label': emoji, data: { testid: 'emoji', emoji }, on: { click: () => choose(emoji) } })),
    );
    byId('emoji-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const emoji = byId('emoji-other').value.trim();
      byId('emoji-other').value = '';
      if (emoji) choose(emoji);
    });
  }

  /** Opens beside `button`; `chosen(emoji)` is called at most once. */
  ask(button, chosen) {
    this.chosen = chosen;
    this.popover.showPopover();
    const at = button.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.popover;
    this.popover.style.left = `${Math.max(8, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    this.popover.style.top = `${at.bottom + offsetHeight + 8 > innerHeight ? Math.max(8, at.top - offsetHeight - 4) : at.bottom + 4}px`;
    byId('emoji-choices').firstElementChild.focus();
  }
}
