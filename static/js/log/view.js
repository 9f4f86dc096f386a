// A window onto very many rows: only those that are visible are in the page. The scroll bar is the browser's own, over a
// space as high as all rows; the rows stand in a pane that stays in sight, and move within it.
//
// A source has `count`, `get(index)` (undefined while it is fetched) and `want(from, to)`, which makes sure that these
// rows come; whoever owns the source calls `changed` when it has others. `makeRow(line, index)` makes the element.

const HIGHEST = 8_000_000; // pixels; browsers place nothing beyond some 17 million
const MEASURED = 2_000; // rows whose height is remembered
const LEAP = 3; // windows: who goes further draws the scroll bar; a wheel or a key goes less far
const SETTLED = 150; // milliseconds without scrolling

export class LogView {
  constructor(log, list, makeRow, moved) {
    this.log = log;
    this.list = list;
    this.makeRow = makeRow;
    this.moved = moved;
    this.space = log.querySelector("[data-space]");
    this.pane = log.querySelector("[data-pane]");
    this.rows = new Map(); // index: element
    this.first = 0; // index of the first visible row, of which
    this.shift = 0; // so many pixels are above the window
    this.following = true;
    this.wrapped = false;
    this.top = 0; // where the scroll bar was seen last
    this.height = 0;
    this.heights = new Map(); // of rows that wrap
    this.asked = 0; // the frame that will draw
    this.widest = 0;
    this.stop = null; // the link that Tab comes to
    log.classList.add("log-live");
    log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    log.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.resized()).observe(log);
  }

  show(source, following) {
    this.source = source;
    this.following = following;
    this.first = this.shift = 0;
    this.forget();
    this.changed();
  }

  wrap(wrapped) {
    this.wrapped = wrapped;
    this.log.classList.toggle("log-wrapped", wrapped);
    this.forget();
    this.draw();
  }

  // Draw at the next frame, however often this is called until then.
  changed() {
    if (this.asked) return;
    this.asked = window.requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }

  goTo(index) {
    this.following = false;
    this.shift = 0;
    this.first = Math.max(0, Math.min(index - Math.floor(this.visible / 2), this.source.count - 1));
    this.draw();
    this.place();
  }

  follow() {
    this.following = true;
    this.draw();
  }

  // --- geometry -----------------------------------------------------------------------------------------------

  get lineHeight() {
    if (!this.oneLine) this.oneLine = Number.parseFloat(window.getComputedStyle(this.list).lineHeight) || 18;
    return this.oneLine;
  }

  get visible() { return Math.max(1, Math.floor(this.log.clientHeight / this.lineHeight)); }

  // Rows of one height, not too many: then each has its place under the scroll bar.
  get exact() { return !this.wrapped && this.source.count * this.lineHeight <= HIGHEST; }

  get usual() {
    if (!this.wrapped || !this.heights.size) return this.lineHeight;
    let sum = 0;
    for (const height of this.heights.values()) sum += height;
    return sum / this.heights.size;
  }

  get end() { return this.log.scrollHeight - this.log.clientHeight; }

  heightOf(index) {
    if (!this.wrapped) return this.lineHeight;
    if (!this.heights.has(index)) this.measure(index);
    return this.heights.get(index) ?? this.lineHeight;
  }

  measure(index) {
    const line = this.source.get(index);
    if (!line) return;
    const row = this.rows.get(index);
    if (this.heights.size > MEASURED) this.heights.clear();
    const measured = row ?? this.list.appendChild(this.makeRow(line, index));
    this.heights.set(index, measured.getBoundingClientRect().height);
    if (!row) measured.remove();
  }

  forget() {
    this.heights.clear();
    this.rows.clear();
    this.oneLine = this.widest = 0;
    this.list.style.minWidth = "";
    this.list.replaceChildren();
  }

  // --- scrolling ----------------------------------------------------------------------------------------------

  scrolled() {
    const top = this.log.scrollTop, way = top - this.top;
    if (way === 0 || this.log.clientHeight !== this.height) return; // our own doing, or that of another size
    this.top = top;
    this.following = false;
    if (this.exact) this.moveTo(top / this.lineHeight);
    else if (Math.abs(way) > LEAP * this.height) this.moveTo(top / this.end * this.source.count);
    else this.moveBy(way);
    this.draw();
    this.following = way > 0 && this.lastIsVisible();
    window.clearTimeout(this.settling);
    if (this.exact) return;
    if (top <= 0 || top >= this.end) this.place(); // there is more to read than the scroll bar knows
    else this.settling = window.setTimeout(() => this.settle(), SETTLED);
  }

  // Placing the scroll bar must not swallow a turn of the wheel whose event is still on its way.
  settle() {
    if (this.log.scrollTop === this.top) this.place();
    else this.scrolled();
  }

  lastIsVisible() {
    const below = this.list.getBoundingClientRect().height - this.shift;
    return this.first + this.rows.size >= this.source.count && below <= this.height + 4;
  }

  pressed(event) {
    if (event.key === "Home") this.goTo(0);
    else if (event.key === "End") this.follow();
    else return;
    event.preventDefault();
  }

  moveTo(place) {
    this.first = Math.max(0, Math.min(Math.floor(place), this.source.count - 1));
    this.shift = (place - this.first) * this.lineHeight;
  }

  moveBy(way) {
    this.shift += way;
    while (this.shift < 0 && this.first > 0) {
      this.first -= 1;
      this.shift += this.heightOf(this.first);
    }
    while (this.first < this.source.count - 1 && this.shift >= this.heightOf(this.first)) {
      this.shift -= this.heightOf(this.first);
      this.first += 1;
    }
    this.shift = Math.max(0, this.shift);
  }

  // The scroll bar where the rows are.
  place() {
    const before = this.first + this.shift / this.heightOf(this.first);
    if (this.following) this.log.scrollTop = this.end;
    else if (this.exact) this.log.scrollTop = before * this.lineHeight;
    else this.log.scrollTop = before && Math.max(1, Math.min(this.end - 8, before / this.source.count * this.end));
    this.top = this.log.scrollTop;
  }

  resized() {
    this.height = this.log.clientHeight;
    this.heights.clear();
    this.oneLine = 0;
    this.changed();
  }

  // --- drawing ------------------------------------------------------------------------------------------------

  draw() {
    if (!this.source) return;
    this.height = this.log.clientHeight;
    const held = this.list.contains(document.activeElement);
    const count = this.source.count, fill = Math.ceil(this.height / this.lineHeight) + 2;
    if (this.following) this.first = Math.max(0, count - fill);
    this.fill(this.first, Math.min(count, this.first + fill));
    if (this.atEnd(count)) this.alignEnd(count, fill);
    this.widen();
    this.keepStop();
    if (held && !this.list.contains(document.activeElement)) this.log.focus({ preventScroll: true });
    this.list.style.transform = `translateY(${-this.shift}px)`;
    const space = `${Math.min(HIGHEST, Math.ceil(count * this.usual))}px`;
    if (this.space.style.height !== space) {
      this.space.style.height = space;
      this.top = this.log.scrollTop; // a lower space moves the scroll bar
    }
    if (this.following && this.top !== this.end) this.place();
    this.source.want(this.first, Math.min(count, this.first + fill));
    this.moved();
  }

  // Whoever goes on with Tab passes one link, that of the first row that is whole, and not a million.
  keepStop() {
    const link = this.list.children[this.shift > 0 ? 1 : 0]?.querySelector("a") ?? null;
    if (link === this.stop) return;
    if (this.stop) this.stop.tabIndex = -1;
    if (link) link.tabIndex = 0;
    this.stop = link;
  }

  // As wide as the widest row so far, so that the horizontal scroll bar does not jump.
  widen() {
    const width = this.wrapped ? 0 : this.list.scrollWidth;
    if (width <= this.widest) return;
    this.widest = width;
    this.list.style.minWidth = `${width}px`;
  }

  atEnd(count) {
    if (this.following) return true;
    const below = this.list.getBoundingClientRect().height - this.shift;
    return this.first > 0 && this.first + this.rows.size >= count && below < this.height;
  }

  // The last row stands at the bottom of the window, and the first ones above it.
  alignEnd(count, fill) {
    this.first = Math.max(0, count - fill);
    this.fill(this.first, count);
    this.shift = Math.max(0, this.list.getBoundingClientRect().height - this.height);
    while (this.first < count - 1 && this.shift >= this.heightOf(this.first)) {
      this.shift -= this.heightOf(this.first);
      this.first += 1;
    }
    this.fill(this.first, count);
  }

  // Exactly these rows, in order; those that stay are not touched, so that a selection in them stays, too.
  fill(from, to) {
    for (const [index, row] of this.rows) {
      if (index < from || index >= to || (row.dataset.awaited && this.source.get(index))) {
        row.remove();
        this.rows.delete(index);
      }
    }
    let next = this.list.firstElementChild;
    for (let index = from; index < to; index += 1) {
      const row = this.rows.get(index);
      if (row) { next = row.nextElementSibling; continue; }
      const made = this.makeRow(this.source.get(index), index);
      this.rows.set(index, made);
      this.list.insertBefore(made, next);
    }
    if (this.wrapped) for (const index of this.rows.keys()) if (!this.heights.has(index)) this.measure(index);
  }
}
