// The live feed. Within a room each frame names the version before it: where that is not the version we hold, something is
// missing or doubled, and the room is loaded anew instead of guessed at.

/** Back-off between attempts: full jitter below a bound that doubles. */
const BACK_OFF_MS_FIRST = 500;
const BACK_OFF_MS_MAX = 15_000;
/** A connection that lasted this long resets the back-off. */
const STEADY_MS = 10_000;
/** A ping is sent when nothing was heard for so long, and the connection is given up when that goes on. */
const QUIET_MS = 20_000;
const DEAD_MS = 35_000;
/** How often one may tell that one is typing. */
const TYPING_EVERY_MS = 3_000;

/** The frames that carry the chain. */
const CHAINED = new Set(['message', 'room', 'member']);

export class Live {
  /**
   * `handlers`: `frame(frame)` for each frame that is in order, `resync(room, reason)`, `error(frame)`, `state('connecting' | 'live' | 'offline', retryMs)`,
   * `lost()` before each new attempt (the session may have ended).
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.rooms = new Map(); // room → { version, confirmed }
    this.attempt = 0;
    this.closed = true;
    this.typingSentAt = new Map();
    this.wake = () => this.#hurry();
  }

  start() {
    this.closed = false;
    addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.wake);
    this.#connect();
  }

  stop() {
    this.closed = true;
    removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.wake);
    clearTimeout(this.retry);
    clearInterval(this.watch);
    this.rooms.clear();
    this.#drop();
  }

  /** Subscribes to `room` from `version` on: the caller has everything up to it. */
  follow(room, version) {
    this.rooms.set(room, { version, confirmed: false });
    this.#send({ type: 'subscribe', room, afterVersion: version });
  }

  follows(room) {
    return this.rooms.has(room);
  }

  unfollow(room) {
    if (this.rooms.delete(room)) this.#send({ type: 'unsubscribe', room });
  }

  typing(room) {
    const last = this.typingSentAt.get(room) ?? 0;
    if (performance.now() - last < TYPING_EVERY_MS && last !== 0) return;
    if (this.#send({ type: 'typing', room })) this.typingSentAt.set(room, performance.now());
  }

  /** Shows the person to their friends as `online` or `away`, and asks to be shown them. */
  present(state) {
    this.#send({ type: 'presence', state });
  }

  #connect() {
    if (this.closed) return;
    this.#drop();
    clearTimeout(this.retry);
    this.retry = undefined;
    this.handlers.state('connecting', 0);
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/chat/ws`);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      this.openedAt = performance.now();
      this.heardAt = performance.now();
      this.handlers.state('live', 0);
      for (const [room, known] of this.rooms) {
        known.confirmed = false;
        this.#send({ type: 'subscribe', room, afterVersion: known.version });
      }
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.heardAt = performance.now();
      this.#take(event.data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.#again();
    };
    clearInterval(this.watch);
    this.watch = setInterval(() => this.#check(), 5_000);
  }

  #check() {
    const quiet = performance.now() - this.heardAt;
    if (quiet > DEAD_MS) this.#again();
    else if (quiet > QUIET_MS) this.#send({ type: 'ping' });
  }

  #again() {
    if (this.closed || this.retry) return;
    if (this.openedAt && performance.now() - this.openedAt > STEADY_MS) this.attempt = 0;
    this.openedAt = undefined;
    this.#drop();
    clearInterval(this.watch);
    const bound = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_FIRST * 2 ** this.attempt);
    this.attempt = Math.min(this.attempt + 1, 10);
    const wait = Math.max(200, Math.random() * bound);
    this.handlers.state('offline', wait);
    this.retry = setTimeout(async () => {
      this.retry = undefined;
      await this.handlers.lost();
      this.#connect();
    }, wait);
  }

  #hurry() {
    if (this.closed || document.hidden) return;
    if (this.retry) {
      clearTimeout(this.retry);
      this.retry = undefined;
      this.#connect();
    } else {
      // A machine that slept may hold a connection that is long dead: ask at once.
      this.#send({ type: 'ping' });
    }
  }

  #drop() {
    const socket = this.socket;
    this.socket = undefined;
    if (socket) {
      socket.onclose = null;
      socket.close();
    }
  }

  #send(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  #take(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const known = this.rooms.get(frame.room);
    if (frame.type === 'subscribed') {
      // The answer to an earlier subscription of the same room says another version, and does not count.
      if (known?.version === frame.version) known.confirmed = true;
    } else if (frame.type === 'resync') {
      if (known) this.#resync(frame.room, frame.reason ?? '');
    } else if (frame.type === 'error') {
      if (frame.room) this.rooms.delete(frame.room);
      this.handlers.error(frame);
    } else if (CHAINED.has(frame.type)) {
      // Frames of a subscription that was replaced may still be on their way; the new one begins with `subscribed`.
      if (!known?.confirmed) return;
      if (frame.previousVersion !== known.version) {
        this.#send({ type: 'unsubscribe', room: frame.room });
        this.#resync(frame.room, `gap: expected a frame after version ${known.version}, got one after ${frame.previousVersion}`);
        return;
      }
      known.version = frame.version;
      this.handlers.frame(frame);
    } else {
      this.handlers.frame(frame);
    }
  }

  #resync(room, reason) {
    this.rooms.delete(room);
    this.handlers.resync(room, reason);
  }
}
