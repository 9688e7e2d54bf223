// Keeps what a person reads where it is on the screen, while rows above it come, go or change their height.

export class Place {
  /** `numbers()`: the numbers of the rows in order; `rowOf(number)`: the row. */
  constructor(scroller, numbers, rowOf) {
    this.scroller = scroller;
    this.numbers = numbers;
    this.rowOf = rowOf;
  }

  /** The first message that is on the screen, and how far below its upper edge: `{number, offset}`, or null where there is none. */
  now() {
    const numbers = this.numbers();
    if (numbers.length === 0) return null;
    const top = this.scroller.getBoundingClientRect().top;
    let [low, high] = [0, numbers.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#box(numbers[middle]).bottom > top) high = middle;
      else low = middle + 1;
    }
    return { number: numbers[low], offset: this.#box(numbers[low]).top - top };
  }

  /** Scrolls so that the message of `place` is where it was. Answers whether it is there at all. */
  hold(place) {
    if (!place || !this.rowOf(place.number)) return false;
    const away = this.#box(place.number).top - this.scroller.getBoundingClientRect().top - place.offset;
    if (Math.abs(away) >= 1) this.scroller.scrollTop += away;
    return true;
  }

  /** Runs `work`, which may change any row. */
  keep(work) {
    const place = this.now();
    work();
    this.hold(place);
  }

  // Of the message alone: the line of the day above it may go when there is an earlier message of that day.
  #box(number) {
    return this.rowOf(number).querySelector('.message').getBoundingClientRect();
  }
}
