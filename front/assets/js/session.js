// Keeps the session alive. The tokens are in HttpOnly cookies that no script reads; what the page knows is when they end. Windows of
// one browser share the cookies, so that one of them renews at a time and the others find that it is done.

const LOCK = 'sarangbang.renew';
/** When the access token ends, by this machine's clock (ms): what windows tell each other. */
const ENDS = 'sarangbang.tokenEnds';
/** A token is renewed when this part of its life is left. */
const LEFT = 0.25;
/** A little later, so that not all windows wake at once. */
const SPREAD_MS = 3_000;
/** The pause after a renewal that found nobody. */
const AGAIN_MS = 5_000;
/** The longest time that `setTimeout` takes. */
const WAIT_MS_MAX = 2 ** 31 - 1;

let running = null; // the renewal of this window

/** What the last answer of the server said, to whichever window. */
const known = () => localStorage.getItem(ENDS) ?? '';

/** A sign-in or a renewal has succeeded: `lifeMs` is how long the token is good. */
export function tokenGiven(lifeMs) {
  localStorage.setItem(ENDS, `${Date.now() + lifeMs} ${lifeMs}`);
  running?.plan();
}

/**
 * Renews once, unless another window has done so since `seen` (what `state()` said when the token was last used).
 * `ask` does it; it may throw. Where there is no lock (plain HTTP to another machine), two windows may both ask: the server lets both.
 */
export async function renewOnce(ask, seen) {
  const renew = async () => {
    if (known() === seen) await ask();
  };
  await (navigator.locks ? navigator.locks.request(LOCK, renew) : renew());
}

export const state = known;

/** Renews before the token ends, again and again, until `stop()`. `ended` is told when the session is over. */
export class Renewal {
  constructor(ask, ended) {
    this.ask = ask;
    this.ended = ended;
    this.heard = (event) => {
      if (event.key === ENDS) this.plan();
    };
  }

  start() {
    running = this;
    addEventListener('storage', this.heard);
    this.plan();
  }

  stop() {
    running = null;
    removeEventListener('storage', this.heard);
    clearTimeout(this.timer);
  }

  plan(atLeastMs = 0) {
    clearTimeout(this.timer);
    if (running !== this) return;
    const [ends, lifeMs] = known().split(' ').map(Number);
    if (!lifeMs) return;
    const wait = Math.max(ends - lifeMs * LEFT - Date.now() + Math.random() * Math.min(SPREAD_MS, lifeMs * LEFT * 0.5), atLeastMs, 0);
    this.timer = setTimeout(() => this.#renew(), Math.min(wait, WAIT_MS_MAX));
  }

  async #renew() {
    try {
      await renewOnce(this.ask, known());
    } catch (error) {
      if (error.status === 401) this.ended();
      else this.plan(AGAIN_MS);
    }
  }
}
