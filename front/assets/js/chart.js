// A series of counts over time, as a picture and as a table.

import uPlot from '../vendor/uplot/uPlot.esm.js';
import { byId, make } from './dom.js';
import { currentLanguage, t } from './i18n.js';

const HEIGHT_PX = 220;
const FORMATS = {
  minute: { hour: '2-digit', minute: '2-digit' },
  hour: { month: 'short', day: 'numeric', hour: '2-digit' },
  day: { month: 'short', day: 'numeric' },
  week: { year: 'numeric', month: 'short', day: 'numeric' },
  month: { year: 'numeric', month: 'short' },
};

export class Chart {
  /** `id` names the element; `table`, if there is one, the figures; `chosen(from, to)` is called when a person drags over a part. */
  constructor(id, { table = null, chosen = () => {} } = {}) {
    this.box = byId(id);
    this.table = table && byId(table);
    this.chosen = chosen;
    this.size = new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT_PX }));
    this.size.observe(this.box);
  }

  /** Shows `buckets`, `[{at, count}]`; `what` names what is counted. */
  show(buckets, interval, what) {
    this.shown = { buckets, interval, what };
    this.draw();
  }

  /** Draws it anew: the language or the colours have changed. */
  draw() {
    if (!this.shown) return;
    const { buckets, interval, what } = this.shown;
    const written = new Intl.DateTimeFormat(currentLanguage(), FORMATS[interval]);
    const when = (at) => written.format(new Date(at));
    const total = buckets.reduce((sum, { count }) => sum + count, 0);
    this.box.dataset.total = total;
    this.box.dataset.interval = interval;
    const ends = { from: when(buckets[0]?.at ?? 0), to: when(buckets.at(-1)?.at ?? 0) };
    this.box.setAttribute('aria-label', t('numbers.sum', { what, total: total.toLocaleString(currentLanguage()), ...ends }));
    this.plot?.destroy();
    this.plot = new uPlot(this.#options(what, when), [buckets.map(({ at }) => Date.parse(at) / 1000), buckets.map(({ count }) => count)], this.box);
    this.#drawTable(buckets.filter(({ count }) => count > 0), when);
  }

  #options(what, when) {
    const [accent, soft, line] = ['--accent', '--soft', '--line'].map((name) => colour(this.box, name));
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui, sans-serif' };
    return {
      width: this.box.clientWidth,
      height: HEIGHT_PX,
      legend: { show: true, live: true },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: { y: { range: (plot, low, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: [
        { ...axis, space: 90, values: (plot, splits) => splits.map((seconds) => when(seconds * 1000)) },
        { ...axis, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: (plot, splits) => splits.map((count) => count.toLocaleString(currentLanguage())) },
      ],
      series: [
        { label: t('numbers.when'), value: (plot, seconds) => (seconds === null ? '–' : when(seconds * 1000)) },
        { label: what, stroke: accent, fill: `${accent}40`, width: 1, paths: uPlot.paths.bars({ size: [0.8, 60], align: 1 }), points: { show: false } },
      ],
      hooks: {
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < 8) return;
          this.chosen(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + width, 'x') * 1000);
        }],
      },
    };
  }

  #drawTable(buckets, when) {
    if (!this.table) return;
    const head = make('tr', {}, make('th', { scope: 'col', text: t('numbers.when') }), make('th', { scope: 'col', text: t('numbers.count') }));
    const rows = buckets.map(({ at, count }) => make('tr', {}, make('td', { text: when(at) }), make('td', { text: count.toLocaleString(currentLanguage()) })));
    this.table.replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
  }
}

/** A colour of the style sheet, as a canvas takes it: `#rrggbb`. */
function colour(box, name) {
  const probe = make('span', { hidden: true });
  probe.style.color = `var(${name})`;
  box.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3);
  probe.remove();
  return `#${parts.map((part) => Math.round(Number(part)).toString(16).padStart(2, '0')).join('')}`;
}
