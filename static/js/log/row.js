// A log line as an element, as templates/runs/line.html makes it.

import { visible } from "../visible.js";

export function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The text with what was searched for marked.
function append(place, text, sought) {
  if (!sought) { place.append(...visible(text)); return; }
  const lower = text.toLowerCase();
  let start = 0;
  // Where lower case has another length, positions would not fit.
  for (let at = lower.length === text.length ? lower.indexOf(sought) : -1; at >= 0; at = lower.indexOf(sought, start)) {
    const found = element("mark", "");
    found.append(...visible(text.slice(at, at + sought.length)));
    place.append(...visible(text.slice(start, at)), found);
    start = at + sought.length;
  }
  place.append(...visible(text.slice(start)));
}

function time(line, clock) {
  const at = new Date(line.at);
  const made = element("time", "line-at", clock.short.format(at));
  made.dateTime = line.at;
  made.title = clock.exact.format(at);
  return made;
}

// The reader's zone is the one that the rest of the page has its times in.
export function clockOf(zone, language) {
  const day = { year: "numeric", month: "2-digit", day: "2-digit" };
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone };
  return {
    short: new Intl.DateTimeFormat("en-GB", time),
    exact: new Intl.DateTimeFormat(language, { ...day, ...time, fractionalSecondDigits: 3, timeZoneName: "short" }),
  };
}

export function row(line, { clock, sought, linked, address }) {
  const item = element("li", "line");
  if (!line) {
    item.dataset.awaited = "yes";
    item.append(element("span", "line-text", "…"));
    return item;
  }
  item.classList.add(`line-${line.level}`);
  item.classList.toggle("line-linked", line.seq === linked);
  item.id = `L${line.seq}`;
  const number = element("a", "line-seq", line.seq);
  number.href = `${address}#L${line.seq}`;
  number.tabIndex = -1; // the window has one stop for the keyboard
  const text = element("span", "line-text");
  for (const [look, part] of line.spans ?? [["", line.text]]) {
    const place = look ? text.appendChild(element("span", look)) : text;
    append(place, part, sought);
  }
  item.append(number, time(line, clock), text);
  return item;
}
