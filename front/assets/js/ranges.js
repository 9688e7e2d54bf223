// Spans of time, and into which pieces they are cut.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Before that nobody chatted. */
const BEGINNING = Date.UTC(1988, 7, 1);
/** Pieces, the finest first, with about how long each is, and how many of them a chart may have. */
const INTERVALS = [['minute', 60_000, 180], ['hour', HOUR_MS, 200], ['day', DAY_MS, 400], ['week', 7 * DAY_MS, 400], ['month', 30 * DAY_MS, 900]];
const SPANS = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, year: 365 * DAY_MS };

/** The span that a person chose, `{from, to}` in milliseconds; `from` and `to` are dates as `<input type="date">` gives them. */
export function spanOf({ range, from, to }, now = Date.now()) {
  if (range in SPANS) return { from: now - SPANS[range], to: now };
  if (range === 'all') return { from: BEGINNING, to: now };
  const begin = from ? startOf(from, 0) : BEGINNING;
  const end = to ? startOf(to, 1) : now;
  return end > begin ? { from: begin, to: end } : { from: begin, to: begin + DAY_MS };
}

// By the person's own clock: a day that they name begins at their midnight.
function startOf(date, daysLater) {
  const [year, month, day] = date.split('-').map(Number);
  return new Date(year, month - 1, day + daysLater).getTime();
}

/** The finest pieces that make no chart too fine. */
export function intervalOf({ from, to }) {
  const fits = INTERVALS.find(([, ms, most]) => (to - from) / ms <= most);
  return (fits ?? INTERVALS.at(-1))[0];
}

/** The part of `buckets` in which something was counted, as a span; null where nothing was. */
export function countedSpan(buckets, end) {
  const first = buckets.findIndex(({ count }) => count > 0);
  if (first === -1) return null;
  const last = buckets.findLastIndex(({ count }) => count > 0);
  return { from: Date.parse(buckets[first].at), to: last + 1 < buckets.length ? Date.parse(buckets[last + 1].at) : end };
}
