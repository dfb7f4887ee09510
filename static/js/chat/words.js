/* The page's sentences, which the server writes once (chat/pages/words.py) for both sides. */

const words = JSON.parse(document.getElementById("chat-words")?.textContent ?? "{}");

/** The sentence `name` of `group`, or the group's "other". */
export function say(group, name) {
  return words[group]?.[name] ?? words[group]?.other ?? "";
}
