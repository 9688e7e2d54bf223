// A message's text as nodes: links and mentions are marked, everything else stays text.

import { make } from './dom.js';

const LINK = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g;
const WORD = /[\p{L}\p{N}_]/u;

/** Appends `text` to `parent`; `mentions` are the user ids that the server found in it, `me` is the reader's own. */
export function appendText(parent, text, mentions, me) {
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    appendMentions(parent, text.slice(end, found.index), mentions, me);
    parent.append(make('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer nofollow', text: found[0] }));
    end = found.index + found[0].length;
  }
  appendMentions(parent, text.slice(end), mentions, me);
}

function appendMentions(parent, text, mentions, me) {
  let plain = 0;
  for (let at = text.indexOf('@'); at !== -1 && mentions.length > 0; at = text.indexOf('@', at + 1)) {
    const id = mentionAt(text, at + 1, mentions);
    if (!id) continue;
    parent.append(text.slice(plain, at));
    plain = at + 1 + id.length;
    parent.append(make('span', { class: id === me ? 'mention-name me' : 'mention-name', text: text.slice(at, plain) }));
  }
  parent.append(text.slice(plain));
}

/** The longest of `mentions` that stands in `text` at `from`, whatever its case, and is not just the start of a longer word. */
function mentionAt(text, from, mentions) {
  let best = null;
  for (const id of mentions) {
    const there = text.slice(from, from + id.length);
    if (there.toLowerCase() !== id) continue;
    // Latin ids end with the word; a Hangul particle may follow an id directly (`@길동님`), so other letters do not count.
    const next = text.charAt(from + id.length);
    if (/[a-z0-9]$/.test(id) && /[A-Za-z0-9_]/.test(next)) continue;
    if (!WORD.test(id) && WORD.test(next)) continue;
    if (!best || id.length > best.length) best = id;
  }
  return best;
}
