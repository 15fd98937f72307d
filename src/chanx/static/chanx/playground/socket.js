// One connection, opened again and again if wanted. It knows no document.

import { isWorthARetry } from "./closing.js";

/** @typedef {import("./types.js").Close} Close */
/** @typedef {import("./types.js").Phase} Phase */
/**
 * @typedef {object} Target
 * @property {string} url
 * @property {string[]} protocols
 * @property {string | null} first What is sent as soon as it is open.
 */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
const MOST_ATTEMPTS = 20;
/** One that ends sooner is as bad as one that never began. */
const SHORTEST_GOOD = 5_000;

export class Socket {
  /**
   * @param {object} options
   * @param {() => Target} options.getTarget Asked for each attempt.
   * @param {() => void} options.onchange
   * @param {(data: string | ArrayBuffer) => void} options.onframe
   * @param {(text: string) => void} options.onsent
   * @param {(close: Close) => void} options.onend
   * @param {(name: string) => void} options.onrefused The browser does not even try.
   */
  constructor({ getTarget, onchange, onframe, onsent, onend, onrefused }) {
    this.getTarget = getTarget;
    this.onchange = onchange;
    this.onframe = onframe;
    this.onsent = onsent;
    this.onend = onend;
    this.onrefused = onrefused;
    /** @type {Phase} */
    this.phase = "idle";
    /** @type {Close | null} */
    this.close = null;
    this.reconnects = false;
    /** Attempts since it was good for the last time. */
    this.attempts = 0;
    /** Milliseconds since the epoch. */
    this.retryAt = 0;
    this.goodSince = Infinity;
    this.protocol = "";
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.isAsked = false;
  }

  connect() {
    if (this.socket) return;
    this.attempts = 0;
    this.open();
  }

  /** Closes the connection; a second call does not wait for the server. */
  disconnect() {
    clearTimeout(this.timer);
    this.isAsked = true;
    if (!this.socket) {
      this.change("idle");
    } else if (this.phase === "closing") {
      this.finish(this.socket, { code: 1006, reason: "" });
    } else {
      this.change("closing");
      this.socket.close(1000);
    }
  }

  /** Ends everything, and tells nobody. */
  destroy() {
    this.onchange = this.onframe = this.onsent = this.onend = () => {};
    this.reconnects = false;
    this.disconnect();
  }

  /** The connection is good: if it stays so for a while, the next loss is a first one. */
  confirm() {
    this.goodSince = performance.now();
  }

  /** @param {string} text */
  send(text) {
    if (this.phase !== "open" || !this.socket) throw new Error("The connection is not open");
    this.socket.send(text);
    this.onsent(text);
  }

  open() {
    const target = this.getTarget();
    this.isAsked = false;
    this.close = null;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new WebSocket(target.url, target.protocols);
    } catch (error) {
      this.onrefused(error instanceof Error ? error.name : "");
      this.change("idle");
      return;
    }
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.protocol = socket.protocol;
      this.change("open");
      if (target.first !== null) this.send(target.first);
    };
    socket.onmessage = ({ data }) => this.onframe(data);
    socket.onclose = (event) => this.finish(socket, event);
    this.change("connecting");
  }

  /**
   * @param {WebSocket} socket
   * @param {{code: number, reason: string}} end
   */
  finish(socket, { code, reason }) {
    if (socket !== this.socket) return;
    const wasOpen = this.phase === "open" || (this.phase === "closing" && this.protocol !== "");
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.socket = null;
    this.protocol = "";
    this.close = { code, reason, wasOpen, wasAsked: this.isAsked };
    this.onend(this.close);
    if (performance.now() - this.goodSince > SHORTEST_GOOD) this.attempts = 0;
    this.goodSince = Infinity;
    const isRetried = this.reconnects && !this.isAsked && isWorthARetry(code);
    if (!isRetried || this.attempts >= MOST_ATTEMPTS) {
      this.change("idle");
      return;
    }
    // Doubled each time, and never the same for all who lost the same server.
    const pause = Math.min(FIRST_PAUSE * 2 ** this.attempts, LONGEST_PAUSE);
    const wait = pause * (0.75 + Math.random() / 2);
    this.attempts += 1;
    this.retryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.open(), wait);
    this.change("waiting");
  }

  /** @param {Phase} phase */
  change(phase) {
    this.phase = phase;
    this.onchange();
  }
}
