// Languages, and how times are written. The strings are in `strings.js`, and those of a page in a file of its own that adds them.

import { STRINGS } from './strings.js';

let language = localStorage.getItem('sarangbang.language') ?? (navigator.language.startsWith('ko') ? 'ko' : 'en');

/** `en` or `ko`. */
export const currentLanguage = () => language;

/** Switches, and remembers it on this machine. */
export function setLanguage(next) {
  language = next;
  localStorage.setItem('sarangbang.language', next);
}

/** Adds the strings of a page. */
export const addStrings = (strings) => Object.assign(STRINGS, strings);

/** The string `key` in the current language. */
export function t(key, values = {}) {
  const pair = STRINGS[key];
  if (!pair) return key;
  return pair[language === 'ko' ? 1 : 0].replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** "5 members". */
export const memberCount = (count) => (count === 1 ? t('members.one') : t('members.button', { count: count.toLocaleString(language) }));

/** Writes the strings into every element that names one. */
export function translatePage(root = document) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll('[data-i18n]')) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll('[data-i18n-placeholder]')) element.placeholder = t(element.dataset.i18nPlaceholder);
  for (const element of root.querySelectorAll('[data-i18n-title]')) element.title = t(element.dataset.i18nTitle);
  for (const element of root.querySelectorAll('[data-i18n-label]')) element.setAttribute('aria-label', t(element.dataset.i18nLabel));
}

const format = (options) => new Intl.DateTimeFormat(language, options);

/** The time of day. */
export const clockTime = (at) => format({ hour: '2-digit', minute: '2-digit' }).format(new Date(at));
/** The day, in full. */
export const dayName = (at) => format({ weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }).format(new Date(at));
/** Day and time, in full. */
export const fullTime = (at) => format({ dateStyle: 'full', timeStyle: 'medium' }).format(new Date(at));
/** The day as a key: two moments on one day of the person's own time zone have the same. */
export const dayKey = (at) => new Date(at).toDateString();
/** The time for today, else the date. */
export function shortTime(at) {
  const then = new Date(at);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return clockTime(at);
  return format(then.getFullYear() === now.getFullYear() ? { month: 'short', day: 'numeric' } : { year: 'numeric', month: 'short', day: 'numeric' }).format(then);
}
