// The HTTP surface. Same origin, with the HttpOnly cookie that auth-api set; the extra header shows that the request was made by
// a script of ours and not by a form elsewhere.

import { t } from './i18n.js';
import { renewOnce, state, tokenGiven } from './session.js';

/** How long a request may take. */
const REQUEST_MS_MAX = 20_000;
/** The routes that give cookies. */
const SIGNING = new Set(['/user/login', '/user/token']);
/** How long a token is taken to be good where the answer does not say. */
const TOKEN_MS_ASSUMED = 60_000;
/** How many read tokens are carried to later queries; older ones are surely there by then. */
const READ_TOKENS_MAX = 8;
/** How often, and after which pause, a query is asked again that the read model is behind for. */
const PATIENT_TRIES = 20;
const PATIENT_MS = 500;

/** The server said no: RFC 9457 problem details. */
export class Problem extends Error {
  constructor(status, body, retryAfterMs) {
    super(body.title ?? t('problem.unclear', { status }));
    this.status = status;
    this.code = body.code ?? '';
    this.detail = body.detail ?? '';
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.traceId = body.traceId ?? '';
    this.retryAfterMs = retryAfterMs;
  }
  /** Whether the same request may succeed later, unchanged. */
  get mayPass() {
    return this.status >= 500 || this.status === 408 || this.status === 425 || this.status === 429;
  }
}

/** No answer came: it is unknown whether the request was executed. */
export class NoAnswer extends Error {
  constructor(timedOut) {
    super(t(timedOut ? 'problem.timeout' : 'problem.network'));
  }
  get mayPass() {
    return true;
  }
}

/** A problem as a person reads it: what, why, and which fields. */
export function describe(error) {
  if (!(error instanceof Problem)) return { title: error.message, detail: '' };
  const fields = error.errors.filter((each) => each.reason !== error.detail).map((each) => `${each.pointer} ${each.reason}`.trim());
  const trace = error.status >= 500 && error.traceId ? t('problem.trace', { id: error.traceId }) : '';
  return { title: error.message, detail: [error.detail, ...fields, trace].filter(Boolean).join('\n') };
}

// What our own commands wrote and queries must therefore see: the highest sequence by partition.
const readTokens = new Map();

function rememberReadToken(header) {
  for (const token of (header ?? '').split(',')) {
    const [partition, sequence] = token.trim().split('.');
    if (!partition || !sequence) continue;
    const known = readTokens.get(partition) ?? 0;
    readTokens.delete(partition);
    readTokens.set(partition, Math.max(known, Number(sequence)));
    if (readTokens.size > READ_TOKENS_MAX) readTokens.delete(readTokens.keys().next().value);
  }
}

function retryAfterMs(header) {
  const seconds = Number.parseFloat(header ?? '');
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 60) * 1000 : null;
}

/**
 * One request, repeated once with a new token where the old one has run out. Throws `Problem` or `NoAnswer`; answers the JSON body, or
 * null where there is none.
 */
async function call(method, path, options) {
  const seen = state();
  try {
    return await request(method, path, options);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    await renewOnce(renew, seen);
    return request(method, path, options);
  }
}

/** Asks for new cookies; throws 401 where the session is over. */
async function renew() {
  await request('POST', '/user/token');
}

async function request(method, path, { body, key, query } = {}) {
  const headers = { Accept: 'application/json, application/problem+json', 'X-Sarangbang-Csrf': '1' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const tokens = method === 'GET' && path.startsWith('/chat/') ? [...readTokens] : [];
  if (tokens.length > 0) headers['Read-After'] = tokens.map(([partition, sequence]) => `${partition}.${sequence}`).join(',');
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const url = given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;

  const timeout = AbortSignal.timeout(REQUEST_MS_MAX);
  let response;
  let content;
  try {
    response = await fetch(url, {
      method, headers, credentials: 'same-origin', cache: 'no-store', signal: timeout, body: body === undefined ? undefined : JSON.stringify(body),
    });
    content = await response.text();
  } catch {
    throw new NoAnswer(timeout.aborted);
  }
  rememberReadToken(response.headers.get('Read-Token'));
  // The tokens asked for are there now; asking again would only cost the server.
  if (response.ok) for (const [partition, sequence] of tokens) if (readTokens.get(partition) === sequence) readTokens.delete(partition);
  let parsed = null;
  try {
    parsed = content === '' ? null : JSON.parse(content);
  } catch {
    parsed = null;
  }
  if (response.ok && SIGNING.has(path)) tokenGiven(lifeMs(parsed, response.headers.get('Date')));
  if (!response.ok) throw new Problem(response.status, parsed ?? {}, retryAfterMs(response.headers.get('Retry-After')));
  return parsed;
}

// By the server's clock alone: this machine's may be wrong.
function lifeMs(signedIn, date) {
  const lasts = Date.parse(signedIn?.expiresAt) - Date.parse(date);
  return Number.isFinite(lasts) && lasts > 0 ? lasts : TOKEN_MS_ASSUMED;
}

/** Asks a query again for as long as the read model is behind what was written. */
export async function patiently(work) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (error.code !== 'read-model-behind' || tries >= PATIENT_TRIES) throw error;
      await new Promise((done) => { setTimeout(done, error.retryAfterMs ?? PATIENT_MS); });
    }
  }
}

const part = encodeURIComponent;
const roomPath = (room) => `/chat/rooms/${part(room)}`;
const messagePath = (room, number) => `${roomPath(room)}/messages/${part(number)}`;

export const api = {
  me: () => call('GET', '/user/me'),
  logIn: (userId, password) => request('POST', '/user/login', { body: { userId, password } }),
  register: (userId, password, key) => request('POST', '/user', { body: { userId, password }, key }),
  registration: (id) => request('GET', `/user/registrations/${part(id)}`),
  renew,
  logOut: () => request('POST', '/user/logout'),

  person: (userId) => call('GET', `/chat/people/${part(userId)}`),
  myRooms: (limit, cursor) => call('GET', '/chat/rooms', { query: { limit, cursor } }),
  publicRooms: (prefix, cursor) => call('GET', '/chat/rooms/public', { query: { prefix, cursor } }),
  room: (room) => call('GET', roomPath(room)),
  createRoom: (body, key) => call('POST', '/chat/rooms', { body, key }),
  members: (room, cursor) => call('GET', `${roomPath(room)}/members`, { query: { limit: 100, cursor } }),
  addMember: (room, user, key) => call('PUT', `${roomPath(room)}/members/${part(user)}`, { key }),
  mute: (room, muted, key) => call('PATCH', `${roomPath(room)}/members/me`, { body: { muted }, key }),
  leave: (room, key) => call('DELETE', `${roomPath(room)}/members/me`, { key }),

  messages: (room, where, limit) => call('GET', `${roomPath(room)}/messages`, { query: { ...where, limit } }),
  send: (room, text, replyTo, key) => call('POST', `${roomPath(room)}/messages`, { body: replyTo ? { text, replyTo } : { text }, key }),
  edit: (room, number, text, key) => call('PATCH', messagePath(room, number), { body: { text }, key }),
  remove: (room, number, key) => call('DELETE', messagePath(room, number), { key }),
  react: (room, number, emoji, key) => call('PUT', `${messagePath(room, number)}/reactions/${part(emoji)}`, { key }),
  unreact: (room, number, emoji, key) => call('DELETE', `${messagePath(room, number)}/reactions/${part(emoji)}`, { key }),

  search: (query) => call('GET', '/chat/search', { query }),
  series: (query) => call('GET', '/chat/stats/series', { query }),
  words: (query) => call('GET', '/chat/stats/words', { query }),
  busiestRooms: (query) => call('GET', '/chat/stats/rooms', { query }),
  busiestPeople: (query) => call('GET', '/chat/stats/people', { query }),

  friends: () => call('GET', '/chat/friends', { query: { limit: 200 } }),
  befriend: (user, key) => call('PUT', `/chat/friends/${part(user)}`, { key }),
  unfriend: (user, key) => call('DELETE', `/chat/friends/${part(user)}`, { key }),
  blocks: () => call('GET', '/chat/blocks', { query: { limit: 200 } }),
  block: (user, key) => call('PUT', `/chat/blocks/${part(user)}`, { key }),
  unblock: (user, key) => call('DELETE', `/chat/blocks/${part(user)}`, { key }),
  hidePresence: (presenceHidden, key) => call('PATCH', '/chat/people/me', { body: { presenceHidden }, key }),

  markRead: (room, number) => call('PUT', `${roomPath(room)}/read`, { body: { number } }),
};
