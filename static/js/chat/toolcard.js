/* A tool call in the transcript: an `mcp_call` item as a seam card, with a clock while it runs. */
import { createSeam, updateSeam } from "../seam.js";
import { pretty } from "./json.js";
import { say } from "./words.js";

const TICK = 100; // ms

export class ToolCard {
  /** `element` is the card of the request that the call follows, if a person was asked. */
  constructor(item, element) {
    this.element = element ?? createSeam({ name: item.name ?? "" });
    this.element.querySelector(".seam-actions").replaceChildren();
    updateSeam(this.element, { state: "queued", quiet: say("tools", "queued"), reason: "" });
    this.arguments = "";
    this.startedAt = 0;
    this.update(item);
  }

  pushArguments(delta) {
    this.arguments += delta;
    updateSeam(this.element, { arguments: this.arguments });
  }

  setArguments(text) {
    this.arguments = text;
    updateSeam(this.element, { arguments: pretty(text) });
  }

  /** A worker is sending the request. */
  run() {
    updateSeam(this.element, { state: "running", quiet: say("tools", "running") });
    if (this.startedAt) return;
    this.startedAt = performance.now();
    this.clock = setInterval(() => this.#tick(), TICK);
  }

  #tick() {
    if (!this.element.isConnected) clearInterval(this.clock);
    updateSeam(this.element, { time: seconds(performance.now() - this.startedAt) });
  }

  /** Shows the item as it stands; ends the clock when the call has ended. */
  update(item) {
    if (item.name) updateSeam(this.element, { name: item.name });
    if (item.arguments) this.setArguments(item.arguments);
    if (["completed", "failed", "incomplete"].includes(item.status)) {
      clearInterval(this.clock);
      updateSeam(this.element, outcome(item));
    } else if (item.status === "calling") this.run();
  }

  /** The turn ended with this call still open. */
  abandon() {
    clearInterval(this.clock);
    if (["queued", "running"].includes(this.element.dataset.state)) {
      updateSeam(this.element, { state: "stopped", quiet: "", reason: say("tools", "stopped") });
    }
  }
}

function outcome(item) {
  const request = item["deny_web:request"] ?? {};
  const code = errorCode(item);
  const endedWell = item.status === "completed" && !code;
  const state = endedWell ? "done" : say("states", code) || (item.status === "failed" ? "failed" : "stopped");
  return {
    state,
    result: pretty(item.output ?? ""),
    method: request.method ?? "",
    host: request.host ?? "",
    path: request.path ?? "",
    status: request.status ?? "",
    time: request.duration_ms === undefined || request.duration_ms === null ? "" : `${request.duration_ms} ms`,
    credential: request.credential ?? "",
    quiet: request.status ? "" : say("tools", request.host ? "unanswered" : "unsent"),
    reason: endedWell ? "" : reason(item, code || state),
  };
}

function reason(item, code) {
  const verdict = item["deny_web:approval"];
  if (code === "denied" && ["denied", "expired"].includes(verdict)) return say("approvals", verdict);
  return say("tools", code);
}

function errorCode(item) {
  if (!item.error) return "";
  const content = item.error.content ?? item.error;
  if (typeof content === "object") return content.error ?? content.code ?? "upstream_error";
  return String(content);
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
