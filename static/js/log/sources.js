// Where the rows of the log's window come from: the whole log, or the lines that a search finds.

const KEPT = 20_000; // lines in memory: what was read last stays, and what is on the screen
const NEAR = 2_000;
const AHEAD = 40; // rows below the window that a search looks for in advance

async function ask(url, query, after) {
  const answer = await fetch(`${url}?${new URLSearchParams({ ...query, after })}`);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

// Lines by number; those that nobody needs are forgotten, and fetched when somebody scrolls there.
export class WholeLog {
  constructor(url, pageLines, changed) {
    this.url = url;
    this.pageLines = pageLines;
    this.changed = changed;
    this.lines = new Map();
    this.count = 0;
    this.fetching = new Set();
    this.from = 0;
  }

  get(index) { return this.lines.get(index + 1); }

  add(line) {
    this.lines.set(line.seq, line);
    if (line.seq > this.count) this.count = line.seq;
    if (this.lines.size > KEPT) this.prune();
  }

  prune() {
    for (const seq of this.lines.keys()) {
      if (Math.abs(seq - this.from) > NEAR && seq < this.count - NEAR) this.lines.delete(seq);
    }
  }

  want(from, to) {
    this.from = from;
    for (let index = from; index < to; index += 1) {
      if (!this.lines.has(index + 1)) this.fetchPage(Math.floor(index / this.pageLines));
    }
  }

  async fetchPage(page) {
    if (this.fetching.has(page)) return;
    this.fetching.add(page);
    try {
      const answer = await ask(this.url, {}, page * this.pageLines);
      for (const line of answer.lines) if (line.seq <= this.count) this.add(line);
    } catch {
      await new Promise((resolve) => { window.setTimeout(resolve, 1000); });
    }
    this.fetching.delete(page);
    this.changed();
  }
}

// The lines that match, found on the server a stretch at a time, as far as somebody wants to see them.
export class Found {
  constructor(url, query, changed) {
    this.url = url;
    this.query = query;
    this.changed = changed;
    this.lines = [];
    this.looked = 0; // every line up to here was looked at
    this.last = 0;
    this.looking = false;
  }

  get count() { return this.lines.length; }

  get(index) { return this.lines[index]; }

  want(from, to) {
    if (to + AHEAD > this.lines.length && this.looked < this.last) this.look();
  }

  // The log has grown: new lines are looked at as well.
  grown(last) {
    if (last <= this.last) return;
    this.last = last;
    this.changed();
  }

  async look() {
    if (this.looking) return;
    this.looking = true;
    try {
      const answer = await ask(this.url, this.query, this.looked);
      this.lines.push(...answer.lines);
      this.looked = answer.looked;
      this.last = Math.max(this.last, answer.last_seq);
    } catch {
      await new Promise((resolve) => { window.setTimeout(resolve, 1000); });
    }
    this.looking = false;
    this.changed();
  }
}
