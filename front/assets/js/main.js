// The page's beginning: who is signed in, and the parts that work for them until they sign out.

import { Alerts } from './alerts.js';
import { api, describe, Problem } from './api.js';
import { appearance } from './appearance.js';
import { Directory, NewRoom } from './dialogs.js';
import { avatar, byId, setText } from './dom.js';
import { t } from './i18n.js';
import { uuidV7 } from './ids.js';
import { Live } from './live.js';
import { Names } from './names.js';
import { attempt, showBanner, showConnection, showProblem } from './notices.js';
import { Outbox } from './outbox.js';
import { People } from './people.js';
import { OpenRoom } from './room.js';
import { FOLLOWED_MAX, RoomList } from './roomlist.js';
import { Search } from './search.js';
import { Renewal } from './session.js';

/** Who was signed in here last: the chat goes on while the sign-in is down. */
const REMEMBERED = 'sarangbang.me';
/** How often it is asked whether a registration is done. */
const REGISTRATION_MS = 500;

let session = null; // the parts of a signed-in page

function start(me) {
  const names = new Names((userId) => {
    session?.open.renamed(userId);
    session?.list.draw();
    session?.search.draw();
    if (userId === session?.me.userId) showMe();
  });
  const list = new RoomList(me.userId, names, {
    open: goTo,
    listed: (rooms) => follow(rooms),
    failed: (error) => {
      if (error instanceof Problem && error.status === 401) ended();
      else if (!error.mayPass) showProblem(error);
    },
  });
  const live = new Live({
    frame: (frame) => {
      if (frame.type === 'message') {
        session.alerts.heard(frame.room, frame.message);
        list.heard(frame.room, frame.message, frame.version);
      } else if (frame.type === 'read' && frame.userId === me.userId) list.read(frame.room, frame.number);
      else if (frame.type === 'presence') session.people.frame(frame);
      else if (frame.type === 'room' || frame.type === 'member') list.refresh();
      session.open.frame(frame);
    },
    resync: (room, reason) => {
      session.open.resync(room, reason);
      list.forget(room);
    },
    error: (frame) => {
      if (!frame.room) return;
      if (frame.code === 'too-many-subscriptions') session.unfollowed.add(frame.room);
      session.open.refused(frame.room, frame.code);
      list.refresh();
    },
    state: (state, retryMs) => {
      showConnection(state, retryMs);
      if (state === 'offline') session.people.disconnected();
      if (state === 'live') {
        session.people.connected();
        session.outbox.kick();
        list.refresh();
      }
    },
    lost: checkSession,
  });
  const outbox = new Outbox(me.userId, {
    changed: (room) => session?.open.pendingChanged(room),
    acknowledged: (item, answer) => session?.open.acknowledged(item, answer),
  });
  const renewal = new Renewal(api.renew, ended);
  session = { me, names, list, live, outbox, renewal, unfollowed: new Set(), open: null };
  session.open = new OpenRoom({ me: me.userId, names, live, outbox, list, closed: () => goTo(null) });
  session.people = new People(me.userId, names, live, { changed: () => list.draw(), open: goTo });
  list.presenceOf = (userId) => session?.people.of(userId) ?? null;
  const looksAt = (room) => !document.hidden && document.hasFocus() && session.open.wanted === room;
  session.alerts = new Alerts(me.userId, names, list, { looksAt, open: goTo });
  const rooms = new Names(() => session?.search.draw(), async (room) => list.nameOf(list.find(room) ?? (await api.room(room))));
  session.search = new Search({ names, rooms, room: () => session.open.wanted, open: goTo, shown: () => session.open.members.hide() });
  session.open.members.shown = () => session.search.show(false);
  showMe();
  showPage('yes');
  localStorage.setItem(REMEMBERED, me.userId);
  renewal.start();
  live.start();
  list.refresh();
  route();
}

function stop() {
  if (!session) return;
  const { alerts, list, live, outbox, open, people, renewal, search } = session;
  session = null;
  renewal.stop();
  live.stop();
  alerts.stop();
  people.stop();
  search.stop();
  outbox.stop();
  list.stop();
  open.stop();
  for (const kind of ['offline', 'connecting', 'resync', 'problem']) showBanner(kind, null);
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
}

// The rooms of the list that the feed does not follow yet; the open one follows itself, from its own version.
function follow(rooms) {
  for (const room of rooms.slice(0, FOLLOWED_MAX)) {
    if (!session || room.roomId === session.open.wanted || session.live.follows(room.roomId) || session.unfollowed.has(room.roomId)) continue;
    session.live.follow(room.roomId, room.version);
  }
}

function showMe() {
  const { me, names } = session;
  byId('me-avatar').replaceChildren(avatar(me.userId, names.of(me.userId), 'small'));
  setText(byId('me-name'), names.of(me.userId));
  byId('me-name').title = me.userId;
}

function showPage(signedIn) {
  document.body.dataset.signedIn = signedIn;
  byId('welcome').hidden = signedIn !== 'no';
  byId('app').hidden = signedIn !== 'yes';
  if (signedIn === 'no') byId('sign-in-id').focus();
}

function ended() {
  localStorage.removeItem(REMEMBERED);
  stop();
  showPage('no');
  showSignInProblem(t('signIn.ended'));
}

// Before the feed connects anew: a session that has ended cannot, however often it tries.
async function checkSession() {
  try {
    await api.me();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) ended();
  }
}

// --- where one is: the address says which room is open, so that "back" and bookmarks work ---

function goTo(room, number) {
  const hash = room ? `#/rooms/${room}${number ? `/${number}` : ''}` : '#/';
  if (location.hash === hash) route();
  else location.hash = hash;
}

function route() {
  if (!session) return;
  const [, room = null, number] = /^#\/rooms\/([0-9a-f-]{36})(?:\/(\d{1,15}))?$/.exec(location.hash) ?? [];
  document.body.dataset.view = room ? 'room' : 'rooms';
  session.list.setOpen(room);
  if (!room) session.open.close();
  else if (number) session.open.goTo(room, Number(number));
  else session.open.open(room);
}

// --- signing in and out ---

function showSignInProblem(text) {
  setText(byId('sign-in-problem'), text);
  byId('sign-in-problem').hidden = !text;
}

let registration = null; // what is asked for, so that asking again is the same registration

// Registers and waits until it is done; only signing in sets the cookies.
async function register(userId, password) {
  if (registration?.userId !== userId || registration.password !== password) registration = { userId, password, key: uuidV7() };
  let stands = await api.register(userId, password, registration.key);
  while (stands.state === 'pending') {
    showSignInProblem(t('signIn.waiting'));
    await new Promise((resolve) => { setTimeout(resolve, REGISTRATION_MS); });
    stands = await api.registration(stands.id);
  }
  registration = null;
  if (stands.state === 'refused') throw new Error(t('signIn.refused'));
}

async function enter(first) {
  const userId = byId('sign-in-id').value.trim();
  const password = byId('sign-in-password').value;
  if (!userId || !password) return showSignInProblem(t('signIn.empty'));
  showSignInProblem('');
  const buttons = [byId('sign-in-button'), byId('register-button')];
  for (const button of buttons) button.disabled = true;
  try {
    await first(userId, password);
    await api.logIn(userId, password);
    byId('sign-in-password').value = '';
    showSignInProblem('');
    start(await api.me());
  } catch (error) {
    const { title, detail } = describe(error);
    showSignInProblem(detail ? `${title}\n${detail}` : title);
  }
  for (const button of buttons) button.disabled = false;
  return undefined;
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  enter(async () => {});
});
byId('register-button').addEventListener('click', () => enter(register));

byId('sign-out-button').addEventListener('click', async () => {
  if ((await attempt(async () => (await api.logOut()) ?? true)) === undefined) return;
  localStorage.removeItem(REMEMBERED);
  stop();
  showSignInProblem('');
  showPage('no');
});

byId('back-button').addEventListener('click', () => goTo(null));
addEventListener('hashchange', route);
new NewRoom(async (room) => {
  goTo(room);
  session?.list.refresh();
});
new Directory({ join: (room) => session.open.join(room), open: goTo });

appearance(() => {
  session?.list.draw();
  session?.open.redraw();
  session?.alerts.draw();
  session?.search.draw();
});
try {
  start(await api.me());
} catch (error) {
  const remembered = localStorage.getItem(REMEMBERED);
  if (error.mayPass && remembered) {
    start({ userId: remembered });
  } else {
    showPage('no');
    if (!(error instanceof Problem) || error.status !== 401) showSignInProblem(describe(error).title);
  }
}
