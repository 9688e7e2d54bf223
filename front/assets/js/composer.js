// The message box: new messages, replies and edits; Enter sends, Shift+Enter breaks the line.

import { Completion } from './complete.js';
import { byId, setText } from './dom.js';
import { t } from './i18n.js';
import { shortened } from './row.js';

export class Composer {
  /** `handlers`: `send(text, replyTo)`, `edit(message, text)`, `typing()`, `editLast()`, `people()` who may be mentioned. */
  constructor(names, handlers) {
    this.names = names;
    this.handlers = handlers;
    this.drafts = new Map(); // room → unfinished text
    this.room = null;
    this.context = null; // { kind: 'reply' | 'edit', message }
    this.box = byId('message-box');
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.completion = new Completion(this.box, () => this.handlers.people(), signal);
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    }, { signal });
    this.box.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.box.addEventListener('input', () => this.box.value && this.context?.kind !== 'edit' && this.handlers.typing(), { signal });
    byId('composer-cancel').addEventListener('click', () => this.cancel(), { signal });
  }

  stop() {
    this.listeners.abort();
    this.completion.close();
    this.box.value = '';
    this.#setContext(null);
  }

  setRoom(room) {
    if (this.room === room) return;
    if (this.context?.kind === 'edit') this.cancel();
    if (this.room) this.drafts.set(this.room, this.box.value);
    this.room = room;
    this.completion.close();
    this.#setContext(null);
    this.box.value = this.drafts.get(room) ?? '';
  }

  focus() {
    // On a phone the keyboard would cover the room that was just opened.
    if (matchMedia('(hover: hover)').matches) this.box.focus();
  }

  reply(message) {
    if (this.context?.kind === 'edit') this.cancel();
    this.#setContext({ kind: 'reply', message });
    this.box.focus();
  }

  edit(message) {
    if (this.context?.kind !== 'edit') this.unfinished = this.box.value;
    this.#setContext({ kind: 'edit', message });
    this.box.value = message.text;
    this.box.focus();
    this.box.setSelectionRange(message.text.length, message.text.length);
  }

  cancel() {
    if (this.context?.kind === 'edit') this.box.value = this.unfinished ?? '';
    this.#setContext(null);
    this.box.focus();
  }

  redraw() {
    this.#setContext(this.context);
  }

  #setContext(context) {
    this.context = context;
    byId('composer-context').hidden = !context;
    byId('composer-context').dataset.kind = context?.kind ?? '';
    setText(byId('send-button'), t(context?.kind === 'edit' ? 'composer.save' : 'composer.send'));
    if (!context) return;
    const { kind, message } = context;
    setText(byId('composer-context-text'), t(`composer.${kind}`, { name: this.names.of(message.author), text: shortened(message.text ?? '') }));
  }

  #submit() {
    const text = this.box.value.replace(/\s+$/u, '');
    if (!text.trim() || !this.room) return;
    if (this.context?.kind === 'edit') {
      const { message } = this.context;
      this.cancel();
      if (text !== message.text) this.handlers.edit(message, text);
      return;
    }
    if (!this.handlers.send(text, this.context?.message.number)) return;
    this.box.value = '';
    this.#setContext(null);
    this.box.focus();
  }

  #key(event) {
    // An input method that is still composing (Hangul, for one) uses Enter itself.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.completion.key(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape' && this.context) {
      this.cancel();
    } else if (event.key === 'ArrowUp' && this.box.value === '' && !this.context) {
      event.preventDefault();
      this.handlers.editLast();
    }
  }
}
