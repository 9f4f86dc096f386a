// The log of a run beside its steps: its window, its search and filters, links to lines.

import { row, clockOf } from "./row.js";
import { Found, WholeLog } from "./sources.js";
import { LogView } from "./view.js";

const TYPED = 300; // milliseconds after the last key
const HASH = /^#L([1-9]\d{0,14})$/;

export class Log {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("[data-filter]");
    this.jump = root.querySelector("[data-jump]");
    this.looked = root.querySelector("[data-looked]");
    this.address = new URL(this.form.action).pathname;
    this.clock = clockOf(root.dataset.zone, document.documentElement.lang);
    this.linked = 0;
    this.view = new LogView(
      root.querySelector("[data-log]"), root.querySelector("[data-lines]"),
      (line) => row(line, this.look()), () => this.moved(),
    );
    const draw = () => this.view.changed();
    this.whole = new WholeLog(root.dataset.findUrl, Number(root.dataset.pageLines), draw);
    this.begin();
    this.listen();
  }

  // What came with the page; later lines come over the socket.
  begin() {
    const given = JSON.parse(document.getElementById("log-lines").textContent);
    for (const line of given.lines) this.whole.add(line);
    this.whole.count = Number(this.root.dataset.lastSeq);
    this.view.show(this.whole, true);
    this.wrap(this.form.wrap.checked);
    this.filter();
    this.goToLinked();
  }

  get cursor() { return this.whole.count; }

  add(line) {
    this.whole.add(line);
    this.found?.grown(line.seq);
    if (!this.found) this.view.changed();
  }

  look() {
    return { clock: this.clock, sought: this.found?.query.q?.toLowerCase(), linked: this.linked, address: this.address };
  }

  moved() {
    this.jump.hidden = this.view.following || Boolean(this.found);
    if (this.found) this.tellFound();
  }

  // --- search and filters -------------------------------------------------------------------------------------

  query() {
    const given = new FormData(this.form);
    return Object.fromEntries(["q", "step", "level"].map((name) => [name, given.get(name)]).filter(([, value]) => value));
  }

  filter() {
    const query = this.query(), filtered = Object.keys(query).length > 0;
    if (JSON.stringify(query) === JSON.stringify(this.found?.query ?? {})) return;
    this.found = filtered ? new Found(this.root.dataset.findUrl, query, () => this.view.changed()) : null;
    this.found?.grown(this.cursor);
    this.looked.hidden = !filtered;
    this.form.querySelector("[data-clear]").hidden = !filtered;
    this.view.show(this.found ?? this.whole, !filtered);
    const search = new URLSearchParams(query).toString();
    window.history.replaceState(null, "", window.location.pathname + (search && `?${search}`));
  }

  clear() {
    for (const name of ["q", "step", "level"]) this.form.elements[name].value = "";
    this.filter();
  }

  tellFound() {
    const { count, looked, last } = this.found;
    const words = looked < last ? this.looked.dataset.some : this.looked.dataset.all;
    const figures = { found: count, looked, last };
    this.looked.textContent = words.replace(/\{(\w+)\}/g, (_, name) => figures[name].toLocaleString(document.documentElement.lang));
  }

  wrap(wrapped) { this.view.wrap(wrapped); }

  listen() {
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.filter(); });
    this.form.addEventListener("change", (event) => {
      if (event.target.name === "wrap") this.wrap(event.target.checked);
      else this.filter();
    });
    this.form.q.addEventListener("input", () => {
      window.clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.filter(), TYPED);
    });
    this.form.querySelector("[data-clear]").addEventListener("click", (event) => { event.preventDefault(); this.clear(); });
    this.jump.addEventListener("click", () => this.view.follow());
    document.addEventListener("click", (event) => this.clicked(event));
    window.addEventListener("hashchange", () => this.goToLinked());
  }

  // --- links to lines and steps -------------------------------------------------------------------------------

  clicked(event) {
    if (!this.root.isConnected || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest?.("a[data-line], a.line-seq, a[data-filter-step]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.filterStep) this.filterStep(link.dataset.filterStep);
    else this.goTo(Number(HASH.exec(link.hash)[1]));
  }

  filterStep(step) {
    const select = this.form.elements.step;
    select.value = select.value === step ? "" : step;
    this.filter();
  }

  goToLinked() {
    if (!this.root.isConnected) return;
    const linked = HASH.exec(window.location.hash);
    if (linked) this.goTo(Number(linked[1]));
  }

  goTo(number) {
    if (number > this.cursor) return;
    this.linked = number;
    this.clear();
    if (window.location.hash !== `#L${number}`) window.history.replaceState(null, "", `#L${number}`);
    this.view.forget();
    this.view.goTo(number - 1);
  }
}
