// Every string that a person reads, in English and Korean. `{name}` stands for a value.

const STRINGS = {
  'signIn.lead': ['Sign in to chat.', '로그인하고 대화를 시작하세요.'],
  'signIn.id': ['User id', '사용자 아이디'],
  'signIn.button': ['Sign in', '로그인'],
  'signIn.password': ['Password', '비밀번호'],
  'signIn.register': ['Make an account', '계정 만들기'],
  'signIn.hint': [
    'New here? Choose an id and a password of 8 characters or more that is hard to guess: a few unrelated words, say. The id stays yours for ever.',
    '처음이신가요? 아이디와 추측하기 어려운 8자 이상의 비밀번호(예: 서로 관계없는 단어 몇 개)를 정하세요. 아이디는 나중에 바꿀 수 없습니다.',
  ],
  'signIn.empty': ['Please write a user id and a password.', '아이디와 비밀번호를 입력하세요.'],
  'signIn.waiting': ['Your account is being made…', '계정을 만들고 있습니다…'],
  'signIn.refused': ['This user id is taken.', '이미 사용 중인 아이디입니다.'],
  'signIn.ended': ['Your session has ended. Please sign in again.', '세션이 끝났습니다. 다시 로그인하세요.'],
  signOut: ['Sign out', '로그아웃'],
  more: ['Show more', '더 보기'],
  close: ['Close', '닫기'],
  cancel: ['Cancel', '취소'],
  language: ['한국어로 바꾸기', 'Switch to English'],
  theme: ['Colours: {mode}', '색상: {mode}'],
  'theme.auto': ['as the system', '시스템 설정'],
  'theme.light': ['light', '밝게'],
  'theme.dark': ['dark', '어둡게'],
  'alerts.on': ['Notifications of mentions and direct messages: on', '멘션과 1:1 대화 알림: 켜짐'],
  'alerts.off': ['Notifications of mentions and direct messages: off', '멘션과 1:1 대화 알림: 꺼짐'],
  'alerts.denied': ['The browser does not allow notifications for this page.', '브라우저가 이 페이지의 알림을 막고 있습니다.'],
  'alerts.title': ['{name} in {room}', '{room}의 {name}님'],
  'rooms.new': ['New room', '새 방'],
  'rooms.directory': ['Find rooms', '방 찾기'],
  'rooms.empty': ['You are in no room yet. Make one, or find a public one.', '아직 들어간 방이 없습니다. 새로 만들거나 공개 방을 찾아보세요.'],
  'rooms.unread': ['{count} unread', '안 읽은 메시지 {count}개'],
  'rooms.mentions': ['{count} mentions', '멘션 {count}개'],
  'rooms.quiet': ['No messages yet', '아직 메시지가 없습니다'],
  'kind.public': ['Public', '공개'],
  'kind.private': ['Private', '비공개'],
  'kind.direct': ['Direct', '1:1 대화'],
  'status.archived': ['archived', '보관됨'],
  'status.closed': ['closed', '닫힘'],
  'room.none': ['Choose a room on the left.', '왼쪽에서 방을 고르세요.'],
  'room.back': ['Back to the rooms', '방 목록으로'],
  'room.mute': ['Mute', '알림 끄기'],
  'room.unmute': ['Unmute', '알림 켜기'],
  'room.leave': ['Leave', '나가기'],
  'room.leaveSure': ['Leave “{name}”?', '“{name}” 방에서 나갈까요?'],
  'room.join': ['Join', '참여하기'],
  'room.notMember': ['You are reading a public room. Join to write.', '공개 방을 보고 있습니다. 쓰려면 참여하세요.'],
  'room.gone': ['You are no longer in this room.', '더 이상 이 방의 멤버가 아닙니다.'],
  'members.title': ['Members', '멤버'],
  'members.button': ['{count} members', '멤버 {count}명'],
  'members.one': ['1 member', '멤버 1명'],
  'members.add': ['Add', '추가'],
  'members.addLabel': ['User id to add', '추가할 아이디'],
  'role.owner': ['owner', '방장'],
  'role.moderator': ['moderator', '관리자'],
  'role.member': ['', ''],
  'messages.title': ['Messages', '메시지'],
  'messages.start': ['This is where the room begins.', '대화의 시작입니다.'],
  'messages.loading': ['Loading…', '불러오는 중…'],
  'messages.newest': ['↓ Newest', '↓ 최신 메시지'],
  'messages.unread': ['New', '새 메시지'],
  'messages.deleted': ['This message was deleted.', '삭제된 메시지입니다.'],
  'messages.edited': ['(edited)', '(수정됨)'],
  'messages.reply': ['Reply', '답장'],
  'messages.react': ['React', '반응'],
  'messages.edit': ['Edit', '수정'],
  'messages.delete': ['Delete', '삭제'],
  'messages.deleteSure': ['Delete this message for everybody?', '이 메시지를 모두에게서 삭제할까요?'],
  'messages.replyTo': ['Reply to message {number}', '{number}번 메시지에 답장'],
  'messages.replyFar': ['Message {number}', '{number}번 메시지'],
  'pending.sending': ['Sending…', '보내는 중…'],
  'pending.waiting': ['Not sent yet. It will be tried again by itself.', '아직 보내지 못했습니다. 자동으로 다시 시도합니다.'],
  'pending.again': ['Try again', '다시 시도'],
  'pending.discard': ['Discard', '버리기'],
  'composer.placeholder': ['Write a message', '메시지 쓰기'],
  'composer.send': ['Send', '보내기'],
  'composer.save': ['Save', '저장'],
  'composer.reply': ['Reply to {name}: {text}', '{name}님에게 답장: {text}'],
  'composer.edit': ['Edit: {text}', '수정: {text}'],
  'composer.mentions': ['People to mention: {count}', '멘션할 사람: {count}명'],
  'composer.full': ['Too many messages wait to be sent. Please wait for the connection.', '보내지 못한 메시지가 너무 많습니다. 연결을 기다려 주세요.'],
  'typing.one': ['{a} is typing…', '{a}님이 입력하고 있습니다…'],
  'typing.two': ['{a} and {b} are typing…', '{a}님과 {b}님이 입력하고 있습니다…'],
  'typing.many': ['Several people are typing…', '여러 사람이 입력하고 있습니다…'],
  'newRoom.title': ['New room', '새 방 만들기'],
  'newRoom.kind': ['Who can find it', '공개 범위'],
  'newRoom.name': ['Name', '이름'],
  'newRoom.topic': ['Topic (may be empty)', '주제 (선택)'],
  'newRoom.members': ['Members: user ids, separated by commas (may be empty)', '멤버: 쉼표로 구분한 아이디 (선택)'],
  'newRoom.person': ['With whom: a user id', '상대방 아이디'],
  'newRoom.create': ['Create', '만들기'],
  'directory.title': ['Public rooms', '공개 방'],
  'directory.filter': ['The name starts with…', '이름으로 찾기'],
  'directory.none': ['No public room found.', '공개 방이 없습니다.'],
  'directory.join': ['Join', '참여하기'],
  'directory.open': ['Open', '열기'],
  'people.title': ['Friends', '친구'],
  'people.addLabel': ['User id of a new friend', '새 친구의 아이디'],
  'people.add': ['Add', '추가'],
  'people.empty': ['No friends yet.', '아직 친구가 없습니다.'],
  'people.show': ['Show friends when I am online', '내가 온라인일 때 친구에게 표시'],
  'people.incoming': ['would like to be your friend', '친구가 되고 싶어합니다'],
  'people.outgoing': ['has not answered yet', '아직 답하지 않았습니다'],
  'people.lastSeen': ['last seen {time}', '{time}에 마지막으로 접속'],
  'people.message': ['Message', '메시지'],
  'people.accept': ['Accept', '수락'],
  'people.end.friends': ['Remove', '삭제'],
  'people.end.incoming': ['Decline', '거절'],
  'people.end.outgoing': ['Take back', '취소'],
  'people.block': ['Block', '차단'],
  'people.blockSure': ['Block {name}? Your friendship and your direct room end.', '{name}님을 차단할까요? 친구 관계와 1:1 대화가 끝납니다.'],
  'people.blocks': ['Blocked', '차단한 사람'],
  'people.unblock': ['Unblock', '차단 해제'],
  'presence.online': ['online', '온라인'],
  'presence.away': ['away', '자리 비움'],
  'presence.offline': ['offline', '오프라인'],
  'emoji.other': ['Another emoji, then Enter', '다른 이모지 입력 후 Enter'],
  'banner.offline': ['No connection. Trying again in {seconds} s; what you write is kept and sent later.', '연결이 끊겼습니다. {seconds}초 뒤 다시 연결합니다. 쓴 글은 보관했다가 보냅니다.'],
  'banner.connecting': ['Connecting…', '연결하는 중…'],
  'banner.resync': ['Loading the room anew…', '방을 새로 불러오는 중…'],
  'banner.behind': ['The view is behind the log at the moment. Trying again…', '화면이 아직 최신 상태를 따라가지 못했습니다. 다시 시도합니다…'],
  'problem.network': ['The server cannot be reached.', '서버에 연결할 수 없습니다.'],
  'problem.timeout': ['The server did not answer in time.', '서버가 제때 응답하지 않았습니다.'],
  'problem.unclear': ['The server answered with status {status}.', '서버가 상태 {status}(으)로 응답했습니다.'],
  'problem.trace': ['Trace id: {id}', '추적 번호: {id}'],
};

let language = localStorage.getItem('sarangbang.language') ?? (navigator.language.startsWith('ko') ? 'ko' : 'en');

/** `en` or `ko`. */
export const currentLanguage = () => language;

/** Switches, and remembers it on this machine. */
export function setLanguage(next) {
  language = next;
  localStorage.setItem('sarangbang.language', next);
}

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
