// What a person reads on the page of numbers, in English and Korean.

import { addStrings } from './i18n.js';

addStrings({
  pages: ['Pages', '페이지'],
  'numbers.title': ['Numbers', '통계'],
  'numbers.range': ['Time', '기간'],
  'range.day': ['The last 24 hours', '최근 24시간'],
  'range.week': ['The last 7 days', '최근 7일'],
  'range.month': ['The last 30 days', '최근 30일'],
  'range.year': ['The last 12 months', '최근 12개월'],
  'range.all': ['Everything', '전체'],
  'range.own': ['From … until …', '직접 선택'],
  'numbers.room': ['Room', '방'],
  'numbers.myRooms': ['All my rooms', '내 모든 방'],
  'numbers.allRooms': ['All rooms', '모든 방'],
  'numbers.messages': ['Messages', '메시지'],
  'numbers.newPeople': ['New people', '새 사용자'],
  'numbers.cloud': ['Words', '단어'],
  'numbers.words': ['Top words', '많이 쓴 단어'],
  'numbers.rooms': ['Busiest rooms', '활발한 방'],
  'numbers.people': ['Who writes most', '많이 쓴 사람'],
  'numbers.word': ['“{word}” over time', '“{word}”의 추이'],
  'numbers.table': ['As figures', '숫자로 보기'],
  'numbers.when': ['From', '시각'],
  'numbers.count': ['Count', '개수'],
  'numbers.sum': ['{what}: {total} from {from} until {to}', '{what}: {from}부터 {to}까지 {total}개'],
  'numbers.none': ['Nothing was counted in this time.', '이 기간에는 집계된 것이 없습니다.'],
  'numbers.counting': ['Counting…', '집계하는 중…'],
  'numbers.error': ['Counted over several shards: a number may be up to {count} higher.', '여러 샤드에서 집계했습니다. 실제 수는 최대 {count}만큼 더 클 수 있습니다.'],
  'numbers.charts': ['Charts are drawn by', '차트:'],
});
