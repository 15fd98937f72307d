// What went over a connection, as much of it as is kept. It knows no document.

/** @typedef {import("./types.js").Frame} Frame */
/**
 * @typedef {object} Filter
 * @property {string} text In lower case.
 * @property {"" | "sent" | "received"} direction
 * @property {string} action "": any; "-": none of chanx's own; "=NAME": this one.
 */

export const MOST_FRAMES = 1_000;
const MOST_CHARACTERS = 16_000_000;
/** Beyond this the whole text is not parsed to learn its action. */
const LONGEST_PARSED = 200_000;

const MOST_ACTIONS = 100;
const LONGEST_ACTION = 100;

/** Of a binary frame no more is kept: as digits it is three times as long. */
export const LONGEST_BINARY = 64 * 1024;

/** Actions of the messages that chanx sends by itself. */
export const STANDARD = new Set([
  "authenticate",
  "authentication",
  "complete",
  "dropped",
  "group_complete",
  "ping",
  "pong",
]);

export class Log {
  /** @param {string} actionKey */
  constructor(actionKey) {
    this.actionKey = actionKey;
    /** @type {Frame[]} */
    this.frames = [];
    /** How many older frames are gone. */
    this.dropped = 0;
    this.characters = 0;
    this.count = 0;
    /** @type {Set<string>} */
    this.actions = new Set();
    /** @type {number | null} */
    this.sentAt = null;
    /** @type {(frame: Frame) => void} */
    this.onadd = () => {};
  }

  /**
   * @param {"sent" | "received" | "event"} direction
   * @param {string} text
   * @param {{size?: number, isBinary?: boolean}} [more]
   */
  add(direction, text, { size = countBytes(text), isBinary = false } = {}) {
    const time = performance.timeOrigin + performance.now();
    const action = direction === "event" || isBinary ? null : this.findAction(text);
    const frame = { id: ++this.count, direction, time, text, isBinary, size, action, latency: null };
    this.frames.push(this.measure(frame));
    this.characters += text.length;
    if (action !== null && this.actions.size < MOST_ACTIONS) this.actions.add(action);
    this.drop();
    this.onadd(frame);
    return frame;
  }

  /** Lets all frames go, and returns what brings them back, before those that came since. */
  clear() {
    const { frames, dropped, characters, actions } = this;
    this.frames = [];
    this.dropped = this.characters = 0;
    this.actions = new Set();
    this.sentAt = null;
    return () => {
      this.frames = [...frames, ...this.frames];
      this.dropped += dropped;
      this.characters += characters;
      this.actions = new Set([...actions, ...this.actions]);
      this.drop();
    };
  }

  /**
   * @param {Frame} frame
   * @returns {Frame}
   */
  measure(frame) {
    // Nobody answers to an answer, nor over another connection.
    if (frame.direction === "sent" && frame.action !== "pong") this.sentAt = frame.time;
    else if (frame.direction === "event") this.sentAt = null;
    else if (frame.direction === "received" && this.sentAt !== null && frame.action !== "ping") {
      frame.latency = frame.time - this.sentAt;
      this.sentAt = null;
    }
    return frame;
  }

  drop() {
    let many = 0;
    while (
      this.frames.length - many > MOST_FRAMES ||
      (this.characters > MOST_CHARACTERS && this.frames.length - many > 1)
    ) {
      this.characters -= this.frames[many]?.text.length ?? 0;
      many += 1;
    }
    if (many) this.frames.splice(0, many);
    this.dropped += many;
  }

  /**
   * @param {string} text
   * @returns {string | null}
   */
  findAction(text) {
    if (text.length > LONGEST_PARSED) {
      const key = JSON.stringify(this.actionKey).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      return new RegExp(`${key}\\s*:\\s*"([^"\\\\]*)"`).exec(text.slice(0, 1_000))?.[1] ?? null;
    }
    try {
      const found = JSON.parse(text)?.[this.actionKey];
      return typeof found === "string" || typeof found === "number" ? String(found).slice(0, LONGEST_ACTION) : null;
    } catch {
      return null;
    }
  }

  /** Returns what an export holds of the frames. */
  export() {
    return {
      dropped: this.dropped,
      frames: this.frames.map(({ id, direction, time, text, isBinary, size, latency, action }) => ({
        id,
        direction,
        time: new Date(time).toISOString(),
        ...(direction === "event" ? {} : { size, action }),
        ...(latency === null ? {} : { latency_ms: Math.round(latency * 10) / 10 }),
        ...(isBinary ? { hex: text } : { text }),
        ...(isBinary && size > LONGEST_BINARY ? { kept_bytes: LONGEST_BINARY } : {}),
      })),
    };
  }
}

/**
 * @param {Frame} frame
 * @param {Filter} filter
 */
export function passes(frame, { text, direction, action }) {
  if (direction && frame.direction !== direction) return false;
  if (action === "-" && frame.action !== null && STANDARD.has(frame.action)) return false;
  if (action.startsWith("=") && frame.action !== action.slice(1)) return false;
  return !text || frame.text.toLowerCase().includes(text);
}

const encoder = new TextEncoder();

/**
 * Returns the size of a text in UTF-8.
 *
 * @param {string} text
 */
export function countBytes(text) {
  return encoder.encode(text).length;
}

/** @param {number} bytes */
export function formatSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${kilobytes.toFixed(1)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** @param {number} milliseconds */
export function formatLatency(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * Tells whether the server says no.
 *
 * @param {Frame} frame
 */
export function isBad({ direction, action, text }) {
  if (direction !== "received") return false;
  return action === "error" || (action === "authentication" && !/"status_?code"\s*:\s*200\b/i.test(text));
}

/**
 * Returns the first of the bytes as hexadecimal digits, in pairs.
 *
 * @param {ArrayBuffer} buffer
 */
export function toHex(buffer) {
  const bytes = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, LONGEST_BINARY));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
