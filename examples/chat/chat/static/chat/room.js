// The page of a room: ties the connection, the outbox and the timeline to what is on the screen.

import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Timeline } from "./timeline.js";

const OVERLAP = 50; // ids; see catchUp()
const SHOW_PENDING_AFTER = 250; // an echo is faster than that, if all is well
const TYPING_EVERY = 3_000;
const TYPING_LASTS = 5_000;
const TOO_BIG = [1009, 4413]; // the close codes for a frame over the limit

const $ = (id) => document.getElementById(id);
const room = $("main").dataset;
const maxLength = Number(room.maxLength);
const hasTouch = matchMedia("(pointer: coarse)").matches;
const log = $("log");
const text = $("text");

const timeline = new Timeline($("messages"), $("pending"), $("message-template"));
const outbox = new Outbox((message) => connection.send(message));
const connection = new Connection(
  `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${room.socketPath}`,
  { state: showState, message: receive, lost: handleLoss },
);

// Messages

function receive(message) {
  switch (message.action) {
    case "chat":
      showMessage(message.payload, {
        isMine: message.is_mine,
        remark: message.is_mine && !message.is_current ? "from another tab" : "",
      });
      stopTyping(message.payload.author);
      break;
    case "typing":
      if (!message.is_mine) showTyping(message.payload.author);
      break;
    case "error": {
      const item = outbox.reject();
      giveBack(item, describe(message.payload, item?.text ?? ""));
      break;
    }
  }
}

function showMessage(message, { isMine = message.author === room.me, remark = "" } = {}) {
  if (isMine && outbox.settle(message.client_id)) timeline.removePending(message.client_id);
  const isNew = timeline.add(message, { isMine, remark });
  $("empty").hidden = true;
  if (followsEnd || (isMine && isNew)) scrollToEnd();
  else if (isNew) $("to-end").hidden = false;
}

async function fetchPage(query) {
  const response = await fetch(`${room.messagesUrl}?${query}`);
  if (!response.ok) throw new Error(`The history answered with ${response.status}`);
  return response.json();
}

// Fetch what was said while nobody listened. The ids asked for overlap with those shown: of two
// messages saved at the same moment, the one with the lower id may become visible last.
let catchingUp = null;

function catchUp() {
  catchingUp ??= (async () => {
    let after = Math.max(0, timeline.lastId - OVERLAP);
    let page;
    do {
      page = await fetchPage(`after=${after}`);
      for (const message of page.messages) showMessage(message);
      after = page.messages.at(-1)?.id ?? after;
    } while (page.more);
  })().finally(() => (catchingUp = null));
  return catchingUp;
}

async function showEarlier() {
  const button = $("earlier");
  button.disabled = true;
  try {
    const page = await fetchPage(`before=${timeline.firstId}`);
    const fromBottom = log.scrollHeight - log.scrollTop;
    log.setAttribute("aria-live", "off"); // nobody wants fifty old messages read out
    for (const message of page.messages.reverse()) {
      timeline.add(message, { isMine: message.author === room.me });
    }
    button.hidden = !page.more;
    log.scrollTop = log.scrollHeight - fromBottom;
    if (!page.more) log.focus({ preventScroll: true }); // the button with the focus is gone
  } catch {
    showNotice("The earlier messages did not come. Please try again.");
  } finally {
    button.disabled = false;
    requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
  }
}

// The log follows what is new, until somebody scrolls up to read.
let followsEnd = true;

function handleScroll() {
  followsEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (followsEnd) $("to-end").hidden = true;
}

function scrollToEnd() {
  followsEnd = true;
  log.scrollTop = log.scrollHeight;
  $("to-end").hidden = true;
}

// Connection

let state = "connecting";
let countdown = 0;

function showState(name, { until, status, reason }) {
  const wasLost = state === "waiting" || $("lost").hidden === false;
  state = name;
  clearInterval(countdown);
  $("state").dataset.state = name;
  $("state-text").textContent = {
    connecting: "Connecting",
    connected: "Connected",
    waiting: "Offline",
    stopped: status === 401 ? "Signed out" : "Closed",
  }[name];
  $("try-now").hidden = name === "stopped";
  $("leave").hidden = name !== "stopped" || status === 401;
  $("sign-in").hidden = name !== "stopped" || status !== 401;
  $("try-now").disabled = name === "connecting";

  switch (name) {
    case "connected":
      $("lost").hidden = true;
      if (wasLost) announce("Connected again.");
      timeline.remarkPending("sending");
      catchUpAndResume();
      break;
    case "waiting":
      if (!wasLost) announce("Connection lost, trying again. You can keep writing.");
      timeline.remarkPending("waits for the connection");
      $("lost").hidden = false;
      showCountdown(until);
      countdown = setInterval(() => showCountdown(until), 250);
      break;
    case "connecting":
      if (wasLost) $("lost-text").textContent = "Connection lost, trying again now";
      break;
    case "stopped": {
      const unsent = outbox.empty();
      const words = unsent.length ? `${reason} What you wrote last was not sent.` : reason;
      $("lost").hidden = false;
      $("lost-text").textContent = words;
      $("send").disabled = true;
      for (const item of unsent.reverse()) giveBack(item);
      if (status === 401) showSignedOut();
      else announce(words);
    }
  }
}

// A dialog, because it may happen in a tab that nobody is looking at: whoever comes back to it shall
// see this first. It can be put aside to read on; the page below says the same.
function showSignedOut() {
  $("signed-out-draft").hidden = !text.value;
  document.title = `Signed out · ${document.title}`;
  document.querySelector(".account").hidden = true;
  $("signed-out").showModal();
}

function showCountdown(until) {
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
  $("lost-text").textContent = `Connection lost, trying again in ${seconds} s`;
}

// First see what the server has, then send what it has not.
async function catchUpAndResume() {
  try {
    await catchUp();
  } catch {
    showNotice("Some messages may be missing. Reload the page to see them all.");
  }
  if (state === "connected") outbox.resume();
}

function handleLoss(code) {
  const item = TOO_BIG.includes(code) ? outbox.reject() : null;
  const tooOften = outbox.pause();
  if (item) giveBack(item, "This is far too long for the server.");
  if (tooOften) giveBack(tooOften, "This could not be sent. Change it, or try again later.");
}

function announce(words) {
  $("announcer").textContent = words;
}

// Writing

const draftKey = `chat-draft:${room.me}:${room.room}`;
let rejected = null; // sent again unchanged, it keeps its client id
let lastTyping = 0;

function submit(event) {
  event.preventDefault();
  if (state === "stopped") return;
  hideNotice();
  const value = text.value;
  const item = outbox.add(value, value === rejected?.text ? rejected.clientId : undefined);
  rejected = null;
  setText("");
  lastTyping = 0;
  setTimeout(
    () => {
      // Nothing to see in an empty message, and nothing to wait for in one that has arrived.
      if (!value.trim() || !outbox.has(item)) return;
      timeline.addPending(item, room.me, state === "connected" ? "sending" : "waits for the connection");
      $("empty").hidden = true;
      scrollToEnd();
    },
    state === "connected" ? SHOW_PENDING_AFTER : 0,
  );
}

// Put a message that was not accepted back where it can be mended, before what was written since.
function giveBack(item, reason) {
  if (reason) showNotice(reason, Boolean(item));
  if (!item) return;
  timeline.removePending(item.clientId);
  rejected = item;
  setText(text.value ? `${item.text}\n${text.value}` : item.text);
  text.focus();
}

// The server's reasons in words. It sends either a list of what is wrong, each with a type, a
// place and a text, or one {detail}.
function describe(payload, value) {
  if (!Array.isArray(payload)) return `${payload.detail}. Please try again.`;
  return payload
    .map(({ type, loc, msg }) => {
      if (loc.at(-1) !== "text") return msg;
      if (type === "string_too_short") return "There is nothing to send yet. Write something first.";
      if (type === "string_too_long") {
        const excess = countCharacters(value) - maxLength;
        const unit = excess === 1 ? "character" : "characters";
        return `This is ${excess} ${unit} too long. The limit is ${maxLength}.`;
      }
      return msg;
    })
    .join(" ");
}

function showNotice(words, isAboutText = false) {
  $("notice").textContent = words;
  $("notice").hidden = false;
  if (isAboutText) text.setAttribute("aria-invalid", "true");
}

function hideNotice() {
  $("notice").hidden = true;
  text.removeAttribute("aria-invalid");
}

function setText(value) {
  text.value = value;
  fitText();
}

// As the server counts: code points, without the space around them.
function countCharacters(value) {
  return [...value.trim()].length;
}

function fitText() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  const length = countCharacters(text.value);
  $("count").textContent = length > maxLength * 0.9 ? `${length} of ${maxLength}` : "";
  $("count").classList.toggle("over", length > maxLength);
  sessionStorage.setItem(draftKey, text.value);
}

// What still waits for the connection when the page is left, is there again when it comes back.
function keepUnsent() {
  const unsent = outbox.underWay ? [] : outbox.empty().map((item) => item.text);
  sessionStorage.setItem(draftKey, [...unsent, text.value].join("\n").trim());
}

function handleInput() {
  hideNotice();
  fitText();
  if (text.value && Date.now() - lastTyping > TYPING_EVERY && !outbox.underWay) {
    lastTyping = Date.now();
    connection.send({ action: "typing", payload: null });
  }
}

function handleKey(event) {
  // A phone's keyboard has no Shift for a new line, and a button to send beside it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (hasTouch) return;
  event.preventDefault();
  $("composer").requestSubmit();
}

// Who is typing

const typing = new Map(); // author -> timer

function showTyping(author) {
  clearTimeout(typing.get(author));
  typing.set(
    author,
    setTimeout(() => stopTyping(author), TYPING_LASTS),
  );
  showTypists();
}

function stopTyping(author) {
  clearTimeout(typing.get(author));
  if (typing.delete(author)) showTypists();
}

function showTypists() {
  const names = [...typing.keys()];
  $("typing").textContent =
    names.length === 0 ? "" : names.length === 1 ? `${names[0]} is writing` : `${names.join(" and ")} are writing`;
}

// Start

const history = JSON.parse($("history").textContent);
for (const message of history.messages) showMessage(message);
$("earlier").hidden = !history.more;
$("empty").hidden = !timeline.isEmpty;
scrollToEnd();
log.setAttribute("aria-live", "polite"); // from here on, messages are news

$("composer").addEventListener("submit", submit);
$("earlier").addEventListener("click", showEarlier);
$("to-end").addEventListener("click", scrollToEnd);
$("try-now").addEventListener("click", () => connection.tryNow());
text.addEventListener("input", handleInput);
text.addEventListener("keydown", handleKey);
log.addEventListener("scroll", handleScroll);
new ResizeObserver(() => followsEnd && scrollToEnd()).observe(log); // the text box grows, a keyboard opens
window.addEventListener("pagehide", keepUnsent);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") connection.tryNow();
});

setText(sessionStorage.getItem(draftKey) ?? "");
if (!hasTouch) text.focus();
connection.open();
