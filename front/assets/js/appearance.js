// The language and the colours, which a person chooses on any of the pages.

import { byId } from './dom.js';
import { currentLanguage, setLanguage, t, translatePage } from './i18n.js';

const THEME = 'sarangbang.theme';
const MODES = ['auto', 'light', 'dark'];
const SIGNS = { auto: '◐', light: '☀', dark: '☾' };

/** Shows the page as it was chosen, and lets the two buttons choose anew; `changed()` draws what scripts have made. */
export function appearance(changed) {
  const root = document.documentElement;
  const theme = byId('theme-button');
  const language = byId('language-button');

  const draw = () => {
    translatePage();
    language.textContent = currentLanguage() === 'ko' ? 'EN' : '한';
    label(language, t('language'));
    theme.textContent = SIGNS[root.dataset.theme];
    label(theme, t('theme', { mode: t(`theme.${root.dataset.theme}`) }));
    changed();
  };
  language.addEventListener('click', () => {
    setLanguage(currentLanguage() === 'ko' ? 'en' : 'ko');
    draw();
  });
  theme.addEventListener('click', () => {
    root.dataset.theme = MODES[(MODES.indexOf(root.dataset.theme) + 1) % MODES.length];
    localStorage.setItem(THEME, root.dataset.theme);
    draw();
  });
  const chosen = localStorage.getItem(THEME);
  root.dataset.theme = MODES.includes(chosen) ? chosen : 'auto';
  draw();
}

function label(button, text) {
  button.title = text;
  button.setAttribute('aria-label', text);
}
