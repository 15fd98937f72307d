// The list of messages. Every message is in it once and in its place, whichever way it came:
// with the page, live, or with a catch-up. Text goes in as text, never as HTML.

const HUES = 6;
const SAME_BREATH = 5 * 60_000; // messages of one author this close belong together

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function nameDay(date) {
  const yesterday = new Date();
  yesterday.setDate(yesterday.getDate() - 1);
  if (date.toDateString() === new Date().toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return dayFormat.format(date);
}

// The colour of somebody's avatar: the same formula as in templatetags/avatars.py.
function getHue(name) {
  return [...name].reduce((total, char) => (total * 33 + char.codePointAt(0)) % 65536, 0) % HUES;
}

export class Timeline {
  #list;
  #pendingList;
  #template;
  #entries = new Map(); // id of a message -> its element, which has the message on it
  #pending = new Map(); // client id -> its element

  constructor(list, pendingList, template) {
    this.#list = list;
    this.#pendingList = pendingList;
    this.#template = template;
  }

  get isEmpty() {
    return !this.#entries.size && !this.#pending.size;
  }

  get firstId() {
    return this.#list.firstElementChild?.message.id ?? 0;
  }

  get lastId() {
    return this.#list.lastElementChild?.message.id ?? 0;
  }

  // Returns whether it was new.
  add(message, { isMine, remark = "" }) {
    if (this.#entries.has(message.id)) return false;
    const element = this.#render(message.author, message.text, isMine);
    element.message = { ...message, date: new Date(message.sent_at) };
    const time = element.querySelector("time");
    time.dateTime = message.sent_at;
    time.textContent = timeFormat.format(element.message.date);
    time.title = fullFormat.format(element.message.date);
    element.querySelector(".remark").textContent = remark;
    this.#entries.set(message.id, element);

    let next = null; // new messages belong at the end, or nearly so
    let previous = this.#list.lastElementChild;
    while (previous && previous.message.id > message.id) {
      next = previous;
      previous = previous.previousElementSibling;
    }
    this.#list.insertBefore(element, next);
    this.#arrange(element);
    if (next) this.#arrange(next);
    return true;
  }

  addPending(item, author, remark) {
    const element = this.#render(author, item.text, true);
    element.querySelector(".day").remove();
    element.querySelector("time").remove();
    element.querySelector(".remark").textContent = remark;
    this.#pendingList.append(element);
    this.#pending.set(item.clientId, element);
  }

  remarkPending(remark) {
    for (const element of this.#pending.values()) {
      element.querySelector(".remark").textContent = remark;
    }
  }

  removePending(clientId) {
    this.#pending.get(clientId)?.remove();
    this.#pending.delete(clientId);
  }

  #render(author, text, isMine) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.classList.toggle("is-mine", isMine);
    const avatar = element.querySelector(".avatar");
    avatar.textContent = [...author][0].toUpperCase();
    avatar.classList.add(`hue-${getHue(author)}`);
    element.querySelector(".author").textContent = isMine ? "You" : author;
    element.querySelector(".text").textContent = text;
    return element;
  }

  // Say the day and the author where they change, and the time at the end of each run.
  #arrange(element) {
    const previous = element.previousElementSibling;
    const { author, date } = element.message;
    const isNewDay = previous?.message.date.toDateString() !== date.toDateString();
    const continues =
      !isNewDay &&
      previous.message.author === author &&
      date - previous.message.date < SAME_BREATH;
    element.querySelector(".day").textContent = isNewDay ? nameDay(date) : "";
    element.classList.toggle("continues", continues);
    previous?.classList.toggle("continued", continues);
  }
}
