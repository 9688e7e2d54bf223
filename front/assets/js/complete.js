// Completes a mention in the message box: `@` and the beginning of a name offers the people it may mean.

import { avatar, byId, make } from './dom.js';
import { t } from './i18n.js';

const OFFERED_MAX = 8;
/** The longest beginning that is looked up: user ids have at most 64 characters. */
const BEGINNING_MAX = 64;

/** What a person is found by: case and composition make no difference. */
const plain = (text) => text.normalize('NFKC').toLowerCase();

export class Completion {
  /** `people()` answers with who may be mentioned, `{userId, userName}` each, the likeliest first. */
  constructor(box, people, signal) {
    this.box = box;
    this.people = people;
    this.list = byId('mention-list');
    this.offered = [];
    this.chosen = 0;
    box.addEventListener('input', () => this.#look(), { signal });
    box.addEventListener('click', () => this.#look(), { signal });
    box.addEventListener('blur', () => this.close(), { signal });
    // The box keeps the focus while somebody picks with the mouse.
    this.list.addEventListener('mousedown', (event) => event.preventDefault(), { signal });
  }

  /** Takes a key of the message box. Answers whether it was meant for the list. */
  key(event) {
    if (this.list.hidden) return false;
    if (event.key === 'ArrowDown') this.#choose(this.chosen + 1);
    else if (event.key === 'ArrowUp') this.#choose(this.chosen - 1);
    else if ((event.key === 'Enter' && !event.shiftKey) || event.key === 'Tab') this.#take(this.offered[this.chosen]);
    else if (event.key === 'Escape') this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  close() {
    this.offered = [];
    this.list.hidden = true;
    this.list.replaceChildren();
    this.box.removeAttribute('aria-activedescendant');
  }

  /** The `@…` that the cursor stands in or behind, if there is one. */
  #beginning() {
    const end = this.box.selectionStart;
    if (end !== this.box.selectionEnd) return null;
    const found = /(?:^|[\s(["'])@([^\s@]*)$/u.exec(this.box.value.slice(Math.max(0, end - BEGINNING_MAX - 2), end));
    return found && { start: end - found[1].length - 1, end, text: plain(found[1]) };
  }

  #look() {
    const beginning = this.#beginning();
    if (!beginning) {
      this.close();
      return;
    }
    const starts = (person) => plain(person.userId).startsWith(beginning.text) || plain(person.userName).startsWith(beginning.text);
    this.offered = this.people().filter(starts).slice(0, OFFERED_MAX);
    if (this.offered.length === 0) {
      this.close();
      return;
    }
    this.list.replaceChildren(...this.offered.map((person, index) => this.#item(person, index)));
    this.list.hidden = false;
    this.#choose(0);
  }

  #item(person, index) {
    const name = person.userName === person.userId ? person.userId : `${person.userName} (${person.userId})`;
    return make(
      'li',
      { id: `mention-${index}`, role: 'option', data: { testid: 'mention-option', user: person.userId }, on: { click: () => this.#take(person) } },
      avatar(person.userId, person.userName, 'small'),
      make('span', { text: name }),
    );
  }

  #choose(index) {
    const count = this.offered.length;
    this.chosen = (index + count) % count;
    [...this.list.children].forEach((item, each) => item.setAttribute('aria-selected', String(each === this.chosen)));
    this.list.children[this.chosen].scrollIntoView({ block: 'nearest' });
    this.box.setAttribute('aria-activedescendant', `mention-${this.chosen}`);
    this.list.setAttribute('aria-label', t('composer.mentions', { count }));
  }

  #take(person) {
    const beginning = this.#beginning();
    this.close();
    if (!beginning) return;
    const { box } = this;
    const follows = /^\s/u.test(box.value.slice(beginning.end)) ? '' : ' ';
    box.setRangeText(`@${person.userId}${follows}`, beginning.start, beginning.end, 'end');
    box.focus();
  }
}
