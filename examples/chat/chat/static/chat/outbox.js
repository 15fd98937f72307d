// What was written and has no answer yet. One message at a time is under way: so they arrive in
// the order written, and an error of the server can only be about the one that is under way.

const MAX_ATTEMPTS = 3; // a message that ends three connections is to blame itself

// crypto.randomUUID exists only where the page came over https or from this computer.
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  #send;
  #items = [];
  #open = false;
  #underWay = false;

  constructor(send) {
    this.#send = send;
  }

  get underWay() {
    return this.#underWay;
  }

  has(item) {
    return this.#items.includes(item);
  }

  add(text, clientId = makeId()) {
    const item = { clientId, text, attempts: 0 };
    this.#items.push(item);
    this.#next();
    return item;
  }

  // The connection is there: what has no answer goes out, again if need be. The server knows by
  // the client id what it has saved already.
  resume() {
    this.#open = true;
    this.#next();
  }

  // The connection is gone. Returns a message that has been tried often enough.
  pause() {
    this.#open = false;
    const tried = this.#underWay && this.#items[0].attempts >= MAX_ATTEMPTS;
    this.#underWay = false;
    return tried ? this.#items.shift() : null;
  }

  // The server has it: the echo came back, or the history holds it.
  settle(clientId) {
    const index = this.#items.findIndex((item) => item.clientId === clientId);
    if (index === -1) return null;
    if (index === 0) this.#underWay = false;
    const [item] = this.#items.splice(index, 1);
    this.#next();
    return item;
  }

  // The server will not have it. Returns it, or null if the error was about something else.
  reject() {
    return this.#underWay ? this.settle(this.#items[0].clientId) : null;
  }

  // Nothing will ever be sent again. Returns all that is left.
  empty() {
    this.#open = this.#underWay = false;
    return this.#items.splice(0);
  }

  #next() {
    if (!this.#open || this.#underWay || !this.#items.length) return;
    this.#underWay = true;
    const item = this.#items[0];
    item.attempts += 1;
    this.#send({ action: "chat", payload: { text: item.text, client_id: item.clientId } });
  }
}
