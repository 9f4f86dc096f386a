// Brings parts of a page up to date: each [data-refresh] with an id is replaced by what the server shows there now.
// What a person has typed, opened or focused stays. A part is left alone, and the page says so, when what was typed has
// no place any more.

const FIELDS = "input:not([type=hidden]):not([type=submit]), textarea, select";
const READABLE = 4000; // milliseconds: messages stay at least this long

function key(field) {
  return `${field.form?.getAttribute("action") ?? ""} ${field.name} ${field.type === "radio" || field.type === "checkbox" ? field.value : ""}`;
}

function changed(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.type === "file") return field.files.length > 0;
  if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

// After a form was refused, what was typed is what the server has put into its fields.
function typed(part) {
  const posted = document.querySelector("[data-posted]") !== null;
  return [...part.querySelectorAll(FIELDS)].filter((field) => changed(field) || (posted && field.value && field.type !== "checkbox"));
}

function carry(field, place) {
  if (field.type === "checkbox" || field.type === "radio") place.checked = field.checked;
  else if (field.tagName === "SELECT") {
    const chosen = new Set([...field.selectedOptions].map((option) => option.value));
    for (const option of place.options) option.selected = chosen.has(option.value);
  } else place.value = field.value;
}

function carryAll(fields, fresh) {
  const places = new Map([...fresh.querySelectorAll(FIELDS)].map((field) => [key(field), field]));
  if (fields.some((field) => !places.has(key(field)) || field.type === "file")) return false;
  for (const field of fields) carry(field, places.get(key(field)));
  return true;
}

// Details have no names of their own everywhere: by id, or else by their words.
function opening(details) { return details.id || details.querySelector("summary")?.textContent.trim(); }

function carryOpened(part, fresh) {
  const opened = new Set([...part.querySelectorAll("details[open]")].map(opening));
  for (const details of fresh.querySelectorAll("details")) if (opened.has(opening(details))) details.open = true;
}

function focusOf(part) {
  const focused = document.activeElement;
  if (!focused || focused === part || !part.contains(focused)) return null;
  const range = typeof focused.selectionStart === "number" ? [focused.selectionStart, focused.selectionEnd] : null;
  return { id: focused.id, tag: focused.tagName, href: focused.getAttribute("href"), text: focused.textContent.trim(), range };
}

function focusAgain(part, focus) {
  if (!focus) return;
  const like = (one) => one.getAttribute("href") === focus.href && one.textContent.trim() === focus.text;
  const place = (focus.id && part.querySelector(`#${CSS.escape(focus.id)}`)) || [...part.querySelectorAll(focus.tag)].find(like);
  place?.focus({ preventScroll: true });
  if (place && focus.range) try { place.setSelectionRange(...focus.range); } catch { /* a field without a selection */ }
}

function sameTokens(part, fresh) {
  const token = part.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (token) for (const field of fresh.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token, field.setAttribute("value", token);
}

// Compare as the server sent them: what a person opened or a script set is no difference.
function source(part) {
  const copy = part.cloneNode(true);
  for (const field of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) field.removeAttribute("value");
  for (const details of copy.querySelectorAll("details[open]")) details.removeAttribute("open");
  return copy.innerHTML.replace(/\s+/g, " ");
}

function replace(part, fresh) {
  if (source(part) === source(fresh)) return;
  if (part.querySelector("form[data-sent]")) return; // On its way: the answer is a page of its own.
  if (!carryAll(typed(part), fresh)) {
    document.getElementById("changed-meanwhile")?.removeAttribute("hidden");
    return;
  }
  sameTokens(part, fresh);
  carryOpened(part, fresh);
  const focus = focusOf(part);
  part.replaceChildren(...fresh.childNodes);
  focusAgain(part, focus);
}

const loaded = performance.now();
function dropMessages() {
  const wait = Math.max(0, READABLE - (performance.now() - loaded));
  window.setTimeout(() => document.querySelectorAll('[data-message]:not([data-message="stays"])').forEach((message) => message.remove()), wait);
}

// True when the page was fetched; false when the person may not read it any more, or the server did not answer.
export async function refresh(address = window.location.pathname + window.location.search) {
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "text/html", "X-Refresh": "yes" } });
  } catch { return false; }
  if (!answer.ok) return answer.status < 500 ? "barred" : false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("[data-refresh]")) return "barred"; // Where one signs in.
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) replace(part, fresh);
    else if (page.querySelector("[data-live]")) part.replaceChildren();
  }
  const rendered = page.querySelector("[data-rendered]")?.dataset.rendered;
  if (rendered) document.querySelector("[data-rendered]").dataset.rendered = rendered;
  if (page.querySelector("[data-live]")) dropMessages();
  document.dispatchEvent(new CustomEvent("page:refreshed", { detail: { page } }));
  return true;
}
