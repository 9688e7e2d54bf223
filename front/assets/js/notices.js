// What the page tells about itself: the banner at the top, and short notices for problems.

import { describe } from './api.js';
import { byId, make, setText } from './dom.js';
import { t } from './i18n.js';

const TOAST_MS = 8_000;
const TOASTS_MAX = 4;
// A new connection is normal for a moment; only one that takes longer is worth a banner.
const PATIENCE_MS = 700;

const banner = byId('banner');
const reasons = new Map(); // kind → text, in the order of ORDER
const ORDER = ['offline', 'connecting', 'problem', 'resync'];
let patience;
let countdown;

function paint() {
  const kind = ORDER.find((each) => reasons.has(each));
  banner.hidden = !kind;
  banner.dataset.kind = kind ?? '';
  setText(banner, kind ? reasons.get(kind) : '');
}

/** Shows or, without a text, hides the banner of `kind`: connecting, offline, resync or problem. */
export function showBanner(kind, text) {
  if (text) reasons.set(kind, text);
  else reasons.delete(kind);
  paint();
}

/** The state of the live feed. */
export function showConnection(state, retryMs) {
  clearTimeout(patience);
  clearInterval(countdown);
  document.body.dataset.live = state === 'live' ? 'yes' : 'no';
  if (state === 'live') {
    reasons.delete('offline');
    reasons.delete('connecting');
  } else if (state === 'connecting') {
    patience = setTimeout(() => {
      reasons.delete('offline');
      showBanner('connecting', t('banner.connecting'));
    }, PATIENCE_MS);
    return;
  } else {
    const until = performance.now() + retryMs;
    const tick = () => showBanner('offline', t('banner.offline', { seconds: Math.max(0, Math.ceil((until - performance.now()) / 1000)) }));
    tick();
    countdown = setInterval(tick, 1000);
  }
  paint();
}

/** Shows a problem for a while; a click takes it away. */
export function showProblem(error) {
  const { title, detail } = describe(error);
  const toast = make('div', { class: 'toast fade-in', data: { testid: 'toast', code: error.code ?? '' } }, make('b', { text: title }), detail);
  const toasts = byId('toasts');
  toasts.append(toast);
  while (toasts.childElementCount > TOASTS_MAX) toasts.firstElementChild.remove();
  toast.addEventListener('click', () => toast.remove());
  setTimeout(() => toast.remove(), TOAST_MS);
}

/** Runs `work` and shows its problem, if it has one. Answers its result, or undefined. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    showProblem(error);
    return undefined;
  }
}

/** Asks a yes-or-no question. */
export function confirm(question, yes) {
  const dialog = byId('confirm');
  setText(byId('confirm-text'), question);
  setText(byId('confirm-yes'), yes);
  return new Promise((resolve) => {
    byId('confirm-yes').onclick = () => dialog.close('yes');
    byId('confirm-no').onclick = () => dialog.close('');
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
    dialog.returnValue = '';
    dialog.showModal();
  });
}
