// What screen readers are told of the frames of one connection.

import { announce } from "../dom.js";
import { STANDARD, formatLatency, isBad } from "./log.js";

/** @typedef {import("./types.js").Frame} Frame */

/** Milliseconds between news of others' frames, and what is the most. */
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 60_000;

export class LogNews {
  number = 0;
  /** How many of others' frames nobody has been told of. */
  untold = 0;
  pause = FIRST_PAUSE;
  isPausing = false;

  /** @param {() => boolean} isHeard Whether the connection is still on the page. */
  constructor(isHeard) {
    this.isHeard = isHeard;
  }

  /**
   * Says to screen readers what an answer or an error is, and of all else only how much there is,
   * ever more rarely while nobody sends anything.
   *
   * @param {Frame} frame
   */
  tell(frame) {
    const { direction, action, latency } = frame;
    if (direction === "sent" && action !== "pong") this.pause = FIRST_PAUSE;
    // What the status says is not said twice, and of heartbeats nothing.
    if (direction !== "received" || action === "authentication" || action === "ping") return;
    const name = frame.isBinary ? "binary" : (action ?? "text");
    if (latency !== null) this.say(`answered, ${name}, ${formatLatency(latency)}`);
    else if (isBad(frame)) this.say(`received, ${name}`);
    else if (action === null || !STANDARD.has(action)) {
      this.untold += 1;
      this.tellCount();
    }
  }

  tellCount() {
    if (this.isPausing) return;
    this.isPausing = true;
    setTimeout(() => {
      this.isPausing = false;
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      this.say(this.untold === 1 ? "1 new frame" : `${this.untold} new frames`);
      this.untold = 0;
    }, this.pause);
  }

  /** @param {string} text */
  say(text) {
    if (this.isHeard()) announce(`Connection ${this.number}: ${text}`);
  }
}
