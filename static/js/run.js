// A run, live: its log by cursor, its steps, its outcome. Rows come over the WebSocket; while that is away they are
// polled. Whatever way they come, a line is taken only when it is the next one after the cursor, so none is doubled
// and none is lost. The page shows the last of them; earlier ones are a link away.
(() => {
  "use strict";

  const root = document.querySelector("[data-run]");
  if (!root) return;
  const log = root.querySelector("[data-log]");
  const list = root.querySelector("[data-lines]");
  const jump = root.querySelector("[data-jump]");
  const link = root.querySelector("[data-link]");
  const count = root.querySelector("[data-count]");
  const ended = new Set(["succeeded", "failed", "cancelled"]);
  const earlier = root.querySelector("[data-earlier]");
  const past = "past" in root.dataset; // a page of the past: what is new does not belong behind its lines
  const POLL = 2000, FIRST_RETRY = 500, LAST_RETRY = 15000;
  const SHOWN = 5000; // a browser lays out so many lines at once without effort

  let cursor = past ? Number(root.dataset.lastSeq) : Number(root.dataset.cursor);
  let waiting = []; // lines that came, not shown yet
  let drawing = false;
  let rest = 0; // milliseconds until the next drawing
  let state = root.dataset.state;
  let following = true;
  let socket = null;
  let retry = FIRST_RETRY;
  let poller = 0;

  // --- the log ------------------------------------------------------------------------------------------------

  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function row(line) {
    const item = element("li", `line line-${line.level}`, "");
    item.id = `L${line.seq}`;
    const number = element("a", "line-seq", line.seq);
    number.href = `#L${line.seq}`;
    const time = element("time", "line-at", line.at.slice(11, 19));
    time.dateTime = line.at;
    item.append(number, time, element("span", "line-text", line.text));
    return item;
  }

  function append(lines) {
    for (const line of lines) {
      if (line.seq !== cursor + 1) {
        if (line.seq <= cursor) continue;
        break; // A hole: the next answer starts after the cursor again.
      }
      if (!past) waiting.push(line);
      cursor = line.seq;
    }
    if (waiting.length > SHOWN) waiting = waiting.slice(-SHOWN);
    draw();
  }

  // However fast lines come, drawing them takes a fifth of the time: the rest is for receiving them. Whoever scrolled up
  // keeps what they read: then nothing is taken away for new lines, which wait when the page is full.
  function draw() {
    if (drawing) return;
    drawing = true;
    window.setTimeout(() => window.requestAnimationFrame(() => {
      const begun = performance.now();
      drawing = false;
      count.textContent = cursor;
      show(following ? waiting.splice(0) : waiting.splice(0, Math.max(0, SHOWN - list.children.length)));
      rest = Math.min(1000, 4 * (performance.now() - begun));
    }), rest);
  }

  function show(lines) {
    if (!lines.length) return;
    const last = list.lastElementChild;
    if (last && Number(last.id.slice(1)) + 1 !== lines[0].seq) list.replaceChildren(); // some were left out meanwhile
    list.append(...lines.map(row));
    for (const old of [...list.children].slice(0, -SHOWN)) old.remove();
    showEarlier();
    if (following) log.scrollTop = log.scrollHeight;
  }

  function showEarlier() {
    const first = Number(list.firstElementChild.id.slice(1));
    earlier.hidden = first === 1;
    earlier.search = `?after=${Math.max(0, first - 1 - Number(root.dataset.pageLines))}`;
  }

  function atEnd() { return log.scrollHeight - log.scrollTop - log.clientHeight < 24; }

  log.addEventListener("scroll", () => {
    following = atEnd();
    jump.hidden = following;
    if (following && waiting.length) draw();
  }, { passive: true });
  jump.addEventListener("click", () => { log.scrollTop = log.scrollHeight; });

  // --- the steps ----------------------------------------------------------------------------------------------

  function duration(seconds) {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 60) return `${Math.round(seconds)} s`;
    return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds) % 60).padStart(2, "0")} s`;
  }

  function badge(place, name) {
    const template = document.getElementById(`badge-${name}`);
    if (place && template) place.replaceChildren(template.content.cloneNode(true));
  }

  function showProgress(item, step) {
    const bar = item.querySelector("[data-progress]");
    bar.hidden = !(step.total && step.state === "running");
    if (!step.total) return;
    bar.querySelector("progress").max = step.total;
    bar.querySelector("progress").value = step.done;
    const figures = `${step.done.toLocaleString()} / ${step.total.toLocaleString()} ${step.unit}`.trim();
    bar.querySelector("[data-figures]").textContent = figures;
  }

  function showStep(step) {
    const item = root.querySelector(`[data-step="${step.index}"]`);
    if (!item) return;
    if (item.dataset.state !== step.state) {
      item.dataset.state = step.state;
      badge(item.querySelector("[data-badge]"), step.state);
    }
    item.dataset.since = step.state === "running" ? Date.now() - (step.seconds || 0) * 1000 : "";
    if (step.seconds !== null) item.querySelector("[data-seconds]").textContent = duration(step.seconds);
    showProgress(item, step);
  }

  window.setInterval(() => {
    for (const item of root.querySelectorAll('[data-step][data-state="running"]')) {
      if (!item.dataset.since) continue;
      item.querySelector("[data-seconds]").textContent = duration((Date.now() - Number(item.dataset.since)) / 1000);
    }
  }, 1000);

  // --- the run ------------------------------------------------------------------------------------------------

  // What depends on the outcome (actions, proofs, error and remedy) is made by the server: fetch it again.
  async function refresh() {
    const answer = await fetch(window.location.pathname, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-refresh]")) {
      const fresh = page.getElementById(part.id);
      if (fresh) part.replaceChildren(...fresh.childNodes);
    }
  }

  function showRun(run) {
    if (run.state === state) return;
    state = run.state;
    root.dataset.state = state;
    badge(root.querySelector("[data-run-badge]"), state);
    refresh();
  }

  function receive(message) {
    if (message.lines) append(message.lines);
    if (message.steps) message.steps.forEach(showStep);
    if (message.run) showRun(message.run);
    if (finished()) stop();
  }

  function finished() { return ended.has(state) && cursor >= Number(root.dataset.lastSeq); }

  // --- the line -----------------------------------------------------------------------------------------------

  function showLink(name) { link.textContent = link.dataset[name]; link.dataset.state = name; }

  async function poll() {
    try {
      const answer = await fetch(`${root.dataset.linesUrl}?after=${cursor}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const message = await answer.json();
      root.dataset.lastSeq = message.last_seq;
      if (!socket) showLink("polling");
      receive(message);
      if (cursor < message.last_seq) { poll(); return; }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Error)) throw error;
      showLink("away");
    }
  }

  function startPolling() {
    if (poller) return;
    poll();
    poller = window.setInterval(poll, POLL);
  }

  function stopPolling() { window.clearInterval(poller); poller = 0; }

  function connect() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const opening = new WebSocket(`${scheme}://${window.location.host}/ws/runs/${root.dataset.run}/`);
    opening.addEventListener("open", () => {
      socket = opening;
      retry = FIRST_RETRY;
      stopPolling();
      showLink("live");
      opening.send(JSON.stringify({ cursor }));
    });
    opening.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.last_seq) root.dataset.lastSeq = message.last_seq;
      receive(message);
    });
    opening.addEventListener("close", () => {
      socket = null;
      if (finished()) { showLink("ended"); return; }
      startPolling();
      window.setTimeout(() => { if (!finished()) connect(); }, retry);
      retry = Math.min(retry * 2, LAST_RETRY);
    });
  }

  function stop() {
    stopPolling();
    showLink("ended");
    if (socket) socket.close();
  }

  // A link to one line, which may be on another page than the one that was asked for.
  function goTo(number) {
    const line = document.getElementById(`L${number}`);
    if (line) log.scrollTop = line.offsetTop - log.clientHeight / 2;
    else if (number <= Number(root.dataset.lastSeq)) {
      const after = Math.max(0, number - 1 - Math.floor(Number(root.dataset.pageLines) / 2));
      window.location.replace(`${window.location.pathname}?after=${after}#L${number}`);
    }
  }

  if (!past) log.scrollTop = log.scrollHeight;
  function goToLinked() {
    const linked = /^#L([1-9]\d{0,14})$/.exec(window.location.hash);
    if (linked) goTo(Number(linked[1]));
  }
  window.addEventListener("hashchange", goToLinked);
  goToLinked();
  if (finished()) showLink("ended");
  else connect();
})();
