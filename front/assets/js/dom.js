// Small helpers to build the page. Text always goes in as text: nothing here takes HTML.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. `properties`: `class`, `text`, `data` (data-* attributes), `on` (listeners by event name), and any other
 * name as an attribute; what is `null`, `undefined` or `false` is left out.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'text') element.textContent = value;
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets `text` only where it differs, so that a selection in the page survives a refresh. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A coloured disc with the first letter of `name`; the colour depends on `id` alone. */
export function avatar(id, name, extra = '') {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 8191;
  const first = new Intl.Segmenter().segment(name || id)[Symbol.iterator]().next().value;
  return make('span', { class: `avatar tone-${sum % 8} ${extra}`, 'aria-hidden': 'true', text: first ? first.segment : '?' });
}

/** Calls `work` once, `ms` after the last call. */
export function debounced(work, ms) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), ms);
  };
}
