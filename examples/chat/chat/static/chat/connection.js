// A socket that comes back. It knows chanx's authentication message, close codes and ping,
// and nothing of the page.

const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;
const STABLE_AFTER = 10_000; // a connection that lived this long was a good one
const PING_AFTER = 25_000; // of silence
const ANSWER_WITHIN = 10_000;

// Chanx closes with 4000 + an HTTP status, and says the same status in its authentication
// message. Trying again does not help against a client error, but for a timeout, a message that was
// too big, and a throttle.
function isFinal(status) {
  return status >= 400 && status < 500 && ![408, 413, 429].includes(status);
}

// The server's own words are good enough for the rest.
const REASONS = {
  401: "You have been signed out.",
  404: "This room does not exist any more.",
};

export class Connection {
  #url;
  #on;
  #socket = null;
  #ready = false;
  #failures = 0;
  #retry = 0;
  #watchdog = 0;
  #stable = 0;

  // on.state(name, details) with one of
  //   "connecting"
  //   "connected": authenticated, and a member of the room's group
  //   "waiting", {until}: lost, and trying again at that time
  //   "stopped", {status, reason}: refused for good, at the start or later: whoever signs out or
  //     loses a permission is told so in another authentication message
  // on.message(message) for everything else that the server says
  // on.lost(code) before "waiting"
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    window.addEventListener("online", () => this.tryNow());
  }

  open() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#ready = false;
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#end(event.code, event.reason);
    });
    this.#on.state("connecting", {});
    this.#expectAnswer();
  }

  tryNow() {
    if (this.#retry) this.open();
  }

  send(message) {
    if (this.#ready) this.#socket.send(JSON.stringify(message));
  }

  #receive(text) {
    const message = JSON.parse(text);
    if (message.action === "authentication") {
      this.#authenticated(message.payload);
    } else {
      this.#on.message(message);
    }
    if (this.#ready) this.#waitForSilence();
  }

  #authenticated({ status_code: status, status_text: text, data }) {
    if (status === 200) {
      this.#ready = true;
      this.#stable = setTimeout(() => (this.#failures = 0), STABLE_AFTER);
      this.#on.state("connected", {});
    } else if (isFinal(status)) {
      this.#stop(status, data?.detail ?? text);
    } // else the server closes, and that is a reason to try again
  }

  // A dead network closes no socket. Silence is answered with a ping, and silence after that
  // means that nobody is there.
  #waitForSilence() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.send({ action: "ping", payload: null });
      this.#expectAnswer();
    }, PING_AFTER);
  }

  #expectAnswer() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#end(1006, ""), ANSWER_WITHIN);
  }

  #detach() {
    clearTimeout(this.#watchdog);
    clearTimeout(this.#stable);
    const socket = this.#socket;
    this.#socket = null; // whatever it still says goes unheard
    this.#ready = false;
    socket.close();
  }

  #end(code, reason) {
    if (isFinal(code - 4000)) {
      // Without an authentication message before it, somebody has ended this connection by hand.
      const byHand = `Whoever runs this site has ended your connection (${code}).`;
      this.#stop(code - 4000, reason || byHand);
      return;
    }
    this.#detach();
    this.#on.lost(code);
    // "Full jitter": pages that lost the same server do not come back all at once.
    const delay = Math.random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.open(), delay);
    this.#on.state("waiting", { until: Date.now() + delay });
  }

  #stop(status, reason) {
    this.#detach();
    this.#on.state("stopped", { status, reason: REASONS[status] ?? reason });
  }
}
