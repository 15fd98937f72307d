// Why a connection ended, in words.

/** @typedef {import("./types.js").Close} Close */
/**
 * @typedef {object} Choice What a connection was to show.
 * @property {import("./types.js").AuthKind} kind
 * @property {boolean} hasToken
 */

/** @type {Record<number, string>} Names of RFC 6455 and of the IANA registry. */
const NAMES = {
  1000: "Normal closure",
  1001: "Going away",
  1002: "Protocol error",
  1003: "Unsupported data",
  1005: "No status",
  1006: "No close frame",
  1007: "Not UTF-8",
  1008: "Policy violation",
  1009: "Message too big",
  1010: "Extension missing",
  1011: "Internal error",
  1012: "Service restart",
  1013: "Try again later",
  1014: "Bad gateway",
  1015: "TLS failure",
};

/** @type {Record<number, string>} Of HTTP, to which 4000 is added. */
const STATUSES = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "Timeout",
  413: "Too big",
  429: "Too many requests",
  500: "Internal error",
  503: "Unavailable",
};

const RETRIED = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4429, 4500, 4503]);

/** @param {number} code */
export function isWorthARetry(code) {
  return RETRIED.has(code);
}

/** @param {number} code */
export function getCodeName(code) {
  return NAMES[code] ?? STATUSES[code - 4000] ?? "";
}

/**
 * Returns what a close means.
 *
 * @param {Close} close
 * @param {Record<string, string>} meanings
 */
export function explainClose({ code, wasAsked }, meanings) {
  if (wasAsked) return "You closed it.";
  const found = meanings[String(code)];
  if (found) return found;
  if (code >= 4000) return "A code of this application’s own.";
  return code >= 3000 ? "A code that a library or framework has registered." : "";
}

/** What a browser does not tell when a handshake fails. */
export const HANDSHAKE_CAUSES = [
  "The server is not running, or does not speak WebSocket: an ASGI server like uvicorn or daphne is needed.",
  "It answered with HTTP 403: it does not take pages of this origin (ALLOWED_ORIGINS, ALLOWED_HOSTS), or REFUSE_BEFORE_ACCEPT is on and you may not connect.",
  "It answered with HTTP 404 or 500: no route fits this path, or the server speaks HTTP only, as runserver does without daphne.",
  "It selected none of the subprotocols that were offered.",
];

/**
 * Returns what can be done about a refusal; what stands in brackets is a link.
 *
 * @param {number} status As in the authentication message.
 * @param {Choice} choice
 * @param {string | null} user Who was logged in when the page was made.
 */
export function explainRefusal(status, { kind, hasToken }, user) {
  switch (status) {
    case 401:
    case 403:
    case 408:
      if (kind === "session") {
        if (user === null) return "You are not logged in on this site. [Log in], or choose a token.";
        return status === 403
          ? `You are ${user} here, unless that session has ended. [Log in] again or as somebody else, or choose a token.`
          : `The session of ${user} has ended, or the endpoint takes none. [Log in] again, or choose a token.`;
      }
      if (!hasToken) return "No token was sent. Put one in, or use this browser’s session.";
      if (status === 401) return "The token is not good: wrong, expired, or of another kind.";
      if (status === 408) return "The token came too late, or where the endpoint does not look for it.";
      return "The token is not good, or whose it is may not connect here.";
    case 404:
      return "There is no such object. Look at the parameters.";
    case 405:
      return "The permissions of this consumer do not know its auth_method.";
    case 429:
      return "There were too many handshakes. Wait a little.";
    case 500:
      return "The server failed. Its log says why.";
    default:
      return "";
  }
}

/** @param {string} name Of the exception; its text may have the URL in it. */
export function explainRefusedByBrowser(name) {
  if (name === "SecurityError") {
    return "The browser opens no ws: connection from a page of https:, and Django does not know that this page came by it. Set SECURE_PROXY_SSL_HEADER, or WEBSOCKET_BASE_URL to wss://…";
  }
  if (name === "SyntaxError") {
    return "The browser refuses this URL, or a subprotocol: those have no spaces, and none comes twice.";
  }
  return "The browser refuses to open this";
}
