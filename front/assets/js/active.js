// One message at a time is active: the arrow keys move it, Tab reaches its buttons, and a tap shows them on a phone.

import { byId } from './dom.js';

export class Active {
  /** `numbers()`: the numbers of the rows in order; `rowOf(number)`: the row. */
  constructor(list, scroller, numbers, rowOf, signal) {
    this.list = list;
    this.scroller = scroller;
    this.numbers = numbers;
    this.rowOf = rowOf;
    scroller.addEventListener('keydown', (event) => this.#key(event), { signal });
    list.addEventListener('click', (event) => this.#click(event), { signal });
  }

  /** Makes the message of `row` the active one; none for null. */
  set(row) {
    for (const other of this.list.querySelectorAll('.message.active')) {
      other.classList.remove('active');
      for (const button of other.querySelectorAll('button')) button.tabIndex = -1;
    }
    const article = row?.querySelector('.message');
    if (!article) return;
    article.classList.add('active');
    for (const button of article.querySelectorAll('button')) button.tabIndex = 0;
  }

  /** Puts `row` in the place of `old`, and leaves the focus where it was. */
  replace(old, row) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const { classList } = old.querySelector('.message');
    old.replaceWith(row);
    if (classList.contains('active')) this.set(row);
    if (classList.contains('flash')) row.querySelector('.message').classList.add('flash');
    if (focused?.matches('.message')) row.querySelector('.message').focus({ preventScroll: true });
    else if (focused) row.querySelector(`[data-testid="${focused.dataset.testid}"]`)?.focus({ preventScroll: true });
  }

  #click(event) {
    if (event.target.closest('button, a') || getSelection().toString() !== '') return;
    const row = event.target.closest('li[data-number]');
    if (row) this.set(row.querySelector('.active') ? null : row);
  }

  #key(event) {
    if (event.key === 'Escape') {
      this.set(null);
      byId('message-box').focus();
      return;
    }
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const numbers = this.numbers();
    if (!step || event.altKey || event.ctrlKey || event.metaKey || numbers.length === 0) return;
    const current = Number(this.list.querySelector('.message.active')?.closest('li')?.dataset.number);
    let index = numbers.indexOf(current);
    index = index === -1 ? numbers.length - 1 : Math.min(Math.max(index + step, 0), numbers.length - 1);
    const row = this.rowOf(numbers[index]);
    event.preventDefault();
    this.set(row);
    row.querySelector('.message').focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
    if (index === 0) this.scroller.scrollTop = 0;
  }
}
