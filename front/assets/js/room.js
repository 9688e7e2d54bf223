// The open room: loading it, what one does in it, and what the live feed tells of it.

import { api, Problem } from './api.js';
import { Composer } from './composer.js';
import { byId, debounced, setText } from './dom.js';
import { EmojiPicker } from './dialogs.js';
import { t } from './i18n.js';
import { uuidV7 } from './ids.js';
import { Members } from './members.js';
import { attempt, confirm, showBanner, showProblem } from './notices.js';
import { Timeline } from './timeline.js';

const PAGE = 50;
/** How long "is typing" stands after the last sign of it. */
const TYPING_MS = 6_000;
/** How long to wait before a room that could not be loaded is tried again. */
const RELOAD_MS = 2_000;
/** The most people whose typing is remembered. */
const TYPING_MAX = 20;

const picker = new EmojiPicker();

/** Which page of a room is opened: around `number`, else where one has read to if that is further back than a page; else the newest one. */
function where(room, number, again) {
  if (number) return { around: number };
  const unread = room.role === null || room.readNumber === 0 || again ? 0 : room.lastNumber - room.readNumber;
  return unread >= PAGE ? { around: room.readNumber + 1 } : {};
}

export class OpenRoom {
  /** `parts`: `{me, names, live, outbox, list, closed()}`. */
  constructor(parts) {
    Object.assign(this, parts);
    this.room = null;
    this.wanted = null;
    this.typing = new Map();
    this.members = new Members(this.me, this.names);
    this.timeline = new Timeline(this.me, this.names, {
      page: (where) => attempt(() => this.#page(this.wanted, where)),
      act: (kind, message, detail) => this.#act(kind, message, detail),
      pendingAct: (kind, key) => this.outbox[kind](key),
      seen: (number) => this.#seen(number),
    });
    this.composer = new Composer(this.names, {
      send: (text, replyTo) => this.#send(text, replyTo),
      edit: (message, text) => this.#command(() => api.edit(this.wanted, message.number, text, uuidV7())),
      typing: () => this.live.typing(this.wanted),
      people: () => this.#mentionable(),
      editLast: () => {
        const message = this.timeline.lastOwn();
        if (message) this.composer.edit(message);
      },
    });
    this.sendRead = debounced((room, number) => this.#sendRead(room, number), 400);
    this.refreshDetails = debounced(() => this.#refreshDetails(), 300);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    byId('leave-button').addEventListener('click', () => this.#leave(), { signal });
    byId('mute-button').addEventListener('click', () => this.#mute(), { signal });
    byId('join-button').addEventListener('click', () => this.join(this.wanted), { signal });
  }

  stop() {
    this.listeners.abort();
    this.close();
    this.timeline.stop();
    this.composer.stop();
    this.members.stop();
  }

  close() {
    this.wanted = null;
    this.room = null;
    clearTimeout(this.retry);
    clearInterval(this.typingTimer);
    byId('room').hidden = true;
    byId('nothing-open').hidden = false;
    this.timeline.clear();
    this.members.setRoom(null, false);
    showBanner('resync', null);
  }

  /** Opens `roomId`, or loads it anew where it is open already; at the message `number`, if there is one given. */
  async open(roomId, number = null) {
    clearTimeout(this.retry);
    const again = this.wanted === roomId;
    const at = again ? this.timeline.reading : null;
    this.wanted = roomId;
    if (!again) {
      this.typing.clear();
      this.#drawTyping();
      this.timeline.clear();
      this.room = null;
      this.composer.setRoom(roomId);
    }
    let room;
    let page;
    try {
      // The room's version first, then its messages: whatever changes in between comes again through the feed, which starts at
      // that version, and is an upsert.
      room = await api.room(roomId);
      page = await this.#page(roomId, where(room, number ?? at?.number, again));
    } catch (error) {
      if (this.wanted === roomId) this.#failed(roomId, error, number);
      return;
    }
    if (this.wanted !== roomId) return;
    const known = again && this.room;
    this.room = { ...room, readNumber: Math.max(room.readNumber, known ? this.room.readNumber : 0) };
    byId('room').hidden = false;
    byId('room').dataset.room = roomId;
    byId('room').dataset.version = room.version;
    byId('nothing-open').hidden = true;
    this.#drawDetails();
    const unreadFrom = !known && room.readNumber > 0 && room.readNumber < room.lastNumber ? room.readNumber + 1 : 0;
    this.timeline.show(page, { newest: room.lastNumber, unreadFrom, at, rights: this.#rights() });
    this.timeline.setPending(this.outbox.of(roomId));
    if (number) this.timeline.jump(number);
    this.live.follow(roomId, room.version);
    showBanner('resync', null);
    if (!again) this.composer.focus();
  }

  /** Goes to a message of the open room; opens the room first where that is another one. */
  goTo(roomId, number) {
    if (roomId === this.wanted && this.room) this.timeline.jump(number);
    else this.open(roomId, number);
  }

  /** The feed lost the thread in this room. */
  resync(roomId, reason) {
    if (roomId !== this.wanted) return;
    showBanner('resync', t('banner.resync'));
    if (reason === 'read-model-behind') this.#later(roomId);
    else this.open(roomId);
  }

  /** A frame that is in order. */
  frame(frame) {
    if (frame.room !== this.wanted || !this.room) return;
    if (frame.version) byId('room').dataset.version = frame.version;
    if (frame.type === 'message') {
      this.room.lastNumber = Math.max(this.room.lastNumber, frame.message.number);
      if (this.typing.delete(frame.message.author)) this.#drawTyping();
      const mine = frame.message.author === this.me;
      if (mine) this.#haveRead(frame.room, frame.message.number);
      this.timeline.upsert(frame.message);
      if (mine) this.pendingChanged(frame.room);
    } else if (frame.type === 'room') {
      Object.assign(this.room, frame.details);
      this.#drawDetails();
      this.timeline.redraw(this.#rights());
    } else if (frame.type === 'member') {
      const mine = frame.members.find((member) => member.userId === this.me);
      if (mine) this.room.role = mine.role;
      this.members.changed();
      this.refreshDetails();
    } else if (frame.type === 'typing' && frame.userId !== this.me) {
      if (this.typing.size < TYPING_MAX) this.typing.set(frame.userId, performance.now());
      this.#drawTyping();
    } else if (frame.type === 'read' && frame.userId === this.me) {
      this.room.readNumber = Math.max(this.room.readNumber, frame.number);
    }
  }

  /** The subscription was ended by the server. */
  refused(roomId, code) {
    if (roomId !== this.wanted) return;
    if (code === 'removed' || code === 'room-not-found') {
      showProblem(new Error(t('room.gone')));
      this.closed();
    } else {
      this.#later(roomId);
    }
  }

  pendingChanged(roomId) {
    if (roomId !== this.wanted || !this.room) return;
    // Our own message may arrive by the feed before its acknowledgement does: then it is shown once, as the message it became.
    const arrived = (item) => item.state !== 'refused' && this.#arrivedUnacknowledged(item);
    this.timeline.setPending(this.outbox.of(roomId).filter((item) => !arrived(item)));
  }

  /** The outbox learnt what number a message got. The feed brings it too, whichever is first. */
  acknowledged(item, answer) {
    this.#haveRead(item.room, answer.number);
    if (item.room !== this.wanted || !this.room || this.timeline.messages.has(answer.number)) return;
    if (answer.number <= this.room.lastNumber) return;
    this.timeline.upsert({
      roomId: item.room, number: answer.number, author: this.me, sentAt: answer.at, text: item.text, replyTo: item.replyTo, mentions: [], reactions: [],
      // Below the true version, so that the feed's frame, which knows the mentions, replaces it.
      version: 0,
    });
  }

  renamed(userId) {
    this.timeline.renamed(userId);
    this.#drawTyping();
    if (this.room?.kind === 'direct') this.#drawDetails();
  }

  redraw() {
    if (!this.room) return;
    this.#drawDetails();
    this.timeline.redraw();
    this.composer.redraw();
    this.#drawTyping();
  }

  /** Joins a public room. Answers whether that went well. */
  async join(roomId) {
    const joined = await attempt(() => api.addMember(roomId, 'me', uuidV7()));
    if (joined === undefined) return false;
    this.list.refresh();
    if (roomId === this.wanted) this.open(roomId);
    return true;
  }

  /** Who spoke last comes first: they are whom one answers. */
  #mentionable() {
    const { messages, numbers } = this.timeline;
    const spoke = new Map(numbers.map((number, index) => [messages.get(number).author, index]));
    const rank = (person) => spoke.get(person.userId) ?? -1;
    return this.members.mentionable().sort((one, other) => rank(other) - rank(one));
  }

  #rights() {
    const open = this.room.status === 'open';
    return { mayWrite: open && this.room.role !== null, mayModerate: open && (this.room.role === 'owner' || this.room.role === 'moderator') };
  }

  #drawDetails() {
    const { room } = this;
    setText(byId('room-name'), this.list.nameOf(room));
    const notes = [t(`kind.${room.kind}`), room.status === 'open' ? '' : t(`status.${room.status}`), room.topic];
    setText(byId('room-topic'), notes.filter(Boolean).join(' · '));
    const rights = this.#rights();
    byId('composer').hidden = !rights.mayWrite;
    byId('join-bar').hidden = room.role !== null || room.kind !== 'public' || room.status !== 'open';
    byId('leave-button').hidden = room.role === null || room.kind === 'direct';
    byId('mute-button').hidden = room.role === null;
    byId('mute-button').setAttribute('aria-pressed', String(room.muted));
    setText(byId('mute-button'), t(room.muted ? 'room.unmute' : 'room.mute'));
    byId('room').dataset.muted = room.muted;
    this.members.setRoom(room, rights.mayWrite && room.kind !== 'direct');
  }

  async #refreshDetails() {
    const roomId = this.wanted;
    if (!roomId) return;
    try {
      const room = await api.room(roomId);
      if (roomId !== this.wanted || !this.room) return;
      this.room = { ...room, readNumber: Math.max(room.readNumber, this.room.readNumber) };
      this.#drawDetails();
      this.timeline.redraw(this.#rights());
    } catch (error) {
      if (roomId === this.wanted && error instanceof Problem && error.status === 404) this.refused(roomId, 'removed');
    }
  }

  async #page(roomId, where) {
    return (await api.messages(roomId, where, PAGE)).items;
  }

  #failed(roomId, error, number) {
    if (error instanceof Problem && !error.mayPass) {
      showBanner('resync', null);
      showProblem(error.status === 404 ? new Error(t('room.gone')) : error);
      this.closed();
      return;
    }
    showBanner('resync', error.code === 'read-model-behind' ? t('banner.behind') : t('banner.resync'));
    this.#later(roomId, number);
  }

  #later(roomId, number) {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.wanted === roomId && this.open(roomId, number), RELOAD_MS);
  }

  #arrivedUnacknowledged(item) {
    const { timeline } = this;
    for (let index = timeline.numbers.length - 1; index >= 0 && index > timeline.numbers.length - 20; index -= 1) {
      const message = timeline.messages.get(timeline.numbers[index]);
      if (message.author !== this.me || message.text !== item.text.normalize('NFC') || (message.replyTo ?? null) !== item.replyTo) continue;
      // The same words said twice are two messages: only one that is younger than the item can be the item.
      if (message.number > (item.after ?? 0) && !this.outbox.items.some((other) => other !== item && other.became === message.number)) {
        item.became = message.number;
        return true;
      }
    }
    return false;
  }

  #send(text, replyTo) {
    if (this.outbox.full) {
      showProblem(new Error(t('composer.full')));
      return false;
    }
    this.timeline.stuck = true;
    this.outbox.add(this.wanted, text, replyTo, this.room?.lastNumber ?? 0);
    return true;
  }

  async #act(kind, message, detail) {
    const { number } = message;
    const room = this.wanted;
    if (kind === 'reply') this.composer.reply(message);
    else if (kind === 'edit') this.composer.edit(message);
    else if (kind === 'jump') this.timeline.jump(message.replyTo);
    else if (kind === 'pick') picker.ask(detail, (emoji) => this.#command(() => api.react(room, number, emoji, uuidV7())));
    else if (kind === 'react') this.#command(() => api.react(room, number, detail, uuidV7()));
    else if (kind === 'unreact') this.#command(() => api.unreact(room, number, detail, uuidV7()));
    else if (kind === 'delete' && (await confirm(t('messages.deleteSure'), t('messages.delete')))) this.#command(() => api.remove(room, number, uuidV7()));
  }

  // The feed shows what came of it.
  #command(work) {
    return attempt(work);
  }

  async #leave() {
    const room = this.wanted;
    if (!(await confirm(t('room.leaveSure', { name: this.list.nameOf(this.room) }), t('room.leave')))) return;
    if ((await attempt(() => api.leave(room, uuidV7()))) === undefined) return;
    this.live.unfollow(room);
    this.closed();
    this.list.refresh();
  }

  async #mute() {
    const { wanted, room } = this;
    const muted = !room.muted;
    if ((await attempt(() => api.mute(wanted, muted, uuidV7()))) === undefined) return;
    this.list.refresh();
    if (this.wanted !== wanted) return;
    this.room.muted = muted;
    this.#drawDetails();
  }

  #seen(number) {
    if (!this.room || this.room.role === null || number <= this.room.readNumber) return;
    this.#haveRead(this.wanted, number);
    this.sendRead(this.wanted, number);
  }

  /** What one sent oneself is read: the server knows that by itself, and nobody has to tell it. */
  #haveRead(roomId, number) {
    if (roomId === this.wanted && this.room) this.room.readNumber = Math.max(this.room.readNumber, number);
    this.list.read(roomId, number);
  }

  async #sendRead(room, number) {
    try {
      await api.markRead(room, number);
    } catch {
      // A read position that is lost shows a message as unread once more; the next one makes up for it.
      if (room === this.wanted && this.room) this.room.readNumber = Math.min(this.room.readNumber, number - 1);
    }
  }

  #drawTyping() {
    clearInterval(this.typingTimer);
    for (const [user, at] of this.typing) if (performance.now() - at > TYPING_MS) this.typing.delete(user);
    const [a, b] = [...this.typing.keys()].map((user) => this.names.of(user));
    const key = ['', 'typing.one', 'typing.two'][this.typing.size] ?? 'typing.many';
    setText(byId('typing'), key ? t(key, { a, b }) : '');
    if (this.typing.size > 0) this.typingTimer = setInterval(() => this.#drawTyping(), 1000);
  }
}
