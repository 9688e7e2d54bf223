// One message as a list item.

import { describe } from './api.js';
import { avatar, make } from './dom.js';
import { clockTime, dayName, fullTime, t } from './i18n.js';
import { appendText } from './text.js';

/** How much of a message a quote shows. */
const QUOTE_CHARACTERS = 140;

/**
 * The list item of `message`. `view`: `{me, names, find(number), joined, newDay, firstUnread, mayWrite, mayModerate}`;
 * `on(kind, message, detail)` takes what a person does with it: reply, react, edit, delete, jump.
 */
export function messageItem(message, view, on) {
  const deleted = message.text === null;
  const mentionsMe = !deleted && message.mentions.includes(view.me);
  const body = make('div', { class: 'body' }, head(message, view), quote(message, view, on), text(message, view), reactions(message, view, on));
  const article = make(
    'article',
    { class: ['message', view.joined && 'joined', mentionsMe && 'mine-mentioned'].filter(Boolean).join(' '), tabindex: '-1' },
    avatar(message.author, view.names.of(message.author)),
    make('span', { class: 'side-time', text: clockTime(message.sentAt), 'aria-hidden': 'true' }),
    body,
    deleted || !view.mayWrite ? null : tools(message, view, on),
  );
  return make(
    'li',
    {
      data: {
        testid: 'message', number: message.number, version: message.version, author: message.author, state: deleted ? 'deleted' : 'sent',
      },
    },
    view.newDay ? make('div', { class: 'day', text: dayName(message.sentAt) }) : null,
    view.firstUnread ? make('div', { class: 'unread-line', text: t('messages.unread') }) : null,
    article,
  );
}

/** The list item of a message that is not yet acknowledged. `on(kind, key)`: again, discard. */
export function pendingItem(item, view, on) {
  const words = make('div', { class: 'text', data: { testid: 'text' }, text: item.text });
  const state = make('div', { class: 'state' });
  const button = (kind, testid, label) =>
    make('button', { type: 'button', data: { testid }, text: t(label), on: { click: () => on(kind, item.key) } });
  if (item.state === 'refused') {
    const { title, detail } = describe(item.problem);
    state.append(make('span', { text: detail ? `${title} — ${detail}` : title }), button('again', 'try-again', 'pending.again'), button('discard', 'discard', 'pending.discard'));
  } else {
    state.append(t(item.state === 'waiting' ? 'pending.waiting' : 'pending.sending'));
  }
  const message = { author: view.me, sentAt: item.at };
  const body = make('div', { class: 'body' }, head(message, view), words, state);
  return make(
    'li',
    { class: 'pending', data: { testid: 'pending', key: item.key, state: item.state } },
    make('article', { class: 'message' }, avatar(view.me, view.names.of(view.me)), body),
  );
}

function head(message, view) {
  return make(
    'div',
    { class: 'head' },
    make('span', { class: 'author', text: view.names.of(message.author), title: message.author }),
    make('time', { datetime: message.sentAt, title: fullTime(message.sentAt), text: clockTime(message.sentAt) }),
  );
}

function quote(message, view, on) {
  if (!message.replyTo) return null;
  const original = view.find(message.replyTo);
  let words = t('messages.replyFar', { number: message.replyTo });
  if (original) words = `${view.names.of(original.author)}: ${shortened(original.text ?? t('messages.deleted'))}`;
  return make('button', {
    type: 'button', class: 'quote', tabindex: '-1', text: words, title: t('messages.replyTo', { number: message.replyTo }),
    data: { testid: 'quote', to: message.replyTo }, on: { click: () => on('jump', message) },
  });
}

function text(message, view) {
  const words = make('div', { class: 'text', data: { testid: 'text' } });
  if (message.text === null) words.textContent = t('messages.deleted');
  else appendText(words, message.text, message.mentions, view.me);
  if (message.editedAt && message.text !== null) words.append(make('span', { class: 'edited', text: t('messages.edited'), title: fullTime(message.editedAt) }));
  return words;
}

function reactions(message, view, on) {
  const list = make('div', { class: 'reactions' });
  if (message.text === null) return list;
  for (const { emoji, count, mine } of message.reactions) {
    list.append(make('button', {
      type: 'button', class: 'reaction', tabindex: '-1', disabled: !view.mayWrite, 'aria-pressed': String(mine), text: `${emoji} ${count}`,
      data: { testid: 'reaction', emoji, count }, on: { click: () => on(mine ? 'unreact' : 'react', message, emoji) },
    }));
  }
  return list;
}

function tools(message, view, on) {
  const mine = message.author === view.me;
  const tool = (kind, label, sign) =>
    make('button', {
      type: 'button', tabindex: '-1', text: sign, title: t(label), 'aria-label': t(label), data: { testid: kind },
      on: { click: (event) => on(kind === 'react' ? 'pick' : kind, message, event.currentTarget) },
    });
  return make(
    'div',
    { class: 'tools' },
    tool('react', 'messages.react', '🙂'),
    tool('reply', 'messages.reply', '↩'),
    mine ? tool('edit', 'messages.edit', '✎') : null,
    mine || view.mayModerate ? tool('delete', 'messages.delete', '🗑') : null,
  );
}

/** The beginning of a text, on one line. */
export function shortened(text) {
  const line = text.replace(/\s+/g, ' ').trim();
  const letters = Array.from(line);
  return letters.length > QUOTE_CHARACTERS ? `${letters.slice(0, QUOTE_CHARACTERS).join('')}…` : line;
}
