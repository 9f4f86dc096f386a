// Text with everything visible that could hide or reorder the text around it, as replicas/visible.py does it.

const HIDDEN = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5"
  + "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff"
  + "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}\\ud800-\\udfff";
const RIGHT_TO_LEFT = "\\u0590-\\u05ff\\u0606-\\u061b\\u061d-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}";
const PARTS = new RegExp(
  `(?<odd>[${HIDDEN}]|(?<=(?:(?![${HIDDEN}])[\\p{Mn}\\p{Me}]){4})[\\p{Mn}\\p{Me}]+)`
  + `|(?<reversed>[${RIGHT_TO_LEFT}](?:[${RIGHT_TO_LEFT}\\s\\u0300-\\u036f]*[${RIGHT_TO_LEFT}])?)`,
  "gu",
);

function chip(characters) {
  const codes = [...characters];
  const code = `U+${codes[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const made = document.createElement("span");
  made.className = "hidden-character";
  made.textContent = codes.length === 1 ? `⟨${code}⟩` : `⟨${code} … ${codes.length}⟩`;
  return made;
}

function isolated(text) {
  const made = document.createElement("bdi");
  made.textContent = text;
  return made;
}

// Strings and elements that show the text, to be appended.
export function visible(text) {
  const found = [];
  let start = 0;
  for (const match of text.matchAll(PARTS)) {
    if (match.index > start) found.push(text.slice(start, match.index));
    found.push(match.groups.odd === undefined ? isolated(match[0]) : chip(match[0]));
    start = match.index + match[0].length;
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}
