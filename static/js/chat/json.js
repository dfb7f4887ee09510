/* JSON with line breaks, for reading. */

const TOKEN = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const DEEPEST = 64; // below it indentation costs more than it shows; a hostile result could make megabytes of blanks

/** Values are not read and written again, so that 1.10 and long numbers stay as they are. Not JSON: as it came. */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let lines = "";
  let depth = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "}" || token === "]") {
      depth -= 1;
      lines += `\n${"  ".repeat(depth)}`;
    }
    lines += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    if (token === "{" || token === "[" || token === ",") lines += `\n${"  ".repeat(depth)}`;
    if (depth > DEEPEST) return text;
  }
  return lines.replace(/([{[])\n\s*([}\]])/g, "$1$2");
}
