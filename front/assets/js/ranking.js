// What is counted most: as bars, and as a cloud of words.

import { byId, make } from './dom.js';
import { currentLanguage } from './i18n.js';

/** From the smallest to the largest word of a cloud, in rem. */
const SIZES_REM = [0.85, 2.6];

/** Lists `items`, `[{key, count}]`, as bars. `nameOf(key)` names one; `pressed(key)`, if given, is called when one is pressed. */
export function showBars(id, items, nameOf, pressed = null) {
  const most = Math.max(1, ...items.map(({ count }) => count));
  byId(id).replaceChildren(...items.map(({ key, count }) => {
    const bar = make('span', { class: 'bar-fill', 'aria-hidden': 'true' });
    bar.style.width = `${(count / most) * 100}%`;
    const name = pressed
      ? make('button', { type: 'button', class: 'bar-name', text: nameOf(key), on: { click: () => pressed(key) } })
      : make('span', { class: 'bar-name', text: nameOf(key) });
    return make('li', { data: { testid: 'bar', key, count } }, bar, name, make('span', { class: 'bar-count', text: count.toLocaleString(currentLanguage()) }));
  }));
}

/** Shows `items`, `[{key, count}]`, the commonest first, as a cloud: the larger the commoner. */
export function showCloud(id, items, pressed) {
  const roots = items.map(({ count }) => Math.sqrt(count));
  const [least, most] = [Math.min(...roots), Math.max(...roots)];
  const [small, large] = SIZES_REM;
  const words = items.map(({ key, count }, index) => {
    const word = make('button', { type: 'button', class: `tone-text-${index % 8}`, text: key, title: count.toLocaleString(currentLanguage()), data: { testid: 'cloud-word', word: key, count }, on: { click: () => pressed(key) } });
    word.style.fontSize = `${small + (large - small) * (most > least ? (roots[index] - least) / (most - least) : 0.5)}rem`;
    return make('li', {}, word);
  });
  // The commonest stand in the middle.
  const mixed = [];
  words.forEach((word, index) => (index % 2 ? mixed.push(word) : mixed.unshift(word)));
  byId(id).replaceChildren(...mixed);
}
